// Feeding batches to an entry point: rows are gathered into two sets of staging buffers, by the threads of
// the pool as they come out of the step before, or taken as they lie when their order allows it. Rows of mapped
// files are brought into memory some batches ahead (read_ahead.h). Nothing is allocated per batch.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "codegen/program.h"
#include "runtime/data/dataset.h"
#include "runtime/data/read_ahead.h"
#include "runtime/thread_pool.h"
#include "support/diagnostic.h"

namespace nnc::runtime {

class Session;

class Batches {
 public:
  // Finds the programs called `entry` in the bundle, the first for whole batches and the one for the rows left over, and
  // their inputs in the data; checks dtypes and sizes. Rows left over that have no program are dropped. False, with an
  // error, if nothing can run.
  bool bind(const Bundle& bundle, const std::string& entry, const Dataset& data, Diagnostics& diagnostics);

  // Bytes that feeding `entry` and its rest takes beside the data: two sets of staging buffers and, where the rows come in
  // an order, that order and what reading ahead keeps.
  static uint64_t memory(const Bundle& bundle, const std::string& entry, const Dataset& data, bool ordered);

  int64_t batches() const { return full_ + (rest_entry_ != nullptr ? 1 : 0); }
  int64_t dropped_rows() const { return dropped_; }
  int64_t rows_of(int64_t batch) const { return batch < full_ ? batch_ : rest_; }
  const EntryPoint& entry_of(int64_t batch) const { return batch < full_ ? *entry_ : *rest_entry_; }

  // The rows' order from now on; empty: as they lie. Must stay alive. A first order of mapped rows allocates. Throws away what was prepared. With a key,
  // pictures are augmented as their column says.
  void set_order(std::span<const uint32_t> order, const AugmentKey* key = nullptr);
  // Runs batch `batch` (0 …), which is gathered first if the batch before did not do so, and prepares batch
  // + 1.
  void run(Session& session, int64_t batch);
  // What the last run() gave its entry as input number `input`, and which row of the data `row` of a batch is.
  const unsigned char* last_rows(size_t input) const { return pointers_[input]; }
  int64_t row_in_data(int64_t batch, int64_t row) const {
    const int64_t at = batch * batch_ + row;
    return order_.empty() ? at : order_[static_cast<size_t>(at)];
  }

  // Seconds spent in run(), and of them in gathering rows: what the data costs the step. Gathering is shared
  // among the threads, so that the first one's part of it stands for all.
  double seconds() const { return std::chrono::duration<double>(running_time_).count(); }
  double gathering_seconds() const { return std::chrono::duration<double>(gathering_time_).count(); }

 private:
  struct Feed {
    const ColumnData* column = nullptr;
    AlignedBytes staging[2];
  };
  bool bind_entry(const EntryPoint& entry, int64_t rows, const Dataset& data, bool first,
                  Diagnostics& diagnostics);
  // The rows of a batch where they lie in the data set; null if they have to be gathered.
  const unsigned char* in_place(const Feed& feed, int64_t batch) const;
  // Asks for the rows of the batches after `batch`, as many as the reading thread takes.
  void ask_ahead(int64_t batch);
  // Whether several threads gather a batch sooner than one, of a step that one takes.
  bool is_worth_sharing(int64_t batch) const;
  // One thread's share of the rows of `gathering_`.
  void gather(int32_t thread, int32_t threads);

  const EntryPoint* entry_ = nullptr;
  const EntryPoint* rest_entry_ = nullptr;
  int64_t batch_ = 0, full_ = 0, rest_ = 0, dropped_ = 0;
  std::span<const uint32_t> order_;
  AugmentKey key_;
  bool augmented_ = false;
  std::vector<Feed> feeds_;
  std::vector<const unsigned char*> pointers_;
  int64_t prepared_ = -1;  // the batch whose rows are in staging[prepared_ % 2]
  int64_t gathering_ = -1;
  std::unique_ptr<ReadAhead> ahead_;  // once there is an order, and only for mapped rows
  int64_t next_ask_ = 0;
  std::chrono::steady_clock::duration running_time_{}, gathering_time_{};
};

}  // namespace nnc::runtime
