// safetensors: what is read is written as a file that reads back as the same.
#include "runtime/formats/safetensors.h"
#include "target.h"

using namespace nnc;

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Diagnostics diagnostics;
  const Result<runtime::Checkpoint> read = runtime::parse_checkpoint("f", {data, data + size}, diagnostics);
  if (!fuzz::answered(read, diagnostics)) return 0;
  const std::string shown = runtime::describe_checkpoint(*read);
  const std::vector<unsigned char> written = runtime::encode_safetensors(*read);
  const Result<runtime::Checkpoint> again = runtime::parse_checkpoint("f", written, diagnostics);
  NNC_CHECK(again.ok(), "what was written is refused: " + render_all(diagnostics, {}));
  NNC_CHECK(runtime::describe_checkpoint(*again) == shown && again->data == read->data,
            "what was written reads as something else");
  NNC_CHECK(runtime::encode_safetensors(*again) == written, "written differently");
  return 0;
}
