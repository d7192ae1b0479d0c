// Puts data into the embedded files of a page.
#include "driver/pages/pages.h"

#include <span>

#include "driver/pages/embedded.h"
#include "support/result.h"

namespace nnc::driver {
namespace {

std::string_view part(std::string_view name) {
  for (const PagePart& each : page_parts())
    if (each.name == name) return each.text;
  NNC_CHECK(false, "a page's part is not embedded");
}

std::string html_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else
      out += c;
  }
  return out;
}

// Inside <script> a "</" could end the element; in JSON "<\/" is the same string.
std::string script_json(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (size_t i = 0; i < json.size(); ++i) {
    out += json[i];
    if (json[i] == '<' && i + 1 < json.size() && (json[i + 1] == '/' || json[i + 1] == '!')) {
      if (json[i + 1] == '/') {
        out += '\\';
      } else {
        out.pop_back();
        out += "\\u003c";
      }
    }
  }
  return out;
}

}  // namespace

std::string page(std::string_view kind, std::string_view title, std::string_view json, bool live) {
  const std::string name(kind);
  std::string_view shell = part("shell.html");
  std::string out;
  // Each hole is filled once, so that nothing in what fills it is taken for a hole.
  for (size_t at = shell.find("{{"); at != std::string_view::npos; at = shell.find("{{")) {
    out += shell.substr(0, at);
    const size_t end = shell.find("}}", at);
    const std::string_view hole = shell.substr(at + 2, end - at - 2);
    shell.remove_prefix(end + 2);
    if (hole == "title")
      out += html_text(title);
    else if (hole == "connect")
      out += live ? "'self'" : "'none'";
    else if (hole == "style")
      out += std::string(part("page.css")) + std::string(part(name + ".css"));
    else if (hole == "body")
      out += part(name + ".html");
    else if (hole == "data")
      out += script_json(json);
    else if (hole == "script")
      out += std::string(part("chart.min.js")) + "\n" + std::string(part("page.js")) +
             std::string(part("charts.js")) + std::string(part("seen.js")) + std::string(part(name + ".js"));
    else
      NNC_CHECK(false, "the shell has an unknown hole");
  }
  out += shell;
  return out;
}

}  // namespace nnc::driver
