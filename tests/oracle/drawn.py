"""What random operators are drawn with: shapes, scales, zero points, constants and inputs of one element type."""

import math
from dataclasses import dataclass, field

import numpy as np

from tflite_build import Graph, Step, Tensor, serialize_graphs

TYPES = {"float32": np.float32, "int8": np.int8, "int16": np.int16, "int32": np.int32, "uint8": np.uint8, "bool": np.bool_}
# The scales of activations, one for each type that is quantized: the ends of a range uniform on the logarithm.
SCALES = {np.int8: (1e-3, 0.2), np.uint8: (1e-3, 0.2), np.int16: (1e-5, 1e-3)}


@dataclass
class Drawn:
    """An operator with what is given for its operands that are no constants."""

    operator: str
    inputs: list
    outputs: list
    options: dict = field(default_factory=dict)
    given: dict = field(default_factory=dict)  # values of an operand, by its identity, where any would not do
    before: list = field(default_factory=list)  # steps that run before it

    @property
    def activations(self):
        """The operands that are given, each once."""
        made = {id(tensor) for step in self.before for tensor in step.outputs}
        seen = {}
        for tensor in [tensor for step in self.before for tensor in step.inputs] + self.inputs:
            if tensor is not None and tensor.data is None and tensor.dtype is not np.void and id(tensor) not in made:
                seen[id(tensor)] = tensor
        return list(seen.values())

    def file(self):
        """The bytes of its .tflite file."""
        step = Step(self.operator, self.inputs, self.outputs, self.options)
        return serialize_graphs([Graph([*self.before, step], self.activations, self.outputs)])


class Draw:
    """Draws for one element type, by name."""

    def __init__(self, rng, name):
        self.rng, self.name, self.dtype = rng, name, TYPES[name]

    def pick(self, *choices):
        """One of the choices."""
        return choices[int(self.rng.integers(len(choices)))]

    def chance(self, probability=0.5):
        """True that often."""
        return bool(self.rng.random() < probability)

    def whole(self, low, high):
        """An integer from `low` to `high`, both included."""
        return int(self.rng.integers(low, high + 1))

    def shape(self, ranks=(1, 2, 3, 4), most=6):
        """A shape with one of these numbers of axes."""
        return tuple(self.whole(1, most) for _ in range(self.pick(*ranks)))

    def between(self, low, high):
        """A number, uniform on the logarithm."""
        return np.float32(math.exp(self.rng.uniform(math.log(low), math.log(high))))

    def is_quantized(self, dtype=None):
        """Whether elements of the type are codes."""
        return (dtype or self.dtype) in SCALES

    def tensor(self, shape, scale=None, zero=None, dtype=None):
        """An activation with any quantization."""
        dtype = dtype or self.dtype
        if not self.is_quantized(dtype):
            return Tensor(tuple(shape), dtype)
        scale = self.between(*SCALES[dtype]) if scale is None else np.float32(scale)
        if zero is None:
            low = 0 if dtype is np.uint8 else -128
            zero = self.pick(low, low + 128, low + 255, self.whole(low, low + 255))
        return Tensor(tuple(shape), dtype, scale, 0 if dtype is np.int16 else zero)

    def like(self, tensor, shape):
        """An activation of the same quantization."""
        if tensor.scale is None:
            return Tensor(tuple(shape), tensor.dtype)
        return Tensor(tuple(shape), tensor.dtype, tensor.s, tensor.z)

    def values(self, tensor):
        """Any elements that the tensor may have; of codes the ends of their range now and then."""
        dtype, shape = tensor.dtype, tensor.shape
        if dtype is np.bool_:
            return np.asarray(self.rng.random(shape) < 0.5)
        if dtype is np.float32:
            values = self.rng.normal(0, self.pick(0.5, 3.0), shape)
            return np.where(self.rng.random(shape) < 0.05, 0, values).astype(np.float32)
        if dtype is np.int32:
            return np.asarray(self.rng.integers(-1000, 1000, shape), np.int32)
        info = np.iinfo(dtype)
        values = self.rng.integers(info.min, info.max + 1, shape)
        if self.chance(0.25):
            values = self.rng.choice([info.min, info.max, tensor.z, tensor.z + (1 if tensor.z < info.max else -1)], shape)
        return np.asarray(values).astype(dtype)

    def constant(self, tensor):
        """The same tensor with elements."""
        scale = {} if tensor.scale is None else {"scale": tensor.s, "zero_point": tensor.z}
        return Tensor(data=self.values(tensor), **scale)

    def maybe_constant(self, tensor, probability=0.3):
        """The tensor, or the same with elements."""
        return self.constant(tensor) if self.chance(probability) else tensor

    def broadcast(self, most_axes=4):
        """Two shapes that meet in one: each repeats along some axes, and one may lack the first ones."""
        whole = self.shape(range(1, most_axes + 1))
        if self.chance(0.4):
            return whole, whole
        repeats = [self.pick(None, None, 0, 1) for _ in whole]
        pair = [tuple(1 if which == at else extent for extent, at in zip(whole, repeats)) for which in (0, 1)]
        lacks = self.pick(0, 1)
        while len(pair[lacks]) > 1 and self.chance(0.4):
            pair[lacks] = pair[lacks][1:]
        return tuple(pair)


def integers(*numbers):
    """A constant of 32-bit integers."""
    return Tensor(data=np.array(numbers[0] if len(numbers) == 1 and np.ndim(numbers[0]) else numbers, np.int32))
