// Run files: what `nnc config` lists is itself a run file, with the same values.
#include "runtime/run_file/config.h"
#include "target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Sources sources;
  Diagnostics diagnostics;
  const Result<runtime::RunConfig> config =
      runtime::parse_config("r.toml", fuzz::text_of(data, size), {}, sources, diagnostics);
  if (!fuzz::answered(config, diagnostics, sources)) return 0;
  (void)runtime::config_listing(*config);
  return 0;
}
