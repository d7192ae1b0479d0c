// The layout follows tensorflow/core/lib/io/record_writer.h and tensorflow/core/util/event.proto.
#include "runtime/store/tensorboard.h"

#include <array>
#include <bit>

namespace nnc::runtime {
namespace {

std::string little_endian(uint64_t value, int bytes) {
  std::string out;
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 255);
  return out;
}

// ---- protobuf's wire format ----

std::string varint(uint64_t value) {
  std::string out;
  for (; value >= 128; value >>= 7) out += static_cast<char>((value & 127) | 128);
  return out + static_cast<char>(value);
}
std::string key(int field, int wire_type) {
  return varint(static_cast<uint64_t>(field) << 3 | static_cast<uint64_t>(wire_type));
}
std::string bytes_field(int field, const std::string& bytes) {
  return key(field, 2) + varint(bytes.size()) + bytes;
}

// ---- records ----

std::string record(const std::string& message) {
  // Checksums are rotated and shifted, since a checksum of data that holds checksums is weak.
  const auto masked = [](const std::string& bytes) {
    const uint32_t crc = crc32c(bytes.data(), bytes.size());
    return little_endian(std::rotr(crc, 15) + 0xa282ead8u, 4);
  };
  const std::string length = little_endian(message.size(), 8);
  return length + masked(length) + message + masked(message);
}

std::string wall_time_field(double wall_time) {
  return key(1, 1) + little_endian(std::bit_cast<uint64_t>(wall_time), 8);
}

}  // namespace

uint32_t crc32c(const void* data, size_t size) {
  static const std::array<uint32_t, 256> kTable = [] {
    std::array<uint32_t, 256> table{};
    for (uint32_t i = 0; i < 256; ++i) {
      uint32_t crc = i;
      for (int bit = 0; bit < 8; ++bit) crc = (crc & 1) != 0 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
      table[i] = crc;
    }
    return table;
  }();
  uint32_t crc = ~0u;
  const auto* bytes = static_cast<const unsigned char*>(data);
  for (size_t i = 0; i < size; ++i) crc = crc >> 8 ^ kTable[(crc ^ bytes[i]) & 255];
  return ~crc;
}

std::string event_file_start(double wall_time) {
  return record(wall_time_field(wall_time) + bytes_field(3, "brain.Event:2"));
}

std::string event_record(double wall_time, int64_t step, std::span<const EventValue> values) {
  std::string summary;
  for (const EventValue& value : values)
    summary += bytes_field(1, bytes_field(1, value.tag) + key(2, 5) +
                                  little_endian(std::bit_cast<uint32_t>(static_cast<float>(value.value)), 4));
  return record(wall_time_field(wall_time) + key(2, 0) + varint(static_cast<uint64_t>(step)) +
                bytes_field(5, summary));
}

}  // namespace nnc::runtime
