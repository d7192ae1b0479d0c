// Diagnostics: everything nnc says about its user's input. A diagnostic has a kind (one line in diagnostics.def,
// one golden in tests/errors/), the narrowest span that is wrong, what was expected and found in the user's own
// names, labels at the other places that matter, and a likely mend.
//
// House style: lower case, no full stop; say what was seen rather than what is forbidden; quote code in `backticks`
// only where it would be misread without.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/source.h"

namespace nnc {

// Which exit code an error leads to (2 usage, 3 source, 4 data, 6 checkpoint, 1 run).
enum class DiagnosticClass { usage, source, data, checkpoint, run };

enum class DiagnosticKind {
#define NNC_DIAGNOSTIC(name, diagnostic_class) name,
#include "support/diagnostics.def"
};

std::string_view kind_name(DiagnosticKind kind);
DiagnosticClass kind_class(DiagnosticKind kind);

enum class Severity { error, warning, note };

// A second place, with what it has to do with the error.
struct Label {
  Span span;
  std::string text;
};

struct Diagnostic {
  DiagnosticKind kind;
  Severity severity = Severity::error;
  Span span;             // the words that are wrong; may be invalid when no text is at fault
  std::string location;  // used when there is no span: "train.csv:418:7", "checkpoint.safetensors"
  std::string message;
  std::vector<Label> labels;
  std::vector<std::string> notes;
  std::string help;  // the likely mend; empty for none

  Diagnostic& label(Span where, std::string text) {
    labels.push_back({where, std::move(text)});
    return *this;
  }
  Diagnostic& note(std::string text) {
    notes.push_back(std::move(text));
    return *this;
  }
  Diagnostic& suggest(std::string text) {
    help = std::move(text);
    return *this;
  }
};

// Collects what was said; renders nothing by itself. Repeats of the same message at the same place are dropped, and
// past `kLimit` errors the rest are only counted.
class Diagnostics {
 public:
  static constexpr size_t kLimit = 100;

  // The returned reference may be used to add labels, notes and a mend until the next call.
  Diagnostic& error(DiagnosticKind kind, Span span, std::string message);
  Diagnostic& warning(DiagnosticKind kind, Span span, std::string message);
  // For input that is not a source text: `location` is printed in place of file:line:column.
  Diagnostic& error_at(DiagnosticKind kind, std::string location, std::string message);
  Diagnostic& warning_at(DiagnosticKind kind, std::string location, std::string message);

  // What was said elsewhere, as if it had been said here.
  void append(const Diagnostics& others);

  bool has_errors() const { return errors_ > 0; }
  size_t error_count() const { return errors_; }
  const std::vector<Diagnostic>& all() const { return all_; }
  // The exit code of the first error's class; 0 when there is none.
  int exit_code() const;

 private:
  Diagnostic& add(Diagnostic diagnostic);

  std::vector<Diagnostic> all_;
  Diagnostic dropped_{};
  size_t errors_ = 0;
};

// The text a user sees:
//   digits.nn:5:72: error: fc2 takes [batch, 32] but is given [batch, 64] [shape_mismatch]
//     5 |   fn forward(image: f32[batch, 64]) = image |> fc1 |> relu |> fc2
//       |                                                               ^~~
//     help: linear(64, hidden)
// Carets count double-width characters. `color` adds ANSI escapes.
std::string render(const Diagnostic& diagnostic, const Sources& sources, bool color = false);
// All of them, sorted by place: file, line, column.
std::string render_all(const Diagnostics& diagnostics, const Sources& sources, bool color = false);

}  // namespace nnc
