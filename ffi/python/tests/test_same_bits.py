"""The package and the command line give the same bytes, and the golden models their golden outputs."""

from __future__ import annotations

import json

import kinglet_edge as kinglet
import numpy as np
import pytest

GOLDEN = ("digits_int8", "shapes_int8", "tiny_int8", "tiny_float")
VECTORS = ("ramp", "lcg1", "lcg2")


def codes(vector: str, count: int) -> np.ndarray:
    """The inputs of tests/golden/README.md as int8."""
    index = np.arange(count)
    if vector == "ramp":
        return ((index * 37 + 11) % 256 - 128).astype(np.int8)
    state, numbers = int(vector[-1]), []
    for _ in range(count):
        state = (state * 1664525 + 1013904223) % 2**32
        numbers.append((state >> 24) - 128)
    return np.array(numbers, np.int8)


@pytest.mark.parametrize("name", GOLDEN)
def test_golden_models_give_golden_outputs(root, name):
    folder = root / "tests/golden/models"
    model = kinglet.Model(kinglet.compile(folder / f"{name}.tflite"))
    stem = name.removesuffix("_int8")
    port = model.inputs[0]
    for vector in VECTORS:
        given = codes(vector, int(np.prod(port.shape))).reshape(port.shape)
        if port.scale is None:
            given = given.astype(np.float32) + 128
        result = model(given, raw=True)
        want = np.frombuffer((folder / f"{stem}.{vector}.out.bin").read_bytes(), model.outputs[0].dtype)
        if port.scale is None:
            np.testing.assert_allclose(result.ravel(), want, rtol=1e-5, atol=1e-6)
        else:
            assert result.tobytes() == want.tobytes(), f"{name} {vector}"


def test_blobs_are_those_of_the_command(digits, digits_blob, command, tmp_path):
    command("compile", digits[0], "--calib", digits[0].with_name("calib.npz"), "--golden", 2, "-o", tmp_path / "a.kgl")
    assert (tmp_path / "a.kgl").read_bytes() == bytes(digits_blob)


def test_narrow_weights_are_those_of_the_command(root, command, tmp_path):
    folder = root / "examples/tiny"
    samples = {name: array for name, array in np.load(folder / "calib.npz").items()}
    for bits in (4, 2):
        blob = kinglet.compile(folder / "model.onnx", samples, bits=bits, target="cortex-m4")
        path = tmp_path / f"{bits}.kgl"
        command("compile", folder / "model.onnx", "--calib", folder / "calib.npz", "--bits", bits, "--target", "cortex-m4", "-o", path)
        assert path.read_bytes() == bytes(blob)


def test_outputs_are_those_of_the_command(digits, digits_blob, command, tmp_path):
    digits_blob.save(tmp_path / "a.kgl")
    images = digits[2][:40]
    np.save(tmp_path / "in.npy", images)
    for options in ([], ["--raw"]):
        given = images
        if options:
            given = (images.astype(np.int16) - 128).astype(np.int8)
            np.save(tmp_path / "in.npy", given)
        command("run", tmp_path / "a.kgl", "--input", tmp_path / "in.npy", "--output", tmp_path / "out.npy", *options)
        result = kinglet.Model(digits_blob)(given, raw=bool(options))
        want = np.load(tmp_path / "out.npy")
        assert (result.dtype, result.shape) == (want.dtype, want.shape)
        assert result.tobytes() == want.tobytes()


def test_reports_are_those_of_the_command(digits, digits_blob, command, tmp_path):
    path = tmp_path / "a.kgl"
    arguments = ["compile", digits[0], "--calib", digits[0].with_name("calib.npz"), "--golden", 2, "-o", path]
    wanted = json.loads(command(*arguments, "--json").stdout)
    assert wanted.pop("warnings") == list(digits_blob.report.warnings)
    assert wanted == digits_blob.report.as_dict
    assert str(digits_blob.report) in command(*arguments).stdout
    assert json.loads(command("inspect", path, "--json").stdout) == digits_blob.inspect()


def test_refusals_are_those_of_the_command(root, command, tmp_path):
    broken = tmp_path / "broken.onnx"
    broken.write_bytes((root / "examples/digits/model.onnx").read_bytes()[:5000])
    said = command("compile", broken, "-o", tmp_path / "a.kgl", check=False)
    with pytest.raises(kinglet.ModelError) as refused:
        kinglet.compile(broken)
    assert said.stderr.strip() == f"error: {refused.value}"
