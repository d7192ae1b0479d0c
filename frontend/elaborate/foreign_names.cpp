// Other frameworks' names, and what is known by one and is not here. Entries are looked up only when nothing here has that name.
#include "frontend/elaborate/foreign_names.h"

#include <algorithm>
#include <span>

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
    {"ELU", "elu"},
    {"SELU", "selu"},
    {"GELU", "gelu"},
    {"SiLU", "silu"},
    {"swish", "silu"},
    {"hardtanh", "clip(x, -1, 1)"},
    {"hard_sigmoid", "hardsigmoid"},
    {"hard_swish", "hardswish"},
    {"log_sigmoid", "logsigmoid"},
    {"logaddexp", "logsumexp([a, b], axis = 0)"},
    {"Dropout", "dropout(x, 0.1)"},
    {"LayerNorm", "layer_norm(width)"},
    {"CrossEntropyLoss", "cross_entropy(z, label)"},
    {"nll_loss", "-mean(pick(logp, label)); cross_entropy(z, label) does it from the scores"},
    {"MSELoss", "mse(prediction, target)"},
    {"mse_loss", "mse(prediction, target)"},
    {"True", "did you mean true?"},
    {"TRUE", "did you mean true?"},
    {"False", "did you mean false?"},
    {"FALSE", "did you mean false?"},
    {"none", "None is a new axis, in an index only; without a bias: bias = 0"},
    {"null", "None is a new axis, in an index only; without a bias: bias = 0"},
    {"nil", "None is a new axis, in an index only; without a bias: bias = 0"},
    {"BatchNorm1d", "batch_norm1d(channels)"},
    {"BatchNorm2d", "batch_norm2d(channels)"},
    {"Conv1d", "conv1d(inputs, outputs, size)"},
    {"Conv2d", "conv2d(inputs, outputs, size)"},
    {"Embedding", "embedding(count, dim)"},
    {"LSTM", "lstm(inputs, hidden)"},
    {"GRU", "gru(inputs, hidden)"},
    {"RNN", "rnn(inputs, hidden)"},
    {"MultiheadAttention", "multi_head_attention(dim, heads)"},
    {"scaled_dot_product_attention", "attention(q, k, v)"},
    {"MaxPool2d", "max_pool2d(x, 2)"},
    {"AvgPool2d", "avg_pool2d(x, 2)"},
    {"l1_loss", "mae(prediction, target)"},
    {"L1Loss", "mae(prediction, target)"},
    {"BCEWithLogitsLoss", "binary_cross_entropy(z, y), from the scores"},
    {"binary_cross_entropy_with_logits", "binary_cross_entropy(z, y), from the scores"},
    {"SmoothL1Loss", "smooth_l1(prediction, target)"},
    {"smooth_l1_loss", "smooth_l1(prediction, target)"},
    {"huber_loss", "huber(prediction, target)"},
    {"kl_div", "kl_divergence(logp, logq)"},
    {"triplet_margin_loss", "triplet(anchor, positive, negative)"},
    {"hinge_loss", "hinge(z, label)"},
    {"normalize", "x / maximum(sqrt(sum(x^2, axis = -1, keep = true)), 1e-12)"},
    {"interpolate", "upsample2d(x, 2) repeats each place"},
    {"masked_fill", "where(mask, -inf, x)"},
    {"index_select", "x[:, index]"},
    {"repeat", "x[:, None] * y broadcasts over the new axis"},
    {"expand", "x[:, None] * y broadcasts over the new axis"},
};

// What is not here at all; then what to write for it, where there is something.
constexpr std::string_view kOwnCell =
    "a scan over one level's states does it: rnn_level, lstm_level and gru_level have them";
constexpr std::string_view kGroups = "conv1d and conv2d have it as their argument: groups = 2";
constexpr std::string_view kSpace =
    "axes are at most height and width in the layers; conv(x, w) and max_pool(x, size) take three";
constexpr std::string_view kPairs = "a pair of tensors, the real and the imaginary part";
constexpr std::string_view kReparameterized =
    "a layer of one's own computes its weight from param members: weight = g * v / sqrt(sum(v^2))";
constexpr std::string_view kSearch =
    "nnc generate draws one character after the other; other searches are made from nnc predict";
constexpr std::string_view kFixed = "sizes are fixed while compiling: fill up to one length, and mask";

constexpr ForeignName kNotHere[] = {
    {"celu", "a * elu(x / a)"},
    {"softsign", "x / (1 + abs(x))"},
    {"softmin", "softmax(-x)"},
    {"softshrink", "x - clip(x, -0.5, 0.5)"},
    {"hardshrink", "where(abs(x) > 0.5, x, 0)"},
    {"tanhshrink", "x - tanh(x)"},
    {"threshold", "where(x > t, x, value)"},
    {"prelu", "leaky_relu(x, a) with a param a"},
    {"glu", "a, b = split(x, 2); a * sigmoid(b)"},
    {"einsum", "products are @, with permute and broadcasting around them"},
    {"tensordot", "products are @, with permute and reshape around them"},
    {"ctc_loss", ""},
    {"CTCLoss", ""},
    {"nll_gaussian", "0.5 * mean(log(v) + (y - m)^2 / v)"},
    {"gaussian_nll_loss", "0.5 * mean(log(v) + (y - m)^2 / v)"},
    {"poisson_nll_loss", "mean(exp(z) - y * z)"},
    {"multi_margin_loss", "hinge(z, label) is it times the number of classes"},
    {"margin_ranking_loss", "mean(relu(margin - y * (a - b)))"},
    {"adaptive_log_softmax", ""},
    {"rnn_cell", kOwnCell},
    {"lstm_cell", kOwnCell},
    {"gru_cell", kOwnCell},
    {"RNNCell", kOwnCell},
    {"LSTMCell", kOwnCell},
    {"GRUCell", kOwnCell},
    {"group_conv", kGroups},
    {"depthwise_conv", "conv2d(c, c, 3, groups = c)"},
    {"depthwise_conv2d", "conv2d(c, c, 3, groups = c)"},
    {"separable_conv2d", "[conv2d(c, c, 3, groups = c), conv2d(c, out, 1)]"},
    {"deform_conv2d", ""},
    {"conv3d", kSpace},
    {"Conv3d", kSpace},
    {"conv_transpose3d", "conv_transpose(x, w) takes three axes after the channels"},
    {"max_pool3d", kSpace},
    {"avg_pool3d", "mean(windows(x, 2), axis = [-3, -2, -1])"},
    {"adaptive_max_pool2d", "max_pool2d(x, size), with the size that leaves as many places"},
    {"max_unpool2d", "upsample2d(x, 2) repeats each place"},
    {"pixel_shuffle", "reshape and permute: [n, c, r, r, h, w] to [n, c, h, r, w, r]"},
    {"batch_norm", "batch_norm1d for [n, channels], batch_norm2d for [n, channels, h, w]"},
    {"batch_norm3d",
     "group_norm and batch_norm2d are for pictures; another is written as those are: nnc std norms.nn"},
    {"BatchNorm3d",
     "group_norm and batch_norm2d are for pictures; another is written as those are: nnc std norms.nn"},
    {"sync_batch_norm", "batch_norm2d: a batch is on one machine"},
    {"instance_norm", "instance_norm2d(channels)"},
    {"instance_norm1d", "instance_norm2d(channels) of a height of 1"},
    {"local_response_norm", ""},
    {"LocalResponseNorm", ""},
    {"weight_norm", kReparameterized},
    {"spectral_norm", kReparameterized},
    {"beam_search", kSearch},
    {"nucleus_sampling", kSearch},
    {"multinomial", kSearch},
    {"complex", kPairs},
    {"complex64", kPairs},
    {"fft", "a product with matrices of cos and sin"},
    {"rfft", "a product with matrices of cos and sin"},
    {"stft", "windows(x, size), and a product with matrices of cos and sin"},
    {"svd", ""},
    {"qr", ""},
    {"eig", ""},
    {"eigh", ""},
    {"inverse", ""},
    {"inv", ""},
    {"det", ""},
    {"cholesky", ""},
    {"lstsq", ""},
    {"nonzero", kFixed},
    {"unique", kFixed},
    {"masked_select", kFixed},
    {"pack_padded_sequence", kFixed},
    {"pad_packed_sequence", kFixed},
    {"embedding_bag", "mean(embed(index), axis = 1)"},
    {"scatter", "one_hot(index, n).T @ x adds up rows; where chooses"},
    {"scatter_add", "one_hot(index, n).T @ x"},
    {"index_add", "one_hot(index, n).T @ x"},
    {"cumprod", "exp(cumsum(log(x))), where x is above 0; a scan does it for any"},
    {"while_loop", "for over a list, decided while compiling; scan over an axis"},
    {"cond", "where(c, a, b) chooses element by element"},
    {"vmap", "leading axes broadcast: what is written for a row is done for all"},
    {"jit", "all of it is compiled"},
    {"float16", "f32 is computed with throughout"},
    {"bfloat16", "f32 is computed with throughout"},
    {"quantize", "f32 is computed with throughout"},
    {"cuda", "there is one device, the processor"},
    {"device", "there is one device, the processor"},
    {"lbfgs", ""},
    {"LBFGS", ""},
    {"adamax", "an optimizer of one's own: nnc std optimizers.nn"},
    {"nadam", "an optimizer of one's own: nnc std optimizers.nn"},
    {"radam", "an optimizer of one's own: nnc std optimizers.nn"},
    {"lamb", "an optimizer of one's own: nnc std optimizers.nn"},
};

std::optional<std::string_view> find(std::span<const ForeignName> names, std::string_view name) {
  const auto found =
      std::find_if(names.begin(), names.end(), [&](const ForeignName& entry) { return entry.name == name; });
  if (found == names.end()) return std::nullopt;
  return found->here;
}

}  // namespace

std::optional<std::string_view> way_here(std::string_view foreign_name) {
  const std::optional<std::string_view> way = find(kForeignNames, foreign_name);
  return way ? way : find(kNotHere, foreign_name);
}

std::optional<std::string_view> not_here(std::string_view name) {
  return find(kNotHere, name);
}

}  // namespace nnc::frontend
