// See view.h.
#include "driver/inspect/view.h"

#include <charconv>

#include "nlohmann/json.hpp"
#include "support/pattern.h"
#include "support/printable.h"
#include "support/suggest.h"

namespace nnc::driver {
namespace {

constexpr size_t kMostWords = 60;  // of a comment; longer source is cut
constexpr size_t kCommentAt = 64;  // the column that comments begin at, where lines are shorter

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
         c == '%' || static_cast<unsigned char>(c) >= 0x80;
}

// Words and quoted names, each with the place where it begins; without quotes and dots at their ends.
template <class Each>
void each_word(std::string_view line, Each each) {
  for (size_t at = 0; at < line.size();) {
    if (line[at] == '"') {
      const size_t end = std::min(line.find('"', at + 1), line.size());
      each(line.substr(at + 1, end - at - 1), at);
      at = end + 1;
    } else if (is_word(line[at])) {
      size_t end = at;
      while (end < line.size() && (is_word(line[end]) || (line[end] == '#' && end > at))) ++end;
      each(line.substr(at, end - at), at);
      at = end;
    } else {
      ++at;
    }
  }
}

bool names(std::string_view line, const std::string& pattern) {
  bool found = false;
  // A number is no input's name: "4" is `%4` and no extent.
  const auto is_number = [](std::string_view word) { return word[0] >= '0' && word[0] <= '9'; };
  each_word(line, [&](std::string_view word, size_t) {
    const bool is_value = word.starts_with('%');
    found = found || (!word.empty() && !is_number(word) && fits_pattern(pattern, word)) ||
            (is_value && fits_pattern(pattern, word.substr(1)));
  });
  return found;
}

// The lines of a file that a span touches.
bool touches(Span span, const Place& place, const Sources& sources) {
  if (!span.valid() || span.file != place.file) return false;
  const SourceFile& file = sources[span.file];
  return file.locate(span.begin).line <= place.line &&
         place.line <= file.locate(span.end > span.begin ? span.end - 1 : span.end).line;
}

// The words of a comment, not longer than a line can hold.
std::string short_words(std::string_view text) {
  const std::string out = on_one_line(text);
  if (out.size() <= kMostWords) return out;
  size_t end = kMostWords;
  while (end > 0 && (static_cast<unsigned char>(out[end]) & 0xc0) == 0x80)
    --end;  // no character is cut in two
  return out.substr(0, end) + "…";
}

// Those that words are shown of.
SpanSet shown_spans(const SpanSet& spans, const Sources& sources) {
  SpanSet users;
  for (const Span& span : spans)
    if (span.valid() && !sources.is_library(span)) users.push_back(span);
  return users.empty() ? spans : users;
}

// The file that ends in `name`, or the only one of the user's for "".
std::optional<FileId> find_file(const Sources& sources, std::string_view name,
                                std::vector<std::string>& known) {
  std::optional<FileId> found;
  for (uint32_t i = 0; i < sources.size(); ++i) {
    const SourceFile& file = sources[FileId{i}];
    if (file.is_library()) continue;
    const std::string& path = file.path();
    const bool is_model = path.ends_with(".nn") || path.ends_with(".nnir") || path.ends_with(".nnk");
    const bool fits =
        name.empty() ? is_model
                     : path == name || (path.ends_with(name) && path[path.size() - name.size() - 1] == '/');
    if (is_model) known.push_back(path);
    if (fits && !found) found = FileId{i};
  }
  return found;
}

}  // namespace

Result<Filter> filter_of(Session& session) {
  const Options& options = session.options;
  Filter filter{options.value_name, options.kernel, {}};
  if (options.where.empty()) return filter;
  const size_t colon = options.where.rfind(':');
  const std::string name = colon == std::string::npos ? "" : options.where.substr(0, colon);
  const std::string digits = options.where.substr(colon == std::string::npos ? 0 : colon + 1);
  Place place;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), place.line);
  if (error != std::errc() || end != digits.data() + digits.size() || place.line == 0) {
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, "--where " + options.where,
                  "a file and the number of a line are expected")
        .suggest("--where digits.nn:14, or of the model's own file --where 14");
    return Failure();
  }
  std::vector<std::string> known;
  const std::optional<FileId> file = find_file(session.sources, name, known);
  if (!file) {
    Diagnostic& d = session.diagnostics.error_at(DiagnosticKind::bad_flag, "--where " + options.where,
                                                 fmt::format("{} is no file of this model", name));
    d.suggest(fmt::format("there {} {}", known.size() == 1 ? "is" : "are", fmt::join(known, ", ")));
    return Failure();
  }
  const SourceFile& source = session.sources[*file];
  // What comes behind the last line end is no line.
  const uint32_t lines = source.line_count() - (source.text().ends_with('\n') ? 1 : 0);
  if (place.line > lines) {
    session.diagnostics.error_at(DiagnosticKind::bad_flag, "--where " + options.where,
                                 fmt::format("{} has {} lines", source.path(), lines));
    return Failure();
  }
  place.file = *file;
  filter.place = place;
  return filter;
}

std::vector<size_t> matching(const StageText& stage, const Filter& filter, const Sources& sources) {
  std::vector<size_t> lines;
  for (size_t i = 0; i < stage.lines.size(); ++i) {
    if (!filter.kernel.empty() && (stage.kernels.empty() || !fits_pattern(filter.kernel, stage.kernels[i])))
      continue;
    if (!filter.name.empty() && !names(stage.lines[i], filter.name)) continue;
    if (filter.place && std::ranges::none_of(stage.sources[i], [&](Span span) {
          return touches(span, *filter.place, sources);
        }))
      continue;
    lines.push_back(i);
  }
  return lines;
}

std::string source_words(const SpanSet& spans, const Sources& sources) {
  const SpanSet shown = shown_spans(spans, sources);
  const auto is_within = [&](const Span& span) {
    return std::ranges::any_of(shown, [&](const Span& other) {
      return other != span && other.file == span.file && other.begin <= span.begin && span.end <= other.end;
    });
  };
  std::string out, place;
  for (const Span& span : shown) {
    if (!span.valid() || is_within(span)) continue;
    const SourceFile& file = sources[span.file];
    const std::string& path = file.path();
    const std::string here =
        fmt::format("{}:{}", path.substr(path.rfind('/') + 1), file.locate(span.begin).line);
    out += here == place ? ", " : (out.empty() ? "" : "; ") + here + " ";
    out += short_words(sources.text(span));
    place = here;
  }
  return out;
}

std::string text_of(const StageText& stage, const std::vector<size_t>& lines, const Sources& sources,
                    bool sourced, bool color) {
  const std::string_view comment = stage.stage == "llvm" ? "; " : "# ";
  std::string out;
  std::string kernel, said;  // a comment holds until the next
  for (const size_t i : lines) {
    if (!stage.kernels.empty() && stage.kernels[i] != kernel) {
      const bool is_gap = lines.size() < stage.lines.size() && !out.empty() && !out.ends_with("\n\n");
      if (is_gap) out += '\n';
      kernel = stage.kernels[i];
      said.clear();
    }
    std::string line = stage.lines[i];
    if (sourced && !line.empty() && !stage.sources[i].empty())
      if (std::string words = source_words(stage.sources[i], sources); words != said) {
        said = words;
        const size_t width = display_width(line);
        line += std::string(width < kCommentAt ? kCommentAt - width : 2, ' ') + std::string(comment) + words;
      }
    out += (color ? colored(line) : line) + "\n";
  }
  return out;
}

nlohmann::ordered_json json_of(const StageText& stage, const std::vector<size_t>& lines,
                               const Sources& sources) {
  auto all = nlohmann::ordered_json::array();
  for (const size_t i : lines) {
    nlohmann::ordered_json line{{"text", stage.lines[i]}};
    if (!stage.kernels.empty() && !stage.kernels[i].empty()) line["kernel"] = stage.kernels[i];
    for (const Span& span : stage.sources[i]) {
      if (!span.valid()) continue;
      const SourceFile& file = sources[span.file];
      const LineColumn begin = file.locate(span.begin), end = file.locate(span.end);
      line["source"].push_back({{"file", file.path()},
                                {"line", begin.line},
                                {"column", begin.column},
                                {"end_line", end.line},
                                {"end_column", end.column}});
    }
    all.push_back(std::move(line));
  }
  return all;
}

std::string colored(std::string_view line) {
  constexpr std::string_view kName = "\x1b[36m", kWord = "\x1b[1m", kComment = "\x1b[2m", kPlain = "\x1b[0m";
  const size_t comment = std::min({line.find("# "), line.find("; "), line.size()});
  std::string out;
  size_t done = 0;
  bool after_equals = false;
  each_word(line.substr(0, comment), [&](std::string_view word, size_t at) {
    out += line.substr(done, at - done);
    after_equals = after_equals || line.substr(done, at - done).find('=') != std::string_view::npos;
    const std::string_view all = line.substr(at, line[at] == '"' ? word.size() + 2 : word.size());
    const bool is_first = line.find_first_not_of(' ') == at && !word.starts_with('%');
    const bool is_op = after_equals && line.substr(0, at).find('=') + 2 == at;
    const std::string_view as = word.starts_with('%') ? kName : is_first || is_op ? kWord : "";
    out += as.empty() ? std::string(all) : fmt::format("{}{}{}", as, all, kPlain);
    done = at + all.size();
  });
  out += line.substr(done, comment - done);
  if (comment < line.size()) out += fmt::format("{}{}{}", kComment, line.substr(comment), kPlain);
  return out;
}

}  // namespace nnc::driver
