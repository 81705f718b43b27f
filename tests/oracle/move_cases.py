"""int8 cases of operators that move elements, and of those that resize images; with their formulas."""

import numpy as np

from tflite_build import Model, Tensor


def codes(rng, shape):
    """Any int8."""
    return rng.integers(-128, 128, shape).astype(np.int8)


# The oracle never sets what it pads with, so that no case of this one has paddings.
def space_to_batch(x, blocks, pads, zero):
    """SPACE_TO_BATCH_ND over the axes behind the first."""
    spatial = len(blocks)
    x = np.pad(x, [(0, 0), *pads, *[(0, 0)] * (x.ndim - 1 - spatial)], constant_values=zero)
    split = [x.shape[0]]
    for extent, block in zip(x.shape[1:], blocks):
        split += [extent // block, block]
    split += x.shape[1 + spatial :]
    inner, outer = [2 + 2 * axis for axis in range(spatial)], [1 + 2 * axis for axis in range(spatial)]
    order = inner + [0] + outer + list(range(1 + 2 * spatial, len(split)))
    result = [x.shape[0] * int(np.prod(blocks))] + [split[axis] for axis in outer] + split[1 + 2 * spatial :]
    return x.reshape(split).transpose(order).reshape(result)


def batch_to_space(x, blocks, crops):
    """BATCH_TO_SPACE_ND."""
    spatial, area = len(blocks), int(np.prod(blocks))
    y = x.reshape([*blocks, x.shape[0] // area, *x.shape[1:]])
    order = [spatial]
    for axis in range(spatial):
        order += [spatial + 1 + axis, axis]
    order += range(2 * spatial + 1, y.ndim)
    whole = [extent * block for extent, block in zip(x.shape[1:], blocks)]
    y = y.transpose(order).reshape([x.shape[0] // area, *whole, *x.shape[1 + spatial :]])
    for axis, (before, after) in enumerate(crops):
        y = np.take(y, range(before, y.shape[axis + 1] - after), axis=axis + 1)
    return y


def nearest(input_len, output_len, options):
    """The index that each index of a resized axis is."""
    f32 = np.float32
    corners, half = options.get("alignCorners", False), options.get("halfPixelCenters", False)
    if corners and output_len > 1:
        scale = f32(input_len - 1) / f32(output_len - 1)
    else:
        scale = f32(input_len) / f32(output_len)
    places = (np.arange(output_len, dtype=f32) + f32(0.5 if half else 0)) * scale
    indices = np.floor(places + f32(0.5)) if corners else np.floor(places)
    return np.clip(indices.astype(np.int64), 0, input_len - 1)


def steps(input_len, output_len, options):
    """Lower and upper index and the weight between them, in integers."""
    corners, half = options.get("alignCorners", False), options.get("halfPixelCenters", False)
    top, bottom = (input_len - 1, output_len - 1) if corners and output_len > 1 else (input_len, output_len)
    scale = (1024 * top + bottom // 2) // bottom
    found = []
    for at in range(output_len):
        place = at * scale + scale // 2 - 512 if half else at * scale
        # Divisions go towards zero.
        lower = max(int(place / 1024), 0)
        upper = min(int((place + 1023) / 1024), input_len - 1)
        found.append((lower, upper, place - 1024 * lower))
    return found


def bilinear(model, data):
    """RESIZE_BILINEAR in the integers of its kernel."""
    x, y = data[0].astype(np.int64), model.output
    result = np.zeros(y.shape, np.int64)
    rows, columns = (steps(x.shape[axis], y.shape[axis], model.options) for axis in (1, 2))
    for i, (y0, y1, wy) in enumerate(rows):
        for j, (x0, x1, wx) in enumerate(columns):
            top = x[:, y0, x0] * (1024 - wy) * (1024 - wx) + x[:, y0, x1] * (1024 - wy) * wx
            total = top + x[:, y1, x0] * wy * (1024 - wx) + x[:, y1, x1] * wy * wx
            half = np.where(total > 0, 1 << 19, -(1 << 19))
            result[:, i, j] = np.trunc((total + half) / (1 << 20))
    return result.astype(np.int8)


def formula(model, data):
    """The output of an operator of this file."""
    x, options = data[0], model.options
    lists = [tensor.data for tensor in model.inputs[1:] if tensor.data is not None]
    match model.operator:
        case "TRANSPOSE":
            return x.transpose(lists[0])
        case "MIRROR_PAD":
            return np.pad(x, lists[0], mode="symmetric" if options["mode"] else "reflect")
        case "DEPTH_TO_SPACE":
            n, h, w, c = x.shape
            b = options["blockSize"]
            return x.reshape(n, h, w, b, b, c // b // b).transpose(0, 1, 3, 2, 4, 5).reshape(model.output.shape)
        case "SPACE_TO_DEPTH":
            n, h, w, c = x.shape
            b = options["blockSize"]
            return x.reshape(n, h // b, b, w // b, b, c).transpose(0, 1, 3, 2, 4, 5).reshape(model.output.shape)
        case "SPACE_TO_BATCH_ND":
            return space_to_batch(x, lists[0], lists[1], model.output.z)
        case "BATCH_TO_SPACE_ND":
            return batch_to_space(x, lists[0], lists[1])
        case "GATHER":
            return np.take(x, lists[0], axis=options["axis"])
        case "PACK":
            return np.stack(data, axis=options["axis"])
        case "BROADCAST_TO":
            return np.broadcast_to(x, lists[0])
        case "RESIZE_NEAREST_NEIGHBOR":
            rows, columns = (nearest(x.shape[axis], model.output.shape[axis], options) for axis in (1, 2))
            return x[:, rows][:, :, columns]
        case "RESIZE_BILINEAR":
            return bilinear(model, data)
    raise ValueError(model.operator)


def case(rng, operator, shape, lists=(), result=None, options=None, operands=1):
    """A model of one operator, with constant integers behind its operands, and a vector for it."""
    scale, zero = np.float32(0.05), int(rng.integers(-128, 128))
    inputs = [Tensor(shape, np.int8, scale, zero) for _ in range(operands)]
    inputs += [Tensor(data=np.array(numbers, np.int32)) for numbers in lists]
    model = Model(operator, inputs, Tensor(shape, np.int8, scale, zero), options or {})
    vector = [codes(rng, shape) for _ in range(operands)]
    if result is None:
        result = formula(model, vector).shape
    model.output = Tensor(tuple(int(extent) for extent in result), np.int8, scale, zero)
    return model, [vector]


def moves():
    """Elements in other places."""
    rng = np.random.default_rng(0x6D6F7665)
    for index, (shape, order) in enumerate([
        ((3, 5), (1, 0)), ((2, 3, 4), (2, 0, 1)), ((2, 3, 4), (0, 2, 1)), ((2, 5, 6, 3), (0, 3, 1, 2)),
        ((2, 3, 5, 6), (0, 2, 3, 1)), ((2, 3, 4, 5), (3, 2, 1, 0)), ((2, 3, 1, 4, 5), (4, 0, 2, 1, 3)),
    ]):  # fmt: skip
        yield f"transpose_{index}", *case(rng, "TRANSPOSE", shape, [order])
    for mode in (0, 1):
        for index, (shape, pads) in enumerate([
            ((1, 4, 5, 2), [[0, 0], [1, 1], [2, 1], [0, 0]]), ((3, 4), [[2, 1], [0, 3]]), ((2, 3, 3), [[0, 0], [1, 2], [1, 0]]),
        ]):  # fmt: skip
            yield f"mirror_{mode}_{index}", *case(rng, "MIRROR_PAD", shape, [pads], options={"mode": mode})
    for block, shape in ((2, (1, 3, 2, 12)), (3, (2, 1, 2, 18)), (1, (1, 2, 2, 3))):
        n, h, w, c = shape
        result = (n, h * block, w * block, c // block // block)
        yield f"depth_to_space_{block}", *case(rng, "DEPTH_TO_SPACE", shape, (), result, {"blockSize": block})
    for block, shape in ((2, (1, 4, 6, 3)), (3, (2, 3, 6, 2))):
        n, h, w, c = shape
        result = (n, h // block, w // block, c * block * block)
        yield f"space_to_depth_{block}", *case(rng, "SPACE_TO_DEPTH", shape, (), result, {"blockSize": block})
    for index, (shape, blocks, pads) in enumerate([
        ((1, 4, 4, 2), [2, 2], [[0, 0], [0, 0]]), ((2, 6, 9, 3), [2, 3], [[0, 0], [0, 0]]), ((1, 6, 3), [2], [[0, 0]]),
    ]):  # fmt: skip
        yield f"space_to_batch_{index}", *case(rng, "SPACE_TO_BATCH_ND", shape, [blocks, pads])
    for index, (shape, blocks, crops) in enumerate([
        ((4, 2, 2, 2), [2, 2], [[0, 0], [0, 0]]), ((6, 3, 2, 3), [2, 3], [[0, 1], [1, 1]]), ((2, 4, 3), [2], [[1, 2]]),
    ]):  # fmt: skip
        yield f"batch_to_space_{index}", *case(rng, "BATCH_TO_SPACE_ND", shape, [blocks, crops])
    for index, (shape, axis, taken) in enumerate([
        ((5, 3), 0, [4, 0, 0, 2]), ((2, 4, 3), 1, [3, 1]), ((2, 3, 7), -1, [6, 5, 0, 1, 6]), ((4, 2), 0, [[0, 1], [3, 2]]),
    ]):  # fmt: skip
        yield f"gather_{index}", *case(rng, "GATHER", shape, [taken], options={"axis": axis})
    for axis in (0, 1, 2, -1):
        options = {"axis": axis, "valuesCount": 3}
        yield f"pack_{axis}".replace("-", "m"), *case(rng, "PACK", (2, 5), (), None, options, 3)
    for index, (shape, result) in enumerate([((1, 3), (4, 3)), ((2, 1, 3), (2, 4, 3)), ((3, 1), (2, 3, 5))]):
        yield f"broadcast_{index}", *case(rng, "BROADCAST_TO", shape, [result])


SIZES = [
    ((1, 3, 3, 2), (6, 6)), ((1, 4, 6, 3), (8, 12)), ((2, 5, 4, 1), (7, 9)), ((1, 8, 8, 4), (4, 3)), ((1, 2, 2, 5), (1, 1)),
    ((1, 1, 7, 2), (3, 20)), ((1, 6, 5, 8), (6, 5)), ((1, 13, 11, 2), (29, 23)),
]  # fmt: skip


def resize():
    """Images of another size."""
    rng = np.random.default_rng(0x73697A65)
    for operator, name in (("RESIZE_BILINEAR", "bilinear"), ("RESIZE_NEAREST_NEIGHBOR", "nearest")):
        for corners, half in ((False, False), (True, False), (False, True)):
            for index, (shape, size) in enumerate(SIZES):
                options = {"alignCorners": corners, "halfPixelCenters": half}
                result = (shape[0], *size, shape[3])
                mode = "corners" if corners else "half" if half else "plain"
                yield f"{name}_{mode}_{index}", *case(rng, operator, shape, [size], result, options)
