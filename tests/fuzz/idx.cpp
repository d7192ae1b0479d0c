// IDX, the format of MNIST: the input is the file of pictures, without one of labels beside it.
#include "runtime/formats/idx.h"
#include "data_target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::InputFile kFile("train-images-idx3-ubyte");
  kFile.write(data, size);
  Diagnostics diagnostics;
  const auto set = runtime::read_idx_part(kFile.folder(), "train", runtime::DataPlace::memory, diagnostics);
  if (!fuzz::answered(set, diagnostics)) return 0;
  runtime::RunConfig config;
  config.data.format = "idx";
  config.data.directory = kFile.folder();
  fuzz::check_fields(config, kFile.path(), *set);
  return 0;
}
