// The server: what it has been told, in which order it answers, and what is worked out once for several questions.
//
// One thread. Messages are read as far as they have come before one is answered, so that a request that has been canceled
// meanwhile is not worked on. A changed document is checked when nothing else is to be done, and nothing comes for as long as the
// last check took: who types on need not wait for it. A request that needs the check makes it then.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "driver/console.h"
#include "driver/language_server/analysis.h"
#include "driver/language_server/transport.h"

namespace nnc::language_server {

// Codes of JSON-RPC and of the protocol.
enum class ErrorCode {
  parse_error = -32700,
  invalid_request = -32600,
  method_not_found = -32601,
  invalid_params = -32602,
  not_initialized = -32002,
  request_failed = -32803,
  request_canceled = -32800,
};

// A request's answer: a result, or why there is none.
struct Answer {
  Json result;
  std::optional<std::pair<ErrorCode, std::string>> error = std::nullopt;

  static Answer refused(std::string why) { return {{}, {{ErrorCode::request_failed, std::move(why)}}}; }
};

class Server {
 public:
  Server(Transport& transport, driver::Console& console) : transport_(transport), console_(console) {}

  // Until `exit` or the end of what is sent. 0 after an orderly shutdown, otherwise 1.
  int run();

  // ---- for the features (features.h)
  Encoding encoding() const { return encoding_; }
  // The document that a request is about; null if it is not open.
  const Document* document(const Json& params) const;
  // The document as it is now, checked. Kept until it, or another one, changes.
  Analysis& analysis(const Document& document);
  // The same of a text that the document does not have, only read if not `checked`.
  std::unique_ptr<Analysis> analysis_of(const Document& document, std::string text, bool checked);
  // The last state in which the names came to mean something, whatever has changed since; null if there is none.
  const Analysis* last_built(const Document& document) const;
  // What the editor calls the file; a file of the standard library is written out for it.
  std::string uri_of_source(const SourceFile& source);
  // { uri, range }
  Json location(const Sources& sources, Span span);
  // Shown to the user by the editor.
  void tell(const std::string& text);

 private:
  struct Open {
    Document document;
    bool published = false;              // its diagnostics are those of the current texts
    std::unique_ptr<Analysis> analysis;  // of the current texts, or null
    std::unique_ptr<Analysis> before;    // the last one in which something was built

    bool reads(const std::string& path) const;  // or might, once that is there
  };

  void receive(int patience);
  void take(const Transport::Received& received);
  void handle(const Json& message);
  void request(const Json& message, const std::string& method);
  void notification(const std::string& method, const Json& params);
  Answer initialize(const Json& params);
  void reply(const Json& id, const Answer& answer);
  void notify(const char* method, Json params);
  void open(const Json& params);
  void change(const Json& params);
  void close(const Json& params);
  // What is known of the documents that read the file is out of date; of all, where it is not said which file.
  void changed(const std::string& path = "");
  bool has_unpublished() const;
  void publish_one();

  Transport& transport_;
  driver::Console& console_;
  std::deque<Json> queue_;
  std::set<Json> canceled_;           // ids
  std::map<std::string, Open> open_;  // by URI
  UnsavedTexts texts_;                // of the open documents
  UnsavedTexts trial_;                // the same with another text of one, see analysis_of
  Encoding encoding_ = Encoding::utf16;
  int pause_ = 0;  // milliseconds without a message before a check begins
  bool initialized_ = false, shut_down_ = false, exits_ = false, ended_ = false;
};

}  // namespace nnc::language_server
