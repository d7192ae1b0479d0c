// The ring between the loop and the reading thread, and what that thread does; see read_ahead.h.
#include "runtime/data/read_ahead.h"

#include <algorithm>
#include <chrono>
#include <system_error>

namespace nnc::runtime {
namespace {

// Enough to have many reads under way at once, and little against any memory.
constexpr int64_t kMostBatches = 16;
constexpr int64_t kMostBytes = 64 << 20;
constexpr size_t kPage = 4096;
// A row that is in memory is touched in a fraction of this.
constexpr double kColdSecondsPerRow = 4e-6;

size_t mapped_row_bytes(const ColumnData& column) {
  return static_cast<size_t>(column.packed ? column.row_elements : column.row_bytes());
}

bool is_mapped(const ColumnData* column) {
  return column->file != nullptr && column->file->mapped();
}

int64_t distance_for(std::span<const ColumnData* const> columns, int64_t rows) {
  int64_t batch_bytes = 0;
  for (const ColumnData* column : columns)
    if (is_mapped(column)) batch_bytes += rows * static_cast<int64_t>(mapped_row_bytes(*column));
  return batch_bytes == 0 ? 0 : std::clamp<int64_t>(kMostBytes / batch_bytes, 1, kMostBatches);
}

// The batches asked for before the next one, that one, and the one that is gathered now.
constexpr int64_t kMoreThanDistance = 2;

}  // namespace

ReadAhead::ReadAhead(std::vector<const ColumnData*> columns, int64_t rows)
    : columns_(std::move(columns)), distance_(distance_for(columns_, rows)) {
  if (distance_ == 0) return;
  std::erase_if(columns_, [](const ColumnData* column) { return !is_mapped(column); });
  ring_.resize(static_cast<size_t>(distance_ + kMoreThanDistance));
  for (Batch& batch : ring_) batch.rows.resize(static_cast<size_t>(rows));
  try {
    thread_ = std::thread([this] { work(); });
  } catch (const std::system_error&) {  // the step's threads read by themselves
  }
}

ReadAhead::~ReadAhead() {
  if (!thread_.joinable()) return;
  stop_.store(true, std::memory_order_release);
  wake_.fetch_add(1, std::memory_order_release);
  wake_.notify_one();
  thread_.join();
}

uint64_t ReadAhead::memory(std::span<const ColumnData* const> columns, int64_t rows) {
  const int64_t distance = distance_for(columns, rows);
  if (distance == 0) return 0;
  return static_cast<uint64_t>((distance + kMoreThanDistance) * rows) * sizeof(uint32_t);
}

uint64_t ReadAhead::memory() const {
  uint64_t bytes = 0;
  for (const Batch& batch : ring_) bytes += batch.rows.capacity() * sizeof(uint32_t);
  return bytes;
}

bool ReadAhead::ask(const uint32_t* rows, int64_t count) {
  const uint64_t asked = asked_.load(std::memory_order_relaxed);
  if (asked - done_.load(std::memory_order_acquire) >= ring_.size()) return false;
  Batch& batch = ring_[asked % ring_.size()];
  batch.count = std::min(count, static_cast<int64_t>(batch.rows.size()));
  std::copy_n(rows, batch.count, batch.rows.begin());
  asked_.store(asked + 1, std::memory_order_release);
  wake_.fetch_add(1, std::memory_order_release);
  wake_.notify_one();
  return true;
}

void ReadAhead::request(const Batch& batch) const {
  for (const ColumnData* column : columns_)
    for (int64_t i = 0; i < batch.count; ++i)
      column->file->read_ahead(column->row(batch.rows[static_cast<size_t>(i)]), mapped_row_bytes(*column));
}

bool ReadAhead::touch(const Batch& batch) const {
  const auto start = std::chrono::steady_clock::now();
  for (const ColumnData* column : columns_) {
    const size_t bytes = mapped_row_bytes(*column);
    for (int64_t i = 0; i < batch.count; ++i) {
      const volatile unsigned char* row = column->row(batch.rows[static_cast<size_t>(i)]);
      for (size_t at = 0; at < bytes; at += kPage) static_cast<void>(row[at]);
      if (bytes > 0) static_cast<void>(row[bytes - 1]);
    }
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  return took.count() > kColdSecondsPerRow * static_cast<double>(batch.count);
}

void ReadAhead::work() {
  // Asking the system costs more than touching what is there: it is done only as long as pages are waited for.
  bool cold = true;
  uint64_t requested = 0;
  for (uint32_t seen = 0;; wake_.wait(seen, std::memory_order_acquire)) {
    seen = wake_.load(std::memory_order_acquire);
    for (uint64_t at = done(); at < asked(); ++at) {
      if (stop_.load(std::memory_order_acquire)) return;
      // All that is known by now, so that the disk has many reads to choose from.
      for (requested = std::max(requested, at); cold && requested < asked(); ++requested)
        request(ring_[requested % ring_.size()]);
      cold = touch(ring_[at % ring_.size()]);
      done_.store(at + 1, std::memory_order_release);
    }
    if (stop_.load(std::memory_order_acquire)) return;
  }
}

}  // namespace nnc::runtime
