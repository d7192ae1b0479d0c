// safetensors: what is written reads back, malformed files are refused one by one, atomic writing.
#include <sys/resource.h>
#include <sys/wait.h>

#include <csignal>
#include <cstring>

#include "catch2/catch.hpp"
#include "runtime/store/checkpoint.h"
#include "support.h"
#include "toy_bundle.h"

using namespace nnc;
using namespace nnc::runtime;
using namespace nnc::runtime::test;

namespace {

std::vector<unsigned char> file_of(const std::string& header, const std::string& data, int64_t length = -1) {
  std::vector<unsigned char> out;
  const uint64_t size = length < 0 ? header.size() : static_cast<uint64_t>(length);
  for (int i = 0; i < 8; ++i) out.push_back(static_cast<unsigned char>(size >> (8 * i)));
  out.insert(out.end(), header.begin(), header.end());
  out.insert(out.end(), data.begin(), data.end());
  return out;
}

// The message about a malformed file; "" if it was accepted.
std::string refusal(std::vector<unsigned char> bytes) {
  Diagnostics diagnostics;
  if (parse_checkpoint("f", std::move(bytes), diagnostics)) return "";
  REQUIRE(diagnostics.all().size() == 1);
  CHECK(diagnostics.exit_code() == 6);
  return diagnostics.all()[0].message;
}

const std::string kTwo =
    R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"I64","shape":[1],"data_offsets":[8,16]}})";

}  // namespace

TEST_CASE("files that must be refused") {
  const std::string data(16, 'x');
  CHECK(refusal(file_of(kTwo, data)).empty());
  const auto expect = [](const std::vector<unsigned char>& bytes, const std::string& part) {
    const std::string message = refusal(bytes);
    INFO(message);
    CHECK(message.find(part) != std::string::npos);
  };
  expect({1, 2, 3}, "too short");
  expect(file_of("{}", "", 1000), "cut short");
  expect(file_of("{}", "", 200'000'000), "at most 100000000");
  expect(file_of("{}", "", INT64_MAX), "at most 100000000");
  expect(file_of("{\"a\xFF\":1}", ""), "not UTF-8");
  expect(file_of("[1]", ""), "does not start with {");
  expect(file_of("{\"a\":}", ""), "not JSON");
  expect(file_of("", ""), "not JSON");
  expect(file_of(kTwo, data + "y"), "1 bytes after the last tensor");
  expect(file_of(kTwo, data.substr(1)), "cut short: its tensors need 16 bytes, 15 are there");
  const auto one = [](const std::string& fields) { return file_of("{\"a\":{" + fields + "}}", "12345678"); };
  expect(one(R"("dtype":"F32","shape":[3],"data_offsets":[0,8])"), "needs 12 bytes");
  expect(one(R"("dtype":"F33","shape":[2],"data_offsets":[0,8])"), "unknown dtype F33");
  expect(one(R"("dtype":"F32","shape":[2],"data_offsets":[8,0])"), "ends before it begins");
  expect(one(R"("dtype":"F32","shape":[-2],"data_offsets":[0,8])"), "whole number");
  expect(one(R"("dtype":"F32","shape":[2.0],"data_offsets":[0,8])"), "whole number");
  expect(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,99999999999999999999])"), "whole number");
  expect(one(R"("dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8])"), "more elements");
  expect(one(R"("dtype":"F32","shape":[9223372036854775807],"data_offsets":[0,8])"), "more elements");
  expect(one(R"("shape":[2],"data_offsets":[0,8])"), "no dtype");
  expect(one(R"("dtype":"F32","data_offsets":[0,8])"), "no shape");
  expect(one(R"("dtype":"F32","shape":[2])"), "data_offsets");
  expect(one(R"("dtype":"F32","shape":[2],"data_offsets":[0,8],"more":1)"), "unknown field more");
  expect(one(R"("dtype":"F32","shape":[1],"data_offsets":[4,8])"), "4 bytes before a");
  expect(
      file_of(
          R"({"a":{"dtype":"U8","shape":[4],"data_offsets":[0,4]},"b":{"dtype":"U8","shape":[6],"data_offsets":[2,8]}})",
          "12345678"),
      "overlap");
  expect(
      file_of(
          R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},"a":{"dtype":"I8","shape":[8],"data_offsets":[0,8]}})",
          "12345678"),
      "a twice");
  expect(file_of(R"({"a":{"dtype":"U8","dtype":"I8","shape":[8],"data_offsets":[0,8]}})", "12345678"),
         "dtype twice");
  expect(
      file_of(
          R"({"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]},"b":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}})",
          ""),
      "both empty");
  expect(file_of(R"({"__metadata__":{"k":1}})", ""), "not a string");
  expect(file_of(R"({"__metadata__":[]})", ""), "not an object");
  expect(file_of("{\"a\":" + std::string(50000, '[') + std::string(50000, ']') + "}", ""), "nests deeper");
}

TEST_CASE("files that must be accepted") {
  CHECK(refusal(file_of("{}", "")).empty());
  CHECK(refusal(file_of("{}   ", "")).empty());
  CHECK(refusal(file_of(R"({"a":{"dtype":"I32","shape":[2,0],"data_offsets":[0,0]}})", "")).empty());
  CHECK(refusal(file_of(R"({"a":{"dtype":"I32","shape":[],"data_offsets":[0,4]}})", "1234")).empty());
  CHECK(refusal(file_of(R"({"__metadata__":{"k":"v"}})", "")).empty());
}

TEST_CASE("every cut and every changed byte: refused or read, never a crash") {
  const std::vector<unsigned char> whole = file_of(kTwo, std::string(16, 'x'));
  for (size_t cut = 0; cut < whole.size(); ++cut)
    CHECK_FALSE(refusal({whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut)}).empty());
  for (size_t at = 0; at < whole.size() - 16; ++at)
    for (const int value : {0, 34, 48, 57, 91, 123, 125, 255}) {
      std::vector<unsigned char> broken = whole;
      broken[at] = static_cast<unsigned char>(value);
      Diagnostics diagnostics;
      const Result<Checkpoint> checkpoint = parse_checkpoint("f", broken, diagnostics);
      CHECK(checkpoint.ok() != diagnostics.has_errors());
    }
}

TEST_CASE("state goes to a file and back, layouts aside") {
  const Bundle bundle = toy_bundle<22, 0>();
  std::vector<unsigned char> state(kStateBytes, 0), other(kStateBytes, 0xAA);
  for (uint64_t i = 0; i < 96; i += 4) {
    const auto value = static_cast<float>(i);
    std::memcpy(state.data() + kWeight + i, &value, 4);
  }
  const float bias[3] = {7, 8, 9};
  std::memcpy(state.data() + kBias, bias, 12);

  const TemporaryFolder folder;
  const std::string path = folder.path() + "/a.safetensors";
  Diagnostics diagnostics;
  REQUIRE(write_checkpoint(path, bundle, state.data(), {{"step", "3"}, {"집", "値"}}, diagnostics));
  const Result<Checkpoint> read = read_checkpoint(path, diagnostics);
  REQUIRE(read);
  CHECK(read->metadata.at("step") == "3");
  CHECK(read->metadata.at("집") == "値");
  CHECK(read->tensors.size() == 4);  // no scalars, outputs, sums
  const StoredTensor* weight = read->find("fc.weight");
  REQUIRE(weight != nullptr);
  CHECK(weight->shape == std::vector<int64_t>{3, 4});
  float stored[12];
  std::memcpy(stored, read->data.data() + weight->begin, 48);
  CHECK(stored[4] == 32);  // row 1 starts at padded element 8

  REQUIRE(load_state(*read, bundle, other.data(), {}, diagnostics));
  CHECK(encode_checkpoint(bundle, other.data(), {}) == encode_checkpoint(bundle, state.data(), {}));
  float padding;
  std::memcpy(&padding, other.data() + kWeight + 4 * 4, 4);
  uint32_t bits;
  std::memcpy(&bits, &padding, 4);
  CHECK(bits == 0xAAAAAAAA);  // untouched

  const std::string text = describe_checkpoint(*read);
  CHECK(text.find("F32[3, 4]") != std::string::npos);
  CHECK(text.find("step: 3") != std::string::npos);
  CHECK(text.find("15 numbers outside the optimizer") != std::string::npos);
}

TEST_CASE("what is saved follows the role, not the name") {
  const auto tensor = [](const char* name, TensorRole role) {
    return TensorInfo{name, role, DType::f32, {}, {}, 0, 4};
  };
  CHECK(is_saved(tensor("sum.0", TensorRole::state)));
  CHECK(is_saved(tensor("m", TensorRole::moment)));
  CHECK_FALSE(is_saved(tensor("total", TensorRole::sum)));
  CHECK_FALSE(is_saved(tensor("optimizer.m.w", TensorRole::output)));
}

TEST_CASE("names and shapes are compared, all differences listed, nothing half loaded") {
  const Bundle bundle = toy_bundle<0, 0>();
  Bundle other = bundle;
  other.tensors[0].name = "fc2.weight";
  other.tensors[1].shape = {1};
  std::vector<unsigned char> state(kStateBytes, 1), before = state;
  Diagnostics diagnostics;
  const Result<Checkpoint> checkpoint =
      parse_checkpoint("f", encode_checkpoint(other, state.data(), {}), diagnostics);
  REQUIRE(checkpoint);
  CHECK_FALSE(load_state(*checkpoint, bundle, state.data(), {}, diagnostics));
  CHECK(diagnostics.error_count() == 3);
  CHECK(state == before);
}

TEST_CASE("PyTorch's files: second names with equal values pass, counters are skipped") {
  const Bundle bundle = toy_bundle<0, 0>();
  std::vector<unsigned char> state(kStateBytes, 0);
  const std::string weight(48, 'w'), bias(12, 'b');
  const auto load = [&](const std::string& extra_header, const std::string& extra) {
    Diagnostics diagnostics;
    const Result<Checkpoint> checkpoint = parse_checkpoint(
        "f",
        file_of(
            R"({"fc.weight":{"dtype":"F32","shape":[3,4],"data_offsets":[0,48]},"fc.bias":{"dtype":"F32","shape":[3],"data_offsets":[48,60]},)" +
                extra_header + "}",
            weight + bias + extra),
        diagnostics);
    REQUIRE(checkpoint);
    return load_state(*checkpoint, bundle, state.data(), {.optimizer = false}, diagnostics).ok();
  };
  CHECK(load(R"("bn.num_batches_tracked":{"dtype":"I64","shape":[],"data_offsets":[60,68]})", "12345678"));
  CHECK(load(R"("head.weight":{"dtype":"F32","shape":[3,4],"data_offsets":[60,108]})", weight));
  CHECK_FALSE(
      load(R"("head.weight":{"dtype":"F32","shape":[3,4],"data_offsets":[60,108]})", std::string(48, 'v')));
}

TEST_CASE("a write that fails leaves the old file and no rest") {
  const TemporaryFolder folder;
  const std::string path = folder.file("a.bin", "old");
  // A child with a limit on file sizes stands for a full disk.
  const pid_t child = fork();
  if (child == 0) {
    const rlimit limit{1000, 1000};
    setrlimit(RLIMIT_FSIZE, &limit);
    std::signal(SIGXFSZ, SIG_IGN);
    Diagnostics diagnostics;
    const bool written = write_file(path, std::string(100000, 'n'), diagnostics).ok();
    _exit(!written && diagnostics.exit_code() == 1 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
  CHECK(slurp(path) == "old");
  CHECK(files_below(folder.path()).size() == 1);
}
