// nnc fmt for the editor: the lines that change, and no others.
#include <algorithm>

#include "driver/language_server/features.h"
#include "frontend/syntax/parser.h"

namespace nnc::language_server {

Answer formatting(Server& server, const Json& params) {
  const Document* document = server.document(params);
  if (document == nullptr || document->kind != DocumentKind::model) return {};
  Sources sources;
  Diagnostics ignored;  // mistakes are shown anyway
  const FileId file = sources.add(document->path, document->text);
  const Result<ast::File> tree = frontend::parse(sources, file, ignored);
  if (!tree) return Answer::refused("a text with mistakes is not formatted");
  const std::string& before = document->text;
  const std::string after = frontend::format(*tree, sources);
  if (before == after) return {Json::array()};
  // What is the same at both ends stays: whole lines, so that no character is taken apart.
  const size_t most = std::min(before.size(), after.size());
  size_t head = 0;
  for (size_t i = 0; i < most && before[i] == after[i]; ++i)
    if (before[i] == '\n') head = i + 1;
  size_t tail = 0;
  for (size_t i = 0; i < most - head && before[before.size() - 1 - i] == after[after.size() - 1 - i]; ++i)
    if (before[before.size() - 1 - i] == '\n') tail = i;
  const auto end = static_cast<uint32_t>(before.size() - tail);
  const Json range = range_of(sources[file], static_cast<uint32_t>(head), end, server.encoding());
  const std::string text = after.substr(head, after.size() - tail - head);
  return {Json::array({{{"range", range}, {"newText", text}}})};
}

}  // namespace nnc::language_server
