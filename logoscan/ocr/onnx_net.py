"""PP-OCR's ONNX files as torch modules, for a GPU: the operations that these files use, and no others.

ONNX Runtime's CUDA build excludes its CPU build, and plans each new shape for seconds. Shapes are lists of Python
numbers all along, so that nothing is asked of the GPU while the network runs and a CUDA graph can hold it; general
converters compute shapes by tensors on the device. The tests compare each file with ONNX Runtime.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import onnx
import torch
import torch.nn.functional as F  # noqa: N812 - as torch's documentation names it
from onnx import numpy_helper
from torch import nn

from logoscan._quote import cause
from logoscan.errors import InputError

__all__ = ["OnnxNet"]

Value: TypeAlias = "torch.Tensor | list[int]"
"""A value in the graph: floats are tensors, whole numbers, which are shapes and positions, are lists."""
Attributes: TypeAlias = Mapping[str, Any]


class _Step(NamedTuple):
    """One operation: its name, the names of its values, and the values that no later step needs."""

    operation: str
    inputs: tuple[str, ...]
    output: str
    attributes: Attributes
    done_with: tuple[str, ...]


class OnnxNet(nn.Module):
    """The network of an ONNX file of one input and one output, with its weights as float32 buffers."""

    def __init__(self, path: str | Path) -> None:
        """Read a file.

        Raises:
            InputError: It is no such file, or contains an operation that is not known here.
        """
        super().__init__()
        try:
            graph = onnx.load(str(path)).graph
        except Exception as error:  # protobuf raises what it likes
            raise InputError(f"{path}: expected an ONNX file ({type(error).__name__}: {cause(error)})") from None
        self._constants: dict[str, str | list[int]] = {}
        same: dict[str, str] = {}
        for row in graph.initializer:
            self._keep(row.name, numpy_helper.to_array(row))
        found: list[tuple[str, tuple[str, ...], str, dict[str, Any]]] = []
        for node in graph.node:
            attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
            inputs = tuple(same.get(name, name) for name in node.input)
            if node.op_type == "Constant":
                self._keep(node.output[0], numpy_helper.to_array(attributes["value"]))
            elif node.op_type == "Identity":
                same[node.output[0]] = inputs[0]
            elif node.op_type not in _OPERATIONS or len(node.output) != 1:
                raise InputError(f"{path}: expected operations of PP-OCR, got {node.op_type}")
            else:
                if node.op_type == "BatchNormalization":
                    inputs = self._folded(inputs, attributes.get("epsilon", 1e-5))
                elif node.op_type == "Resize":
                    attributes["factors"] = self._factors(inputs)
                found.append((node.op_type, inputs, node.output[0], attributes))
        (self._input,) = (i.name for i in graph.input if i.name not in self._constants)
        self._output = same.get(graph.output[0].name, graph.output[0].name)
        last = {name: i for i, (_, inputs, _, _) in enumerate(found) for name in inputs}
        self._steps = [
            _Step(op, inputs, output, attributes, tuple({n for n in inputs if last[n] == i} - {self._output}))
            for i, (op, inputs, output, attributes) in enumerate(found)
        ]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the network's output for float (n, 3, H, W), of the dtype of the weights."""
        values: dict[str, Value] = {self._input: x}
        for step in self._steps:
            inputs = [values[name] if name in values else self._constant(name) for name in step.inputs]
            values[step.output] = _OPERATIONS[step.operation](inputs, step.attributes)
            for name in step.done_with:
                values.pop(name, None)
        output = values[self._output]
        assert isinstance(output, torch.Tensor)
        return output

    def _keep(self, name: str, array: np.ndarray) -> None:
        if np.issubdtype(array.dtype, np.floating):
            buffer = f"constant_{len(self._constants)}"
            self.register_buffer(buffer, torch.from_numpy(np.array(array, np.float32)))
            self._constants[name] = buffer
        else:
            self._constants[name] = [int(n) for n in array.ravel()]

    def _constant(self, name: str) -> Value:
        if not name:  # an input that is left out
            return []
        kept = self._constants[name]
        return self.get_buffer(kept) if isinstance(kept, str) else kept

    def _numbers(self, name: str) -> np.ndarray:
        value = self._constant(name)
        return value.numpy() if isinstance(value, torch.Tensor) else np.array(value)

    def _folded(self, inputs: tuple[str, ...], epsilon: float) -> tuple[str, ...]:
        """Return the inputs of a batch normalisation as a factor and a summand of each channel."""
        weight, bias, mean, variance = (self._numbers(name) for name in inputs[1:5])
        factor = weight / np.sqrt(variance + epsilon)
        names = f"{inputs[1]}|factor", f"{inputs[1]}|summand"
        for name, array in zip(names, (factor, bias - mean * factor), strict=True):
            self._keep(name, array)
        return inputs[0], *names

    def _factors(self, inputs: tuple[str, ...]) -> list[float] | None:
        """Return by which factors an image is enlarged, read now and not from the GPU; None where it has a size."""
        if len(inputs) < 3 or not inputs[2] or not self._numbers(inputs[2]).size:
            return None
        return [float(factor) for factor in self._numbers(inputs[2])[2:]]


def _pads(at: Attributes, sides: Sequence[int], kernel: Sequence[int]) -> list[tuple[int, int]]:
    """Return the padding before and after each side of an image, in pixels."""
    stride, dilation = (at.get(name) or [1] * len(kernel) for name in ("strides", "dilations"))
    auto = (at.get("auto_pad") or b"NOTSET").decode()
    if not auto.startswith("SAME"):
        pads = at.get("pads") or [0] * (2 * len(kernel))
        return list(zip(pads[: len(kernel)], pads[len(kernel) :], strict=True))
    out = []
    for side, k, s, d in zip(sides, kernel, stride, dilation, strict=True):
        total = max(0, (-(-side // s) - 1) * s + (k - 1) * d + 1 - side)
        small, large = total // 2, total - total // 2
        out.append((small, large) if auto == "SAME_UPPER" else (large, small))
    return out


def _window(x: Any, at: Attributes, kernel: Sequence[int], filling: float = 0.0) -> tuple[Any, list[int]]:
    """Return an image, padded where torch cannot pad it alike on both sides, and the padding that is left."""
    pads = _pads(at, x.shape[2:], kernel)
    if all(before == after for before, after in pads):
        return x, [before for before, _ in pads]
    return F.pad(x, [n for pair in reversed(pads) for n in pair], value=filling), [0] * len(kernel)


def _conv(v: list[Any], at: Attributes) -> Value:
    kernel = list(v[1].shape[2:])
    x, padding = _window(v[0], at, kernel)
    stride, dilation = (at.get(name) or [1] * len(kernel) for name in ("strides", "dilations"))
    return F.conv2d(x, v[1], v[2] if len(v) > 2 else None, stride, padding, dilation, at.get("group", 1))


def _conv_transposed(v: list[Any], at: Attributes) -> Value:
    kernel = list(v[1].shape[2:])
    stride, dilation = (at.get(name) or [1] * len(kernel) for name in ("strides", "dilations"))
    padding = [before for before, _ in _pads(at, v[0].shape[2:], kernel)]
    bias = v[2] if len(v) > 2 else None
    return F.conv_transpose2d(v[0], v[1], bias, stride, padding, 0, at.get("group", 1), dilation)


def _max_pool(v: list[Any], at: Attributes) -> Value:
    kernel = at["kernel_shape"]
    x, padding = _window(v[0], at, kernel, float("-inf"))
    stride = at.get("strides") or [1] * len(kernel)
    return F.max_pool2d(x, kernel, stride, padding, at.get("dilations") or 1, bool(at.get("ceil_mode", 0)))


def _average_pool(v: list[Any], at: Attributes) -> Value:
    kernel = at["kernel_shape"]
    x, padding = _window(v[0], at, kernel)
    stride, counts_padding = at.get("strides") or [1] * len(kernel), bool(at.get("count_include_pad", 0))
    return F.avg_pool2d(x, kernel, stride, padding, bool(at.get("ceil_mode", 0)), counts_padding)


def _resize(v: list[Any], at: Attributes) -> Value:
    if at.get("mode", b"nearest") != b"nearest":
        raise InputError(f"Resize: expected the mode nearest, got {at['mode']!r}")
    return F.interpolate(v[0], None if at["factors"] else v[3][2:], at["factors"], mode="nearest")


def _slice(v: list[Any], at: Attributes) -> Value:
    if isinstance(v[0], list):
        return v[0][v[1][0] : v[2][0]]
    x: torch.Tensor = v[0]
    for start, end, axis in zip(v[1], v[2], v[3], strict=True):
        x = x.narrow(axis, *_range(start, end, x.shape[axis]))
    return x


def _range(start: int, end: int, size: int) -> tuple[int, int]:
    """Return the start and the length of a Python-like slice of this many rows."""
    first, beyond, _ = slice(start, end).indices(size)
    return first, beyond - first


def _reshape(v: list[Any], at: Attributes) -> Value:
    if isinstance(v[0], list):
        return v[0]
    x: torch.Tensor = v[0]
    return x.reshape([x.shape[i] if n == 0 else n for i, n in enumerate(v[1])])


def _concat(v: list[Any], at: Attributes) -> Value:
    return [n for part in v for n in part] if isinstance(v[0], list) else torch.cat(v, at["axis"])


def _squeeze(v: list[Any], at: Attributes) -> Value:
    return v[0] if isinstance(v[0], list) else v[0].squeeze(tuple(at["axes"]))


def _unsqueeze(v: list[Any], at: Attributes) -> Value:
    return v[0] if isinstance(v[0], list) else v[0].unsqueeze(at["axes"][0])


def _batch_norm(v: list[Any], at: Attributes) -> Value:
    """Multiply and add, as `_folded` left it, along the axis of the channels, the second one."""
    x: torch.Tensor = v[0]
    shape = [-1, *[1] * (x.ndim - 2)]
    factor: torch.Tensor = v[1].reshape(shape)
    summand: torch.Tensor = v[2].reshape(shape)
    return x * factor + summand


def _hard_sigmoid(v: list[Any], at: Attributes) -> Value:
    return torch.clamp(v[0] * at.get("alpha", 0.2) + at.get("beta", 0.5), 0, 1)


# What each operation does with its values and attributes (onnx.ai/onnx/operators, opset 11).
_OPERATIONS: Mapping[str, Callable[[list[Any], Attributes], Value]] = {
    "Add": lambda v, at: v[0] + v[1],
    "AveragePool": _average_pool,
    "BatchNormalization": _batch_norm,
    "Cast": lambda v, at: v[0],  # of shapes alone
    "Clip": lambda v, at: torch.clamp(v[0], v[1], v[2]),
    "Concat": _concat,
    "Conv": _conv,
    "ConvTranspose": _conv_transposed,
    "Div": lambda v, at: v[0] / v[1],
    "Erf": lambda v, at: torch.erf(v[0]),
    "GlobalAveragePool": lambda v, at: v[0].mean((2, 3), keepdim=True),
    "HardSigmoid": _hard_sigmoid,
    "MatMul": lambda v, at: v[0] @ v[1],
    "MaxPool": _max_pool,
    "Mul": lambda v, at: v[0] * v[1],
    "Pow": lambda v, at: v[0] ** v[1],
    "ReduceMean": lambda v, at: v[0].mean(at["axes"], keepdim=bool(at.get("keepdims", 1))),
    "Relu": lambda v, at: F.relu(v[0]),
    "Reshape": _reshape,
    "Resize": _resize,
    "Shape": lambda v, at: list(v[0].shape),
    "Sigmoid": lambda v, at: torch.sigmoid(v[0]),
    "Slice": _slice,
    "Softmax": lambda v, at: torch.softmax(v[0], at.get("axis", -1)),
    "Sqrt": lambda v, at: torch.sqrt(v[0]),
    "Squeeze": _squeeze,
    "Sub": lambda v, at: v[0] - v[1],
    "Transpose": lambda v, at: v[0].permute(at["perm"]),
    "Unsqueeze": _unsqueeze,
}
