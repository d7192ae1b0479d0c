// TensorBoard's event files. A file is a list of records; a record is its length, a checksum, a protobuf message
// `Event` and a checksum of that. An Event has so few fields that they are encoded here by hand.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace nnc::runtime {

struct EventValue {
  std::string tag;  // "train/loss"
  double value = 0;
};

// The record that every file begins with: the format's name, "brain.Event:2".
std::string event_file_start(double wall_time);
// The record of one epoch's numbers. `wall_time` is in seconds since 1970.
std::string event_record(double wall_time, int64_t step, std::span<const EventValue> values);

// CRC-32C (Castagnoli, polynomial 0x1EDC6F41), as the format asks for.
uint32_t crc32c(const void* data, size_t size);

}  // namespace nnc::runtime
