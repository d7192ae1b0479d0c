// The one file that knows cpp-httplib.
#include "driver/report_page/serve.h"

#include <httplib.h>
#include <sys/socket.h>

#include <cstdio>

namespace nnc::driver {
namespace {

// A page of another origin may send requests here under a name of its own; only this machine's names are answered.
bool is_local(const httplib::Request& request) {
  const std::string host = request.get_header_value("Host");
  const std::string name = host.substr(0, host.find_last_of(':'));
  return name == "127.0.0.1" || name == "localhost";
}

}  // namespace

Status serve(Session& session, int port, const std::function<std::string()>& page,
             const std::function<std::string()>& data) {
  httplib::Server server;
  // Without what the library sets by itself: with SO_REUSEPORT two reports would share one port.
  server.set_socket_options([](socket_t socket) {
    const int yes = 1;
    setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server.new_task_queue = [] { return new httplib::ThreadPool(4); };
  const auto answer = [](const std::function<std::string()>& make, const char* type) {
    return [&make, type](const httplib::Request& request, httplib::Response& response) {
      if (!is_local(request)) {
        response.status = 403;
        return;
      }
      response.set_header("Cache-Control", "no-store");
      response.set_content(make(), type);
    };
  };
  server.Get("/", answer(page, "text/html; charset=utf-8"));
  server.Get("/data", answer(data, "application/json"));
  const int bound = port == 0                                ? server.bind_to_any_port("127.0.0.1")
                    : server.bind_to_port("127.0.0.1", port) ? port
                                                             : -1;
  if (bound < 0) {
    session.diagnostics
        .error_at(DiagnosticKind::bad_flag, fmt::format("--port {}", port), "this port is not available")
        .suggest("another one, or 0 for any that is free");
    return Failure();
  }
  session.console.print("http://127.0.0.1:{}/\n", bound);
  std::fflush(stdout);
  session.console.say("Ctrl-C ends it\n");
  server.listen_after_bind();
  return Done();
}

}  // namespace nnc::driver
