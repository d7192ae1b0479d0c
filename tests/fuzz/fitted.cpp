// What a run has fitted to its data, as its folder holds it: read, written, read again.
#include "runtime/data/dataset.h"
#include "target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Diagnostics diagnostics;
  const auto read = runtime::Fitted::from_json(fuzz::text_of(data, size), "fitted.json", diagnostics);
  if (!fuzz::answered(read, diagnostics)) return 0;
  const std::string written = read->to_json();
  const auto again = runtime::Fitted::from_json(written, "fitted.json", diagnostics);
  NNC_CHECK(again.ok(), "what was written is refused: " + render_all(diagnostics, {}));
  NNC_CHECK(again->to_json() == written, "written differently");
  return 0;
}
