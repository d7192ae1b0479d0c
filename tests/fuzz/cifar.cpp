// The binary version of CIFAR-10 and CIFAR-100.
#include "data_target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const fuzz::InputFile kFile("train.bin");
  kFile.write(data, size);
  Diagnostics diagnostics;
  const std::vector<std::string> paths = {kFile.path()};
  const auto set = runtime::read_cifar(paths, runtime::DataPlace::memory, diagnostics);
  if (!fuzz::answered(set, diagnostics)) return 0;
  runtime::RunConfig config;
  config.data.format = "cifar";
  config.data.train = kFile.path();
  fuzz::check_fields(config, kFile.path(), *set);
  return 0;
}
