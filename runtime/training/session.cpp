// A bundle with its memory, and what runs on it besides training: init and evaluation; see trainer.h.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <cstring>
#include <limits>

#include "fmt/format.h"
#include "runtime/memory.h"
#include "runtime/training/batches.h"
#include "runtime/training/trainer.h"
#include "support/dtype.h"

namespace nnc::runtime {
namespace {

// Zeroes memory that nothing has touched yet, each thread a part: the system takes as long to hand out fresh
// pages as a small model needs to compile.
void clear(unsigned char* memory, uint64_t bytes, ThreadPool& pool) {
  struct Work {
    unsigned char* memory;
    uint64_t bytes;
  } work{memory, bytes};
  pool.run(
      [](void* data, int32_t thread, int32_t threads) {
        const Work& w = *static_cast<const Work*>(data);
        const auto at = [&](int32_t t) {
          return w.bytes / 64 * static_cast<uint64_t>(t) / static_cast<uint64_t>(threads) * 64;
        };
        const uint64_t end = thread + 1 == threads ? w.bytes : at(thread + 1);
        std::memset(w.memory + at(thread), 0, end - at(thread));
      },
      &work);
}

}  // namespace

Session::Session(const Bundle& bundle, ThreadPool& pool) : bundle_(bundle), pool_(pool) {
  uint64_t arena = 0;
  for (const EntryPoint& e : bundle.entries)
    arena = std::max(arena, e.arena_bytes + e.scratch_bytes(pool.threads()));
  state_ = allocate_aligned(bundle.state_bytes);
  arena_ = allocate_aligned(arena);
  if (state_ != nullptr) clear(state_, bundle.state_bytes, pool);
  context_.state = state_;
  context_.arena = arena_;
  const uint64_t claims = NNC_CLAIM_BYTES * static_cast<uint64_t>(pool.threads());
  context_.claims = allocate_aligned(claims);
  if (context_.claims != nullptr) std::memset(context_.claims, 0, claims);
}

bool takes_batch(const Bundle& bundle) {
  return std::any_of(bundle.entries.begin(), bundle.entries.end(),
                     [](const EntryPoint& entry) { return !entry.inputs.empty(); });
}

Session::~Session() {
  std::free(state_);
  std::free(arena_);
  std::free(context_.claims);
}

bool Session::check_memory(Diagnostics& diagnostics) const {
  if (state_ != nullptr && arena_ != nullptr && context_.claims != nullptr) return true;
  diagnostics.error_at(DiagnosticKind::out_of_memory, "", "there is not enough memory for this model")
      .suggest(takes_batch(bundle_) ? "a smaller batch: --set train.batch=…" : "a model of smaller tensors");
  return false;
}

void Session::run(const EntryPoint& entry, const unsigned char* const* inputs) {
  context_.inputs = inputs;
  if (entry.serial)
    entry.function(&context_, 0, 1);
  else
    pool_.run(entry.function, &context_);
}

void Session::run(const EntryPoint& entry, const unsigned char* const* inputs, ThreadPool::Function then,
                  void* data) {
  NNC_CHECK(!entry.serial, entry.name + " is for one thread alone");
  struct Call {
    nnc_entry entry;
    nnc_context* context;
    ThreadPool::Function then;
    void* data;
  } call{entry.function, &context_, then, data};
  context_.inputs = inputs;
  pool_.run(
      [](void* raw, int32_t thread, int32_t threads) {
        const Call& c = *static_cast<const Call*>(raw);
        c.entry(c.context, thread, threads);
        c.then(c.data, thread, threads);
      },
      &call);
}

void Session::set_scalar(const std::string& name, double value) {
  const TensorInfo* tensor = bundle_.find_tensor(name);
  if (tensor == nullptr || tensor->role != TensorRole::scalar) return;
  NNC_CHECK(is_float(tensor->dtype), "scalar " + name + " is no float");
  write_element(tensor->dtype, state_ + tensor->offset, value);
}

void Session::set_scalar(const std::string& name, int64_t value) {
  const TensorInfo* tensor = bundle_.find_tensor(name);
  if (tensor == nullptr || tensor->role != TensorRole::scalar) return;
  NNC_CHECK(tensor->dtype == DType::i64, "scalar " + name + " is not i64");
  std::memcpy(state_ + tensor->offset, &value, sizeof value);
}

double Session::read_scalar(const std::string& name) const {
  const TensorInfo* tensor = bundle_.find_tensor(name);
  if (tensor == nullptr) return std::numeric_limits<double>::quiet_NaN();
  return read_element(tensor->dtype, state_ + tensor->offset);
}

void initialize(Session& session, uint64_t seed) {
  std::memset(session.state(), 0, session.bundle().state_bytes);
  session.set_scalar("seed", static_cast<int64_t>(seed));
  if (const EntryPoint* init = session.bundle().find("init")) session.run(*init, nullptr);
}

Result<std::vector<NamedValue>> evaluate(Session& session, const Dataset& data, Diagnostics& diagnostics) {
  const Bundle& bundle = session.bundle();
  const EntryPoint* finish = bundle.find("finish");
  Batches batches;
  if (!batches.bind(bundle, "eval", data, diagnostics)) return Failure{};
  if (finish == nullptr || (batches.dropped_rows() > 0)) {
    diagnostics.error_at(DiagnosticKind::missing_program, "",
                         finish == nullptr
                             ? "the bundle has no program finish"
                             : fmt::format("the bundle has no program for the last {} rows of {}",
                                           batches.dropped_rows(), data.rows));
    return Failure{};
  }
  for (const TensorInfo& t : bundle.tensors)
    if (t.role == TensorRole::sum) std::memset(session.state() + t.offset, 0, t.bytes);
  for (int64_t b = 0; b < batches.batches(); ++b) batches.run(session, b);
  session.run(*finish, nullptr);
  std::vector<NamedValue> values;
  for (const TensorInfo& t : bundle.tensors)
    if (is_measured(t)) values.push_back({t.name, read_element(t.dtype, session.state() + t.offset), t.kind});
  return values;
}

}  // namespace nnc::runtime
