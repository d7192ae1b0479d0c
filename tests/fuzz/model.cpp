// .nn text as models and explorations: elaboration ends, and its graphs read back from their text.
#include "frontend/model.h"
#include "frontend/syntax/parser.h"
#include "ir/graph/verify.h"
#include "target.h"

using namespace nnc;

namespace {

const frontend::BuildOptions& options() {
  static const frontend::BuildOptions kOptions = [] {
    frontend::BuildOptions out;
    out.optimizer = "adam";
    return out;
  }();
  return kOptions;
}

void check_module(const Module& module) {
  fuzz::check_round_trip(print(module), parse_module,
                         [](const Module& again, const Sources&) { return print(again); });
}

// Files that are imported are none of this input.
bool imports(const std::string& text) {
  return text.find("import") != std::string::npos;
}

}  // namespace

int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string text = fuzz::text_of(data, size);
  if (imports(text)) return 0;
  Sources sources;
  Diagnostics diagnostics;
  const Result<ast::File> tree = frontend::parse(sources, sources.add("m.nn", text), diagnostics);
  if (!tree) return 0;
  const Result<frontend::Model> model = frontend::build_model(*tree, sources, options(), diagnostics);
  if (fuzz::answered(model, diagnostics, sources)) check_module(model->module);
  Diagnostics others;
  const auto exploration = frontend::build_exploration(*tree, sources, options(), others);
  if (fuzz::answered(exploration, others, sources))
    check_module(Module{"", {exploration->graph, exploration->init}});
  return 0;
}
