// One list of fields for each type (go_through), which Writer and Reader go through in both directions. Numbers lie as this machine
// has them: the cache is not carried to another.
#include "codegen/bundle_bytes.h"

#include <cstring>
#include <type_traits>

namespace nnc::codegen {
namespace {

class Writer {
 public:
  template <class... T>
  void operator()(const T&... fields) {
    (write(fields), ...);
  }
  Object bytes;

 private:
  template <class T>
  void write(const T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      raw(&value, sizeof value);
    } else {
      go_through(*this, value);
    }
  }
  void write(const std::string& text) {
    write(text.size());
    raw(text.data(), text.size());
  }
  void write(const std::vector<bool>& flags) {
    write(flags.size());
    for (const bool flag : flags) write(flag);
  }
  template <class T>
  void write(const std::vector<T>& list) {
    write(list.size());
    for (const T& element : list) write(element);
  }
  void raw(const void* data, size_t size) {
    const char* begin = static_cast<const char*>(data);
    bytes.insert(bytes.end(), begin, begin + size);
  }
};

// After bytes that end too soon, or too late, `good` is false.
class Reader {
 public:
  explicit Reader(const Object& bytes) : next_(bytes.data()), end_(bytes.data() + bytes.size()) {}
  template <class... T>
  void operator()(T&... fields) {
    (read(fields), ...);
  }
  bool is_done() const { return good_ && next_ == end_; }

 private:
  template <class T>
  void read(T& value) {
    if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>) {
      raw(&value, sizeof value);
    } else {
      go_through(*this, value);
    }
  }
  void read(std::string& text) {
    text.resize(count());
    raw(text.data(), text.size());
  }
  void read(std::vector<bool>& flags) {
    flags.resize(count());
    for (size_t i = 0; i < flags.size(); ++i) {
      bool flag = false;
      read(flag);
      flags[i] = flag;
    }
  }
  template <class T>
  void read(std::vector<T>& list) {
    list.resize(count());
    for (T& element : list) read(element);
  }
  // Of elements, each of which takes a byte or more.
  size_t count() {
    size_t size = 0;
    read(size);
    good_ = good_ && size <= static_cast<size_t>(end_ - next_);
    return good_ ? size : 0;
  }
  void raw(void* to, size_t size) {
    good_ = good_ && size <= static_cast<size_t>(end_ - next_);
    if (!good_ || size == 0) return;
    std::memcpy(to, next_, size);
    next_ += size;
  }

  const char* next_;
  const char* end_;
  bool good_ = true;
};

// `T` is the type or, where it is written, the type const.
template <class T, class Of>
concept Either = std::is_same_v<std::remove_const_t<T>, Of>;

void go_through(auto& archive, Either<FileId> auto& id) {
  archive(id.index);
}
void go_through(auto& archive, Either<Span> auto& span) {
  archive(span.file, span.begin, span.end);
}
void go_through(auto& archive, Either<TensorInfo> auto& t) {
  archive(t.name, t.role, t.dtype, t.shape, t.strides, t.offset, t.bytes, t.kind, t.of);
}
void go_through(auto& archive, Either<InputInfo> auto& input) {
  archive(input.name, input.dtype, input.shape);
}
void go_through(auto& archive, Either<MemoryBill> auto& bill) {
  archive(bill.gradients, bill.activations, bill.scratch, bill.inputs, bill.constants);
}
void go_through(auto& archive, Either<KernelInfo> auto& k) {
  archive(k.name, k.source, k.flops, k.operations, k.tasks, k.bytes_read, k.bytes_written, k.again);
}
void go_through(auto& archive, Either<EntryPoint> auto& e) {
  archive(e.name, e.rows, e.inputs, e.kernels, e.items, e.distinct_kernels, e.barriers, e.serial, e.memory,
          e.arena_bytes, e.scratch_bytes_per_thread, e.flops, e.bytes_read, e.bytes_written, e.values_again,
          e.bytes_saved);
}
void go_through(auto& archive, Either<CachedUnit> auto& unit) {
  archive(unit.symbol, unit.key);
}
void go_through(auto& archive, Either<BundleDescription> auto& d) {
  archive(d.bundle.tensors, d.bundle.state_bytes, d.bundle.entries, d.units);
}

}  // namespace

Object to_bytes(const BundleDescription& description) {
  Writer writer;
  writer(description);
  return std::move(writer.bytes);
}

std::optional<BundleDescription> bundle_of_bytes(const Object& bytes) {
  Reader reader(bytes);
  std::optional<BundleDescription> description(std::in_place);
  reader(*description);
  return reader.is_done() ? std::move(description) : std::nullopt;
}

}  // namespace nnc::codegen
