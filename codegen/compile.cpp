// Programs → a bundle: memory is planned, equal kernels are compiled once, in parallel and through the disk
// cache, and everything is linked into this process.
#include "codegen/compile.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <map>
#include <set>

#include "codegen/bundle_bytes.h"
#include "codegen/host_target.h"
#include "codegen/jit.h"
#include "codegen/lower/work.h"
#include "codegen/object_cache.h"
#include "ir/kernel/access.h"
#include "support/check.h"
#include "support/clock.h"
#include "support/parallel.h"

namespace nnc {
namespace codegen {
namespace {

using kernel::Kernel;
using kernel::KernelId;
using kernel::Program;

// The kernel under neutral names, so that layers of equal structure share machine code.
std::string canonical_text(Kernel k) {
  k.name = "k";
  for (uint32_t i = 0; i < k.buffers.size(); ++i)
    k.buffers[kernel::BufferId{i}].name = "b" + std::to_string(i);
  for (uint32_t i = 0; i < k.axes.size(); ++i) k.axes[kernel::AxisId{i}].name = "a" + std::to_string(i);
  return kernel::print(k);
}

// The operations of a kernel's name, without what it computes: equal kernels share code whatever that is.
std::string base_name(const std::string& name) {
  return name.substr(0, name.find('.'));
}

// The first line of the user's, or of the standard library's.
SourceLine line_of(const std::vector<Span>& spans, const Sources& sources) {
  Span best;
  for (const Span& span : spans)
    if (!best.valid() || (sources.is_library(best) && !sources.is_library(span))) best = span;
  if (!best.valid()) return {"nnc", SourceLine().line};
  const SourceFile& file = sources[best.file];
  return {file.path(), file.locate(best.begin).line};
}

// Those of all statements of a block, for a key: code with line tables is shared between equal ones only.
std::string lines_text(const kernel::Block& block, const Sources& sources) {
  std::string text;
  const auto add = [&](const std::vector<Span>& spans) {
    const SourceLine at = line_of(spans, sources);
    text += "\n" + at.file + ":" + std::to_string(at.line);
  };
  for (const kernel::Statement& statement : block) {
    add(statement.spans);
    if (const auto* loop = std::get_if<kernel::For>(&statement.body)) text += lines_text(loop->body, sources);
    kernel::each_store(statement, [&](const kernel::Store& store) { add(store.spans); });
  }
  return text;
}

// The symbol of each kernel of each program: readable, and unique by content.
std::vector<std::vector<std::string>> name_kernels(const std::vector<Program>& programs,
                                                   const std::string& identity, const Sources* lines) {
  std::vector<std::vector<std::string>> symbols(programs.size());
  parallel_for(programs.size(), [&](size_t p) {
    for (const Kernel& k : programs[p].kernels) {
      std::string content = identity + "\n" + canonical_text(k);
      if (lines) content += lines_text(k.body, *lines);
      symbols[p].push_back(base_name(k.name) + "." + content_hash(content).substr(0, 32));
    }
  });
  return symbols;
}

std::string step_symbol(size_t program) {
  return "nnc_step_" + std::to_string(program);
}

// What there is to compile: kernels and steps, each an object of its own.
struct Unit {
  std::string symbol;
  std::string key;
  const Kernel* kernel = nullptr;  // null: the step of `program`
  size_t program = 0;
  Object object;
  bool cached = false;
};

std::string constant_hash(const kernel::Slot& slot) {
  const std::vector<std::byte> bytes = kernel::constant_bytes(slot);
  return content_hash({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// A step is made from its launches, its plan and the symbols it calls.
std::string step_text(const Program& program, const MemoryPlan::PerProgram& plan,
                      const std::vector<std::string>& symbols) {
  std::string text = (program.stamped ? "stamped step " : "step ") + program.name + " " +
                     std::to_string(plan.arena_bytes) + " " + std::to_string(plan.scratch_bytes) + "\n";
  for (const kernel::Item& item : program.items) {
    const auto* launch = std::get_if<kernel::Launch>(&item);
    if (!launch) {
      text += "barrier\n";
      continue;
    }
    text +=
        symbols[launch->kernel.index] + " " + std::to_string(program.kernels[launch->kernel].task_count());
    for (kernel::SlotId slot : launch->arguments) {
      const Place& place = plan.places[slot.index];
      text += " " + std::to_string(static_cast<int>(place.base)) + ":" + std::to_string(place.offset);
      if (place.base == Place::Base::constant) text += "=" + constant_hash(program.slots[slot]);
    }
    text += "\n";
  }
  return text;
}

// Roughly how long a unit takes to compile, in instructions: what is done last should be short, so that no
// thread waits long for another.
int64_t size_of(const Unit& unit) {
  if (!unit.kernel) return 1000;  // a loop over a table, however many launches that holds
  int64_t size = 50 * static_cast<int64_t>(unit.kernel->exprs.size());
  const std::function<void(const std::vector<kernel::Statement>&)> add = [&](const auto& body) {
    for (const kernel::Statement& s : body) {
      if (const auto* contract = std::get_if<kernel::Contract>(&s.body))
        size += 500 + 50 * contract->schedule.rows * (contract->schedule.cols / kLanes + 1);
      if (const auto* loop = std::get_if<kernel::For>(&s.body)) add(loop->body);
    }
  };
  add(unit.kernel->body);
  return size;
}

void compile_units(std::vector<Unit>& units, const std::vector<Program>& programs, const MemoryPlan& plan,
                   const std::vector<std::vector<std::string>>& symbols, const Target& target,
                   const ObjectCache* cache, const Sources* sources) {
  std::vector<std::pair<int64_t, size_t>> order;  // largest first
  for (size_t i = 0; i < units.size(); ++i) order.emplace_back(-size_of(units[i]), i);
  std::sort(order.begin(), order.end());
  const auto compile = [&](Unit& unit, Compiler& compiler) {
    LineOf lines;
    if (sources) lines = [sources](const std::vector<Span>& spans) { return line_of(spans, *sources); };
    if (unit.kernel) return compiler.kernel(*unit.kernel, unit.symbol, lines);
    const Program& program = programs[unit.program];
    SourceLine at;
    if (sources && !program.kernels.empty() && !program.kernels[KernelId{0}].body.empty())
      at = line_of(program.kernels[KernelId{0}].body.front().spans, *sources);
    return compiler.step(program, plan.programs[unit.program], symbols[unit.program], unit.symbol, at);
  };
  parallel_for_with(units.size(), [&]() -> std::function<void(size_t)> {
    return [&, compiler = std::shared_ptr<Compiler>()](size_t i) mutable {
      Unit& unit = units[order[i].second];
      std::optional<Object> found = cache ? cache->load(unit.key) : std::nullopt;
      unit.cached = found.has_value();
      if (unit.cached) {
        unit.object = std::move(*found);
        return;
      }
      if (!compiler) compiler = std::make_shared<Compiler>(target);
      unit.object = compile(unit, *compiler);
      if (cache) cache->store(unit.key, unit.object);
    };
  });
}

// What has the description of the bundle that `made_from` becomes.
std::string bundle_key(const std::string& made_from, const CodegenOptions& options, const Target& target) {
  const auto number = [](auto value) { return " " + std::to_string(value); };
  return content_hash("bundle " + compiler_identity(target) + number(target.l1_bytes) +
                      number(target.l2_bytes) + number(target.unit_lanes) + number(options.threads) +
                      number(options.schedule) + number(options.schedule_seed) + " " + options.stamped +
                      "\n" + made_from);
}

// Links the objects into this process and finds the entries' functions, one of each program.
Status link(const std::vector<Unit>& units, const CodegenOptions& options, Bundle& bundle,
            Diagnostics& diagnostics) {
  const auto start = std::chrono::steady_clock::now();
  Result<std::unique_ptr<Linker>> linker = Linker::create(options.lines != nullptr, diagnostics);
  if (!linker) return Failure();
  for (const Unit& unit : units) {
    if (!(*linker)->add(unit.object, unit.symbol, diagnostics)) return Failure();
    ++(unit.cached ? bundle.times.kernels_cached : bundle.times.kernels_compiled);
  }
  for (size_t p = 0; p < bundle.entries.size(); ++p) {
    const Result<void*> address = (*linker)->find(step_symbol(p), diagnostics);
    if (!address) return Failure();
    bundle.entries[p].function = reinterpret_cast<nnc_entry>(*address);
  }
  bundle.code = std::shared_ptr<void>((*linker).release(), [](void* p) { delete static_cast<Linker*>(p); });
  bundle.times.link_ms = ms_since(start);
  return Done();
}

std::vector<Span> source_of(const Kernel& k) {
  SpanSet out;
  for (const kernel::Statement& s : k.body) {
    out = join(out, s.spans);
    kernel::each_store(s, [&](const kernel::Store& store) { out = join(out, store.spans); });
  }
  return out;
}

KernelInfo describe(const Kernel& k) {
  KernelInfo info{k.name, source_of(k), flops(k), operations(k), k.task_count(), 0, 0, false};
  for (const kernel::Buffer& buffer : k.buffers) {
    if (buffer.space == kernel::Space::local) continue;
    const auto bytes = static_cast<uint64_t>(buffer.type.bytes());
    if (buffer.space != kernel::Space::out) info.bytes_read += bytes;
    if (buffer.space != kernel::Space::in) info.bytes_written += bytes;
  }
  return info;
}

EntryPoint describe(const Program& program, const MemoryPlan::PerProgram& plan, int threads) {
  EntryPoint entry;
  entry.name = program.name;
  entry.rows = program.batch;
  entry.inputs = plan.inputs;
  entry.memory = plan.bill;
  entry.serial = program.serial;
  entry.arena_bytes = plan.arena_bytes;
  entry.scratch_bytes_per_thread = plan.scratch_bytes;
  entry.memory.scratch = entry.scratch_bytes(threads);
  for (const kernel::Item& item : program.items) {
    const auto* launch = std::get_if<kernel::Launch>(&item);
    entry.items.push_back(launch != nullptr);
    if (!launch) {
      ++entry.barriers;
      continue;
    }
    KernelInfo& info = entry.kernels.emplace_back(describe(program.kernels[launch->kernel]));
    info.again = std::ranges::count(program.again.kernels, launch->kernel) > 0;
    entry.flops += info.flops;
    entry.bytes_read += info.bytes_read;
    entry.bytes_written += info.bytes_written;
  }
  entry.values_again = program.again.values;
  entry.bytes_saved = program.again.bytes_saved;
  return entry;
}

// All but the machine code.
Bundle describe(const std::vector<Program>& programs, const MemoryPlan& plan, int threads) {
  Bundle bundle;
  for (size_t p = 0; p < programs.size(); ++p)
    bundle.entries.push_back(describe(programs[p], plan.programs[p], threads));
  bundle.tensors = plan.tensors;
  bundle.state_bytes = plan.state_bytes;
  return bundle;
}

}  // namespace
}  // namespace codegen

Bundle plan_programs(const std::vector<kernel::Program>& programs, const CodegenOptions& options) {
  return codegen::describe(programs, codegen::plan_memory(programs), options.threads);
}

Result<Bundle> compile_programs(std::vector<kernel::Program> programs, const CodegenOptions& options,
                                Diagnostics& diagnostics, const std::string& made_from) {
  using namespace codegen;
  const auto start = std::chrono::steady_clock::now();
  const Result<Target> target = host_target(options, diagnostics);
  if (!target) return Failure();
  const std::string identity = compiler_identity(*target);
  for (Program& program : programs) program.stamped = program.name == options.stamped;
  const MemoryPlan plan = plan_memory(programs);
  const auto symbols = name_kernels(programs, identity, options.lines);

  std::vector<Unit> units;
  std::map<std::string, size_t> known;
  for (size_t p = 0; p < programs.size(); ++p) {
    for (uint32_t i = 0; i < programs[p].kernels.size(); ++i) {
      const std::string& symbol = symbols[p][i];
      if (known.try_emplace(symbol, units.size()).second)
        units.push_back({symbol, content_hash(symbol), &programs[p].kernels[KernelId{i}], p, {}, false});
    }
    const std::string name = step_symbol(p);
    const std::string text = step_text(programs[p], plan.programs[p], symbols[p]);
    units.push_back({name, content_hash(identity + name + text), nullptr, p, {}, false});
  }

  Bundle bundle = describe(programs, plan, options.threads);
  for (size_t p = 0; p < programs.size(); ++p)
    bundle.entries[p].distinct_kernels = std::set<std::string>(symbols[p].begin(), symbols[p].end()).size();
  bundle.times.lower_ms = ms_since(start);
  const auto emit_start = std::chrono::steady_clock::now();
  std::optional<ObjectCache> cache;
  if (options.use_cache) cache.emplace(options.cache_directory);
  compile_units(units, programs, plan, symbols, *target, cache ? &*cache : nullptr, options.lines);
  bundle.times.emit_ms = ms_since(emit_start);

  if (cache && !made_from.empty()) {
    BundleDescription description{bundle, {}};
    for (const Unit& unit : units) description.units.push_back({unit.symbol, unit.key});
    cache->store(bundle_key(made_from, options, *target), to_bytes(description));
  }
  if (!link(units, options, bundle, diagnostics)) return Failure();
  return bundle;
}

std::optional<Bundle> find_bundle(const std::string& made_from, const CodegenOptions& options) {
  using namespace codegen;
  const auto start = std::chrono::steady_clock::now();
  Diagnostics ignored;  // said again where it is compiled
  const Result<Target> target = host_target(options, ignored);
  if (!target) return std::nullopt;
  const ObjectCache cache(options.cache_directory);
  const std::optional<Object> bytes = cache.load(bundle_key(made_from, options, *target));
  if (!bytes) return std::nullopt;
  std::optional<BundleDescription> description = bundle_of_bytes(*bytes);
  if (!description) return std::nullopt;
  std::vector<Unit> units(description->units.size());
  std::atomic<bool> complete = true;
  parallel_for(units.size(), [&](size_t i) {
    auto& [symbol, key] = description->units[i];
    std::optional<Object> object = cache.load(key);
    if (!object) complete = false;
    if (object) units[i] = {symbol, key, nullptr, 0, std::move(*object), true};
  });
  Bundle bundle = std::move(description->bundle);
  bundle.times.emit_ms = ms_since(start);
  if (!complete || !link(units, options, bundle, ignored)) return std::nullopt;
  return bundle;
}

namespace {

kernel::ProgramText list(const kernel::Program& program, const CodegenOptions& options,
                         codegen::Listing kind) {
  Diagnostics diagnostics;
  const Result<codegen::Target> target = codegen::host_target(options, diagnostics);
  NNC_CHECK(target.ok(), "a listing for a processor that is not there");
  return codegen::listing(program, codegen::plan_memory({program}).programs[0], *target, kind);
}

}  // namespace

kernel::ProgramText llvm_text(const kernel::Program& program, const CodegenOptions& options) {
  return list(program, options, codegen::Listing::llvm_ir);
}

kernel::ProgramText assembly_text(const kernel::Program& program, const CodegenOptions& options) {
  return list(program, options, codegen::Listing::assembly);
}

}  // namespace nnc
