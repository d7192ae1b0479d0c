// NumPy's files: .npy and archives of them (.npz).
#include "runtime/formats/npy.h"
#include "data_target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::InputFile kFile("x.npy");
  kFile.write(data, size);
  Diagnostics diagnostics;
  const auto set = runtime::read_npy(kFile.path(), runtime::DataPlace::memory, diagnostics);
  if (!fuzz::answered(set, diagnostics)) return 0;
  runtime::RunConfig config;
  config.data.format = "npy";
  config.data.train = kFile.path();
  fuzz::check_fields(config, kFile.path(), *set);
  return 0;
}
