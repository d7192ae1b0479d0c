// The pool enters every thread exactly once per run, sleeps and wakes, and survives being oversubscribed.
#include <chrono>
#include <cstdlib>
#include <thread>
#include <vector>

#include "catch2/catch.hpp"
#include "runtime/thread_pool.h"

using namespace nnc;
using namespace nnc::runtime;

namespace {

struct Counts {
  std::vector<int> entered;  // one per thread: no two threads touch the same
  int threads_seen = 0;
};

void count(void* data, int32_t thread, int32_t threads) {
  auto& counts = *static_cast<Counts*>(data);
  ++counts.entered[static_cast<size_t>(thread)];
  if (thread == 0) counts.threads_seen = threads;
}

// A barrier as compiled code has it: every thread must really be running at the same time.
void meet(nnc_context* context, int32_t, int32_t threads) {
  const uint32_t generation = __atomic_load_n(&context->generation, __ATOMIC_ACQUIRE);
  if (__atomic_add_fetch(&context->arrived, 1U, __ATOMIC_ACQ_REL) == static_cast<uint32_t>(threads)) {
    __atomic_store_n(&context->arrived, 0U, __ATOMIC_RELAXED);
    __atomic_store_n(&context->generation, generation + 1, __ATOMIC_RELEASE);
  } else {
    while (__atomic_load_n(&context->generation, __ATOMIC_ACQUIRE) == generation) std::this_thread::yield();
  }
}

}  // namespace

TEST_CASE("every thread enters once per run") {
  for (const int threads : {1, 2, 3, 8}) {
    ThreadPool pool(threads);
    REQUIRE(pool.threads() == threads);
    Counts counts;
    counts.entered.assign(static_cast<size_t>(threads), 0);
    for (int i = 0; i < 50; ++i) pool.run(count, &counts);
    CHECK(counts.threads_seen == threads);
    for (const int entered : counts.entered) CHECK(entered == 50);
  }
}

TEST_CASE("workers that fell asleep are woken") {
  ThreadPool pool(3);
  Counts counts;
  counts.entered.assign(3, 0);
  for (int i = 0; i < 20; ++i) {
    pool.run(count, &counts);
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  for (const int entered : counts.entered) CHECK(entered == 20);
}

TEST_CASE("threads run at the same time, so that entry points can hold barriers") {
  ThreadPool pool(4);
  nnc_context context{};
  for (int i = 0; i < 20; ++i) pool.run(meet, &context);
  CHECK(context.generation == 20);
  CHECK(context.arrived == 0);
}

TEST_CASE("the default number of threads") {
  REQUIRE(::setenv("NNC_THREADS", "3", 1) == 0);
  CHECK(default_threads() == 3);
  REQUIRE(::setenv("NNC_THREADS", "none", 1) == 0);
  CHECK(default_threads() >= 1);
  REQUIRE(::unsetenv("NNC_THREADS") == 0);

  cpu_set_t before, one;
  REQUIRE(sched_getaffinity(0, sizeof before, &before) == 0);
  CHECK(default_threads() == CPU_COUNT(&before));
  CPU_ZERO(&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu)
    if (CPU_ISSET(cpu, &before)) {
      CPU_SET(cpu, &one);
      break;
    }
  REQUIRE(sched_setaffinity(0, sizeof one, &one) == 0);
  CHECK(default_threads() == 1);
  REQUIRE(sched_setaffinity(0, sizeof before, &before) == 0);
}
