// Characters → tokens, one after the other. What looks like another language's notation (`**`, `&&`, `×`,
// `1.`) is reported with ours and read as that, so that the rest of the file is still checked.
#include "frontend/syntax/lexer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>

#include "fmt/format.h"
#include "support/number_text.h"

namespace nnc::frontend {
namespace {

struct Spelling {
  TokenKind kind;
  std::string_view text;
};

constexpr Spelling kSymbols[] = {
#define NNC_PUNCTUATION(name, text) {TokenKind::name, text},
#define NNC_OPERATOR(name, text) {TokenKind::name, text},
#include "frontend/syntax/token.def"
};

constexpr Spelling kReserved[] = {
#define NNC_RESERVED(name, text) {TokenKind::name, text},
#include "frontend/syntax/token.def"
};

// Notation of other languages, and what it is read as. Longest first.
struct Foreign {
  std::string_view text;
  TokenKind kind;
  std::string_view help;
};
constexpr Foreign kForeign[] = {
    {"**", TokenKind::caret, "a power is written x^2"},
    {"&&", TokenKind::kw_and, "write and"},
    {"||", TokenKind::kw_or, "write or"},
    {":=", TokenKind::assign, "a definition is written name = value"},
    {"+=", TokenKind::assign, "write the name again: x = x + …, or s <- s + … for state"},
    {"-=", TokenKind::assign, "write the name again: x = x - …, or s <- s - … for state"},
    {"*=", TokenKind::assign, "write the name again: x = x * …, or s <- s * … for state"},
    {"/=", TokenKind::assign, "write the name again: x = x / …, or s <- s / … for state"},
    {"@=", TokenKind::assign, "write the name again: x = x @ …"},
    {"=>", TokenKind::right_arrow, "a result type follows ->"},
    {"%", TokenKind::slash, "there is no remainder; a - a // b * b computes one"},
    {"!", TokenKind::kw_not, "write not"},
    {"&", TokenKind::kw_and, "write and"},
    {"|", TokenKind::kw_or, "write or"},
};

// Characters that look like ours or are common in mathematics; read as `kind`, or as a space if that is
// `end`.
struct LookAlike {
  uint32_t code;
  TokenKind kind;
  std::string_view help;
};
constexpr LookAlike kLookAlikes[] = {
    {0xD7, TokenKind::star, "*"},
    {0xB7, TokenKind::star, "*"},
    {0x22C5, TokenKind::star, "*"},
    {0xF7, TokenKind::slash, "/"},
    {0x2212, TokenKind::minus, "-"},
    {0x2010, TokenKind::minus, "-"},
    {0x2013, TokenKind::minus, "-"},
    {0x2014, TokenKind::minus, "-"},
    {0x2192, TokenKind::right_arrow, "->"},
    {0x2190, TokenKind::left_arrow, "<-"},
    {0x2264, TokenKind::less_equal, "<="},
    {0x2265, TokenKind::greater_equal, ">="},
    {0x2260, TokenKind::not_equal, "!="},
    {0x2026, TokenKind::ellipsis, "..."},
    {0x223C, TokenKind::tilde, "~"},
    {0xA0, TokenKind::end, "a plain space"},
    {0x2003, TokenKind::end, "a plain space"},
    {0x2009, TokenKind::end, "a plain space"},
    {0x200B, TokenKind::end, "nothing (it is invisible)"},
    {0xFEFF, TokenKind::end, "nothing (it is invisible)"},
    {0x3000, TokenKind::end, "a plain space"},
    {0x201C, TokenKind::end, "plain quotes, \"…\", around a file name or saved name"},
    {0x201D, TokenKind::end, "plain quotes, \"…\", around a file name or saved name"},
};

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

struct Range {
  uint32_t first;
  uint32_t last;
};

// Letters of any script, after C11 annex D without what no one can tell apart from something else:
// superscripts, invisible and direction marks, mathematical operators, full-width ASCII, emoji.
constexpr Range kLetters[] = {{0xAA, 0xAA},       {0xB5, 0xB5},       {0xBA, 0xBA},      {0xC0, 0xD6},
                              {0xD8, 0xF6},       {0xF8, 0x167F},     {0x1681, 0x180D},  {0x180F, 0x1FFF},
                              {0x2102, 0x2138},   {0x2C00, 0x2DFF},   {0x2E80, 0x2FFF},  {0x3005, 0x3007},
                              {0x3021, 0x302F},   {0x3031, 0xD7FF},   {0xF900, 0xFD3D},  {0xFD40, 0xFDCF},
                              {0xFDF0, 0xFE0F},   {0xFE20, 0xFE2F},   {0xFE70, 0xFEFE},  {0xFF66, 0xFFDC},
                              {0x10000, 0x1EFFF}, {0x20000, 0x2FFFD}, {0x30000, 0x3FFFD}};

bool is_letter(uint32_t c) {
  if (c < 0x80) return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
  return std::any_of(std::begin(kLetters), std::end(kLetters),
                     [&](const Range& r) { return c >= r.first && c <= r.last; });
}

class Scanner {
 public:
  Scanner(const Sources& sources, Span part, std::vector<ast::Comment>& comments, Diagnostics& diagnostics)
      : text_(std::string_view(sources[part.file].text()).substr(0, part.end)),
        at_(part.begin),
        file_(part.file),
        comments_(comments),
        diagnostics_(diagnostics),
        errors_(diagnostics.error_count()) {}

  std::vector<Token> run() {
    if (at_ == 0 && text_.substr(0, 3) == "\xEF\xBB\xBF")
      at_ = 3;  // a byte order mark is no mistake of the user's
    // Past the limit errors are no longer shown: nobody reads on, and a file of nothing but errors ends soon.
    while (at_ < text_.size() && diagnostics_.error_count() <= Diagnostics::kLimit) step();
    return std::move(tokens_);
  }

 private:
  char peek(size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  Span span(size_t begin, size_t end) const {
    return {file_, static_cast<uint32_t>(begin), static_cast<uint32_t>(end)};
  }

  // The code point at `at`; the text is known to be UTF-8.
  uint32_t code_at(size_t at, size_t& length) const {
    const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(text_[i])); };
    const uint32_t first = byte(at);
    length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC0 ? 2 : 1;
    uint32_t code = length == 1 ? first : first & (0x7Fu >> length);
    for (size_t i = 1; i < length; ++i) code = code << 6 | (byte(at + i) & 0x3F);
    return code;
  }

  void push(TokenKind kind, size_t begin, double value = 0) {
    const bool reported = diagnostics_.error_count() != errors_;
    errors_ = diagnostics_.error_count();
    tokens_.push_back(
        {kind, line_start_, reported, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_), value});
    line_start_ = false;
  }

  void step() {
    const char c = peek();
    if (c == '\n') {
      line_start_ = true;
      ++at_;
    } else if (c == ' ' || c == '\t' || (c == '\r' && (peek(1) == '\n' || at_ + 1 == text_.size()))) {
      ++at_;
    } else if (c == '#') {
      comment();
    } else if (is_digit(c) || (c == '.' && is_digit(peek(1)) && !after_value())) {
      number();
    } else if (c == '"' || c == '\'') {
      string();
    } else if (!name() && !foreign() && !symbol()) {
      strange();
    }
  }

  void comment() {
    const size_t begin = at_;
    at_ = std::min(text_.find('\n', at_), text_.size());
    size_t end = at_;
    while (text_[end - 1] == '\r' || text_[end - 1] == ' ' || text_[end - 1] == '\t') --end;
    comments_.push_back({std::string(text_.substr(begin, end - begin)), span(begin, end)});
  }

  // Whether a `.` right here would be member access: x.5 and net.0 are no numbers.
  bool after_value() const {
    if (tokens_.empty() || tokens_.back().end != at_) return false;
    const TokenKind kind = tokens_.back().kind;
    return kind == TokenKind::name || kind == TokenKind::right_paren || kind == TokenKind::right_bracket;
  }

  bool name() {
    const size_t begin = at_;
    while (at_ < text_.size()) {
      size_t length = 1;
      const uint32_t code = code_at(at_, length);
      if (!is_letter(code) && !(at_ > begin && code < 0x80 && is_digit(text_[at_]))) break;
      at_ += length;
    }
    if (at_ == begin) return false;
    const std::string_view word = text_.substr(begin, at_ - begin);
    for (const Spelling& reserved : kReserved)
      if (reserved.text == word) return push(reserved.kind, begin), true;
    push(TokenKind::name, begin);
    return true;
  }

  void digits() {
    while (is_digit(peek())) ++at_;
  }

  void number();
  void bad_number(size_t begin, std::string message, std::string help);
  void string();
  bool foreign();
  bool symbol();
  void strange();

  std::string_view text_;
  size_t at_;
  FileId file_;
  std::vector<ast::Comment>& comments_;
  Diagnostics& diagnostics_;
  size_t errors_;  // when the last token was made
  std::vector<Token> tokens_;
  bool line_start_ = true;
};

void Scanner::bad_number(size_t begin, std::string message, std::string help) {
  diagnostics_.error(DiagnosticKind::bad_number, span(begin, at_), std::move(message))
      .suggest(std::move(help));
}

void Scanner::number() {
  const size_t begin = at_;
  const bool is_position =
      !tokens_.empty() && tokens_.back().kind == TokenKind::dot && tokens_.back().end == at_;
  digits();
  const bool no_digit_before = at_ == begin;
  bool integer = true;
  if (!is_position && peek() == '.' && peek(1) != '.') {
    integer = false;
    ++at_;
    digits();
  }
  const bool no_digit_after = !integer && !no_digit_before && text_[at_ - 1] == '.';
  if ((peek() == 'e' || peek() == 'E') &&
      (is_digit(peek(1)) || ((peek(1) == '-' || peek(1) == '+') && is_digit(peek(2))))) {
    integer = false;
    at_ += 2;
    digits();
  }
  const size_t end = at_;
  size_t length = 1;
  while (at_ < text_.size() && (is_letter(code_at(at_, length)) || is_digit(text_[at_]))) at_ += length;
  const std::string_view digits_text = text_.substr(begin, end - begin);
  const std::string_view suffix = text_.substr(end, at_ - end);

  const double value = read_number(digits_text).value_or(0);
  if (!suffix.empty()) {
    const bool underscore = suffix.front() == '_';
    const bool hex = digits_text == "0" && (suffix.front() == 'x' || suffix.front() == 'b');
    const bool c_suffix = suffix == "f" || suffix == "F" || suffix == "L" || suffix == "u";
    std::string whole(text_.substr(begin, at_ - begin));
    std::string help = underscore ? (std::erase(whole, '_'), whole)
                       : hex      ? "numbers are written in decimal"
                       : c_suffix ? fmt::format("write {}", digits_text)
                                  : fmt::format("a product is written {} * {}", digits_text, suffix);
    bad_number(begin, fmt::format("{} is not a number", text_.substr(begin, at_ - begin)), std::move(help));
  } else if (no_digit_before || no_digit_after) {
    std::string mended(digits_text);
    if (no_digit_before) mended.insert(0, "0");
    if (no_digit_after) mended.insert(mended.find('.') + 1, "0");
    bad_number(begin, "a number has digits on both sides of its dot", std::move(mended));
  } else if (!std::isfinite(value)) {
    bad_number(begin, fmt::format("{} is beyond what a double can hold", digits_text), "");
  } else if (integer && (value > 9007199254740992.0 ||
                         (value == 9007199254740992.0 && !digits_text.ends_with("9007199254740992")))) {
    bad_number(begin, fmt::format("{} is too large for a whole number (at most 2^53)", digits_text), "");
  }
  push(TokenKind::number, begin, std::isfinite(value) ? value : 0);
}

void Scanner::string() {
  const size_t begin = at_;
  const char quote = text_[at_++];
  while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') ++at_;
  if (peek() != quote) {
    while (at_ > begin + 1 && (text_[at_ - 1] == '\r' || text_[at_ - 1] == ' ')) --at_;
    diagnostics_
        .error(DiagnosticKind::unclosed_string, span(begin, at_),
               "the text in quotes does not end on its line")
        .suggest(fmt::format("end it with {}", quote));
    return push(TokenKind::string, begin);
  }
  ++at_;
  if (quote == '\'')
    diagnostics_.error(DiagnosticKind::foreign_operator, span(begin, at_), "text is written in double quotes")
        .suggest(fmt::format("\"{}\"", text_.substr(begin + 1, at_ - begin - 2)));
  push(TokenKind::string, begin);
}

bool Scanner::foreign() {
  for (const Foreign& candidate : kForeign) {
    if (text_.substr(at_, candidate.text.size()) != candidate.text) continue;
    if ((candidate.text == "!" && peek(1) == '=') || (candidate.text == "|" && peek(1) == '>')) continue;
    // a[:=…] never occurs, but x==…, x<=… must not be torn apart: those start with = or <, never here.
    if (candidate.text.size() == 2 && candidate.text[1] == '=' && peek(2) == '=') continue;
    const size_t begin = at_;
    at_ += candidate.text.size();
    diagnostics_
        .error(DiagnosticKind::foreign_operator, span(begin, at_),
               fmt::format("the language has no {}", candidate.text))
        .suggest(std::string(candidate.help));
    push(candidate.kind, begin);
    return true;
  }
  return false;
}

bool Scanner::symbol() {
  for (const Spelling& candidate : kSymbols) {
    if (text_.substr(at_, candidate.text.size()) != candidate.text) continue;
    const size_t begin = at_;
    at_ += candidate.text.size();
    push(candidate.kind, begin);
    return true;
  }
  return false;
}

void Scanner::strange() {
  const size_t begin = at_;
  size_t length = 1;
  const uint32_t code = code_at(at_, length);
  at_ += length;
  const auto report = [&](std::string_view what) -> Diagnostic& {
    const bool shown = code > 0x20 && code != 0x7F && !(code >= 0x80 && code < 0xA1) && code != 0xFEFF &&
                       !(code >= 0x2000 && code <= 0x200F) && !(code >= 0x2028 && code <= 0x202F);
    std::string name = shown ? fmt::format("{} (U+{:04X})", text_.substr(begin, length), code)
                             : fmt::format("U+{:04X}", code);
    return diagnostics_.error(DiagnosticKind::bad_character, span(begin, begin + length),
                              fmt::format("the character {} {}", name, what));
  };
  for (const LookAlike& look : kLookAlikes)
    if (look.code == code) {
      report("means nothing here").suggest(fmt::format("write {}", look.help));
      if (look.kind != TokenKind::end) push(look.kind, begin);
      return;
    }
  if (code >= 0xFF01 && code <= 0xFF5E) {  // full-width forms are ASCII shifted
    const std::string ascii(1, static_cast<char>(code - 0xFF01 + 0x21));
    report(fmt::format("is the full-width form of {}", ascii)).suggest(fmt::format("write {}", ascii));
    for (const Spelling& symbol : kSymbols)
      if (symbol.text == ascii) return push(symbol.kind, begin);
    return;
  }
  if (code == 0xB2 || code == 0xB3) {
    report("means nothing here").suggest(fmt::format("a power is written x^{}", code == 0xB2 ? 2 : 3));
    return;
  }
  if (code == '\r') {
    report("is not a line end by itself: line ends are \\n or \\r\\n")
        .suggest("save the file with Unix or Windows line ends");
    line_start_ = true;
    return;
  }
  if (code == '\\')
    report("means nothing here").suggest("a line goes on after an operator or a comma, or inside ( )");
  else if (code == '?')
    report("means nothing here").suggest("a choice is written if c { a } else { b }");
  else
    report("means nothing here");
}

}  // namespace

std::string_view spelling(TokenKind kind) {
  for (const Spelling& s : kSymbols)
    if (s.kind == kind) return s.text;
  for (const Spelling& s : kReserved)
    if (s.kind == kind) return s.text;
  return {};
}

std::string_view spelling(ast::BinaryOp op) {
  static constexpr TokenKind kTokens[] = {
#define NNC_BINARY(name, token, level) TokenKind::token,
#include "frontend/syntax/binary.def"
  };
  return spelling(kTokens[static_cast<size_t>(op)]);
}

bool continues_line(TokenKind kind) {
  switch (kind) {
#define NNC_OPERATOR(name, text) case TokenKind::name:
#include "frontend/syntax/token.def"
    case TokenKind::kw_and:
    case TokenKind::kw_or:
    case TokenKind::kw_not:
      return true;
    default:
      return false;
  }
}

bool is_plain_name(std::string_view text) {
  const auto is_letter = [](char c) { return (c | 0x20) >= 'a' && (c | 0x20) <= 'z'; };
  return !text.empty() && !is_digit(text[0]) &&
         std::ranges::all_of(text, [&](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

bool is_reserved(TokenKind kind) {
  return std::any_of(std::begin(kReserved), std::end(kReserved),
                     [&](const Spelling& s) { return s.kind == kind; });
}

bool opens(TokenKind kind) {
  return kind == TokenKind::left_paren || kind == TokenKind::left_bracket || kind == TokenKind::left_brace;
}

bool closes(TokenKind kind) {
  return kind == TokenKind::right_paren || kind == TokenKind::right_bracket || kind == TokenKind::right_brace;
}

std::vector<Token> scan_tokens(const Sources& sources, Span part, std::vector<ast::Comment>& comments,
                               Diagnostics& diagnostics) {
  return Scanner(sources, part, comments, diagnostics).run();
}

Result<Lexed> lex(const Sources& sources, Span part, Diagnostics& diagnostics) {
  const FileId file = part.file;
  if (!check_text(sources, file, diagnostics)) return Failure{};
  Lexed lexed;
  const std::vector<Token> raw = scan_tokens(sources, part, lexed.comments, diagnostics);
  if (raw.size() > kMostTokens) {
    diagnostics.error_at(
        DiagnosticKind::file_too_large, sources[file].path(),
        fmt::format("this file has {} tokens; a .nn file may have {}", raw.size(), kMostTokens));
    return Failure{};
  }
  lexed.tokens = lay_out(raw, sources, file, diagnostics);
  return lexed;
}

Result<Lexed> lex(const Sources& sources, FileId file, Diagnostics& diagnostics) {
  return lex(sources, Span{file, 0, static_cast<uint32_t>(sources[file].text().size())}, diagnostics);
}

}  // namespace nnc::frontend
