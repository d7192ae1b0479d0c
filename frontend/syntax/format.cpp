// `nnc fmt`: the one style. Tokens stay as they are and in their order, so the tree cannot change; only what
// lies between them does. Spaces follow from the tokens on both sides. Lines break where a statement or a
// broken block ends and, inside a statement, where the user broke it (long lines are left to taste).
// Indentation is two spaces per broken block; a continued line starts under the text after its open bracket,
// under the first |> of its chain, or two further in. Comments at line ends line up over neighboring lines.
#include <algorithm>
#include <optional>

#include "frontend/syntax/lexer.h"
#include "frontend/syntax/parser.h"

namespace nnc::frontend {
namespace {

// A token or a comment, with the newlines in the source before it.
struct Piece {
  Token token;
  const ast::Comment* comment = nullptr;
  size_t newlines = 0;
  bool ends_before = false;  // a statement ends between the piece before and this one
  bool keyword = false;      // `in`, `along`, `as` in their places
  bool prefix = false;       // a sign, not a subtraction
  bool broken = false;       // of a {: its statements are on lines of their own
};

struct Line {
  void put(std::string_view text) {
    code += text;
    width += display_width(text);
  }

  std::string code;
  size_t width = 0;  // of the code, in columns
  std::string comment;
  bool blank_before = false;
};

struct Frame {
  TokenKind kind = TokenKind::left_brace;
  bool broken = true;
  bool opener_ends_line = false;
  size_t line_indent = 0;      // of the line of its bracket
  size_t content = 0;          // column after the bracket
  size_t statement = 0;        // indentation of the statements of a {
  std::optional<size_t> pipe;  // column of the first |> of the current chain
};

bool ends_operand(TokenKind kind) {
  return kind == TokenKind::name || kind == TokenKind::number || kind == TokenKind::string || closes(kind) ||
         kind == TokenKind::kw_true || kind == TokenKind::kw_false || kind == TokenKind::kw_none ||
         kind == TokenKind::ellipsis;
}

class Formatter {
 public:
  Formatter(const SourceFile& source, const Lexed& lexed) : source_(source) { collect(lexed); }

  std::string run() {
    frames_.push_back({});
    for (size_t i = 0; i < pieces_.size(); ++i) put(i);
    flush();
    return text();
  }

 private:
  std::string_view source_text(const Token& token) const {
    return std::string_view(source_.text()).substr(token.begin, token.end - token.begin);
  }

  void collect(const Lexed& lexed);
  void classify();
  void mark_broken();
  void put(size_t i);
  void put_token(size_t i);
  bool breaks_before(size_t i) const;
  bool space_before(size_t i) const;
  size_t indent_for(size_t i) const;
  void flush();
  std::string text() const;

  const SourceFile& source_;
  std::vector<Piece> pieces_;
  std::vector<Frame> frames_;
  std::vector<Line> lines_;
  Line line_;
  bool fresh_ = true;              // nothing on the current line yet
  bool line_in_brackets_ = false;  // the current line starts inside ( or [
};

void Formatter::collect(const Lexed& lexed) {
  auto comment = lexed.comments.begin();
  uint32_t last_end = 0;
  bool ends = false;
  const auto newlines_until = [&](uint32_t begin) {
    const auto count = std::count(source_.text().begin() + last_end, source_.text().begin() + begin, '\n');
    return static_cast<size_t>(count);
  };
  const auto comments_until = [&](uint32_t place) {
    for (; comment != lexed.comments.end() && comment->span.begin < place; ++comment) {
      pieces_.push_back({{}, &*comment, newlines_until(comment->span.begin), false, false, false, false});
      last_end = comment->span.end;
    }
  };
  for (const Token& token : lexed.tokens) {
    const bool marks_end = token.kind == TokenKind::end;
    if (marks_end && token.begin == token.end) {
      ends = true;
      continue;
    }
    comments_until(token.kind == TokenKind::end_of_file ? UINT32_MAX : token.begin);
    if (token.kind == TokenKind::end_of_file) break;
    if (marks_end) {
      ends = true;
    } else {
      pieces_.push_back({token, nullptr, newlines_until(token.begin), ends, false, false, false});
      ends = false;
    }
    last_end = token.end;
  }
  classify();
  mark_broken();
}

void Formatter::classify() {
  const Piece* before = nullptr;
  for (Piece& piece : pieces_) {
    if (piece.comment != nullptr) continue;
    const bool after_operand =
        before != nullptr && !piece.ends_before && ends_operand(before->token.kind) && !before->keyword;
    const std::string_view word = source_text(piece.token);
    if (piece.token.kind == TokenKind::minus) piece.prefix = !after_operand;
    if (piece.token.kind == TokenKind::name)
      piece.keyword = after_operand && (word == "in" || word == "along" || word == "as");
    before = &piece;
  }
}

// A { is broken if a line ends anywhere directly in it, or in a { inside it.
void Formatter::mark_broken() {
  std::vector<size_t> open;
  for (size_t i = 0; i < pieces_.size(); ++i) {
    const bool line_ends = i > 0 && (pieces_[i].newlines > 0 || pieces_[i].comment != nullptr);
    if (line_ends && !open.empty() && pieces_[open.back()].token.kind == TokenKind::left_brace)
      for (size_t each : open) pieces_[each].broken = true;
    if (pieces_[i].comment != nullptr) continue;
    if (opens(pieces_[i].token.kind)) open.push_back(i);
    if (closes(pieces_[i].token.kind) && !open.empty()) open.pop_back();
  }
}

bool Formatter::breaks_before(size_t i) const {
  if (i == 0) return false;
  const Piece& before = pieces_[i - 1];
  const Piece& piece = pieces_[i];
  if (before.comment != nullptr) return true;
  if (piece.comment != nullptr) return piece.newlines > 0;
  const Frame& frame = frames_.back();
  if (frame.kind == TokenKind::left_brace) {
    if (before.token.kind == TokenKind::left_brace && opens(before.token.kind)) return frame.broken;
    if (piece.token.kind == TokenKind::right_brace) return frame.broken;
    if (piece.ends_before) return frame.broken;
    if (piece.token.kind == TokenKind::kw_else) return false;
  }
  return piece.newlines > 0;
}

bool Formatter::space_before(size_t i) const {
  const Piece& before = pieces_[i - 1];
  const Piece& piece = pieces_[i];
  const TokenKind left = before.token.kind, right = piece.token.kind;
  if (left == TokenKind::left_brace) return right != TokenKind::right_brace;
  if (right == TokenKind::right_brace || right == TokenKind::left_brace) return true;
  if (left == TokenKind::left_paren || left == TokenKind::left_bracket) return false;
  if (right == TokenKind::right_paren || right == TokenKind::right_bracket || right == TokenKind::comma)
    return false;
  if (left == TokenKind::dot || right == TokenKind::dot) return false;
  if (left == TokenKind::caret || right == TokenKind::caret) return false;
  if (left == TokenKind::range || right == TokenKind::range) return false;
  if (left == TokenKind::comma) return true;
  if (before.prefix) return false;
  const bool in_index = frames_.back().kind == TokenKind::left_bracket;
  if (right == TokenKind::colon) return false;
  if (left == TokenKind::colon) return !in_index;
  if (right == TokenKind::left_paren || right == TokenKind::left_bracket)
    return before.keyword || !ends_operand(left) || left == TokenKind::right_brace;
  return true;
}

size_t Formatter::indent_for(size_t i) const {
  const Piece& piece = pieces_[i];
  const Frame& frame = frames_.back();
  if (frame.kind != TokenKind::left_brace) {
    const bool closer = piece.comment == nullptr && closes(piece.token.kind);
    if (frame.opener_ends_line) return frame.line_indent + (closer ? 0 : 2);
    return frame.content;
  }
  // A comment belongs to the statement after it; before a } it is the block's last line.
  size_t next = i;
  while (next < pieces_.size() && pieces_[next].comment != nullptr) ++next;
  const bool closes_block =
      next < pieces_.size() && pieces_[next].token.kind == TokenKind::right_brace && frames_.size() > 1;
  if (closes_block && next == i) return frame.line_indent;
  const bool starts =
      closes_block || i == 0 || next == pieces_.size() || pieces_[next].ends_before ||
      (pieces_[i - 1].comment == nullptr && pieces_[i - 1].token.kind == TokenKind::left_brace) ||
      frame.statement == SIZE_MAX;
  const bool first_in_block = [&] {
    size_t k = i;
    while (k > 0 && pieces_[k - 1].comment != nullptr) --k;
    return k == 0 || pieces_[k - 1].token.kind == TokenKind::left_brace;
  }();
  if (starts || first_in_block) return frame.statement;
  if (piece.comment == nullptr && piece.token.kind == TokenKind::kw_else) return frame.statement;
  if (piece.comment == nullptr && piece.token.kind == TokenKind::pipe && frame.pipe) return *frame.pipe;
  return frame.statement + 2;
}

void Formatter::flush() {
  if (!fresh_) lines_.push_back(line_);
  line_ = {};
  fresh_ = true;
}

void Formatter::put(size_t i) {
  const Piece& piece = pieces_[i];
  const bool breaks = breaks_before(i);
  if (breaks) {
    flush();
    const bool after_open = pieces_[i - 1].comment == nullptr && opens(pieces_[i - 1].token.kind);
    const bool before_close = piece.comment == nullptr && closes(piece.token.kind);
    const bool at_statement = frames_.back().kind == TokenKind::left_brace;
    line_.blank_before = piece.newlines > 1 && !after_open && !before_close && at_statement;
  }
  if (piece.comment != nullptr) {
    if (fresh_) {
      line_.put(std::string(indent_for(i), ' ') + piece.comment->text);
      fresh_ = false;
    } else {
      line_.comment = piece.comment->text;
    }
    return;
  }
  put_token(i);
}

void Formatter::put_token(size_t i) {
  const Piece& piece = pieces_[i];
  const bool statement_starts = piece.ends_before || i == 0;
  if (statement_starts) frames_.back().pipe.reset();
  if (fresh_) {
    line_.put(std::string(indent_for(i), ' '));
    line_in_brackets_ = frames_.back().kind != TokenKind::left_brace;
    fresh_ = false;
  } else if (piece.ends_before && piece.token.kind != TokenKind::right_brace &&
             pieces_[i - 1].token.kind != TokenKind::left_brace) {
    line_.put("; ");
  } else if (space_before(i)) {
    line_.put(" ");
  }
  const size_t column = line_.width;
  if (piece.token.kind == TokenKind::pipe && !frames_.back().pipe) frames_.back().pipe = column;
  line_.put(source_text(piece.token));
  if (opens(piece.token.kind)) {
    Frame frame;
    frame.kind = piece.token.kind;
    frame.broken = piece.broken;
    // The body after arguments on several lines starts from its statement, not from the last argument's line.
    const bool after_arguments = line_in_brackets_ && frames_.back().kind == TokenKind::left_brace &&
                                 piece.token.kind == TokenKind::left_brace;
    frame.line_indent = after_arguments ? frames_.back().statement : line_.code.find_first_not_of(' ');
    frame.content = column + 1;
    frame.statement = frame.line_indent + 2;
    frame.opener_ends_line =
        i + 1 < pieces_.size() && (pieces_[i + 1].newlines > 0 || pieces_[i + 1].comment != nullptr);
    frames_.push_back(frame);
  } else if (closes(piece.token.kind) && frames_.size() > 1) {
    frames_.pop_back();
  }
}

// Comments at the ends of neighboring lines start in one column.
std::string Formatter::text() const {
  std::string out;
  for (size_t begin = 0; begin < lines_.size();) {
    size_t end = begin + 1;
    size_t width = lines_[begin].width;
    if (!lines_[begin].comment.empty())
      for (; end < lines_.size() && !lines_[end].comment.empty() && !lines_[end].blank_before; ++end)
        width = std::max(width, lines_[end].width);
    for (; begin < end; ++begin) {
      const Line& line = lines_[begin];
      if (line.blank_before && begin > 0) out += '\n';
      out += line.code;
      if (!line.comment.empty()) {
        out.append(width - line.width + 2, ' ');
        out += line.comment;
      }
      out += '\n';
    }
  }
  return out;
}

}  // namespace

std::string format(const ast::File& tree, const Sources& sources) {
  // The text has been parsed, so lexing it again says nothing new.
  Diagnostics silent;
  const Result<Lexed> lexed = lex(sources, tree.file, silent);
  if (!lexed) return sources[tree.file].text();
  return Formatter(sources[tree.file], *lexed).run();
}

}  // namespace nnc::frontend
