// Values of the elaborator: how they are shown in messages, and when two of them are the same.
#include "frontend/elaborate/value.h"

#include <fmt/format.h>

#include <algorithm>

#include "frontend/elaborate/elaborator.h"
#include "ir/graph/text.h"
#include "support/plural.h"

namespace nnc::frontend {

Number whole_number(int64_t value, Span origin) {
  Number n;
  n.is_whole = true;
  n.whole = value;
  n.origin = origin;
  return n;
}

Number real_number(double value) {
  Number n;
  n.real = value;
  return n;
}

std::string text_of(const Number& number) {
  return number.is_whole ? fmt::format("{}", number.whole) : number_text(number.real);
}

bool unify(const Dim& a, const Dim& b) {
  return a.extent == b.extent && a.is_batch() == b.is_batch();
}

bool unify(const Dims& a, const Dims& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Dim& x, const Dim& y) { return unify(x, y); });
}

Dim fresh_dim(int64_t extent) {
  Dim dim;
  dim.extent = extent;
  return dim;
}

Dim written_one() {
  Dim dim = fresh_dim(1);
  dim.written_one = true;
  return dim;
}

Dim dim_of(const Number& number) {
  Dim dim = fresh_dim(number.whole);
  dim.name = number.name;
  dim.batch = number.batch;
  dim.origin = number.origin;
  return dim;
}

Number number_of(const Dim& dim) {
  Number n = whole_number(dim.extent, dim.origin);
  n.name = dim.name;
  n.batch = dim.batch;
  return n;
}

Shape shape_of(const Dims& dims) {
  Shape shape;
  shape.reserve(dims.size());
  for (const Dim& d : dims) shape.push_back(d.extent);
  return shape;
}

std::string text_of(const Dim& dim) {
  if (dim.name.empty()) return fmt::format("{}", dim.extent);
  if (dim.is_batch()) return dim.name;
  return fmt::format("{} = {}", dim.name, dim.extent);
}

std::string text_of(const Dims& dims) {
  std::string out = "[";
  for (size_t i = 0; i < dims.size(); ++i) out += (i ? ", " : "") + text_of(dims[i]);
  return out + "]";
}

std::string text_of(const Tensor& tensor) {
  return std::string(dtype_name(tensor.dtype)) + text_of(tensor.dims);
}

ListPtr make_list(std::vector<Datum> items, Span origin) {
  List list{std::move(items), 0, origin};
  for (const Datum& item : list.items) {
    const ListPtr* inner = item.as<ListPtr>();
    list.total += inner ? (*inner)->total : 1;
  }
  list.total = std::max<size_t>(list.total, 1);
  return std::make_shared<const List>(std::move(list));
}

std::string describe(const Datum& datum) {
  struct Visitor {
    std::string operator()(const Poison&) const { return "a value with an error"; }
    std::string operator()(const NoneValue&) const { return "None"; }
    std::string operator()(const Number& n) const {
      const std::string text = text_of(n);  // a real number shows that it is one
      const bool looks_whole = !n.is_whole && text.find_first_not_of("-0123456789") == std::string::npos;
      return "the number " + text + (looks_whole ? ".0" : "");
    }
    std::string operator()(const Flag& f) const { return f.value ? "true" : "false"; }
    std::string operator()(const Constant& c) const {
      if (c.dims.size() != 1) return "a list of numbers of shape " + text_of(c.dims);
      return "a list of " + (c.values->size() == 1 ? "one number" : plural(c.values->size(), "number"));
    }
    std::string operator()(const Draws&) const { return "a distribution"; }
    std::string operator()(const FunctionRef& f) const { return "the function " + f.function->name.text; }
    std::string operator()(const GoalRef& g) const { return "the function " + goal_name(*g.goal); }
    std::string operator()(const LayerRef& l) const { return "the layer " + l.declaration->name.text; }
    std::string operator()(const OptimizerRef& o) const {
      return "the optimizer " + o.declaration->name.text;
    }
    std::string operator()(const BuiltinRef& b) const {
      return fmt::format("the function {}", builtin_table()[b.index].name);
    }
    std::string operator()(const std::shared_ptr<const Partial>&) const { return "a function"; }
    std::string operator()(Instance* i) const { return "the layer " + i->display_name(); }
    std::string operator()(const ListPtr& l) const {
      if (std::optional<Constant> constant = constant_of(Datum(l))) return (*this)(*constant);
      return l->size() == 1 ? "a list of one value" : fmt::format("a list of {} values", l->size());
    }
    std::string operator()(const Tensor& t) const { return text_of(t); }
  };
  return std::visit(Visitor{}, datum.is);
}

bool same(const Datum& a, const Datum& b) {
  if (a.is.index() != b.is.index()) return false;
  struct Visitor {
    const Datum& b;
    bool operator()(const Poison&) const { return false; }
    bool operator()(const NoneValue&) const { return true; }
    bool operator()(const Number& n) const {
      const Number& m = *b.as<Number>();
      return n.is_whole == m.is_whole && n.batch == m.batch &&
             (n.is_whole ? n.whole == m.whole : n.real == m.real);
    }
    bool operator()(const Flag& f) const { return f.value == b.as<Flag>()->value; }
    bool operator()(const Constant& c) const {
      const Constant& d = *b.as<Constant>();
      return shape_of(c.dims) == shape_of(d.dims) && *c.values == *d.values && c.whole == d.whole;
    }
    bool operator()(const Draws& d) const {
      const Draws& e = *b.as<Draws>();
      return d.kind == e.kind && d.a == e.a && d.b == e.b;
    }
    bool operator()(const FunctionRef& f) const {
      return f.function == b.as<FunctionRef>()->function && f.self == b.as<FunctionRef>()->self;
    }
    bool operator()(const GoalRef& g) const { return g.goal == b.as<GoalRef>()->goal; }
    bool operator()(const LayerRef& l) const { return l.declaration == b.as<LayerRef>()->declaration; }
    bool operator()(const OptimizerRef& o) const {
      return o.declaration == b.as<OptimizerRef>()->declaration;
    }
    bool operator()(const BuiltinRef& f) const { return f.index == b.as<BuiltinRef>()->index; }
    bool operator()(const std::shared_ptr<const Partial>& p) const {
      return p == *b.as<std::shared_ptr<const Partial>>();
    }
    bool operator()(Instance* i) const { return i == *b.as<Instance*>(); }
    bool operator()(const ListPtr& l) const {
      const ListPtr& m = *b.as<ListPtr>();
      return l == m || std::equal(l->begin(), l->end(), m->begin(), m->end(), same);
    }
    bool operator()(const Tensor& t) const {
      const Tensor& u = *b.as<Tensor>();
      if (t.value != u.value || t.dims.size() != u.dims.size()) return false;
      for (size_t i = 0; i < t.dims.size(); ++i) {
        if (!unify(t.dims[i], u.dims[i]) || t.dims[i].written_one != u.dims[i].written_one) return false;
      }
      return true;
    }
  };
  return std::visit(Visitor{b}, a.is);
}

namespace {

// Appends the numbers of `datum`; false when it is ragged or holds anything but numbers.
bool gather(const Datum& datum, size_t depth, Dims& dims, bool outermost_path, std::vector<double>& values,
            bool& whole) {
  constexpr size_t kMostValues = 1 << 22;
  if (const Number* number = datum.as<Number>()) {
    if (depth != dims.size()) return false;
    values.push_back(number->value());
    whole = whole && number->is_whole;
    return values.size() <= kMostValues;
  }
  if (const Constant* constant = datum.as<Constant>()) {
    if (outermost_path) {
      dims.insert(dims.end(), constant->dims.begin(), constant->dims.end());
    } else if (dims.size() != depth + constant->dims.size()) {
      return false;
    }
    for (size_t i = 0; i < constant->dims.size(); ++i) {
      if (dims[depth + i].extent != constant->dims[i].extent) return false;
    }
    values.insert(values.end(), constant->values->begin(), constant->values->end());
    whole = whole && constant->whole;
    return values.size() <= kMostValues;
  }
  const ListPtr* list = datum.as<ListPtr>();
  if (list == nullptr || (*list)->empty()) return false;
  const auto extent = static_cast<int64_t>((*list)->size());
  if (outermost_path) {
    dims.push_back(fresh_dim(extent));
  } else if (depth >= dims.size() || dims[depth].extent != extent) {
    return false;
  }
  bool first = outermost_path;
  for (const Datum& item : **list) {
    if (!gather(item, depth + 1, dims, first, values, whole)) return false;
    first = false;
  }
  return true;
}

}  // namespace

std::optional<Constant> constant_of(const Datum& datum) {
  if (const Constant* constant = datum.as<Constant>()) return *constant;
  if (!datum.as<Number>() && !datum.as<ListPtr>()) return std::nullopt;
  Constant out;
  out.whole = true;
  std::vector<double> values;
  if (!gather(datum, 0, out.dims, true, values, out.whole)) return std::nullopt;
  out.values = std::make_shared<const std::vector<double>>(std::move(values));
  return out;
}

bool all_flags(const Datum& datum) {
  const ListPtr* list = datum.as<ListPtr>();
  if (list == nullptr) return datum.as<Flag>() != nullptr;
  return !(*list)->empty() && std::all_of((*list)->begin(), (*list)->end(), all_flags);
}

bool is_applicable(const Datum& datum) {
  if (const ListPtr* list = datum.as<ListPtr>()) return is_layer_list(**list);
  return datum.as<FunctionRef>() || datum.as<GoalRef>() || datum.as<LayerRef>() || datum.as<BuiltinRef>() ||
         datum.as<std::shared_ptr<const Partial>>() || datum.as<Instance*>();
}

bool is_layer_list(const List& list) {
  if (list.empty()) return true;
  return std::any_of(list.begin(), list.end(), [](const Datum& item) {
    if (const ListPtr* inner = item.as<ListPtr>()) return is_layer_list(**inner);
    return is_applicable(item) && !item.as<LayerRef>();
  });
}

}  // namespace nnc::frontend
