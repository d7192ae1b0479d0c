// What the values of flags have to be, for command_table.cpp. A check gives "" for a good value, and otherwise what was
// expected and found; on a second line stands the likely mend, if there is one.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace nnc::driver {

using FlagCheck = std::function<std::string(const std::string& text)>;

std::string valid_schedule(const std::string& text);
std::string valid_positive(const std::string& text);
std::string valid_not_negative(const std::string& text);
std::string valid_window(const std::string& text);
std::string valid_seed(const std::string& text);
std::string valid_size(const std::string& text);
// Of a valid size, in bytes: "200M", "1.5G".
uint64_t bytes_of_size(const std::string& text);
FlagCheck whole(int64_t low, int64_t high);
FlagCheck one_of(std::vector<std::string> words);

}  // namespace nnc::driver
