// Staging buffers and the programs for whole and last batches; see batches.h.
#include "runtime/training/batches.h"

#include <algorithm>

#include "fmt/format.h"
#include "runtime/training/trainer.h"

namespace nnc::runtime {
namespace {

// Bytes to gather, of which one thread copies a good part while another wakes up.
constexpr int64_t kWorthSharing = 256 << 10;

// Adds the time from here to the end of the block.
class Timed {
 public:
  using Clock = std::chrono::steady_clock;
  explicit Timed(Clock::duration& to) : to_(to), start_(Clock::now()) {}
  ~Timed() { to_ += Clock::now() - start_; }
  Timed(const Timed&) = delete;
  Timed& operator=(const Timed&) = delete;

 private:
  Clock::duration& to_;
  Clock::time_point start_;
};

}  // namespace

bool Batches::bind_entry(const EntryPoint& entry, int64_t rows, const Dataset& data, bool first,
                         Diagnostics& diagnostics) {
  const auto fail = [&](std::string message) {
    diagnostics.error_at(DiagnosticKind::missing_program, entry.name, std::move(message));
    return false;
  };
  if (!first && entry.inputs.size() != feeds_.size())
    return fail("takes other inputs than the whole batch's program");
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    const InputInfo& input = entry.inputs[i];
    const ColumnData* column = data.find(input.name);
    if (column == nullptr) return fail(fmt::format("takes {}, which is not in the data", input.name));
    int64_t elements = 1;
    for (const int64_t size : input.shape) elements *= size;
    if (input.shape.empty() || input.shape[0] != rows || input.dtype != column->column.dtype ||
        elements != rows * column->row_elements)
      return fail(fmt::format("takes {} as {}[{}], the data has {} rows of {} {}", input.name,
                              dtype_name(input.dtype), fmt::join(input.shape, ", "), rows,
                              column->row_elements, dtype_name(column->column.dtype)));
    if (first) {
      feeds_.emplace_back();
      feeds_.back().column = column;
    } else if (feeds_[i].column != column) {
      return fail("takes its inputs in another order than the whole batch's program");
    }
  }
  return true;
}

bool Batches::bind(const Bundle& bundle, const std::string& entry, const Dataset& data,
                   Diagnostics& diagnostics) {
  const auto running = running_time_, gathering = gathering_time_;
  *this = Batches();
  running_time_ = running;
  gathering_time_ = gathering;
  const EntryPoint* whole = bundle.find(entry);
  batch_ = whole == nullptr ? 0 : whole->rows;
  if (whole != nullptr && whole->inputs.empty()) {  // a model without data: each "batch" is one step
    entry_ = whole;
    full_ = 1;
    return true;
  }
  full_ = batch_ > 0 ? data.rows / batch_ : 0;
  const int64_t left = data.rows - full_ * batch_;
  if (left > 0) rest_entry_ = bundle.find(entry, left);
  (rest_entry_ != nullptr ? rest_ : dropped_) = left;
  if (full_ > 0) entry_ = whole;
  if (batches() == 0) {
    diagnostics.error_at(DiagnosticKind::missing_program, "",
                         whole == nullptr
                             ? fmt::format("the bundle has no program {}", entry)
                             : fmt::format("{} rows do not fill one batch of {}", data.rows, batch_));
    return false;
  }
  if (entry_ != nullptr && !bind_entry(*entry_, batch_, data, true, diagnostics)) return false;
  if (rest_entry_ != nullptr && !bind_entry(*rest_entry_, rest_, data, entry_ == nullptr, diagnostics))
    return false;
  const int64_t most = std::max(full_ > 0 ? batch_ : 0, rest_);
  for (Feed& feed : feeds_)
    for (AlignedBytes& buffer : feed.staging)
      buffer.resize(static_cast<size_t>(most * feed.column->row_bytes()));
  for (const Feed& feed : feeds_)
    if (feed.column->file != nullptr) feed.column->file->expect_order(false);
  pointers_.resize(feeds_.size());
  return true;
}

uint64_t Batches::memory(const Bundle& bundle, const std::string& entry, const Dataset& data, bool ordered) {
  const EntryPoint* whole = bundle.find(entry);
  if (whole == nullptr || whole->rows == 0) return 0;
  const int64_t rows = std::min(whole->rows, data.rows);
  const EntryPoint* feeding = bundle.find(entry, rows);
  if (feeding == nullptr) return 0;
  uint64_t bytes = ordered ? static_cast<uint64_t>(data.rows) * sizeof(uint32_t) : 0;
  std::vector<const ColumnData*> columns;
  for (const InputInfo& input : feeding->inputs)
    if (const ColumnData* column = data.find(input.name)) {
      bytes += 2 * static_cast<uint64_t>(rows * column->row_bytes());
      columns.push_back(column);
    }
  return bytes + (ordered ? ReadAhead::memory(columns, rows) : 0);
}

void Batches::set_order(std::span<const uint32_t> order, const AugmentKey* key) {
  order_ = order;
  augmented_ = key != nullptr;
  if (augmented_) key_ = *key;
  prepared_ = -1;
  next_ask_ = 0;
  for (const Feed& feed : feeds_)
    if (feed.column->file != nullptr) feed.column->file->expect_order(!order_.empty());
  if (order_.empty() || ahead_ != nullptr) return;
  std::vector<const ColumnData*> columns;
  for (const Feed& feed : feeds_) columns.push_back(feed.column);
  ahead_ = std::make_unique<ReadAhead>(std::move(columns), std::max(full_ > 0 ? batch_ : 0, rest_));
}

void Batches::ask_ahead(int64_t batch) {
  if (order_.empty() || !ahead_->works()) return;
  // What is gathered now or next is too late to be asked for, except at the start.
  next_ask_ = std::max(next_ask_, prepared_ == batch ? batch + 2 : batch);
  const int64_t end = std::min(batches(), batch + 2 + ahead_->distance());
  for (; next_ask_ < end; ++next_ask_)
    if (!ahead_->ask(order_.data() + next_ask_ * batch_, rows_of(next_ask_))) return;
}

const unsigned char* Batches::in_place(const Feed& feed, int64_t batch) const {
  const ColumnData& column = *feed.column;
  if (!order_.empty() || column.packed || !column.pick.empty()) return nullptr;
  if (column.file != nullptr && column.stride != static_cast<size_t>(column.row_bytes())) return nullptr;
  const unsigned char* at = column.row(batch * batch_);
  return reinterpret_cast<uintptr_t>(at) % 64 == 0 ? at : nullptr;
}

bool Batches::is_worth_sharing(int64_t batch) const {
  int64_t bytes = 0;
  for (const Feed& feed : feeds_) {
    if (augmented_ && feed.column->augment.active()) return true;
    bytes += rows_of(batch) * feed.column->row_bytes();
  }
  return bytes >= kWorthSharing;
}

void Batches::gather(int32_t thread, int32_t threads) {
  Timed::Clock::duration elsewhere{};
  const Timed timed(thread == 0 ? gathering_time_ : elsewhere);
  const int64_t rows = rows_of(gathering_);
  const int64_t begin = rows * thread / threads, end = rows * (thread + 1) / threads;
  const int64_t first = gathering_ * batch_ + begin;
  for (Feed& feed : feeds_) {
    if (in_place(feed, gathering_) != nullptr) continue;
    unsigned char* to = feed.staging[gathering_ % 2].data() + begin * feed.column->row_bytes();
    if (order_.empty())
      copy_rows(*feed.column, first, end - begin, to);
    else
      gather_rows(*feed.column, order_.data() + first, end - begin, to, augmented_ ? &key_ : nullptr);
  }
}

void Batches::run(Session& session, int64_t batch) {
  const Timed timed(running_time_);
  const ThreadPool::Function share = [](void* raw, int32_t thread, int32_t threads) {
    static_cast<Batches*>(raw)->gather(thread, threads);
  };
  // A step that one thread takes alone is over before others have been woken, and so are a few rows.
  const auto gather_all = [&](int64_t which) {
    gathering_ = which;
    if (entry_of(which).serial && !is_worth_sharing(which))
      gather(0, 1);
    else
      session.pool().run(share, this);
  };
  ask_ahead(batch);
  if (prepared_ != batch && !feeds_.empty()) gather_all(batch);
  for (size_t i = 0; i < feeds_.size(); ++i) {
    const unsigned char* at = in_place(feeds_[i], batch);
    pointers_[i] = at != nullptr ? at : feeds_[i].staging[batch % 2].data();
  }
  if (feeds_.empty() || batch + 1 >= batches()) {
    prepared_ = -1;
    session.run(entry_of(batch), pointers_.data());
    return;
  }
  if (entry_of(batch).serial) {
    session.run(entry_of(batch), pointers_.data());
    gather_all(batch + 1);
  } else {
    gathering_ = batch + 1;
    session.run(entry_of(batch), pointers_.data(), share, this);
  }
  prepared_ = batch + 1;
}

}  // namespace nnc::runtime
