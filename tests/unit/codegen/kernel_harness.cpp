// Random schedules, random memory, and the two ways to run a kernel.
#include "kernel_harness.h"

#include <algorithm>
#include <bit>
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>

#include "codegen/compile.h"
#include "ir/kernel/eval.h"
#include "ir/kernel/packing.h"

namespace nnc::test {
namespace {

using kernel::AxisId;
using kernel::Kernel;
using kernel::Schedule;
using Memory = std::vector<std::vector<std::byte>>;  // one block per parameter, as it is stored

// ---- schedules

// Any schedule for a statement over these axes; what the verifier makes of it is its business.
Schedule random_schedule(Random& random, std::vector<AxisId> axes, const std::vector<AxisId>& over,
                         bool contracts) {
  Schedule schedule;
  axes.insert(axes.end(), over.begin(), over.end());
  if (axes.empty() || pick(random, 0, 7) == 0) return schedule;
  schedule.lanes = axes[static_cast<size_t>(pick(random, 0, static_cast<int64_t>(axes.size()) - 1))];
  if (contracts && pick(random, 0, 3) != 0) {
    schedule.rows = pick(random, 1, 6);
    schedule.cols = pick(random, 1, 40);
    if (pick(random, 0, 1) == 0)
      schedule.beside = axes[static_cast<size_t>(pick(random, 0, static_cast<int64_t>(axes.size()) - 1))];
  }
  return schedule;
}

// Passes over the sum of a contraction, and a local that may be too small for what waits between them.
void block_randomly(Random& random, Kernel& kernel, kernel::Contract& contract) {
  if (contract.over.empty() || pick(random, 0, 1) == 0) return;
  const Shape shape{pick(random, 1, 60), 16 * pick(random, 1, 5)};
  contract.schedule.block = pick(random, 1, kernel.axes[contract.over[0]].extent);
  contract.schedule.waiting = kernel.buffers.push_back(
      {"waiting" + std::to_string(kernel.buffers.size()), {DType::f32, shape}, {}, kernel::Space::local, {}});
  const std::optional<kernel::Packing> packing =
      kernel::packing_of(kernel, contract, contract.schedule.lanes, contract.schedule.block);
  if (!packing || pick(random, 0, 3) == 0) return;
  TensorType type{DType::f32, packing->extents};
  type.shape.back() += pick(random, 0, 9);
  contract.schedule.packed = kernel.buffers.push_back(
      {"packed" + std::to_string(kernel.buffers.size()), type, {}, kernel::Space::local, {}});
}

void schedule_randomly(Random& random, Kernel& kernel, kernel::Block& block) {
  for (kernel::Statement& statement : block) {
    if (auto* loop = std::get_if<kernel::For>(&statement.body)) {
      schedule_randomly(random, kernel, loop->body);
    } else if (auto* map = std::get_if<kernel::Map>(&statement.body)) {
      map->schedule = random_schedule(random, map->axes, {}, false);
    } else if (auto* reduce = std::get_if<kernel::Reduce>(&statement.body)) {
      reduce->schedule = random_schedule(random, reduce->axes, reduce->over, false);
    } else if (auto* contract = std::get_if<kernel::Contract>(&statement.body)) {
      contract->schedule = random_schedule(random, contract->axes, contract->over, true);
      block_randomly(random, kernel, *contract);
    }
  }
}

// Forgets the schedules of statements that the verifier does not accept, one after the other.
void keep_what_is_sound(Kernel& kernel) {
  const std::function<bool(kernel::Block&)> forget_one = [&](kernel::Block& block) {
    for (kernel::Statement& statement : block) {
      Schedule* schedule = nullptr;
      if (auto* loop = std::get_if<kernel::For>(&statement.body)) {
        if (forget_one(loop->body)) return true;
      } else if (auto* map = std::get_if<kernel::Map>(&statement.body)) {
        schedule = &map->schedule;
      } else if (auto* reduce = std::get_if<kernel::Reduce>(&statement.body)) {
        schedule = &reduce->schedule;
      } else if (auto* contract = std::get_if<kernel::Contract>(&statement.body)) {
        schedule = &contract->schedule;
      }
      if (!schedule || schedule->empty()) continue;
      const size_t before = kernel::verify(kernel).size();
      const Schedule kept = std::exchange(*schedule, {});
      if (kernel::verify(kernel).size() < before) return true;
      *schedule = kept;
    }
    return false;
  };
  while (!kernel::verify(kernel).empty()) REQUIRE(forget_one(kernel.body));
}

// ---- memory

double random_number(Random& random, DType dtype, bool special) {
  if (!is_float(dtype)) {
    if (special && dtype == DType::i64 && pick(random, 0, 3) == 0)
      return pick(random, 0, 1) == 0 ? -9.2e18 : 9.2e18;
    return static_cast<double>(dtype == DType::boolean ? pick(random, 0, 1) : pick(random, -2, 11));
  }
  const double plain = std::uniform_real_distribution<double>(-1, 1)(random);
  if (!special) return plain;
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  constexpr double kSpecial[] = {0.0, -0.0, kInfinity, -kInfinity, std::numeric_limits<double>::quiet_NaN()};
  const int64_t choice = pick(random, 0, 19);  // zeros of both signs often, others seldom
  return choice < 5 ? kSpecial[choice] : choice < 12 ? kSpecial[choice % 2] : plain;
}

Memory random_memory(const Kernel& kernel, uint64_t seed, bool special) {
  Random random(seed);
  Memory memory;
  for (const kernel::Buffer& buffer : kernel.buffers) {
    if (buffer.space == kernel::Space::local) continue;
    const DType dtype = buffer.type.dtype;
    const int64_t count = storage_elements(buffer.type.shape, buffer.layout);
    std::vector<std::byte>& block = memory.emplace_back(static_cast<size_t>(count * dtype_bytes(dtype)));
    if (buffer.space == kernel::Space::out) continue;
    for (int64_t i = 0; i < count; ++i)
      write_element(dtype, block.data() + i * dtype_bytes(dtype), random_number(random, dtype, special));
  }
  return memory;
}

// The first element in which two blocks differ, bit by bit, where all NaNs are one; none if they do not.
template <class Float, class Bits>
std::optional<size_t> first_difference(const std::vector<std::byte>& a, const std::vector<std::byte>& b) {
  for (size_t at = 0; at < a.size(); at += sizeof(Float)) {
    Float x, y;
    std::memcpy(&x, a.data() + at, sizeof x);
    std::memcpy(&y, b.data() + at, sizeof y);
    if (std::bit_cast<Bits>(x) != std::bit_cast<Bits>(y) && !(std::isnan(x) && std::isnan(y)))
      return at / sizeof(Float);
  }
  return std::nullopt;
}

std::optional<size_t> first_difference(DType dtype, const std::vector<std::byte>& a,
                                       const std::vector<std::byte>& b) {
  if (dtype == DType::f32) return first_difference<float, uint32_t>(a, b);
  if (dtype == DType::f64) return first_difference<double, uint64_t>(a, b);
  const auto [x, y] = std::ranges::mismatch(a, b);
  if (x == a.end()) return std::nullopt;
  return static_cast<size_t>(x - a.begin()) / static_cast<size_t>(dtype_bytes(dtype));
}

// ---- running

Memory interpreted(const Kernel& kernel, Memory memory) {
  std::vector<std::byte*> arguments;
  for (std::vector<std::byte>& block : memory) arguments.push_back(block.data());
  kernel::evaluate(kernel, arguments);
  return memory;
}

// One launch, with a tensor of its own for every parameter.
kernel::Program program_of(const Kernel& kernel) {
  kernel::Program program;
  program.name = "test";
  kernel::Launch launch{program.kernels.push_back(kernel), {}};
  for (const kernel::Buffer& buffer : kernel.buffers) {
    if (buffer.space == kernel::Space::local) continue;
    kernel::Slot slot;
    slot.name = buffer.name;
    slot.type = buffer.type;
    slot.layout = buffer.layout;
    slot.kind = kernel::Slot::Kind::state;
    launch.arguments.push_back(program.slots.push_back(std::move(slot)));
  }
  program.items.emplace_back(launch);
  return program;
}

Memory compiled(const Kernel& kernel, Memory memory, const std::string& isa) {
  CodegenOptions options;
  options.isa = isa;
  options.use_cache = false;
  Diagnostics diagnostics;
  std::vector<kernel::Program> programs;
  programs.push_back(program_of(kernel));
  const Result<Bundle> bundle = compile_programs(std::move(programs), options, diagnostics);
  REQUIRE(bundle.ok());
  const EntryPoint& entry = bundle->entries[0];
  constexpr size_t kGuard = 64;  // beyond the arena: nothing is written there
  const auto block = [](uint64_t bytes) {
    const size_t size = (bytes + kGuard + 63) / 64 * 64;
    std::unique_ptr<unsigned char, void (*)(void*)> out(
        static_cast<unsigned char*>(std::aligned_alloc(64, size)), &std::free);
    std::memset(out.get(), 0xff, size);
    return out;
  };
  const auto state = block(bundle->state_bytes);
  const auto arena = block(entry.arena_bytes + entry.scratch_bytes_per_thread);
  const auto claims = block(NNC_CLAIM_BYTES);
  std::memset(claims.get(), 0, NNC_CLAIM_BYTES);
  size_t at = 0;
  const auto each_parameter = [&](const auto& visit) {
    at = 0;
    for (const kernel::Buffer& buffer : kernel.buffers)
      if (buffer.space != kernel::Space::local)
        visit(memory[at++], state.get() + bundle->find_tensor(buffer.name)->offset);
  };
  each_parameter([](auto& from, unsigned char* to) { std::memcpy(to, from.data(), from.size()); });
  nnc_context context{};
  context.state = state.get();
  context.arena = arena.get();
  context.claims = claims.get();
  entry.function(&context, 0, 1);
  each_parameter([](auto& to, unsigned char* from) { std::memcpy(to.data(), from, to.size()); });
  const unsigned char* guard = arena.get() + entry.arena_bytes + entry.scratch_bytes_per_thread;
  CHECK(std::all_of(guard, guard + kGuard, [](unsigned char byte) { return byte == 0xff; }));
  return memory;
}

}  // namespace

int64_t pick(Random& random, int64_t low, int64_t high) {
  return std::uniform_int_distribution<int64_t>(low, high)(random);
}

Kernel variant(const Kernel& kernel, uint64_t seed) {
  Random random(seed);
  Kernel out = kernel;
  for (kernel::GridAxis& g : out.grid) {
    const int64_t step = std::exchange(g.step, pick(random, 1, out.axes[g.axis].extent));
    if (!kernel::verify(out).empty()) g.step = step;
  }
  schedule_randomly(random, out, out.body);
  keep_what_is_sound(out);
  return out;
}

void same_bits_compiled(const Kernel& kernel, uint64_t seed) {
  INFO(kernel::print(kernel));
  REQUIRE(kernel::verify(kernel).empty());
  const Memory before = random_memory(kernel, seed, seed % 2 == 1);
  const Memory expected = interpreted(kernel, before);
  for (const std::string isa : {"", "avx2"}) {
    const Memory result = compiled(kernel, before, isa);
    for (size_t i = 0; i < result.size(); ++i) {
      const kernel::Buffer& buffer = kernel.buffers[kernel::BufferId{static_cast<uint32_t>(i)}];
      const std::optional<size_t> at = first_difference(buffer.type.dtype, result[i], expected[i]);
      if (!at) continue;
      const size_t byte = *at * static_cast<size_t>(dtype_bytes(buffer.type.dtype));
      INFO("inputs " << seed << ", isa \"" << isa << "\": " << buffer.name << ", element " << *at << " is "
                     << read_element(buffer.type.dtype, result[i].data() + byte) << " and should be "
                     << read_element(buffer.type.dtype, expected[i].data() + byte));
      REQUIRE(!at);
    }
  }
}

}  // namespace nnc::test
