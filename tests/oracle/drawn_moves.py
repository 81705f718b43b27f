"""Random operators that move elements, make shapes, and keep variables."""

import math

import numpy as np

from drawn import Drawn, integers
from tflite_build import Step, Tensor


def moved(operator, shape_of):
    """An operator on one operand whose result has its quantization; `shape_of` says what else it has."""

    def draw(d):
        x, shape, constants, options = shape_of(d)
        x = d.tensor(x)
        return Drawn(operator, [x, *constants], [d.like(x, shape)], options)

    return draw


def reshape(d):
    x = d.shape()
    flat, shape = math.prod(x), []
    while flat > 1 and len(shape) < 3:
        factor = d.pick(*[f for f in range(1, flat + 1) if flat % f == 0])
        shape.append(factor)
        flat //= factor
    shape.append(flat)
    return x, shape, [integers(shape)], {"newShape": list(shape)}


def expand_dims(d):
    x = d.shape((1, 2, 3))
    axis = d.whole(-len(x) - 1, len(x))
    shape = list(x)
    shape.insert(axis if axis >= 0 else axis + len(x) + 1, 1)
    return x, shape, [integers(axis)], {}


def squeeze(d):
    x = tuple(d.pick(1, extent) for extent in d.shape((2, 3, 4)))
    gone = [axis for axis, extent in enumerate(x) if extent == 1]
    return x, [extent for extent in x if extent != 1], [], {"squeezeDims": gone}


def transpose(d):
    x = d.shape((2, 3, 4, 5))
    order = d.rng.permutation(len(x))
    return x, [x[axis] for axis in order], [integers(order)], {}


def pads(d, rank):
    return [[d.pick(0, 0, 1, 2, 3) for _ in range(2)] for _ in range(rank)]


def pad(d):
    x = d.shape()
    amounts = pads(d, len(x))
    return x, [extent + sum(pair) for extent, pair in zip(x, amounts)], [integers(amounts)], {}


def pad_v2(d):
    case = moved("PADV2", pad)(d)
    x = case.inputs[0]
    value = d.values(d.like(x, (1,)))
    scale = {} if x.scale is None else {"scale": x.s, "zero_point": x.z}
    case.inputs.append(Tensor(data=value, **scale))
    return case


def mirror_pad(d):
    x = tuple(extent + 1 for extent in d.shape())
    mode = d.pick(0, 1)
    amounts = [[d.whole(0, min(2, extent - 1 + mode)) for _ in range(2)] for extent in x]
    return x, [extent + sum(pair) for extent, pair in zip(x, amounts)], [integers(amounts)], {"mode": mode}


def slice_(d):
    x = d.shape((1, 2, 3, 4, 5))
    begin = [d.whole(0, extent - 1) for extent in x]
    size = [d.whole(1, extent - at) for extent, at in zip(x, begin)]
    written = [-1 if at + n == extent and d.chance() else n for extent, at, n in zip(x, begin, size)]
    return x, size, [integers(begin), integers(written)], {}


def strided_slice(d):
    """With masks and steps of both signs; what is left has elements."""
    x = d.shape()
    numbers, masks, shape = [], {"beginMask": 0, "endMask": 0, "shrinkAxisMask": 0}, []
    for axis, extent in enumerate(x):
        step = d.pick(1, 1, 1, 2, 3, -1, -2)
        begin = d.whole(0, extent - 1)
        end = d.whole(begin + 1, extent) if step > 0 else d.whole(-1, begin - 1) if begin else -1
        if step < 0 and end < 0:
            masks["endMask"] |= 1 << axis
            end = 0
            count = len(range(begin, -1, step))
        else:
            count = len(range(begin, end, step))
        if d.chance(0.15):
            masks["shrinkAxisMask"] |= 1 << axis
            step, end, count = 1, begin + 1, None
            masks["endMask"] &= ~(1 << axis)
        elif step > 0 and d.chance(0.2):
            masks["beginMask"] |= 1 << axis
            count = len(range(0, end, step))
        if count is not None:
            shape.append(count)
        numbers.append((begin - extent if d.chance(0.2) else begin, end, step))
    return x, shape, [integers([each[at] for each in numbers]) for at in range(3)], masks


def reverse(d):
    x = d.shape()
    # The oracle wants neighbors.
    first = d.whole(0, len(x) - 1)
    return x, x, [integers([axis for axis in range(first, d.whole(first, len(x) - 1) + 1)])], {}


def broadcast_to(d):
    shape = d.shape()
    x = tuple(extent if d.chance(0.6) else 1 for extent in shape)[d.whole(0, len(shape) - 1):]
    return x, shape, [integers(shape)], {}


def space_to_depth(d):
    block, (n, h, w, c) = d.whole(1, 3), d.shape((4,), 3)
    return (n, h * block, w * block, c), (n, h, w, c * block * block), [], {"blockSize": block}


def depth_to_space(d):
    x, shape, _, options = space_to_depth(d)
    return shape, x, [], options


def space_to_batch(d):
    block, (n, h, w, c) = [d.whole(1, 3), d.whole(1, 3)], d.shape((4,), 3)
    x = (n, h * block[0], w * block[1], c)
    return x, (n * block[0] * block[1], h, w, c), [integers(block), integers([[0, 0], [0, 0]])], {}


def batch_to_space(d):
    x, shape, (block, _), _ = space_to_batch(d)
    crops = [[d.whole(0, min(1, (extent - 1) // 2)) for _ in range(2)] for extent in x[1:3]]
    result = (x[0], x[1] - sum(crops[0]), x[2] - sum(crops[1]), x[3])
    return shape, result, [block, integers(crops)], {}


def resize(d):
    x = (d.whole(1, 2), d.whole(1, 6), d.whole(1, 6), d.whole(1, 5))
    size = (d.whole(1, 12), d.whole(1, 12))
    mode = d.pick(*({}, {"alignCorners": True}, {"halfPixelCenters": True}))
    return x, (x[0], *size, x[3]), [integers(size)], mode


def gather(d):
    x = d.shape()
    axis = d.whole(-len(x), len(x) - 1)
    indices = d.rng.integers(0, x[axis], d.shape((1, 2), 4)).astype(np.int32)
    at = axis % len(x)
    return x, x[:at] + indices.shape + x[at + 1:], [Tensor(data=indices)], {"axis": axis}


def gather_nd(d):
    x = d.shape((2, 3, 4))
    depth = d.whole(1, len(x))
    lead = d.shape((1, 2), 4)
    indices = np.stack([d.rng.integers(0, extent, lead) for extent in x[:depth]], axis=-1).astype(np.int32)
    return x, lead + x[depth:], [Tensor(data=indices)], {}


def concatenation(d):
    shape = d.shape()
    axis = d.whole(-len(shape), len(shape) - 1)
    at, first = axis % len(shape), d.tensor(shape)
    parts = [first] + [d.like(first, shape[:at] + (d.whole(1, 4),) + shape[at + 1:]) for _ in range(d.whole(1, 3))]
    y = d.like(first, shape[:at] + (sum(part.shape[at] for part in parts),) + shape[at + 1:])
    return Drawn("CONCATENATION", parts, [y], {"axis": axis})


def pack(d):
    x = d.tensor(d.shape((1, 2, 3)))
    count, axis = d.whole(1, 3), d.whole(-len(x.shape) - 1, len(x.shape))
    shape = list(x.shape)
    shape.insert(axis if axis >= 0 else axis + len(shape) + 1, count)
    return Drawn("PACK", [d.like(x, x.shape) for _ in range(count)], [d.like(x, shape)], {"axis": axis, "valuesCount": count})


def unpack(d):
    x = d.tensor(d.shape((2, 3, 4), 4))
    axis = d.whole(-len(x.shape), len(x.shape) - 1)
    shape = list(x.shape)
    count = shape.pop(axis)
    return Drawn("UNPACK", [x], [d.like(x, shape) for _ in range(count)], {"axis": axis, "num": count})


def split(d):
    shape, count = list(d.shape((1, 2, 3, 4), 4)), d.whole(1, 3)
    axis = d.whole(-len(shape), len(shape) - 1)
    part = tuple(shape)
    shape[axis] *= count
    x = d.tensor(shape)
    return Drawn("SPLIT", [integers(axis), x], [d.like(x, part) for _ in range(count)], {"numSplits": count})


def split_v(d):
    shape, sizes = list(d.shape((1, 2, 3, 4), 4)), [d.whole(1, 3) for _ in range(d.whole(1, 3))]
    axis = d.whole(-len(shape), len(shape) - 1)
    shape[axis] = sum(sizes)
    x = d.tensor(shape)
    parts = [d.like(x, [size if at == axis % len(shape) else extent for at, extent in enumerate(shape)]) for size in sizes]
    return Drawn("SPLIT_V", [x, integers(list(sizes)), integers(axis)], parts, {"numSplits": len(sizes)})


def fill(d):
    value = d.maybe_constant(d.tensor(()), 0.6)
    shape = d.shape()
    return Drawn("FILL", [integers(list(shape)), value], [d.like(value, shape)])


def zeros_like(d):
    x = d.tensor(d.shape())
    return Drawn("ZEROS_LIKE", [x], [d.like(x, x.shape)])


def shape(d):
    x = d.tensor(d.shape())
    return Drawn("SHAPE", [x], [Tensor((len(x.shape),), np.int32)], {"outType": 2})


def broadcast_args(d):
    pair = d.broadcast()
    result = np.broadcast_shapes(*pair)
    operands = [Tensor((len(each),), np.int32) for each in pair]
    case = Drawn("BROADCAST_ARGS", operands, [Tensor((len(result),), np.int32)])
    case.given = {id(tensor): np.array(each, np.int32) for tensor, each in zip(operands, pair)}
    return case


def dynamic_update_slice(d):
    x = d.tensor(d.shape())
    part = d.like(x, [d.whole(1, extent) for extent in x.shape])
    start = Tensor((len(x.shape),), np.int32)
    case = Drawn("DYNAMIC_UPDATE_SLICE", [x, part, start], [d.like(x, x.shape)])
    begin = np.array([d.whole(-1, extent) for extent in x.shape], np.int32)
    if d.chance():
        case.inputs[2] = Tensor(data=begin)
    else:
        case.given[id(start)] = begin
    return case


def embedding_lookup(d):
    table = d.constant(d.tensor(d.shape((2, 3)), zero=0))
    lookup = Tensor((d.whole(1, 5),), np.int32)
    widens = d.dtype is np.int8 and d.chance(0.4)
    shape = (lookup.shape[0], *table.shape[1:])
    y = Tensor(shape, np.float32) if widens else d.like(table, shape)
    case = Drawn("EMBEDDING_LOOKUP", [lookup, table], [y])
    case.given[id(lookup)] = d.rng.integers(0, table.shape[0], lookup.shape).astype(np.int32)
    return case


def variable(operator):
    """A variable that is assigned and read again: VAR_HANDLE, ASSIGN_VARIABLE and READ_VARIABLE only make sense together."""

    def draw(d):
        x = d.tensor(d.shape())
        handle = Tensor((), np.void)
        before = [Step("VAR_HANDLE", [], [handle], {"sharedName": "v"}), Step("ASSIGN_VARIABLE", [handle, x], [])]
        return Drawn("READ_VARIABLE", [handle], [d.like(x, x.shape)], before=before)

    return draw


OPERATORS = {
    **{name: moved(name, draw) for name, draw in {
        "RESHAPE": reshape, "EXPAND_DIMS": expand_dims, "SQUEEZE": squeeze, "TRANSPOSE": transpose, "PAD": pad,
        "MIRROR_PAD": mirror_pad, "SLICE": slice_, "STRIDED_SLICE": strided_slice, "REVERSE_V2": reverse,
        "BROADCAST_TO": broadcast_to, "SPACE_TO_DEPTH": space_to_depth, "DEPTH_TO_SPACE": depth_to_space,
        "SPACE_TO_BATCH_ND": space_to_batch, "BATCH_TO_SPACE_ND": batch_to_space, "RESIZE_BILINEAR": resize,
        "RESIZE_NEAREST_NEIGHBOR": resize, "GATHER": gather, "GATHER_ND": gather_nd}.items()},
    "PADV2": pad_v2, "CONCATENATION": concatenation, "PACK": pack, "UNPACK": unpack, "SPLIT": split, "SPLIT_V": split_v,
    "FILL": fill, "ZEROS_LIKE": zeros_like, "SHAPE": shape, "BROADCAST_ARGS": broadcast_args,
    "DYNAMIC_UPDATE_SLICE": dynamic_update_slice, "EMBEDDING_LOOKUP": embedding_lookup,
    **{name: variable(name) for name in ("VAR_HANDLE", "ASSIGN_VARIABLE", "READ_VARIABLE")},
}  # fmt: skip
