// Rows of mapped files are in memory before they are gathered, and nothing waits for the thread that sees to it.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <thread>

#include "catch2/catch.hpp"
#include "runtime/data/read_ahead.h"
#include "support.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

constexpr int64_t kRows = 2000;
constexpr size_t kRow = 4096;

// A file of pages, row i of bytes i & 255, which is on the disk and not in memory.
ColumnData cold_column(const TemporaryFolder& folder) {
  std::string bytes;
  for (int64_t i = 0; i < kRows; ++i) bytes.append(kRow, static_cast<char>(i));
  const std::string path = folder.file("rows.bin", bytes);
  const int file = ::open(path.c_str(), O_RDONLY);
  REQUIRE(::fsync(file) == 0);
  ::posix_fadvise(file, 0, 0, POSIX_FADV_DONTNEED);
  ::close(file);
  Diagnostics diagnostics;
  Result<SharedBytes> mapped = open_bytes(path, DataPlace::mapped, diagnostics);
  REQUIRE(mapped);
  REQUIRE((*mapped)->mapped());
  ColumnData column;
  column.column = {"x", DType::f32, {static_cast<int64_t>(kRow)}, 0, {}};
  column.row_elements = kRow;
  column.packed = true;
  column.table.resize(256);
  column.file = *mapped;
  column.stride = kRow;
  return column;
}

bool in_memory(const ColumnData& column, int64_t row) {
  unsigned char found = 0;
  REQUIRE(::mincore(const_cast<unsigned char*>(column.row(row)), 1, &found) == 0);
  return (found & 1) != 0;
}

bool wait_for(const ReadAhead& ahead, uint64_t batches) {
  while (ahead.done() < batches) std::this_thread::yield();
  return ahead.done() == batches;
}

}  // namespace

TEST_CASE("rows that are asked for come into memory, and no others") {
  const TemporaryFolder folder;
  const ColumnData column = cold_column(folder);
  column.file->expect_order(true);
  const std::vector<uint32_t> rows = {1900, 3, 700, 1200};
  // Where temporary files lie in memory themselves, nothing can be seen.
  const bool cold = !in_memory(column, 700);
  ReadAhead ahead({&column}, 4);
  REQUIRE(ahead.works());
  REQUIRE(ahead.ask(rows.data(), 4));
  REQUIRE(wait_for(ahead, 1));
  for (const uint32_t row : rows) CHECK(in_memory(column, row));
  if (cold) CHECK_FALSE(in_memory(column, 1000));
  if (!cold) WARN("the temporary folder lies in memory: only half of this is tested");
}

TEST_CASE("asking never waits: what is too much is refused, and the rest is done") {
  const TemporaryFolder folder;
  const ColumnData column = cold_column(folder);
  ReadAhead ahead({&column}, 500);
  std::vector<uint32_t> rows(500);
  uint64_t taken = 0;
  for (uint32_t batch = 0; batch < 400; ++batch) {
    for (uint32_t i = 0; i < 500; ++i) rows[i] = (batch * 37 + i * 4) % kRows;
    if (ahead.ask(rows.data(), 500)) ++taken;
    CHECK(ahead.asked() - ahead.done() <= static_cast<uint64_t>(ahead.distance()) + 2);
  }
  CHECK(taken > 0);
  CHECK(ahead.asked() == taken);
  CHECK(wait_for(ahead, taken));
  CHECK(ahead.ask(rows.data(), 500));  // the destructor does not wait for this one to be read
}

TEST_CASE("rows in memory have no reading thread") {
  ColumnData column;
  column.column = {"x", DType::f32, {}, 0, {}};
  column.bytes.resize(400);
  CHECK_FALSE(ReadAhead({&column}, 10).works());
}

TEST_CASE("what reading ahead keeps is what its bill says") {
  const TemporaryFolder folder;
  const ColumnData mapped = cold_column(folder);
  ColumnData held;
  held.column = {"x", DType::f32, {}, 0, {}};
  held.bytes.resize(400);
  const std::vector<const ColumnData*> both = {&held, &mapped}, none = {&held};
  // Rows of 4 KiB: up to 64 MiB are asked for ahead, at most 16 batches, at least one.
  const std::pair<int64_t, uint64_t> expected[] = {{1, 18}, {4, 18}, {1024, 18}, {2000, 10}, {20000, 3}};
  for (const auto& [rows, batches] : expected) {
    INFO(rows);
    CHECK(ReadAhead::memory(both, rows) == batches * static_cast<uint64_t>(rows) * sizeof(uint32_t));
    CHECK(ReadAhead(both, rows).memory() == ReadAhead::memory(both, rows));
  }
  CHECK(ReadAhead::memory(none, 1000) == 0);
  CHECK(ReadAhead(none, 1000).memory() == 0);
}

// Not a test: prints what gathering costs a step of 2 ms when no row is in memory. Run it as
//   nnc_runtime_tests "[measure]"
TEST_CASE("gathering rows from the disk", "[.measure]") {
  using Clock = std::chrono::steady_clock;
  constexpr int64_t kBatch = 16, kBatches = kRows / kBatch;
  const TemporaryFolder folder;
  const ColumnData column = cold_column(folder);
  std::vector<uint32_t> order(static_cast<size_t>(kRows));
  shuffled_order(1, ShufflePurpose::epoch, 0, order);
  std::vector<unsigned char> to(static_cast<size_t>(kBatch * column.row_bytes()));
  const auto forget = [&] {
    ::madvise(const_cast<unsigned char*>(column.row(0)), column.file->size(), MADV_PAGEOUT);
  };
  const auto measure = [&](const char* name, bool random, bool ask, bool cold) {
    column.file->expect_order(random);
    forget();
    if (!cold) gather_rows(column, order.data(), kRows, std::vector<unsigned char>(kRows * 4 * kRow).data());
    ReadAhead ahead({&column}, kBatch);
    Clock::duration gathering{};
    int64_t asked = 0;
    for (int64_t b = 0; b < kBatches; ++b) {
      // Where the system reads on around a row, what it read would be gone again before it is used.
      if (cold && !random && b % 4 == 0) forget();
      for (; ask && asked < std::min(kBatches, b + ahead.distance()); ++asked)
        if (!ahead.ask(order.data() + asked * kBatch, kBatch)) break;
      for (const auto end = Clock::now() + std::chrono::milliseconds(2); Clock::now() < end;) {
      }
      const auto start = Clock::now();
      gather_rows(column, order.data() + b * kBatch, kBatch, to.data());
      gathering += Clock::now() - start;
    }
    const double us = std::chrono::duration<double, std::micro>(gathering).count();
    std::printf("%-40s %7.2f us a row\n", name, us / static_cast<double>(kRows));
  };
  measure("in memory", false, false, false);
  measure("in memory, read ahead", true, true, false);
  measure("on disk, as the system does it", false, false, true);
  measure("on disk, single pages", true, false, true);
  measure("on disk, read ahead", true, true, true);
}
