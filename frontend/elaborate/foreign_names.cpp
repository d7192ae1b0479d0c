// Other frameworks' names. Entries are looked up only when nothing here has that name.
#include "frontend/elaborate/foreign_names.h"

#include <algorithm>

namespace nnc::frontend {
namespace {

struct ForeignName {
  std::string_view name;
  std::string_view here;
};

constexpr std::string_view kModule = "functions and layers have no module before them: relu(x), linear(3, 2)";
constexpr std::string_view kSelf = "members are named without self";
constexpr std::string_view kProduct = "a @ b is the matrix product";
constexpr std::string_view kReshape = "reshape(x, [batch, 64]), or flatten(x)";
constexpr std::string_view kFilled = "a tensor of one number: c: f32[2, 3] = 0";
constexpr std::string_view kDrawn = "a tensor at random: x: f32[2, 3] ~ normal(0, 1), or ~ uniform(a, b)";
constexpr std::string_view kBounded = "clip(x, low, high)";
constexpr std::string_view kNewAxis = "a new axis: x[:, None]";
constexpr std::string_view kTranspose = "x.T swaps the last two axes, permute(x, [0, 2, 1]) takes any order";
constexpr std::string_view kNorm = "sqrt(sum(x * x))";

constexpr ForeignName kForeignNames[] = {
    {"torch", kModule},
    {"nn", kModule},
    {"F", kModule},
    {"np", kModule},
    {"numpy", kModule},
    {"jnp", kModule},
    {"jax", kModule},
    {"tf", kModule},
    {"keras", kModule},
    {"math", kModule},
    {"self", kSelf},
    {"matmul", kProduct},
    {"mm", kProduct},
    {"bmm", kProduct},
    {"dot", kProduct},
    {"einsum", "products are @, with permute and broadcasting around them"},
    {"transpose", kTranspose},
    {"swapaxes", kTranspose},
    {"t", kTranspose},
    {"view", kReshape},
    {"squeeze", kReshape},
    {"ravel", kReshape},
    {"unsqueeze", kNewAxis},
    {"expand_dims", kNewAxis},
    {"cat", "concat([a, b], axis = 0)"},
    {"concatenate", "concat([a, b], axis = 0)"},
    {"chunk", "split(x, parts)"},
    {"zeros", kFilled},
    {"ones", kFilled},
    {"full", kFilled},
    {"zeros_like", "0 * x"},
    {"ones_like", "0 * x + 1"},
    {"rand", kDrawn},
    {"randn", kDrawn},
    {"arange", "0..n"},
    {"linspace", "a + (b - a) / (n - 1) * f32(0..n)"},
    {"tensor", "numbers in brackets are a tensor: [[1, 2], [3, 4]]"},
    {"array", "numbers in brackets are a tensor: [[1, 2], [3, 4]]"},
    {"clamp", kBounded},
    {"norm", kNorm},
    {"square", "x * x"},
    {"arcsin", "asin(x)"},
    {"arccos", "acos(x)"},
    {"arctan", "atan(x)"},
    {"arctan2", "atan2(y, x)"},
    {"rint", "round(x)"},
    {"pow", "x^2"},
    {"std", "sqrt(var(x))"},
    {"amax", "max(x, axis = 1)"},
    {"amin", "min(x, axis = 1)"},
    {"gather", "pick(z, label)"},
    {"float", "f32(x)"},
    {"int", "i32(x)"},
    {"item", "a tensor without axes is a number already"},
    {"size", "shape(x)[0]"},
    {"no_grad", "detach(x) stops a gradient"},
    {"stop_gradient", "detach(x) stops a gradient"},
    {"backward", "grad(loss, w) is a gradient; training needs none of it"},
    {"print", "nnc run prints every named value"},
    {"Linear", "linear(inputs, outputs)"},
    {"Dense", "linear(inputs, outputs)"},
    {"dense", "linear(inputs, outputs)"},
    {"Sequential", "a list of layers is a layer: net = [linear(64, 32), relu, linear(32, 10)]"},
    {"ReLU", "relu"},
    {"Dropout", "dropout(x, 0.1)"},
    {"LayerNorm", "layer_norm(width)"},
    {"CrossEntropyLoss", "cross_entropy(z, label)"},
    {"nll_loss", "-mean(pick(logp, label)); cross_entropy(z, label) does it from the scores"},
    {"MSELoss", "mse(prediction, target)"},
    {"mse_loss", "mse(prediction, target)"},
};

}  // namespace

std::optional<std::string_view> way_here(std::string_view foreign_name) {
  const auto* found = std::find_if(std::begin(kForeignNames), std::end(kForeignNames),
                                   [&](const ForeignName& entry) { return entry.name == foreign_name; });
  if (found == std::end(kForeignNames)) return std::nullopt;
  return found->here;
}

}  // namespace nnc::frontend
