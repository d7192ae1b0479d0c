#!/usr/bin/env python3
"""Makes lecture.json beside it: what PyTorch computes, in double precision, for the files of examples/lecture/gradient.

    pip install torch==2.15.0 numpy
    python3 tests/reference/make_lecture.py

tests/run/gradient.test reads it. Names are those of the lines that `nnc run` prints; "after NAME" is the value after the step.
"""
import json
import pathlib

import torch
import torch.nn.functional as F

torch.set_default_dtype(torch.float64)


def regression(lr):
    """gradient.nn: softmax regression on four samples, and a step of gradient descent."""
    x = torch.tensor([[0.5, 1.0], [-1.0, 0.2], [1.5, -0.5], [0.0, -1.0]])
    label = torch.tensor([0, 1, 2, 0])
    w = torch.tensor([[0.1, -0.2], [0.3, 0.0], [-0.1, 0.2]], requires_grad=True)
    loss = F.cross_entropy(x @ w.T, label)
    loss.backward()
    p = torch.softmax(x @ w.T, dim=1)
    after = w - lr * w.grad
    return {"p": p, "y": F.one_hot(label, 3), "error": p - F.one_hot(label, 3), "by_hand": w.grad, "by_rule": w.grad,
            "loss": loss, "gradient of w": w.grad, "after w": after, "after loss": F.cross_entropy(x @ after.T, label)}


def bowl(lr):
    """step.nn: the loss is the sum of squares."""
    w = torch.tensor([3.0, 0.5, 0.0, -2.0], requires_grad=True)
    loss = (w**2).sum()
    loss.backward()
    after = w - lr * w.grad
    return {"slope": w.grad, "step": -lr * w.grad, "next": after, "loss_next": (after**2).sum(),
            "promised": loss - lr * (w.grad**2).sum(), "loss": loss, "gradient of w": w.grad, "after w": after,
            "after loss": (after**2).sum()}


def plain(values):
    return {name: tensor.detach().tolist() for name, tensor in values.items()}


numbers = {"gradient, sgd(lr = 0.5)": plain(regression(0.5)), "step, sgd(lr = 0.1)": plain(bowl(0.1))}
path = pathlib.Path(__file__).with_name("lecture.json")
path.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
