// Variants and stored programs as text; what inputs hold.
#include "program.h"

#include <cmath>
#include <limits>
#include <sstream>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ir/graph/verify.h"

namespace nnc::random {
namespace {

constexpr std::string_view kFirstLine = "# compare ";

// Of an f32: numbers as they occur, and, by the input's name, some that meet each other (ties), or every special one.
double draw_real(Draw& draw, uint64_t kind) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  switch (kind) {
    case 0:
      return static_cast<double>(draw.below(5)) - 2;
    case 1:
      return draw.real(0.1, 1);
    case 2:
      return draw.real(-3, 3);
    case 3:
      return draw.one_of({0.0, -0.0, 1.0, -1.0, 1e-39, 3e38, kInfinity, -kInfinity,
                          std::numeric_limits<double>::quiet_NaN(), 0.5, 2.0, 1e-30});
    case 4:
      return draw.chance(0.05) ? 1 : 0;  // ties that lie far apart
    default:
      return draw.real(-1, 1);
  }
}

}  // namespace

CodegenOptions Variant::options() const {
  CodegenOptions options;
  options.threads = threads;
  options.schedule = scheduled;
  options.schedule_seed = schedule_seed;
  options.isa = isa;
  options.vector_units = isa == "avx512" ? 512 : 256;  // not what this processor has: nothing is measured
  options.use_cache = false;
  return options;
}

std::string to_text(const Variant& variant) {
  std::string text = !variant.scheduled           ? std::string("no schedule")
                     : variant.schedule_seed == 0 ? std::string("the usual schedule")
                                                  : fmt::format("random schedule {}", variant.schedule_seed);
  text += fmt::format(", {} threads, {}", variant.threads, variant.isa);
  if (variant.again_seed != 0) text += fmt::format(", again {}", variant.again_seed);
  if (!variant.without.empty()) text += fmt::format(", without {}", fmt::join(variant.without, " "));
  return text;
}

std::optional<Variant> parse_variant(const std::string& text) {
  Variant variant;
  std::stringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    std::stringstream words(part);
    std::vector<std::string> word;
    for (std::string w; words >> w;) word.push_back(w);
    if (word.empty()) return std::nullopt;
    if (word[0] == "no") {
      variant.scheduled = false;
    } else if (word[0] == "random" && word.size() == 3) {
      variant.schedule_seed = std::stoull(word[2]);
    } else if (word[0] == "again" && word.size() == 2) {
      variant.again_seed = std::stoull(word[1]);
    } else if (word.back() == "threads") {
      variant.threads = std::stoi(word[0]);
    } else if (word[0] == "without") {
      variant.without.assign(word.begin() + 1, word.end());
    } else if (word[0].starts_with("avx")) {
      variant.isa = word[0];
    } else if (word[0] != "the") {
      return std::nullopt;
    }
  }
  return variant;
}

std::string to_text(const Program& program, const std::optional<Variant>& variant) {
  std::string text = fmt::format("{}steps {}, seed {}", kFirstLine, program.steps, program.seed);
  if (variant) text += ", compiled: " + to_text(*variant);
  return text + "\n" + print(program.graph);
}

std::variant<Stored, std::string> parse_stored(const std::string& text) {
  Stored stored;
  if (!text.starts_with(kFirstLine)) return "the first line is not \"# compare steps …, seed …\"";
  const std::string line = text.substr(0, text.find('\n'));
  unsigned long long seed = 0;
  if (std::sscanf(line.c_str(), "# compare steps %d, seed %llu", &stored.program.steps, &seed) != 2)
    return "the first line is not \"# compare steps …, seed …\"";
  stored.program.seed = seed;
  constexpr std::string_view kCompiled = "compiled: ";
  if (const size_t at = line.find(kCompiled); at != std::string::npos) {
    stored.variant = parse_variant(line.substr(at + kCompiled.size()));
    if (!stored.variant) return "the first line names no way to compile";
  }
  Sources sources;
  Diagnostics diagnostics;
  Result<Graph> graph = parse_graph(sources, sources.add("program.nnir", text), diagnostics);
  if (!graph) return render_all(diagnostics, sources);
  stored.program.graph = std::move(*graph);
  return stored;
}

DenseTensor draw_input(const Node& input, uint64_t seed, int step) {
  const auto& attrs = std::get<InputAttrs>(input.attrs);
  const TensorType& type = input.types[0];
  Draw own(seed_of(seed, attrs.name));
  // Special numbers are rare, since what follows from them is NaN and checks little else.
  const uint64_t kind = own.chance(0.004) ? 3 : own.one_of<uint64_t>({0, 0, 1, 2, 4, 5, 5, 5});
  const double base = own.real(0.01, 0.5);
  const int64_t whole = static_cast<int64_t>(own.below(10));
  Draw draw(seed_of(seed + static_cast<uint64_t>(step) * 7919, attrs.name) + 1);
  const int64_t lowest = attrs.classes > 0 ? 0 : own.one_of({0, 0, -2});
  const int64_t range = attrs.classes > 0 ? attrs.classes : own.one_of({3, 7, 20});
  DenseTensor tensor{type, {}};
  for (int64_t i = 0; i < type.elements(); ++i) {
    double value = 0;
    if (type.dtype == DType::f32) {
      value = static_cast<float>(is_kept(attrs.role) && attrs.role != Role::param && kind != 3
                                     ? draw_real(draw, 1)
                                     : draw_real(draw, kind));
    } else if (type.dtype == DType::f64) {
      value = base;
    } else if (type.dtype == DType::boolean) {
      value = draw.chance(0.5) ? 1 : 0;
    } else if (type.dtype == DType::i64 && attrs.role == Role::scalar) {
      value = attrs.name == "t" ? step + 1 : static_cast<double>(whole);
    } else if (type.dtype == DType::u8) {
      value = static_cast<double>(draw.below(256));
    } else {
      value = static_cast<double>(lowest + static_cast<int64_t>(draw.below(static_cast<size_t>(range))));
    }
    tensor.data.push_back(value);
  }
  return tensor;
}

TensorMap inputs_of(const Program& program, int step) {
  TensorMap inputs;
  for (const NodeId id : program.graph.inputs) {
    const Node& node = program.graph.nodes[id];
    const auto& attrs = std::get<InputAttrs>(node.attrs);
    if (step > 0 && is_kept(attrs.role)) continue;
    inputs.emplace(attrs.name, draw_input(node, program.seed, step));
  }
  return inputs;
}

std::vector<TensorMap> inputs_of(const Program& program) {
  std::vector<TensorMap> steps;
  for (int step = 0; step < program.steps; ++step) steps.push_back(inputs_of(program, step));
  return steps;
}

}  // namespace nnc::random
