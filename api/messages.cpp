// See messages.h.
#include "api/messages.h"

namespace nnc {

std::vector<Message> messages_of(const Diagnostics& diagnostics, const Sources& sources) {
  std::vector<Message> messages;
  for (const Diagnostic& d : diagnostics.all()) {
    Message& message = messages.emplace_back();
    message.is_error = d.severity == Severity::error;
    message.kind = kind_name(d.kind);
    message.file = d.location;
    if (d.span.valid()) {
      const SourceFile& file = sources[d.span.file];
      const LineColumn at = file.locate(d.span.begin);
      message.file = file.path();
      message.line = static_cast<int>(at.line);
      message.column = static_cast<int>(at.column);
    }
    message.text = d.message;
    message.help = d.help;
  }
  return messages;
}

Error error_of(const Diagnostics& diagnostics, const Sources& sources) {
  return {messages_of(diagnostics, sources), render_all(diagnostics, sources)};
}

}  // namespace nnc
