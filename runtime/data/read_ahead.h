// Rows of mapped files, brought into memory before the step needs them. A thread of its own asks the system for the pages
// of the batches to come and then touches them, so that the threads of the step find the pages there and never wait for the
// disk. It writes nothing that the step reads: what is computed does not depend on it.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <thread>
#include <vector>

#include "runtime/data/dataset.h"

namespace nnc::runtime {

class ReadAhead {
 public:
  // Batches that are asked for before the one which is gathered next.
  int64_t distance() const { return distance_; }

  // Of these columns the mapped ones; batches of at most `rows` rows. Everything is allocated here. The columns must
  // stay. Without a mapped column, or if the system gives no thread, there is nothing to ask: see works().
  ReadAhead(std::vector<const ColumnData*> columns, int64_t rows);
  ~ReadAhead();
  ReadAhead(const ReadAhead&) = delete;
  ReadAhead& operator=(const ReadAhead&) = delete;

  bool works() const { return thread_.joinable(); }
  // Bytes that reading ahead keeps for such columns and batches: the row numbers of the batches asked for. 0 without a mapped
  // column.
  static uint64_t memory(std::span<const ColumnData* const> columns, int64_t rows);
  uint64_t memory() const;
  // These rows will be needed. Copies their numbers, never waits; false if too many batches are asked for already.
  bool ask(const uint32_t* rows, int64_t count);
  // Batches that have been asked for so far, and those whose pages have been touched.
  uint64_t asked() const { return asked_.load(std::memory_order_acquire); }
  uint64_t done() const { return done_.load(std::memory_order_acquire); }

 private:
  struct Batch {
    std::vector<uint32_t> rows;
    int64_t count = 0;
  };
  void work();
  void request(const Batch& batch) const;
  // True if the pages had to be waited for.
  bool touch(const Batch& batch) const;

  std::vector<const ColumnData*> columns_;
  int64_t distance_ = 0;
  std::vector<Batch> ring_;
  std::atomic<uint64_t> asked_{0}, done_{0};
  std::atomic<uint32_t> wake_{0};
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace nnc::runtime
