// See server.h.
#include "driver/language_server/server.h"

#include <algorithm>
#include <utility>

#include "driver/language_server/features.h"
#include "driver/language_server/library_files.h"

namespace nnc::language_server {
namespace {

using Feature = Answer (*)(Server&, const Json&);

constexpr std::pair<std::string_view, Feature> kFeatures[] = {
    {"textDocument/hover", hover},
    {"textDocument/definition", definition},
    {"textDocument/references", references},
    {"textDocument/documentHighlight", highlights},
    {"textDocument/documentSymbol", document_symbols},
    {"textDocument/completion", completion},
    {"textDocument/signatureHelp", signature_help},
    {"textDocument/prepareRename", prepare_rename},
    {"textDocument/rename", rename},
    {"textDocument/formatting", formatting},
};

Json capabilities(Encoding encoding) {
  return {{"positionEncoding", encoding == Encoding::utf8 ? "utf-8" : "utf-16"},
          {"textDocumentSync", {{"openClose", true}, {"change", 2}}},
          {"hoverProvider", true},
          {"definitionProvider", true},
          {"referencesProvider", true},
          {"documentHighlightProvider", true},
          {"documentSymbolProvider", true},
          {"completionProvider", {{"triggerCharacters", {".", "\""}}}},
          {"signatureHelpProvider", {{"triggerCharacters", {"(", ","}}}},
          {"renameProvider", {{"prepareProvider", true}}},
          {"documentFormattingProvider", true}};
}

bool is_id(const Json& id) {
  return id.is_number_integer() || id.is_string();
}

}  // namespace

int Server::run() {
  while (!exits_) {
    receive(0);
    if (queue_.empty() && !ended_) receive(has_unpublished() ? pause_ : -1);
    if (!queue_.empty()) {
      const Json message = std::move(queue_.front());
      queue_.pop_front();
      handle(message);
    } else if (ended_) {
      break;
    } else if (has_unpublished()) {
      publish_one();
    }
  }
  return shut_down_ ? 0 : 1;
}

// Takes in what arrives within so many milliseconds, and what is there then.
void Server::receive(int patience) {
  for (;;) {
    const Transport::Received received = transport_.receive(patience);
    if (received.kind == Transport::Kind::end) ended_ = true;
    if (received.kind == Transport::Kind::end || received.kind == Transport::Kind::nothing) return;
    take(received);
    patience = 0;
  }
}

void Server::take(const Transport::Received& received) {
  const auto refuse = [&](ErrorCode code, const std::string& why) { reply(Json(), {{}, {{code, why}}}); };
  if (received.kind == Transport::Kind::bad) return refuse(ErrorCode::parse_error, received.text);
  Json message = Json::parse(received.text, nullptr, false);
  if (message.is_discarded()) return refuse(ErrorCode::parse_error, "this is no JSON");
  if (!message.is_object() || !(at(message, "method").is_string() || message.contains("id")))
    return refuse(ErrorCode::invalid_request, "a message is an object with a method");
  if (text_at(message, "method") == "$/cancelRequest") {
    const Json& id = at(at(message, "params"), "id");
    const auto waits = [&](const Json& other) { return at(other, "id") == id && other.contains("method"); };
    if (is_id(id) && std::ranges::any_of(queue_, waits)) canceled_.insert(id);
    return;
  }
  queue_.push_back(std::move(message));
}

void Server::handle(const Json& message) {
  if (!message.contains("method")) return;  // an answer; nothing was asked
  const std::string method = text_at(message, "method");
  if (!message.contains("id")) {
    if (method == "exit")
      exits_ = true;
    else if (initialized_ && !shut_down_)
      notification(method, at(message, "params"));
    return;
  }
  request(message, method);
}

void Server::request(const Json& message, const std::string& method) {
  const Json& id = at(message, "id");
  const Json& params = at(message, "params");
  const auto refuse = [&](ErrorCode code, std::string why) { reply(id, {{}, {{code, std::move(why)}}}); };
  if (!is_id(id)) return refuse(ErrorCode::invalid_request, "an id is a number or a text");
  if (canceled_.erase(id) > 0) return refuse(ErrorCode::request_canceled, "canceled");
  if (method == "initialize") {
    if (initialized_) return refuse(ErrorCode::invalid_request, "initialized already");
    return reply(id, initialize(params));
  }
  if (!initialized_) return refuse(ErrorCode::not_initialized, "initialize comes first");
  if (shut_down_) return refuse(ErrorCode::invalid_request, "shut down already");
  if (method == "shutdown") {
    while (has_unpublished()) publish_one();
    shut_down_ = true;
    return reply(id, {});
  }
  const auto* feature = std::ranges::find(kFeatures, method, &std::pair<std::string_view, Feature>::first);
  if (feature == std::end(kFeatures)) return refuse(ErrorCode::method_not_found, "there is no " + method);
  reply(id, feature->second(*this, params));
}

void Server::notification(const std::string& method, const Json& params) {
  if (method == "textDocument/didOpen") open(params);
  if (method == "textDocument/didChange") change(params);
  if (method == "textDocument/didClose") close(params);
  if (method == "workspace/didChangeWatchedFiles") changed();
}

Answer Server::initialize(const Json& params) {
  const Json& offered = at(at(at(params, "capabilities"), "general"), "positionEncodings");
  if (offered.is_array() && std::ranges::find(offered, Json("utf-8")) != offered.end())
    encoding_ = Encoding::utf8;
  initialized_ = true;
  return {{{"capabilities", capabilities(encoding_)},
           {"serverInfo", {{"name", "nnc"}, {"version", NNC_VERSION}}}}};
}

void Server::reply(const Json& id, const Answer& answer) {
  Json message = {{"jsonrpc", "2.0"}, {"id", is_id(id) ? id : Json()}};
  if (answer.error)
    message["error"] = {{"code", static_cast<int>(answer.error->first)}, {"message", answer.error->second}};
  else
    message["result"] = answer.result;
  transport_.send(message);
}

void Server::notify(const char* method, Json params) {
  transport_.send({{"jsonrpc", "2.0"}, {"method", method}, {"params", std::move(params)}});
}

void Server::tell(const std::string& text) {
  notify("window/showMessage", {{"type", 3}, {"message", text}});
}

// ---- documents

void Server::open(const Json& params) {
  const Json& item = at(params, "textDocument");
  const std::string uri = text_at(item, "uri");
  if (uri.empty() || !at(item, "text").is_string()) return;
  Document document;
  document.uri = uri;
  document.path = path_of(uri);
  document.kind = kind_of(document.path, text_at(item, "languageId"));
  if (document.kind == DocumentKind::model && !document.path.ends_with(".nn")) document.path += ".nn";
  document.text = text_at(item, "text");
  document.version = at(item, "version");
  const std::string path = document.path;
  texts_[path] = document.text;
  open_[uri] = {std::move(document), false, nullptr, nullptr};
  changed(path);
}

void Server::change(const Json& params) {
  const auto found = open_.find(text_at(at(params, "textDocument"), "uri"));
  if (found == open_.end()) return;
  Document& document = found->second.document;
  const Json& changes = at(params, "contentChanges");
  if (changes.is_array())
    for (const Json& one : changes) apply(document, one, encoding_);
  document.version = at(at(params, "textDocument"), "version");
  texts_[document.path] = document.text;
  changed(document.path);
}

void Server::close(const Json& params) {
  const auto found = open_.find(text_at(at(params, "textDocument"), "uri"));
  if (found == open_.end()) return;
  const std::string uri = found->first, path = found->second.document.path;
  texts_.erase(path);
  open_.erase(found);
  notify("textDocument/publishDiagnostics", {{"uri", uri}, {"diagnostics", Json::array()}});
  changed(path);
}

bool Server::Open::reads(const std::string& path) const {
  if (document.path == path || document.text.find(path.substr(path.rfind('/') + 1)) != std::string::npos)
    return true;
  const Sources* sources = analysis ? &analysis->session.sources : nullptr;
  for (uint32_t i = 0; sources != nullptr && i < sources->size(); ++i)
    if (normal_path((*sources)[FileId{i}].path()) == path) return true;
  return sources == nullptr;
}

void Server::changed(const std::string& path) {
  for (auto& [uri, open] : open_) {
    if (!path.empty() && !open.reads(path)) continue;
    open.published = false;
    if (open.analysis && !open.analysis->meanings.empty()) open.before = std::move(open.analysis);
    open.analysis.reset();
  }
}

bool Server::has_unpublished() const {
  return std::ranges::any_of(open_, [](const auto& entry) { return !entry.second.published; });
}

void Server::publish_one() {
  const auto found = std::ranges::find_if(open_, [](const auto& entry) { return !entry.second.published; });
  Open& open = found->second;
  open.published = true;
  if (open.document.kind != DocumentKind::other)
    notify("textDocument/publishDiagnostics", diagnostics(*this, open.document));
}

const Document* Server::document(const Json& params) const {
  const auto found = open_.find(text_at(at(params, "textDocument"), "uri"));
  return found == open_.end() ? nullptr : &found->second.document;
}

Analysis& Server::analysis(const Document& document) {
  std::unique_ptr<Analysis>& known = open_.at(document.uri).analysis;
  if (!known) {
    constexpr double kLongestPause = 500;
    const double start = driver::now_ms();
    known = std::make_unique<Analysis>(document, texts_, console_, true);
    pause_ = static_cast<int>(std::min(kLongestPause, driver::now_ms() - start));
  }
  return *known;
}

std::unique_ptr<Analysis> Server::analysis_of(const Document& document, std::string text, bool checked) {
  Document other = document;
  other.text = std::move(text);
  trial_ = texts_;
  trial_[other.path] = other.text;
  return std::make_unique<Analysis>(other, trial_, console_, checked);
}

const Analysis* Server::last_built(const Document& document) const {
  const Open& open = open_.at(document.uri);
  return open.analysis && !open.analysis->meanings.empty() ? open.analysis.get() : open.before.get();
}

std::string Server::uri_of_source(const SourceFile& source) {
  if (source.is_library()) return uri_of(library_file(source));
  for (const auto& [uri, open] : open_)
    if (open.document.path == normal_path(source.path())) return uri;
  return uri_of(source.path());
}

Json Server::location(const Sources& sources, Span span) {
  const SourceFile& source = sources[span.file];
  return {{"uri", uri_of_source(source)}, {"range", range_of(source, span.begin, span.end, encoding_)}};
}

}  // namespace nnc::language_server
