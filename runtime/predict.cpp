// Prediction: runs predict.NAME over rows, and prints them as CSV; see trainer.h.
#include <algorithm>
#include <cstring>

#include "fmt/format.h"
#include "runtime/trainer.h"

namespace nnc::runtime {
namespace {

void append_value(fmt::memory_buffer& out, const unsigned char* from, ElementType type) {
  const auto put = [&](auto value) {
    std::memcpy(&value, from, sizeof value);
    fmt::format_to(std::back_inserter(out), ",{}", value);
  };
  switch (type) {
    case ElementType::f32:
      return put(float{});
    case ElementType::f64:
      return put(double{});
    case ElementType::i32:
      return put(int32_t{});
    case ElementType::i64:
      return put(int64_t{});
    case ElementType::boolean:
    case ElementType::u8:
      return put(static_cast<unsigned char>(0));
  }
}

}  // namespace

Status predict_rows(Session& session, const std::string& output, const Dataset& data,
                    const RowsFunction& consume, Diagnostics& diagnostics) {
  const Bundle& bundle = session.bundle();
  const EntryPoint* entry = bundle.find("predict." + output);
  const TensorInfo* result = nullptr;
  for (const TensorInfo& t : bundle.tensors)
    if (t.name == output && t.role == TensorRole::output) result = &t;
  const auto fail = [&](std::string message) {
    diagnostics.error_at(DiagnosticKind::missing_program, "predict." + output, std::move(message));
    return Failure{};
  };
  if (entry == nullptr || result == nullptr) return fail("the bundle has no such program");
  if (entry->inputs.empty() || result->shape.empty())
    return fail("the output has no rows: it does not depend on the data");
  const int64_t batch = result->shape[0];

  std::vector<const ColumnData*> columns;
  std::vector<AlignedBytes> staging;
  std::vector<const unsigned char*> pointers;
  for (const InputInfo& input : entry->inputs) {
    const ColumnData* column = data.find(input.name);
    if (column == nullptr) return fail(fmt::format("takes {}, which is not in the data", input.name));
    int64_t elements = 1;
    for (const int64_t size : input.shape) elements *= size;
    if (input.dtype != column->column.dtype || input.shape.empty() || input.shape[0] != batch ||
        elements != batch * column->row_elements)
      return fail(fmt::format("takes {} as {}[{}], the data has rows of {} {}", input.name,
                              element_name(input.dtype), fmt::join(input.shape, ", "), column->row_elements,
                              element_name(column->column.dtype)));
    columns.push_back(column);
    staging.emplace_back(static_cast<size_t>(batch * column->row_bytes()));
  }
  for (const AlignedBytes& buffer : staging) pointers.push_back(buffer.data());

  int64_t per_row = 1;
  for (size_t i = 1; i < result->shape.size(); ++i) per_row *= result->shape[i];
  const size_t size = element_size(result->dtype);
  std::vector<unsigned char> logical(static_cast<size_t>(batch * per_row) * size);
  for (int64_t first = 0; first < data.rows; first += batch) {
    const int64_t rows = std::min(batch, data.rows - first);
    for (size_t i = 0; i < columns.size(); ++i) {
      const int64_t row_bytes = columns[i]->row_bytes();
      copy_rows(*columns[i], first, rows, staging[i].data());
      for (int64_t r = rows; r < batch; ++r)
        copy_rows(*columns[i], first + rows - 1, 1, staging[i].data() + r * row_bytes);
    }
    session.run(*entry, pointers.data());
    read_tensor(*result, session.state(), logical.data());
    if (!consume(*result, first, rows, logical.data())) break;
  }
  return Done{};
}

Status predict(Session& session, const std::string& output, const Dataset& data, std::FILE* to,
               Diagnostics& diagnostics) {
  fmt::memory_buffer text;
  const auto print = [&](const TensorInfo& result, int64_t first, int64_t rows, const unsigned char* values) {
    int64_t per_row = 1;
    for (size_t i = 1; i < result.shape.size(); ++i) per_row *= result.shape[i];
    if (first == 0) {
      fmt::format_to(std::back_inserter(text), "row");
      for (int64_t k = 0; k < per_row; ++k) {
        if (result.shape.size() == 1)
          fmt::format_to(std::back_inserter(text), ",{}", output);
        else
          fmt::format_to(std::back_inserter(text), ",{}.{}", output, k);
      }
      text.push_back('\n');
    }
    const size_t size = element_size(result.dtype);
    for (int64_t r = 0; r < rows; ++r) {
      fmt::format_to(std::back_inserter(text), "{}", first + r);
      for (int64_t k = 0; k < per_row; ++k)
        append_value(text, values + static_cast<size_t>(r * per_row + k) * size, result.dtype);
      text.push_back('\n');
    }
    const bool written = std::fwrite(text.data(), 1, text.size(), to) == text.size();
    text.clear();
    return written;
  };
  if (!predict_rows(session, output, data, print, diagnostics)) return Failure{};
  if (std::fflush(to) == 0 && std::ferror(to) == 0) return Done{};
  diagnostics.error_at(DiagnosticKind::write_failed, "standard output", "cannot be written to");
  return Failure{};
}

}  // namespace nnc::runtime
