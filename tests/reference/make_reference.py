#!/usr/bin/env python3
"""Makes the numbers that nnc is compared with: values, gradients and second derivatives of every differentiable op,
layer and loss, and 200 steps of every optimizer, computed by PyTorch in double precision.

    pip install torch==2.15.0 numpy
    python3 tests/reference/make_reference.py          # rewrites ops.json and optimizers.json beside it

tests/unit/reference reads the files. Inputs are not stored: word i (i = 1, 2, …) of the sequence with seed s is

    z = s + i * 0x9E3779B97F4A7C15;  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;  z = z ^ (z >> 31)                      (modulo 2^64)

and element i - 1 of a tensor is low + (high - low) * (z >> 40) / 2^24, rounded to f32, or (z >> 33) mod k for a whole
number below k.
"""
import json
import pathlib

import numpy as np
import torch
import torch.nn.functional as F
from torch.autograd import grad

torch.set_default_dtype(torch.float64)
torch.use_deterministic_algorithms(True)
torch.set_num_threads(1)
MASK = 2**64 - 1


def word(seed, i):
    z = (seed + i * 0x9E3779B97F4A7C15) & MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
    return z ^ (z >> 31)


def uniform(seed, shape, low, high):
    count = int(np.prod(shape))
    values = [np.float32(low + (high - low) * (word(seed, i) >> 40) / 2**24) for i in range(1, count + 1)]
    return torch.tensor([float(v) for v in values]).reshape(shape)


def integers(seed, shape, below):
    count = int(np.prod(shape))
    return torch.tensor([(word(seed, i) >> 33) % below for i in range(1, count + 1)]).reshape(shape)


def numbers(tensor):
    return [float(v) for v in tensor.detach().reshape(-1).to(torch.float64)]


def type_of(shape):
    return f"f32[{', '.join(map(str, shape))}]"


# ---- ops, layers, losses --------------------------------------------------------------------------------------------


class Cases:
    def __init__(self):
        self.all = []
        self.seed = 1000

    def draw(self, case, name, shape, low, high):
        self.seed += 1
        case["inputs"].append({"name": name, "shape": list(shape), "seed": self.seed, "low": low, "high": high})
        return uniform(self.seed, shape, low, high)

    def add(self, name, nn, of, args, second=(), gradient=True, layer="", tolerance=1e-9, spelled={}):
        """`nn` is the value y in the language, `of` the same in PyTorch: a function of `args` (name -> shape, low, high)
        in their order. `second`: by which arguments the first derivative is taken before it is differentiated again;
        `spelled` says how those are written whose saved name is another.
        The loss is the sum of y times a drawn w, or y itself if it is one number."""
        case = {"name": name, "tolerance": tolerance, "inputs": []}
        tensors = {}
        lines = [layer] if layer else []
        for arg, (shape, low, high) in args.items():
            tensors[arg] = self.draw(case, arg, shape, low, high).requires_grad_(gradient)
            if "." not in arg:  # the others are a layer's
                lines.append(f"param {arg}: {type_of(shape)} = 0" if gradient
                             else f"{arg}: {type_of(shape)} ~ uniform(-1, 1)")
        y = of(*tensors.values())
        lines.append(f"y = {nn}")
        case["values"] = {"value.y": numbers(y)}
        if gradient:
            loss, nn_loss, weights = y, "y", []
            if y.dim() > 0:
                weights.append(f"w: {type_of(y.shape)} ~ uniform(-1, 1)")
                loss, nn_loss = (y * self.draw(case, "w", y.shape, -1, 1)).sum(), "sum(y * w)"
            case["text"] = "\n".join(lines + weights + [f"loss = {nn_loss}"])
            case["values"]["loss"] = numbers(loss)
            firsts = grad(loss, list(tensors.values()), create_graph=bool(second))
            for arg, first in zip(tensors, firsts):
                case["values"]["grad." + arg] = numbers(first)
        else:
            case["text"] = "\n".join(lines)
        self.all.append(case)
        if not second:
            return
        # A derivative in the loss: the derivatives by the arguments in `second`, each times a drawn direction, summed.
        again = {"name": name + ", second derivative", "tolerance": tolerance, "inputs": list(case["inputs"])}
        total, terms, drawn = 0, [], []
        for k, (arg, first) in enumerate(zip(tensors, firsts)):
            if arg not in second:
                continue
            drawn.append(f"v{k}: {type_of(first.shape)} ~ uniform(-1, 1)")
            terms.append(f"sum(grad({nn_loss}, {spelled.get(arg, arg)}) * v{k})")
            total = total + (first * self.draw(again, f"v{k}", first.shape, -1, 1)).sum()
        again["text"] = "\n".join(lines + weights + drawn + ["loss = " + " + ".join(terms)])
        again["values"] = {"loss": numbers(total)}
        for arg, result in zip(tensors, grad(total, list(tensors.values()), allow_unused=True)):
            assert result is not None, f"{name}: the second derivative does not reach {arg}"
            again["values"]["grad." + arg] = numbers(result)
        self.all.append(again)

    def add_graph(self, name, lines, shape, of, args, second=(), gradient=True, tolerance=1e-9):
        """An op that the language has no word for: `lines` are graph text, each after its `%k =`; the last is y, up to
        its type."""
        graph_type = lambda s: "f32" + (f"[{','.join(map(str, s))}]" if s else "")
        case = {"name": name, "tolerance": tolerance, "inputs": []}
        tensors = {a: self.draw(case, a, *spec).requires_grad_(gradient) for a, spec in args.items()}
        y = of(*tensors.values())
        assert list(y.shape) == shape
        signature = [f"param {a}: {graph_type(spec[0])}" for a, spec in args.items()]
        lines = list(lines[:-1]) + [f"{lines[-1]} : {graph_type(shape)}"]
        outputs = [f"value.y = %{len(lines) - 1}"]
        case["values"] = {"value.y": numbers(y)}

        def line(text):
            lines.append(text)
            return f"%{len(lines) - 1}"

        def weighted(case, value, tensor, name):  # the sum of a tensor times a drawn one
            w = self.draw(case, name, list(tensor.shape), -1, 1)
            signature.append(f"state {name}: {graph_type(tensor.shape)}")
            product = line(f"mul {value}, {name} : {graph_type(tensor.shape)}")
            return line(f"reduce_sum {product} {{axes = {list(range(tensor.dim()))}}} : f32"), (tensor * w).sum()

        def grads(case, value, loss, again):
            case["values"]["loss"] = numbers(loss)
            outputs.append(f"loss = {value}")
            types = ", ".join(graph_type(spec[0]) for spec in args.values())
            node = line(f"grad {value}, {', '.join(args)} : {types}")
            names = [node + (f".{k}" if len(args) > 1 else "") for k in range(len(args))]
            firsts = grad(loss, list(tensors.values()), create_graph=again)
            for arg, text, first in zip(args, names, firsts):
                outputs.append(f"grad.{arg} = {text}")
                case["values"]["grad." + arg] = numbers(first)
            return list(zip(args, names, firsts))

        def finish(case):
            count = f":{len(args)}" if len(args) > 1 else ""
            body = [f"  %{k}{count if text.startswith('grad ') else ''} = {text}" for k, text in enumerate(lines)]
            case["graph"] = "\n".join([f"graph @g({', '.join(signature)}) {{", *body,
                                       f"  return {', '.join(outputs)}", "}"])
            self.all.append(case)

        if not gradient:
            return finish(case)
        value, loss = weighted(case, f"%{len(lines) - 1}", y, "w")
        firsts = grads(case, value, loss, bool(second))
        finish(case)
        if not second:
            return
        again = {"name": name + ", second derivative", "tolerance": tolerance, "inputs": list(case["inputs"]),
                 "values": {}}
        outputs, total = [], None
        for k, (arg, text, first) in enumerate(firsts):
            if arg in second:
                value, part = weighted(again, text, first, f"v{k}")
                total = (value, part) if total is None else (line(f"add {total[0]}, {value} : f32"), total[1] + part)
        grads(again, *total, False)
        finish(again)


# Constants that f32 cannot hold are rounded where they meet a tensor; PyTorch's are not.
ROUNDED = 2e-7


def unary(c):
    a = {"a": ([2, 5], -2, 2)}
    positive = {"a": ([2, 5], 0.25, 3)}
    c.add("neg", "-a", lambda a: -a, a)
    c.add("neg of squares", "-(a^2)", lambda a: -(a**2), a, ["a"])
    c.add("exp", "exp(a)", torch.exp, a, ["a"])
    c.add("log", "log(a)", torch.log, positive, ["a"])
    c.add("sqrt", "sqrt(a)", torch.sqrt, positive, ["a"])
    c.add("tanh", "tanh(a)", torch.tanh, a, ["a"])
    c.add("erf", "erf(a)", torch.erf, a, ["a"])
    c.add("sigmoid", "sigmoid(a)", torch.sigmoid, a, ["a"])
    c.add("sigmoid far out", "sigmoid(a)", torch.sigmoid, {"a": ([6], -40, 40)}, ["a"])
    c.add("softplus", "softplus(a)", lambda a: F.softplus(a, threshold=1000), a, ["a"])
    c.add("softplus far out", "softplus(a)", lambda a: F.softplus(a, threshold=1000), {"a": ([6], -40, 40)}, ["a"])
    c.add("abs", "abs(a)", torch.abs, a)
    c.add("sign", "sign(a)", torch.sign, a, gradient=False)
    c.add("cube", "a^3", lambda a: a**3, a, ["a"])
    c.add("reciprocal square", "a^-2", lambda a: a**-2, positive, ["a"])
    c.add("exp2", "2^a", lambda a: 2**a, a, ["a"])
    c.add("relu", "relu(a)", F.relu, a)
    c.add("leaky_relu", "leaky_relu(a)", F.leaky_relu, a, tolerance=ROUNDED)
    c.add("leaky_relu 0.25", "leaky_relu(a, a = 0.25)", lambda a: F.leaky_relu(a, 0.25), a)
    c.add("elu", "elu(a)", F.elu, a, ["a"])
    c.add("elu 0.5", "elu(a, 0.5)", lambda a: F.elu(a, 0.5), a)
    wide = {"a": (a["a"][0], -8, 8)}
    c.add("relu6", "relu6(a)", F.relu6, wide)
    c.add("hardsigmoid", "hardsigmoid(a)", F.hardsigmoid, wide, tolerance=ROUNDED)
    c.add("hardswish", "hardswish(a)", F.hardswish, wide, tolerance=ROUNDED)
    c.add("mish", "mish(a)", F.mish, a, ["a"])
    c.add("silu", "silu(a)", F.silu, a, ["a"])
    c.add("gelu", "gelu(a)", F.gelu, a, ["a"], tolerance=ROUNDED)
    c.add("gelu_tanh", "gelu_tanh(a)", lambda a: F.gelu(a, approximate="tanh"), a, ["a"], tolerance=ROUNDED)
    c.add_graph("erfinv", ["erfinv a"], [5], torch.erfinv, {"a": ([5], -0.95, 0.95)}, ["a"])
    c.add_graph("cast", ["cast a {dtype = f32}"], [4], lambda a: a * 1, {"a": ([4], -2, 2)})


def binary(c):
    ab = {"a": ([3, 4], -2, 2), "b": ([3, 4], -2, 2)}
    positive = {"a": ([3, 4], 0.25, 3), "b": ([3, 4], 0.5, 2)}
    row = {"a": ([3, 4], -2, 2), "b": ([4], 0.5, 2)}
    c.add("add", "a + b", torch.add, ab)
    c.add("sub", "a - b", torch.sub, ab)
    c.add("add of squares", "a^2 + a * b", lambda a, b: a**2 + a * b, ab, ["a", "b"])
    c.add("sub of squares", "a^2 - a * b", lambda a, b: a**2 - a * b, ab, ["a", "b"])
    c.add("mul", "a * b", torch.mul, ab, ["a", "b"])
    c.add("div", "a / b", torch.div, positive, ["a", "b"])
    c.add("pow", "a^b", torch.pow, positive, ["a", "b"])
    c.add("floordiv", "a // b", torch.floor_divide, ab, gradient=False)
    c.add("maximum", "maximum(a, b)", torch.maximum, ab)
    c.add("minimum", "minimum(a, b)", torch.minimum, ab)
    c.add("where", "where(a > b, a * a, b)", lambda a, b: torch.where(a > b, a * a, b), ab)
    c.add("row under a matrix", "a / b", torch.div, row, ["a", "b"])
    c.add("column beside a matrix", "a * b[:, None]", lambda a, b: a * b[:, None],
          {"a": ([3, 4], -2, 2), "b": ([3], -2, 2)}, ["a", "b"])
    c.add("number and tensor", "a * b", torch.mul, {"a": ([3, 4], -2, 2), "b": ([], -2, 2)}, ["a", "b"])
    c.add_graph("fma", ["fma a, b, c"], [5], lambda a, b, c: a * b + c,
                {"a": ([5], -2, 2), "b": ([5], -2, 2), "c": ([5], -2, 2)})
    c.add_graph("fma of a square", ["mul c, c : f32[5]", "fma a, b, %0"], [5], lambda a, b, c: a * b + c * c,
                {"a": ([5], -2, 2), "b": ([5], -2, 2), "c": ([5], -2, 2)}, ["a", "b", "c"])


def shapes(c):
    a = {"a": ([3, 4], -2, 2)}
    cube = {"a": ([2, 3, 4], -2, 2)}
    c.add("reshape", "reshape(a, [2, -1])", lambda a: a.reshape(2, -1), a)
    c.add("permute", "permute(a, [2, 0, 1])", lambda a: a.permute(2, 0, 1), cube)
    c.add("transpose", "a.T", lambda a: a.transpose(-1, -2), cube)
    c.add("flatten", "flatten(a)", lambda a: a.flatten(1), cube)
    c.add("slice", "a[1:, 1:3]", lambda a: a[1:, 1:3], a)
    c.add("index from the end", "a[-1, None]", lambda a: a[-1, None], a)
    c.add("split", "split(a, 2)[1]", lambda a: a.chunk(2, -1)[1], a)
    c.add("concat", "concat([a, b], axis = 0)", lambda a, b: torch.cat([a, b]),
          {"a": ([2, 3], -2, 2), "b": ([3, 3], -2, 2)})
    c.add("stack", "[a, b] * 1", lambda a, b: torch.stack([a, b]), {"a": ([4], -2, 2), "b": ([4], -2, 2)})
    c.add_graph("pad", ["pad a {shape = [4,5], begin = [1,2]}"], [4, 5], lambda a: F.pad(a, (2, 1, 1, 1)),
                {"a": ([2, 2], -2, 2)})
    c.add_graph("broadcast", ["broadcast a {shape = [2,3,4], axes = [1,2]}"], [2, 3, 4],
                lambda a: a.expand(2, 3, 4), {"a": ([3, 1], -2, 2)})
    # What is linear in its operands has a second derivative only behind something that is not.
    c.add("reshape of squares", "reshape(a^2, [2, -1])", lambda a: (a**2).reshape(2, -1), a, ["a"])
    c.add("permute of squares", "permute(a^2, [2, 0, 1])", lambda a: (a**2).permute(2, 0, 1), cube, ["a"])
    c.add("slice of squares", "(a^2)[1:, 1:3]", lambda a: (a**2)[1:, 1:3], a, ["a"])
    c.add("concat of squares", "concat([a^2, a * b], axis = 0)", lambda a, b: torch.cat([a**2, a * b]),
          {"a": ([2, 3], -2, 2), "b": ([2, 3], -2, 2)}, ["a", "b"])
    c.add_graph("pad of squares", ["mul a, a : f32[2,2]", "pad %0 {shape = [4,5], begin = [1,2]}"], [4, 5],
                lambda a: F.pad(a**2, (2, 1, 1, 1)), {"a": ([2, 2], -2, 2)}, ["a"])
    c.add_graph("broadcast of squares", ["mul a, a : f32[3,1]", "broadcast %0 {shape = [2,3,4], axes = [1,2]}"],
                [2, 3, 4], lambda a: (a**2).expand(2, 3, 4), {"a": ([3, 1], -2, 2)}, ["a"])


def reductions(c):
    a = {"a": ([3, 4], -2, 2)}
    cube = {"a": ([2, 3, 4], -2, 2)}
    c.add("sum of all", "sum(a)", torch.sum, a)
    c.add("sum of squares", "sum(a^2)", lambda a: (a**2).sum(), a, ["a"])
    c.add("sum along axes", "sum(a, axis = [0, 2])", lambda a: a.sum((0, 2)), cube)
    c.add("sum kept", "a * sum(a, axis = 1, keep = true)", lambda a: a * a.sum(1, keepdim=True), cube, ["a"])
    c.add("mean", "mean(a, axis = 0)", lambda a: a.mean(0), a)
    c.add("max", "max(a, axis = 1)", lambda a: a.amax(1), a)
    c.add("max of all", "max(a)", torch.max, cube)
    c.add("min", "min(a, axis = 0)", lambda a: a.amin(0), a)
    c.add("var", "var(a, axis = 1)", lambda a: a.var(1, correction=0), a, ["a"])
    c.add("argmax", "argmax(a)", lambda a: a.argmax(-1), a, gradient=False)
    label = torch.tensor([2, 0, 3])
    c.add("pick", "pick(a^2, [2, 0, 3])", lambda a: (a**2).gather(1, label[:, None])[:, 0], a, ["a"])
    c.add("one_hot", "a * one_hot([2, 0, 3], 4)", lambda a: a * F.one_hot(label, 4), a)
    c.add("softmax", "softmax(a)", lambda a: F.softmax(a, -1), a, ["a"])
    c.add("softmax along axis 0", "softmax(a, axis = 0)", lambda a: F.softmax(a, 0), a, ["a"])
    c.add("log_softmax", "log_softmax(a)", lambda a: F.log_softmax(a, -1), a, ["a"])
    c.add("log_softmax far out", "log_softmax(a)", lambda a: F.log_softmax(a, -1), {"a": ([2, 4], -800, 800)})


def products(c):
    c.add("matmul", "a @ b", torch.matmul, {"a": ([3, 4], -2, 2), "b": ([4, 2], -2, 2)}, ["a", "b"])
    c.add("matmul, left transposed", "a.T @ b", lambda a, b: a.T @ b, {"a": ([4, 3], -2, 2), "b": ([4, 2], -2, 2)})
    c.add("matmul, right transposed", "a @ b.T", lambda a, b: a @ b.T, {"a": ([3, 4], -2, 2), "b": ([2, 4], -2, 2)})
    c.add("matrix and vector", "a @ b", torch.matmul, {"a": ([3, 4], -2, 2), "b": ([4], -2, 2)})
    c.add("batch of products", "a @ b", torch.matmul, {"a": ([2, 3, 4], -2, 2), "b": ([2, 4, 2], -2, 2)})
    c.add("one matrix for a batch", "a @ b", torch.matmul, {"a": ([2, 3, 4], -2, 2), "b": ([4, 2], -2, 2)}, ["a", "b"])


def layers(c):
    x = {"x": ([4, 3], -2, 2)}
    c.add("linear", "fc(x)", F.linear, x | {"fc.weight": ([2, 3], -1, 1), "fc.bias": ([2], -1, 1)},
          layer="fc = linear(3, 2)")
    c.add("two layers", "b(tanh(a(x)))", lambda x, wa, ba, wb, bb: F.linear(torch.tanh(F.linear(x, wa, ba)), wb, bb),
          x | {"a.weight": ([3, 3], -1, 1), "a.bias": ([3], -1, 1), "b.weight": ([2, 3], -1, 1), "b.bias": ([2], -1, 1)},
          layer="a = linear(3, 3)\nb = linear(3, 2)")
    c.add("layer_norm", "norm(x)", lambda x, w, b: F.layer_norm(x, [3], w, b, 2**-16),
          x | {"norm.weight": ([3], 0.5, 2), "norm.bias": ([3], -1, 1)}, layer="norm = layer_norm(3, eps = 2^-16)")
    c.add("layer_norm without bias", "norm(x)", lambda x, w: F.layer_norm(x, [3], w, None, 2**-16),
          x | {"norm.weight": ([3], 0.5, 2)}, ["x", "norm.weight"], layer="norm = layer_norm(3, eps = 2^-16, bias = 0)")
    c.add("layer_norm, eps 1e-5", "norm(x)", lambda x, w, b: F.layer_norm(x, [3], w, b),
          x | {"norm.weight": ([3], 0.5, 2), "norm.bias": ([3], -1, 1)}, tolerance=ROUNDED,
          layer="norm = layer_norm(3)")
    # Heads of 4: 1/sqrt(4) is a number that f32 holds.
    qkv = {"q": ([2, 3, 4], -2, 2), "k": ([2, 3, 4], -2, 2), "v": ([2, 3, 2], -2, 2)}
    c.add("attention", "attention(q, k, v)", F.scaled_dot_product_attention, qkv, ["q", "k", "v"])
    c.add("causal attention", "attention(q, k, v, causal = true)",
          lambda q, k, v: F.scaled_dot_product_attention(q, k, v, is_causal=True), qkv)

    def heads(x, w, b, wo, bo):
        x = x.transpose(0, 1)
        y, _ = F.multi_head_attention_forward(x, x, x, 8, 2, w, b, None, None, False, 0.0, wo, bo, need_weights=False)
        return y.transpose(0, 1)

    c.add("multi_head_attention", "mha(x)", heads,
          {"x": ([2, 3, 8], -1, 1), "mha.in_proj_weight": ([24, 8], -0.5, 0.5), "mha.in_proj_bias": ([24], -0.5, 0.5),
           "mha.out_proj.weight": ([8, 8], -0.5, 0.5), "mha.out_proj.bias": ([8], -0.5, 0.5)},
          layer="mha = multi_head_attention(8, 2)")


def norms(c):
    scales = {"norm.weight": ([4], 0.5, 2), "norm.bias": ([4], -1, 1)}
    images = {"x": ([3, 4, 2, 3], -2, 2)}
    eps = 2**-16
    c.add("rms_norm", "norm(x)", lambda x, w: F.rms_norm(x, [4], w, eps),
          {"x": ([3, 4], -2, 2), "norm.weight": ([4], 0.5, 2)}, ["x", "norm.weight"],
          layer="norm = rms_norm(4, eps = 2^-16)")
    weight = {"norm.weight": ([4], 0.5, 2)}
    c.add("batch_norm1d", "norm(x)", lambda x, w, b: F.batch_norm(x, None, None, w, b, True, eps=eps),
          {"x": ([5, 4], -2, 2)} | scales, layer="norm = batch_norm1d(4, eps = 2^-16)")
    c.add("batch_norm1d without bias", "norm(x)", lambda x, w: F.batch_norm(x, None, None, w, None, True, eps=eps),
          {"x": ([5, 4], -2, 2)} | weight, ["x", "norm.weight"], layer="norm = batch_norm1d(4, eps = 2^-16, bias = 0)")
    c.add("batch_norm1d of sequences", "norm(x)", lambda x, w, b: F.batch_norm(x, None, None, w, b, True, eps=eps),
          {"x": ([3, 4, 5], -2, 2)} | scales, layer="norm = batch_norm1d(4, eps = 2^-16)")
    c.add("batch_norm2d", "norm(x)", lambda x, w, b: F.batch_norm(x, None, None, w, b, True, eps=eps),
          images | scales, layer="norm = batch_norm2d(4, eps = 2^-16)")
    c.add("batch_norm2d without bias", "norm(x)", lambda x, w: F.batch_norm(x, None, None, w, None, True, eps=eps),
          images | weight, ["x", "norm.weight"], layer="norm = batch_norm2d(4, eps = 2^-16, bias = 0)")
    c.add("group_norm", "norm(x)", lambda x, w, b: F.group_norm(x, 2, w, b, eps), images | scales,
          layer="norm = group_norm(2, 4, eps = 2^-16)")
    c.add("group_norm of sequences", "norm(x)", lambda x, w, b: F.group_norm(x, 2, w, b, eps),
          {"x": ([3, 4, 5], -2, 2)} | scales, layer="norm = group_norm(2, 4, eps = 2^-16)")
    c.add("group_norm without bias", "norm(x)", lambda x, w: F.group_norm(x, 2, w, None, eps), images | weight,
          ["x", "norm.weight"], layer="norm = group_norm(2, 4, eps = 2^-16, bias = 0)")
    c.add("instance_norm2d", "norm(x)", lambda x: F.instance_norm(x, eps=eps), images, ["x"],
          layer="norm = instance_norm2d(4, eps = 2^-16)")


def convolutions(c):
    def conv(name, nn, of, x, k, tolerance=1e-9):
        c.add(name, nn, of, {"x": (x, -2, 2), "k": (k, -1, 1)}, ["x", "k"], tolerance=tolerance)

    conv("conv, pad 1", "conv(x, k, pad = 1)", lambda x, k: F.conv2d(x, k, padding=1), [2, 3, 5, 4], [4, 3, 3, 3])
    conv("conv without padding, 5 x 5", "conv(x, k)", F.conv2d, [2, 2, 6, 7], [3, 2, 5, 5])
    conv("conv, stride 2", "conv(x, k, stride = 2, pad = 1)", lambda x, k: F.conv2d(x, k, stride=2, padding=1),
         [3, 2, 5, 6], [4, 2, 3, 3])
    conv("conv, stride 2, 1 x 1", "conv(x, k, stride = 2)", lambda x, k: F.conv2d(x, k, stride=2), [2, 3, 5, 4],
         [2, 3, 1, 1])
    conv("conv, strides and pads of each axis", "conv(x, k, stride = [3, 1], pad = [0, 2])",
         lambda x, k: F.conv2d(x, k, stride=(3, 1), padding=(0, 2)), [2, 2, 8, 3], [2, 2, 2, 4])
    conv("conv, pairs", "conv(x, k, pad = [[1, 0], [0, 2]])", lambda x, k: F.conv2d(F.pad(x, (0, 2, 1, 0)), k),
         [2, 2, 4, 3], [2, 2, 3, 2])
    conv("conv, same", "conv(x, k, pad = same)", lambda x, k: F.conv2d(x, k, padding="same"), [2, 2, 4, 5], [3, 2, 2, 3])
    conv("conv, dilation 2", "conv(x, k, pad = 2, dilation = 2)", lambda x, k: F.conv2d(x, k, padding=2, dilation=2),
         [2, 2, 6, 5], [2, 2, 3, 3])
    conv("conv, stride 2, dilation 2", "conv(x, k, stride = 2, pad = 1, dilation = 2)",
         lambda x, k: F.conv2d(x, k, stride=2, padding=1, dilation=2), [2, 1, 7, 8], [2, 1, 3, 3])
    conv("conv, stride 2, dilation 3", "conv(x, k, stride = 2, pad = 2, dilation = 3)",
         lambda x, k: F.conv2d(x, k, stride=2, padding=2, dilation=3), [2, 1, 8, 7], [2, 1, 3, 2])
    conv("conv, 17 channels", "conv(x, k, pad = 1)", lambda x, k: F.conv2d(x, k, padding=1), [2, 17, 3, 3], [2, 17, 3, 3])
    conv("conv, 2 groups", "conv(x, k, pad = 1, groups = 2)", lambda x, k: F.conv2d(x, k, padding=1, groups=2),
         [2, 4, 3, 4], [6, 2, 3, 3])
    conv("conv of each channel, stride 2", "conv(x, k, stride = 2, pad = 1, groups = 3)",
         lambda x, k: F.conv2d(x, k, stride=2, padding=1, groups=3), [2, 3, 5, 5], [6, 1, 3, 3])
    conv("conv along one axis", "conv(x, k, stride = 2, pad = 1)", lambda x, k: F.conv1d(x, k, stride=2, padding=1),
         [2, 3, 8], [4, 3, 3])
    conv("conv along three axes", "conv(x, k, pad = [0, 1, 0])", lambda x, k: F.conv3d(x, k, padding=(0, 1, 0)),
         [2, 2, 3, 2, 3], [2, 2, 2, 2, 2])
    conv("conv_transpose", "conv_transpose(x, k, stride = 2, pad = 1, extra = 1)",
         lambda x, k: F.conv_transpose2d(x, k, stride=2, padding=1, output_padding=1), [2, 3, 3, 3], [3, 2, 3, 3])
    conv("conv_transpose, 2 groups", "conv_transpose(x, k, stride = 3, groups = 2)",
         lambda x, k: F.conv_transpose2d(x, k, stride=3, groups=2), [2, 4, 2, 3], [4, 1, 2, 2])
    conv("conv_transpose, dilation 2", "conv_transpose(x, k, pad = 1, dilation = 2)",
         lambda x, k: F.conv_transpose2d(x, k, padding=1, dilation=2), [2, 2, 3, 3], [2, 3, 2, 2])
    x = {"x": ([2, 3, 5, 4], -2, 2)}
    c.add("conv2d", "net(x)", lambda x, w, b: F.conv2d(x, w, b, stride=2, padding=1),
          x | {"net.weight": ([4, 3, 3, 3], -1, 1), "net.bias": ([4], -1, 1)}, layer="net = conv2d(3, 4, 3, 2, pad = 1)")
    c.add("conv2d, 1 x 3", "net(x)", lambda x, w, b: F.conv2d(x, w, b, padding=(0, 1)),
          x | {"net.weight": ([4, 3, 1, 3], -1, 1), "net.bias": ([4], -1, 1)},
          layer="net = conv2d(3, 4, [1, 3], pad = [0, 1])")
    c.add("conv1d", "net(x)", lambda x, w, b: F.conv1d(x, w, b, padding=2),
          {"x": ([2, 3, 6], -2, 2), "net.weight": ([2, 3, 5], -1, 1), "net.bias": ([2], -1, 1)},
          layer="net = conv1d(3, 2, 5, pad = 2)")
    c.add("conv_transpose2d", "net(x)", lambda x, w, b: F.conv_transpose2d(x, w, b, stride=2),
          {"x": ([2, 3, 2, 3], -2, 2), "net.weight": ([3, 2, 2, 2], -1, 1), "net.bias": ([2], -1, 1)},
          layer="net = conv_transpose2d(3, 2, 2, stride = 2)")
    c.add("conv_transpose2d, 1 x 2, dilation 2", "net(x)", lambda x, w, b: F.conv_transpose2d(x, w, b, dilation=2),
          {"x": ([2, 3, 2, 3], -2, 2), "net.weight": ([3, 2, 1, 2], -1, 1), "net.bias": ([2], -1, 1)},
          layer="net = conv_transpose2d(3, 2, [1, 2], dilation = 2)")
    c.add("conv_transpose1d", "net(x)", lambda x, w, b: F.conv_transpose1d(x, w, b, stride=2, output_padding=1),
          {"x": ([2, 3, 4], -2, 2), "net.weight": ([3, 2, 3], -1, 1), "net.bias": ([2], -1, 1)},
          layer="net = conv_transpose1d(3, 2, 3, stride = 2, extra = 1)")
    x = {"x": ([2, 2, 5, 6], -2, 2)}
    c.add("max_pool2d", "max_pool2d(x, 2)^2", lambda x: F.max_pool2d(x, 2)**2, x, ["x"])
    c.add("max_pool2d, overlapping, with padding", "max_pool2d(x, 3, stride = 2, pad = 1)^2",
          lambda x: F.max_pool2d(x, 3, stride=2, padding=1)**2, x, ["x"])
    # Rounded going forward, so that there are ties: the first takes the gradient.
    c.add("max_pool2d of equals", "max_pool2d(detach(round(x)) + (x - detach(x)), 3, 1)",
          lambda x: F.max_pool2d(x.round().detach() + (x - x.detach()), 3, 1), x)
    c.add("max_pool1d", "max_pool1d(x, 3, pad = 1)", lambda x: F.max_pool1d(x, 3, padding=1), {"x": ([2, 3, 7], -2, 2)})
    c.add("avg_pool2d", "avg_pool2d(x, 2)^2", lambda x: F.avg_pool2d(x, 2)**2, x, ["x"])
    c.add("avg_pool2d, overlapping, with padding", "avg_pool2d(x, 4, stride = 3, pad = 2)",
          lambda x: F.avg_pool2d(x, 4, stride=3, padding=2), x)
    c.add("avg_pool1d", "avg_pool1d(x, 4, 2)", lambda x: F.avg_pool1d(x, 4, 2), {"x": ([2, 3, 8], -2, 2)})
    c.add("global_avg_pool2d", "global_avg_pool2d(x)", lambda x: x.mean((2, 3)), x)
    c.add("adaptive_avg_pool2d", "adaptive_avg_pool2d(x, 2, 4)", lambda x: F.adaptive_avg_pool2d(x, (2, 4)), x,
          tolerance=ROUNDED)
    c.add("upsample2d", "upsample2d(x, 3)", lambda x: F.interpolate(x, scale_factor=3), {"x": ([2, 2, 2, 3], -2, 2)})


def losses(c):
    z = {"z": ([3, 4], -2, 2)}
    label = torch.tensor([2, 0, 3])
    c.add("cross_entropy", "cross_entropy(z, [2, 0, 3])", lambda z: F.cross_entropy(z, label), z, ["z"])
    c.add("cross_entropy of a sequence", "cross_entropy(z, [[1, 2, 0], [0, 1, 1]])",
          lambda z: F.cross_entropy(z.transpose(1, 2), torch.tensor([[1, 2, 0], [0, 1, 1]])), {"z": ([2, 3, 4], -2, 2)})
    c.add("cross_entropy far out", "cross_entropy(z, [2, 0, 3])", lambda z: F.cross_entropy(z, label),
          {"z": ([3, 4], -800, 800)})
    c.add("binary_cross_entropy", "binary_cross_entropy(z, p)", F.binary_cross_entropy_with_logits,
          z | {"p": ([3, 4], 0, 1)}, ["z"])
    c.add("mse", "mse(a, b)", F.mse_loss, {"a": ([3, 4], -2, 2), "b": ([3, 4], -2, 2)}, ["a", "b"])
    # PyTorch's divides by the number of classes as well.
    c.add("hinge", "hinge(z, [2, 0, 3])", lambda z: 4 * F.multi_margin_loss(z, label), z)
    c.add("hinge, margin 0.5", "hinge(z, [2, 0, 3], margin = 0.5)",
          lambda z: 4 * F.multi_margin_loss(z, label, margin=0.5), z)
    c.add("l1", "l1(fc)", lambda w, b: w.abs().sum() + b.abs().sum(),
          {"fc.weight": ([2, 3], -1, 1), "fc.bias": ([2], -1, 1)}, layer="fc = linear(3, 2)")
    c.add("l2", "l2(fc)", lambda w, b: (w**2).sum() + (b**2).sum(),
          {"fc.weight": ([2, 3], -1, 1), "fc.bias": ([2], -1, 1)}, ["fc.weight", "fc.bias"], layer="fc = linear(3, 2)")
    c.add_graph("fused linear", ["linear x, w, b {activation = relu}"], [4, 2],
                lambda x, w, b: F.relu(F.linear(x, w, b)),
                {"x": ([4, 3], -2, 2), "w": ([2, 3], -1, 1), "b": ([2], -1, 1)}, gradient=False)


def lookups(c):
    x = {"x": ([4, 3], -2, 2)}
    c.add("rows by position", "x[[2, 0, 2, 3, 2]]^2", lambda x: x[[2, 0, 2, 3, 2]]**2, x, ["x"])
    c.add("columns by position", "x[:, [[0, 2], [1, 1]]]^2", lambda x: x[:, torch.tensor([[0, 2], [1, 1]])]**2, x, ["x"])
    c.add("entries by two positions", "x[[0, 3, 3], [1, 1, 2]]^3", lambda x: x[[0, 3, 3], [1, 1, 2]]**3, x, ["x"])
    c.add("a slice, then positions", "x[1:, [2, 0]]^2", lambda x: x[1:, [2, 0]]**2, x, ["x"])
    c.add("take_along", "take_along(x, [[0, 0], [2, 1], [1, 1], [2, 2]])^2",
          lambda x: torch.gather(x, 1, torch.tensor([[0, 0], [2, 1], [1, 1], [2, 2]]))**2, x, ["x"])
    c.add("take_along the first axis", "take_along(x, [[0, 3, 1]], axis = 0)^2",
          lambda x: torch.gather(x, 0, torch.tensor([[0, 3, 1]]))**2, x, ["x"])
    c.add("pick along an axis between", "pick(x, [1, 0], axis = 1)^2", lambda x: x[[0, 1], [1, 0]]**2,
          {"x": ([2, 3, 4], -2, 2)}, ["x"])
    c.add("embedding", "table([[4, 1, 1], [0, 4, 2]])^2", lambda w: F.embedding(torch.tensor([[4, 1, 1], [0, 4, 2]]), w)**2,
          {"table.weight": ([5, 3], -1, 1)}, ["table.weight"], layer="table = embedding(5, 3)")
    c.add("cumsum", "cumsum(x)^2", lambda x: torch.cumsum(x, -1)**2, x, ["x"])
    c.add("sort", "sort(x) * [1, 2, 3]", lambda x: torch.sort(x, -1)[0] * torch.tensor([1., 2, 3]), x)
    c.add("sort, descending", "sort(x, descending = true) * [1, 2, 3]",
          lambda x: torch.sort(x, -1, descending=True)[0] * torch.tensor([1., 2, 3]), x)
    c.add("top_k", "top_k(x, 2)[0]^2", lambda x: torch.topk(x, 2, -1)[0]**2, {"x": ([2, 5], -2, 2)})
    c.add("positions of top_k", "f32(top_k(x, 3)[1])", lambda x: torch.topk(x, 3, -1)[1].double(), {"x": ([2, 5], -2, 2)},
          gradient=False)
    c.add("flip", "flip(x, [0, 1])^2", lambda x: torch.flip(x, [0, 1])**2, x, ["x"])


def module(made, names, *how):
    """A function of the inputs and of the module's parameters, in the order of the names."""
    def run(*tensors):
        inputs, own = tensors[:len(tensors) - len(names)], tensors[len(tensors) - len(names):]
        return torch.func.functional_call(made, dict(zip(names, own)), inputs, *how)
    return run


def recurrent(c):
    def add(kind, made, text, gates, size, hidden, shape, layers=1, directions=1, second=True):
        args = {"x": (shape, -1, 1)}
        names, spelled = [], {}
        for k in range(layers):
            for suffix in ("", "_reverse")[:directions]:
                wide = size if k == 0 else hidden * directions
                for name, own in (("weight_ih", [gates * hidden, wide]), ("weight_hh", [gates * hidden, hidden]),
                                  ("bias_ih", [gates * hidden]), ("bias_hh", [gates * hidden])):
                    names.append(f"{name}_l{k}{suffix}")
                    args["net." + names[-1]] = (own, -0.75, 0.75)
                    way = "" if directions == 1 else ".back" if suffix else ".forth"
                    spelled["net." + names[-1]] = f"net.all.levels[{k}]{way}.gate.{name}"
        run = module(made, names)
        # The last of its parameters is differentiated again.
        c.add(kind, "net(x)^2", lambda *t: run(*t)[0]**2, args, ["x", "net." + names[-1]] if second else (),
              layer=f"net = {text}", spelled=spelled)

    N = torch.nn
    add("rnn", N.RNN(3, 4, batch_first=True), "rnn(3, 4)", 1, 3, 4, [2, 5, 3])
    add("lstm", N.LSTM(3, 4, batch_first=True), "lstm(3, 4)", 4, 3, 4, [2, 5, 3])
    add("gru", N.GRU(3, 4, batch_first=True), "gru(3, 4)", 3, 3, 4, [2, 5, 3])
    add("lstm of one step", N.LSTM(2, 3, batch_first=True), "lstm(2, 3)", 4, 2, 3, [3, 1, 2])
    add("rnn of a batch wider than a vector", N.RNN(3, 5, batch_first=True), "rnn(3, 5)", 1, 3, 5, [19, 3, 3], second=False)
    add("lstm of a batch wider than a vector", N.LSTM(3, 5, batch_first=True), "lstm(3, 5)", 4, 3, 5, [33, 4, 3], second=False)
    add("two-layer bidirectional lstm", N.LSTM(3, 4, 2, batch_first=True, bidirectional=True),
        "lstm(3, 4, layers = 2, bidirectional = true)", 4, 3, 4, [2, 4, 3], 2, 2)
    add("three-layer gru", N.GRU(2, 3, 3, batch_first=True), "gru(2, 3, layers = 3)", 3, 2, 3, [2, 3, 2], 3)
    add("bidirectional rnn", N.RNN(2, 3, batch_first=True, bidirectional=True), "rnn(2, 3, bidirectional = true)", 1, 2, 3,
        [2, 4, 2], 1, 2)

    def states(x, h, c0, *own):
        made = module(N.LSTM(2, 3, batch_first=True), ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"])
        y, (hn, cn) = made(x, (h[None], c0[None]), *own)
        return torch.cat([y[:, -1], cn[0]], -1)**2
    c.add("lstm from given states, its last states", "concat([s[:, -1] for s in net.states(x, h, c)], axis = -1)^2", states,
          {"x": ([2, 4, 2], -1, 1), "h": ([2, 3], -1, 1), "c": ([2, 3], -1, 1), "net.weight_ih_l0": ([12, 2], -0.75, 0.75),
           "net.weight_hh_l0": ([12, 3], -0.75, 0.75), "net.bias_ih_l0": ([12], -0.75, 0.75), "net.bias_hh_l0": ([12], -0.75, 0.75)},
          ["h", "c"], layer="net = lstm_level(2, 3)")

    def leak(x, w):
        s, all = torch.zeros(2, 3), []
        for t in range(x.shape[1] - 1, -1, -1):
            s = torch.where(x[:, t] > 0, torch.sin(s @ w) + x[:, t], 0.5 * s)
            all.append(s)
        return torch.stack(all[::-1], 1)
    c.add("scan with a choice, reversed",
          "scan t in x along 1 reversed { state s: f32[2, 3] = 0; s <- where(t > 0, sin(s @ u) + t, 0.5 * s); s }", leak,
          {"x": ([2, 5, 3], -1, 2), "u": ([3, 3], -1, 1)}, ["x", "u"])


def attentions(c):
    qkv = {"q": ([2, 3, 4], -2, 2), "k": ([2, 5, 4], -2, 2), "v": ([2, 5, 6], -2, 2)}
    square = {name: ([2, 3, 5, 4], -2, 2) for name in "qkv"}
    mask = [[1, 0, 1, 1, 0], [1, 1, 1, 1, 1], [0, 0, 0, 1, 0]]
    dot = F.scaled_dot_product_attention
    c.add("attention", "attention(q, k, v)", dot, qkv, ["q", "v"])
    c.add("attention, causal", "attention(q, k, v, causal = true)", lambda q, k, v: dot(q, k, v, is_causal=True), square, ["q", "k"])
    c.add("attention, masked", f"attention(q, k, v, mask = {mask} == {[[1] * 5] * 3})",
          lambda q, k, v: dot(q, k, v, attn_mask=torch.tensor(mask) == 1), qkv, ["k", "v"])
    own = {"net.in_proj_weight": ([12, 4], -1, 1), "net.in_proj_bias": ([12], -1, 1), "net.out_proj.weight": ([4, 4], -1, 1),
           "net.out_proj.bias": ([4], -1, 1)}
    names = [name[4:] for name in own]
    many = module(torch.nn.MultiheadAttention(4, 2, batch_first=True), names)
    c.add("multi_head_attention, squared", "net(x)^2", lambda x, *own: many(x, x, x, *own)[0]**2, {"x": ([2, 5, 4], -2, 2)} | own,
          ["x", "net.in_proj_weight"], layer="net = multi_head_attention(4, 2)")
    causal = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)

    def hidden(x, *own):
        made = torch.nn.MultiheadAttention(4, 2, batch_first=True)
        return torch.func.functional_call(made, dict(zip(names, own)), (x, x, x), {"attn_mask": causal})[0]
    c.add("multi_head_attention, causal", "net(x)^2", lambda *t: hidden(*t)**2, {"x": ([2, 5, 4], -2, 2)} | own,
          ["x"], layer="net = multi_head_attention(4, 2, causal = true)")
    c.add("multi_head_attention to another sequence", "net.across(x, m)^2", lambda x, m, *own: many(x, m, m, *own)[0]**2,
          {"x": ([2, 3, 4], -2, 2), "m": ([2, 5, 4], -2, 2)} | own, ["x", "m"], layer="net = multi_head_attention(4, 2)")

    block = torch.nn.TransformerEncoderLayer(4, 2, 16, dropout=0, activation="gelu", batch_first=True, norm_first=True)
    theirs = {"norm1": "norm1", "attn": "self_attn", "norm2": "norm2", "mlp.fc1": "linear1", "mlp.fc2": "linear2"}
    args, order = {"x": ([2, 5, 4], -2, 2)}, []
    for name, value in block.named_parameters():
        ours = next(a + name[len(b):] for a, b in theirs.items() if name.startswith(b + "."))
        args["net." + ours] = (list(value.shape), -0.5, 0.5)
        order.append(name)
    run = module(block, order)
    c.add("transformer_block", "net(x)^2", lambda *t: run(*t)**2, args, ["x"], layer="net = transformer_block(4, 2)")

    def rotated(x):
        angle = torch.arange(5.)[:, None] * 10000**(torch.arange(3.) * (-2 / 6))
        a, b = x.chunk(2, -1)
        return torch.cat([a * torch.cos(angle) - b * torch.sin(angle), a * torch.sin(angle) + b * torch.cos(angle)], -1)
    c.add("rotary", "rotary(x)^2", lambda x: rotated(x)**2, {"x": ([2, 5, 6], -2, 2)}, ["x"], tolerance=ROUNDED)


# Queries that may look at no key: PyTorch gives 0, and no gradient.
def blind_attentions(c):
    dot = F.scaled_dot_product_attention
    qkv = {"q": ([2, 3, 4], -2, 2), "k": ([2, 5, 4], -2, 2), "v": ([2, 5, 6], -2, 2)}
    mask = [[1, 0, 1, 1, 0], [0, 0, 0, 0, 0], [0, 0, 0, 1, 0]]
    c.add("attention, a query that sees nothing", f"attention(q, k, v, mask = {mask} == {[[1] * 5] * 3})",
          lambda q, k, v: dot(q, k, v, attn_mask=torch.tensor(mask) == 1), qkv, ["q", "k", "v"])
    padded = [0, 0, 1, 1, 1]  # in front, and causal: the first two see nothing
    c.add("attention, causal and padded", f"attention(q, k, v, causal = true, mask = {padded} == {[1] * 5})",
          lambda q, k, v: dot(q, k, v, attn_mask=torch.tril(torch.tensor(padded) == torch.ones(5, 5))),
          {name: ([2, 3, 5, 4], -2, 2) for name in "qkv"}, ["q", "k", "v"])


def more_losses(c):
    z = {"z": ([4, 3], -2, 2)}
    pair = {"a": ([3, 4], -2, 2), "b": ([3, 4], -2, 2)}
    label = torch.tensor([2, 0, 1, 2])
    weight = torch.tensor([0.5, 2., 1.25])
    for how, ours in (({"label_smoothing": 0.25}, "smoothing = 0.25"), ({"weight": weight}, "weight = [0.5, 2, 1.25]"),
                      ({"ignore_index": 2}, "ignore = 2"),
                      ({"label_smoothing": 0.25, "weight": weight, "ignore_index": 0},
                       "smoothing = 0.25, weight = [0.5, 2, 1.25], ignore = 0")):
        c.add(f"cross_entropy, {ours}", f"cross_entropy(z, [2, 0, 1, 2], {ours})",
              lambda z, how=how: F.cross_entropy(z, label, **how), z, ["z"])
    c.add("cross_entropy, ignore = -100", "cross_entropy(z, [2, -100, 1, -100], ignore = -100)",
          lambda z: F.cross_entropy(z, torch.tensor([2, -100, 1, -100])), z, ["z"])
    c.add("binary_cross_entropy, weighted", "binary_cross_entropy(z, p, weight = [0.5, 2, 1.25], positive = 3)",
          lambda z, p: F.binary_cross_entropy_with_logits(z, p, weight, pos_weight=torch.tensor(3.)), z | {"p": ([4, 3], 0, 1)}, ["z"])
    c.add("mae", "mae(a, b)", F.l1_loss, pair)
    c.add("huber", "huber(a, b, delta = 0.75)", lambda a, b: F.huber_loss(a, b, delta=0.75), pair)
    c.add("smooth_l1", "smooth_l1(a, b, beta = 0.5)", lambda a, b: F.smooth_l1_loss(a, b, beta=0.5), pair)
    c.add("kl_divergence", "kl_divergence(log_softmax(a), log_softmax(b))",
          lambda a, b: F.kl_div(F.log_softmax(b, -1), F.log_softmax(a, -1), reduction="batchmean", log_target=True), pair, ["a", "b"])
    c.add("cosine_similarity", "cosine_similarity(a, b)", F.cosine_similarity, pair, ["a", "b"])
    c.add("cosine_embedding", "cosine_embedding(a, b, [1, -1, -1], margin = -0.25)",
          lambda a, b: F.cosine_embedding_loss(a, b, torch.tensor([1., -1, -1]), margin=-0.25), pair, tolerance=1e-6)
    c.add("triplet", "triplet(a, b, c, margin = 2)", lambda a, b, c: F.triplet_margin_loss(a, b, c, margin=2.),
          pair | {"c": ([3, 4], -2, 2)}, tolerance=ROUNDED)


def more_activations(c):
    a = {"a": ([3, 4], -2, 2)}
    c.add("selu", "selu(a)", F.selu, a, ["a"], tolerance=ROUNDED)
    c.add("logsigmoid", "logsigmoid(a)", F.logsigmoid, a, ["a"])
    c.add("logsigmoid far out", "logsigmoid(a)", F.logsigmoid, {"a": ([6], -40, 40)})
    c.add("logsumexp", "logsumexp(a)", lambda a: torch.logsumexp(a, -1), a, ["a"])
    c.add("logsumexp kept", "logsumexp(a, axis = 0, keep = true)", lambda a: torch.logsumexp(a, 0, keepdim=True), a, ["a"])
    c.add("logsumexp of all", "logsumexp(a, axis = [0, 1])", lambda a: torch.logsumexp(a, (0, 1)), a, ["a"])
    c.add("logsumexp of large numbers", "logsumexp(100 * a)", lambda a: torch.logsumexp(100 * a, -1), a, tolerance=ROUNDED)


def kinks(c):
    def at(name, nn, of, points):  # where two pieces of a function meet, and both sides
        points = [p + d for p in points for d in (-0.25, 0, 0.25)]
        c.add(f"{name} at its kinks", nn.replace("x", f"(a - detach(a) + {points})"),
              lambda a: of(a - a.detach() + torch.tensor(points)), {"a": ([len(points)], -2, 2)}, tolerance=ROUNDED)

    at("relu", "relu(x)", F.relu, [0.])
    at("leaky_relu", "leaky_relu(x, 0.25)", lambda x: F.leaky_relu(x, 0.25), [0.])
    at("elu", "elu(x)", F.elu, [0.])
    at("elu 0.5", "elu(x, 0.5)", lambda x: F.elu(x, 0.5), [0.])
    at("selu", "selu(x)", F.selu, [0.])
    at("relu6", "relu6(x)", F.relu6, [0., 6.])
    at("hardsigmoid", "hardsigmoid(x)", F.hardsigmoid, [-3., 3.])
    at("hardswish", "hardswish(x)", F.hardswish, [-3., 0., 3.])
    at("abs", "abs(x)", torch.abs, [0.])
    for name, of in (("mish", F.mish), ("silu", F.silu), ("gelu", F.gelu), ("softplus", F.softplus), ("logsigmoid", F.logsigmoid)):
        at(name, f"{name}(x)", of, [0.])
    at("huber", "huber(x, 0 * a)", lambda x: F.huber_loss(x, 0 * x.detach()), [-1., 0., 1.])
    at("smooth_l1", "smooth_l1(x, 0 * a)", lambda x: F.smooth_l1_loss(x, 0 * x.detach()), [-1., 0., 1.])
    at("mae", "mae(x, 0 * a)", lambda x: F.l1_loss(x, 0 * x.detach()), [0.])


# Scores of -inf are those of classes that may not be chosen.
def infinite_scores(c):
    z = {"z": ([4, 3], -2, 2)}
    pair = {"a": ([3, 4], -2, 2), "b": ([3, 4], -2, 2)}
    allowed = torch.tensor([True, False, True])
    seen = "where([1, 0, 1] == 1, z, -inf)"
    masked = lambda z: torch.where(allowed, z, -torch.inf)
    label = torch.tensor([2, 0, 0, 2])
    weight = torch.tensor([0.5, 2., 1.25])
    for how, ours in (({}, ""), ({"weight": weight}, ", weight = [0.5, 2, 1.25]"), ({"ignore_index": 2}, ", ignore = 2"),
                      ({"weight": weight, "ignore_index": 0}, ", weight = [0.5, 2, 1.25], ignore = 0")):
        c.add(f"cross_entropy{ours}, of scores of -inf", f"cross_entropy({seen}, [2, 0, 0, 2]{ours})",
              lambda z, how=how: F.cross_entropy(masked(z), label, **how), z)
    # PyTorch's ignored rows give no loss, but nan as their gradient.
    c.add("cross_entropy, infinite scores of ignored rows",
          "cross_entropy(where(([1, 0, 1, 0] == 1)[:, None], z, [inf, 0, -inf]), [2, -1, 0, -1], ignore = -1)",
          lambda z: F.cross_entropy(z[[0, 2]], torch.tensor([2, 0])) + 0 * z.sum(), z)
    c.add("binary_cross_entropy, infinite scores that weigh nothing",
          f"binary_cross_entropy({seen}, [[1, 0, 0.5], [0, 1, 1], [0, 0, 1], [1, 1, 0]], weight = [0.5, 0, 1])",
          lambda z: F.binary_cross_entropy_with_logits(
              z, torch.tensor([[1, 0, 0.5], [0, 1, 1], [0, 0, 1], [1, 1, 0]]), torch.tensor([0.5, 0, 1])), z)

    def kl(a, b):  # kl_div's gradient by p is nan where p is 0
        p, q = F.log_softmax(a[:, [0, 2, 3]], -1), F.log_softmax(b, -1)[:, [0, 2, 3]]
        return (p.exp() * (p - q)).sum() / len(a)
    c.add("kl_divergence of what never comes", "kl_divergence(log_softmax(where([1, 0, 1, 1] == 1, a, -inf)), log_softmax(b))",
          kl, pair)
    c.add("kl_divergence of what neither gives",
          "kl_divergence(log_softmax(where([1, 0, 1, 1] == 1, a, -inf)), log_softmax(where([1, 0, 1, 1] == 1, b, -inf)))",
          lambda a, b: F.kl_div(F.log_softmax(b[:, [0, 2, 3]], -1), F.log_softmax(a[:, [0, 2, 3]], -1),
                                reduction="batchmean", log_target=True), pair)


def elementary(c):
    a = {"a": ([2, 5], -2, 2)}
    inner = {"a": ([2, 5], -0.95, 0.95)}
    positive = {"a": ([2, 5], 0.25, 3)}
    for name in ("sin", "cos", "atan", "sinh", "cosh", "exp2", "expm1"):
        c.add(name + "(a)", name + "(a)", getattr(torch, name), a, ["a"])
    for name in ("tan", "asin", "acos"):
        c.add(name, name + "(a)", getattr(torch, name), inner, ["a"])
    for name in ("log1p", "log2", "log10"):
        c.add(name, name + "(a)", getattr(torch, name), positive, ["a"])
    c.add("sin far out", "sin(a)", torch.sin, {"a": ([6], -1e9, 1e9)}, ["a"])
    c.add("atan2", "atan2(a, b)", torch.atan2, {"a": ([3, 4], -2, 2), "b": ([3, 4], -2, 2)}, ["a", "b"])
    c.add("atan2 of numbers", "atan2(a, 0.5)", lambda a: torch.atan2(a, torch.tensor(0.5)), a, ["a"])
    for name in ("floor", "ceil", "round", "trunc"):
        c.add(name, name + "(a)", getattr(torch, name), {"a": ([3, 4], -3, 3)}, gradient=False)
    c.add("round of halves", "round([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5] + 0 * a)",
          lambda a: torch.round(torch.tensor([-2.5, -1.5, -0.5, 0.5, 1.5, 2.5]) + 0 * a), {"a": ([6], -3, 3)},
          gradient=False)
    c.add("clip", "clip(a, -0.5, 1)", lambda a: torch.clip(a, -0.5, 1), a)
    c.add("clip at its ends", "clip(a - detach(a) + [-0.5, 1, 0.25, 2], -0.5, 1)",
          lambda a: torch.clip(a - a.detach() + torch.tensor([-0.5, 1, 0.25, 2]), -0.5, 1), {"a": ([4], -2, 2)})


# ---- optimizers -----------------------------------------------------------------------------------------------------

STEPS = 200
NET = """model net {
  fc1 = linear(5, 4)
  fc2 = linear(4, 3)
  fn forward(x: f32[batch, 5]) = x |> fc1 |> tanh |> fc2
  loss(x, label: i32[batch]) = cross_entropy(forward(x), label)
}
"""
PARAMETERS = {"fc1.weight": [4, 5], "fc1.bias": [4], "fc2.weight": [3, 4], "fc2.bias": [3]}

# Twice each: with numbers that f32 holds, where the double interpreter must agree to rounding, and with those people use.
O = torch.optim
OPTIMIZERS = [
    ("sgd(lr = 0.25)", lambda p: O.SGD(p, 0.25), 1e-9),
    ("sgd(lr = 0.1)", lambda p: O.SGD(p, 0.1), 1e-6),
    ("sgd(lr = 0.0625, momentum = 0.875)", lambda p: O.SGD(p, 0.0625, momentum=0.875), 1e-9),
    ("sgd(lr = 0.05, momentum = 0.9)", lambda p: O.SGD(p, 0.05, momentum=0.9), 1e-6),
    ("sgd(lr = 0.0625, momentum = 0.875, nesterov = true)",
     lambda p: O.SGD(p, 0.0625, momentum=0.875, nesterov=True), 1e-9),
    ("sgd(lr = 0.0625, momentum = 0.875, weight_decay = 0.015625)",
     lambda p: O.SGD(p, 0.0625, momentum=0.875, weight_decay=0.015625), 1e-9),
    ("momentum(lr = 0.0625, beta = 0.875)", lambda p: O.SGD(p, 0.0625, momentum=0.875), 1e-9),
    ("momentum(lr = 0.05)", lambda p: O.SGD(p, 0.05, momentum=0.9), 1e-6),
    ("nesterov(lr = 0.0625, beta = 0.875)", lambda p: O.SGD(p, 0.0625, momentum=0.875, nesterov=True), 1e-9),
    ("nesterov(lr = 0.05)", lambda p: O.SGD(p, 0.05, momentum=0.9, nesterov=True), 1e-6),
    ("adagrad(lr = 0.125, eps = 2^-30)", lambda p: O.Adagrad(p, 0.125, eps=2**-30), 1e-9),
    ("adagrad(lr = 0.1)", lambda p: O.Adagrad(p, 0.1), 1e-6),
    ("rmsprop(lr = 2^-7, alpha = 0.96875, eps = 2^-26)", lambda p: O.RMSprop(p, 2**-7, alpha=0.96875, eps=2**-26), 1e-9),
    ("rmsprop(lr = 0.01)", lambda p: O.RMSprop(p, 0.01), 1e-6),
    ("adadelta(lr = 0.5, rho = 0.875, eps = 2^-20)", lambda p: O.Adadelta(p, 0.5, rho=0.875, eps=2**-20), 1e-9),
    ("adadelta", lambda p: O.Adadelta(p, 1.0), 1e-6),
    ("adam(lr = 0.03125, beta1 = 0.875, beta2 = 0.984375, eps = 2^-26)",
     lambda p: O.Adam(p, 0.03125, betas=(0.875, 0.984375), eps=2**-26), 1e-9),
    ("adam(lr = 0.01)", lambda p: O.Adam(p, 0.01), 1e-6),
    ("adamw(lr = 2^-7, beta1 = 0.875, beta2 = 0.984375, eps = 2^-26, weight_decay = 0.125)",
     lambda p: O.AdamW(p, 2**-7, betas=(0.875, 0.984375), eps=2**-26, weight_decay=0.125), 1e-9),
    ("adamw(lr = 0.01, weight_decay = 0.1, decay_rank = 2)",
     lambda p: O.AdamW([{"params": [q for q in p if q.dim() >= 2]},
                        {"params": [q for q in p if q.dim() < 2], "weight_decay": 0.0}], 0.01, weight_decay=0.1), 1e-6),
    # What a phase adds to an optimizer: clipping by the norm of all gradients, arguments of their own for some.
    ("sgd(lr = 0.0625, momentum = 0.875)", lambda p: O.SGD(p, 0.0625, momentum=0.875), 1e-6, {"clip_norm": 0.125}),
    ("adam(lr = 0.01)", lambda p: O.Adam(p, 0.01), 1e-6, {"clip_norm": 0.1}),
    ("sgd(lr = 0.25, weight_decay = 0.0625)",
     lambda p: O.SGD([{"params": [p[1], p[3]], "weight_decay": 0.0}, {"params": [p[2]], "lr": 0.03125}, {"params": [p[0]]}],
                     0.25, weight_decay=0.0625), 1e-9,
     {"groups": [{"rank": 1, "weight_decay": "0"}, {"match": "fc2.*", "lr": "0.03125"}]}),
]


def trajectories():
    inputs = [{"name": "x", "shape": [8, 5], "seed": 1, "low": -2, "high": 2},
              {"name": "label", "shape": [8], "seed": 2, "below": 3}]
    x, label = uniform(1, [8, 5], -2, 2), integers(2, [8], 3)
    for k, (name, shape) in enumerate(PARAMETERS.items()):
        inputs.append({"name": name, "shape": shape, "seed": 100 + k, "low": -0.5, "high": 0.5})
    runs = []
    for text, make, tolerance, *more in OPTIMIZERS:
        phase = more[0] if more else {}
        start = {i["name"]: uniform(i["seed"], i["shape"], i["low"], i["high"]).requires_grad_() for i in inputs[2:]}
        w1, b1, w2, b2 = start.values()
        optimizer = make(list(start.values()))
        losses = []
        for _ in range(STEPS):
            loss = F.cross_entropy(F.linear(torch.tanh(F.linear(x, w1, b1)), w2, b2), label)
            optimizer.zero_grad()
            loss.backward()
            losses.append(loss.item())
            if "clip_norm" in phase:
                torch.nn.utils.clip_grad_norm_(list(start.values()), phase["clip_norm"])
            optimizer.step()
        runs.append({"optimizer": text, **phase, "tolerance": tolerance, "losses": losses,
                     "final": {name: numbers(value) for name, value in start.items()}})
    runs.append(running_statistics())
    return inputs, runs


# What a norm keeps of the batches it has seen, which changes by itself: 200 batches, all the same.
NORM_NET = """model net {
  fc1 = linear(5, 4)
  bn = batch_norm1d(4, eps = 2^-16, momentum = 0.0625)
  fc2 = linear(4, 3)
  fn forward(x: f32[batch, 5]) = x |> fc1 |> bn |> tanh |> fc2
  loss(x, label: i32[batch]) = cross_entropy(forward(x), label)
}
"""


def running_statistics():
    shapes = dict(PARAMETERS) | {"bn.weight": [4], "bn.bias": [4], "bn.running_mean": [4], "bn.running_var": [4]}
    inputs = [{"name": "x", "shape": [8, 5], "seed": 1, "low": -2, "high": 2},
              {"name": "label", "shape": [8], "seed": 2, "below": 3}]
    for k, (name, shape) in enumerate(shapes.items()):
        inputs.append({"name": name, "shape": shape, "seed": 200 + k, "low": 0.25, "high": 0.75})
    x, label = uniform(1, [8, 5], -2, 2), integers(2, [8], 3)
    start = {i["name"]: uniform(i["seed"], i["shape"], i["low"], i["high"]) for i in inputs[2:]}
    p = {name: value.requires_grad_() for name, value in start.items() if "running" not in name}
    optimizer = O.SGD(list(p.values()), 0.25, momentum=0.5)
    losses = []
    for _ in range(STEPS):
        h = F.batch_norm(F.linear(x, p["fc1.weight"], p["fc1.bias"]), start["bn.running_mean"], start["bn.running_var"],
                         p["bn.weight"], p["bn.bias"], True, 2**-4, 2**-16)
        loss = F.cross_entropy(F.linear(torch.tanh(h), p["fc2.weight"], p["fc2.bias"]), label)
        optimizer.zero_grad()
        loss.backward()
        losses.append(loss.item())
        optimizer.step()
    return {"optimizer": "momentum(lr = 0.25, beta = 0.5)", "model": NORM_NET, "inputs": inputs, "tolerance": 1e-9,
            "losses": losses, "final": {name: numbers(value) for name, value in start.items()}}


# ---- checkpoints ----------------------------------------------------------------------------------------------------


def named(**parts):
    made = torch.nn.Module()
    for name, part in parts.items():
        setattr(made, name, part)
    return made


def list_of(*parts):
    return torch.nn.ModuleList(parts)


def lenet():
    N = torch.nn
    m = named(c1=N.Conv2d(1, 6, 5, padding=2), c2=N.Conv2d(6, 16, 5), f1=N.Linear(400, 120), f2=N.Linear(120, 84),
              f3=N.Linear(84, 10))

    def run(x):
        x = F.max_pool2d(F.relu(m.c2(F.max_pool2d(F.relu(m.c1(x)), 2))), 2)
        return torch.softmax(m.f3(F.relu(m.f2(F.relu(m.f1(x.flatten(1)))))), -1)
    return m, run


def resnet8():
    N = torch.nn
    conv = lambda i, o, k, s=1: N.Conv2d(i, o, k, s, k // 2, bias=False)

    def block(i, o, s=1):
        short = [] if i == o else [conv(i, o, 1, s), N.BatchNorm2d(o)]
        return named(conv1=conv(i, o, 3, s), bn1=N.BatchNorm2d(o), conv2=conv(o, o, 3), bn2=N.BatchNorm2d(o),
                     shortcut=list_of(*short))
    m = named(stem=list_of(conv(3, 16, 3), N.BatchNorm2d(16)), blocks=list_of(block(16, 16), block(16, 32, 2), block(32, 64, 2)),
              fc=N.Linear(64, 10))

    def run(x):
        x = F.relu(m.stem[1](m.stem[0](x)))
        for b in m.blocks:
            y = b.bn2(b.conv2(F.relu(b.bn1(b.conv1(x)))))
            for part in b.shortcut:
                x = part(x)
            x = F.relu(y + x)
        return torch.softmax(m.fc(x.mean((2, 3))), -1)
    return m, run


def bilstm():
    m = named(rnn=torch.nn.LSTM(5, 7, 2, batch_first=True, bidirectional=True), fc=torch.nn.Linear(14, 3))
    return m, lambda x: torch.softmax(m.fc(m.rnn(x)[0][:, -1]), -1)


def mini_gpt():
    N = torch.nn
    norm = lambda: N.LayerNorm(128, bias=False)
    dense = lambda i, o: N.Linear(i, o, bias=False)
    m = named(wte=N.Embedding(65, 128), wpe=N.Embedding(64, 128),
              h=list_of(*(named(ln1=norm(), qkv=dense(128, 384), proj=dense(128, 128), ln2=norm(), fc=dense(128, 512),
                                fc2=dense(512, 128)) for _ in range(4))), ln=norm())

    def run(tokens):
        x = m.wte(tokens) + m.wpe.weight
        for b in m.h:
            q, k, v = (t.reshape(len(x), 64, 4, 32).transpose(1, 2) for t in b.qkv(b.ln1(x)).split(128, -1))
            y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = x + b.proj(y.transpose(1, 2).reshape(len(x), 64, 128))
            x = x + b.fc2(F.gelu(b.fc(b.ln2(x))))
        return torch.softmax(m.ln(x)[:, -1] @ m.wte.weight.T, -1)
    return m, run


def checkpoints():
    """What PyTorch's modules say of drawn inputs, with drawn parameters and running statistics under their own names."""
    rows, seed = [], 5000
    for make, model, output, data, label in (
            (lenet, "examples/lenet.nn", "probability", {"name": "image", "shape": [3, 1, 28, 28], "low": -1, "high": 1},
             {"name": "label", "shape": [3], "below": 10}),
            (resnet8, "examples/resnet8.nn", "probability", {"name": "image", "shape": [3, 3, 32, 32], "low": -1, "high": 1},
             {"name": "label", "shape": [3], "below": 10}),
            (bilstm, "tests/train/Inputs/bilstm.nn", "probability", {"name": "x", "shape": [4, 6, 5], "low": -1, "high": 1},
             {"name": "label", "shape": [4], "below": 3}),
            (mini_gpt, "examples/mini_gpt.nn", "next", {"name": "tokens", "shape": [2, 64], "below": 65},
             {"name": "target", "shape": [2, 64], "below": 65})):
        module, run = make()
        tensors, state = [], {}
        row = {"name": make.__name__, "model": model, "output": output, "tensors": tensors, "data": [data, label]}
        for name, value in module.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            seed += 1
            low, high = (0.5, 1.5) if value.dim() == 1 and not name.endswith("bias") and "lstm" not in name else (-0.2, 0.2)
            tensors.append({"name": name, "shape": list(value.shape), "seed": seed, "low": low, "high": high})
            state[name] = uniform(seed, list(value.shape), low, high)
        module.load_state_dict(state, strict=False)
        for one in (data, label):
            seed += 1
            one["seed"] = seed
        x = integers(data["seed"], data["shape"], data["below"]) if "below" in data else \
            uniform(data["seed"], data["shape"], data["low"], data["high"])
        # A step of training at a rate of 0, which moves running statistics; then what is predicted.
        run(x)
        module.eval()
        row["values"] = numbers(run(x))
        rows.append(row)
    return rows


def write(path, head, key, rows):
    body = ",\n".join(json.dumps(row, ensure_ascii=False, separators=(",", ":")) for row in rows)
    head = json.dumps(head, ensure_ascii=False, separators=(",", ":"))[:-1]
    path.write_text(f"{head},\n{json.dumps(key)}:[\n{body}\n]}}\n", encoding="utf-8")


def main():
    folder = pathlib.Path(__file__).parent
    made_by = f"tests/reference/make_reference.py, PyTorch {torch.__version__.split('+')[0]}, double precision"
    cases = Cases()
    for family in (unary, binary, shapes, reductions, products, layers, losses, elementary, norms, convolutions,
                   lookups, recurrent, attentions, more_losses, blind_attentions, more_activations, kinks,
                   infinite_scores):
        with torch.nn.attention.sdpa_kernel(torch.nn.attention.SDPBackend.MATH):  # it has second derivatives
            family(cases)
    write(folder / "ops.json", {"made_by": made_by}, "cases", cases.all)
    inputs, runs = trajectories()
    write(folder / "optimizers.json", {"made_by": made_by, "model": NET, "batch": 8, "inputs": inputs}, "runs", runs)
    write(folder / "checkpoints.json", {"made_by": made_by}, "nets", checkpoints())


if __name__ == "__main__":
    main()
