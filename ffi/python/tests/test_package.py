"""What users see: data of all kinds, reports, errors, threads, the command."""

from __future__ import annotations

import inspect
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kinglet_edge as kinglet
import numpy as np
import pytest


@pytest.fixture(scope="module")
def model(digits_blob):
    return kinglet.Model(digits_blob)


def test_data_of_any_type_and_layout_is_the_same_data(digits, model):
    images = digits[2][:5]
    want = model(images.astype(np.float32))
    assert want.shape == (5, 10) and want.dtype == np.float32
    for given in (images, images.astype(np.float64), images.astype(">i4"), images.astype(np.float16), images.tolist()):
        assert model(given).tobytes() == want.tobytes()
    assert model(np.asfortranarray(images)).tobytes() == want.tobytes()
    assert model(images[::-1])[::-1].tobytes() == want.tobytes()
    assert model([images]).tobytes() == want.tobytes()
    assert model({"input": images})["output"].tobytes() == want.tobytes()
    assert model(images[0]).tobytes() == want[:1].tobytes()
    for index, image in enumerate(images):
        assert model(image[None]).tobytes() == want[index : index + 1].tobytes()


def test_codes_are_the_reals_scaled(digits, model):
    port = model.outputs[0]
    images = digits[2][:20]
    reals, raw = model(images), model((images.astype(int) - 128).astype(np.int8), raw=True)
    assert raw.dtype == np.dtype(port.dtype) == np.int8
    assert np.array_equal(reals, (raw.astype(np.float32) - port.zero_point) * np.float32(port.scale))


def test_results_belong_to_the_caller(digits, model):
    first = model(digits[2][:1])
    kept = first.copy()
    model(digits[2][1:2])
    assert np.array_equal(first, kept)
    first += 1


def test_several_inputs_and_outputs():
    nodes = [("Add", ["a", "b"], ["sum"]), ("Mul", ["a", "b"], ["product"])]
    shape = ("FLOAT", [1, 4])
    proto = onnx_model(nodes, [("a", *shape), ("b", *shape)], [("sum", *shape), ("product", *shape)])
    two = kinglet.Model(kinglet.compile(proto, name="two"))
    a, b = np.arange(8, dtype=np.float32).reshape(2, 4), np.full((2, 4), 3, np.float32)
    total, product = two([a, b])
    assert np.array_equal(total, a + b) and np.array_equal(product, a * b)
    by_name = two({"b": b, "a": a})
    assert np.array_equal(by_name["sum"], a + b) and np.array_equal(by_name["product"], a * b)
    with pytest.raises(kinglet.DataError, match="2 inputs: `a`, `b`"):
        two(a)
    with pytest.raises(kinglet.DataError, match="no array for the model's input `b`"):
        two({"a": a})


def onnx_model(nodes, inputs, outputs, constants=()):
    from onnx import TensorProto, helper, numpy_helper

    ports = [
        [helper.make_tensor_value_info(name, getattr(TensorProto, dtype), shape) for name, dtype, shape in each]
        for each in (inputs, outputs)
    ]
    tensors = [numpy_helper.from_array(array, name) for name, array in constants]
    graph = helper.make_graph([helper.make_node(*node) for node in nodes], "graph", *ports, tensors)
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    proto.ir_version = 9
    return proto


def test_integers_that_stand_for_themselves():
    table = np.arange(10, dtype=np.float32).reshape(5, 2)
    gather = onnx_model([("Gather", ["t", "i"], ["y"])], [("i", "INT64", [3])], [("y", "FLOAT", [3, 2])], [("t", table)])
    model = kinglet.Model(kinglet.compile(gather))
    assert model.inputs[0].dtype == "<i4" and model.inputs[0].scale is None
    assert np.array_equal(model([1, 2, 4]), table[[1, 2, 4]])
    with pytest.raises(kinglet.DataError, match="element 0 is 0.5; whole numbers"):
        model([0.5, 1, 2])
    with pytest.raises(kinglet.DataError, match="element 2 is 1099511627776"):
        model([0, 1, 2**40])


def test_a_model_without_inputs_runs_once():
    table = np.arange(10, dtype=np.float32).reshape(5, 2)
    constant = kinglet.Model(kinglet.compile(onnx_model([("Identity", ["t"], ["y"])], [], [("y", "FLOAT", [5, 2])], [("t", table)])))
    assert np.array_equal(constant(), table)
    assert len(constant.profile()) == len(constant.explain_layers())


def test_a_stream_goes_on_until_it_is_reset():
    from onnx import TensorProto, helper, numpy_helper

    rng = np.random.default_rng(7)
    weights = [rng.normal(0, 0.4, shape).astype(np.float32) for shape in ((1, 12, 2), (1, 12, 4), (1, 24))]
    names = ["w", "r", "b"]
    node = helper.make_node("GRU", ["x", *names], ["y"], hidden_size=4)
    graph = helper.make_graph(
        [node],
        "stream",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 1, 1, 4])],
        [numpy_helper.from_array(array, name) for array, name in zip(weights, names)],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    proto.ir_version = 9
    stream = kinglet.Model(kinglet.compile(proto, stateful=True))
    assert stream.is_stateful
    frames = rng.normal(0, 1, (6, 1, 2)).astype(np.float32)
    each = [stream(frame[None]) for frame in frames]
    stream.reset()
    again = [stream(frame[None]) for frame in frames]
    assert all(np.array_equal(one, two) for one, two in zip(each, again))
    assert not np.array_equal(stream(frames[0][None]), each[0])
    assert np.array_equal(stream(frames[0][None], independent=True), each[0])


def test_threads_get_what_one_thread_gets(digits, model):
    images = digits[2]
    want = model(images)
    with ThreadPoolExecutor(8) as threads:
        parts = list(threads.map(model, np.split(images, 50)))
    assert np.concatenate(parts).tobytes() == want.tobytes()


def test_others_run_while_a_model_is_compiled(digits, model):
    with ThreadPoolExecutor(1) as threads:
        compiling = threads.submit(kinglet.compile, digits[0], digits[1])
        calls = 0
        while not compiling.done():
            model(digits[2][:1])
            calls += 1
        assert compiling.result().name == "model"
    assert calls > 10, "the interpreter's lock is kept while a model is compiled"


def test_reports_have_all_figures_of_the_json(digits_blob):
    report = digits_blob.report
    assert {"peak", "eliminated", "calibration", "tuned"} == report.as_dict.keys() - vars(report).keys()
    assert (report.arithmetic, report.macs, report.golden_vectors) == ("int8", 500_832, 2)
    assert report.compression > 3
    lines = report.table()
    assert len(lines) == len(report.layers) > 8
    assert {layer.bits for layer in report.layers} == {8, None}


def test_a_model_tells_about_itself(digits, model):
    layers = model.explain_layers()
    assert [layer.index for layer in layers] == list(range(len(layers)))
    assert sum(layer.macs for layer in layers) == model.blob.report.macs
    assert len(layers.table()) == len(layers)
    memory = model.memory()
    assert max(memory.live_bytes) <= memory.arena_bytes == model.blob.report.arena_bytes
    times = model.profile(digits[2][:1], repetitions=3)
    assert len(times) == len(layers) and all(each.nanoseconds > 0 for each in times)
    assert sum(each.share for each in times) == pytest.approx(1)
    assert model.profile(repetitions=1)[0].operator == layers[0].operator
    assert "input [1, 1, 28, 28]" in repr(model)


def test_blobs_travel(digits_blob, tmp_path):
    path = tmp_path / "a.kgl"
    digits_blob.save(path)
    for copy in (kinglet.Blob.load(path), pickle.loads(pickle.dumps(digits_blob)), kinglet.Blob.from_bytes(bytes(digits_blob))):
        assert copy == digits_blob and hash(copy) == hash(digits_blob)
        assert kinglet.Model(copy).self_test() == 2
    assert pickle.loads(pickle.dumps(kinglet.Model(path))).self_test() == 2
    assert kinglet.Model(path.read_bytes()).blob == digits_blob


def test_signatures_are_made_and_checked(digits_blob, tmp_path):
    run = [sys.executable, "-m", "kinglet_edge"]
    for name in ("a", "b"):
        subprocess.run([*run, "keygen", "-o", tmp_path / f"{name}.pem", "--public", tmp_path / f"{name}.pub"], check=True)
    signed = digits_blob.sign(tmp_path / "a.pem", counter=3, model_id=7, version="1.4.2")
    verified = signed.verify(tmp_path / "a.pub")
    assert verified.signature.version == (1, 4, 2)
    assert (verified.signature.model_id, verified.signature.security_counter, verified.golden_vectors) == (7, 3, 2)
    assert signed.verify([tmp_path / "b.pub", tmp_path / "a.pub"]).signature == verified.signature
    with pytest.raises(kinglet.VerificationError, match="another key"):
        signed.verify(tmp_path / "b.pub")
    with pytest.raises(kinglet.VerificationError, match="not signed"):
        digits_blob.verify(tmp_path / "a.pub")
    with pytest.raises(kinglet.VerificationError, match="cannot read .*nowhere.pub"):
        signed.verify(tmp_path / "nowhere.pub")
    with pytest.raises(kinglet.BlobError, match="limit"):
        signed.verify(max_work=10)
    with pytest.raises(kinglet.UsageError, match="three numbers"):
        digits_blob.sign(tmp_path / "a.pem", version="1.4")
    assert digits_blob.verify().signature is None


REFUSED = [
    (kinglet.ModelError, "cannot read nowhere.onnx", lambda path, x: kinglet.compile("nowhere.onnx")),
    (kinglet.ModelError, "neither a TensorFlow Lite nor an ONNX file", lambda path, x: kinglet.compile(b"abc")),
    (kinglet.UsageError, "int is no model", lambda path, x: kinglet.compile(3)),
    (kinglet.UsageError, "possible: 8, 4, 3, 2, auto", lambda path, x: kinglet.compile(path, x, bits=5)),
    (kinglet.UsageError, "not provided: --calib <CALIB>", lambda path, x: kinglet.compile(path, bits=4)),
    (kinglet.UsageError, "are for --bits auto", lambda path, x: kinglet.compile(path, x, max_drop=1)),
    (kinglet.UsageError, "possible targets", lambda path, x: kinglet.compile(path, target="cortex-m99")),
    (kinglet.UsageError, "'--nonsense", lambda path, x: kinglet.compile(path, nonsense=1)),
    (kinglet.UsageError, "for the command", lambda path, x: kinglet.compile(path, report="a.html")),
    (kinglet.DataError, r"\[samples, 1, 28, 28\] is needed", lambda path, x: kinglet.compile(path, x[:, :, 1:])),
    (kinglet.DataError, "holds NaN", lambda path, x: kinglet.compile(path, x * np.float32("nan"))),
    (kinglet.DataError, "`x` has elements of type", lambda path, x: kinglet.compile(path, "text".split())),
    (kinglet.BlobError, "does not start with KGLT", lambda path, x: kinglet.Blob.from_bytes(bytes(200))),
    (kinglet.BlobError, "cannot read nowhere.kgl", lambda path, x: kinglet.Model("nowhere.kgl")),
]


@pytest.mark.parametrize(("kind", "text", "refused"), REFUSED, ids=[text for _, text, _ in REFUSED])
def test_errors_say_what_to_do(digits, kind, text, refused):
    with pytest.raises(kind, match=text) as raised:
        refused(digits[0], digits[1])
    assert isinstance(raised.value, kinglet.KingletError)


def test_inputs_that_do_not_fit_are_refused(digits, model):
    with pytest.raises(kinglet.DataError, match=r"\[samples, 1, 28, 28\] is needed"):
        model(np.zeros((1, 27, 28), np.float32))
    with pytest.raises(kinglet.DataError, match="as codes input `input` takes I8"):
        model(np.zeros((1, 1, 28, 28), np.float32), raw=True)
    with pytest.raises(kinglet.DataError, match="element 0 is 200"):
        model(np.full((1, 1, 28, 28), 200), raw=True)
    with pytest.raises(kinglet.DataError, match="holds NaN"):
        model(np.full((1, 1, 28, 28), np.nan))
    for given in ("seven", None, np.zeros((1, 1, 28, 28), complex)):
        with pytest.raises(kinglet.DataError, match="numbers are needed"):
            model(given)
    with pytest.raises(kinglet.DataError, match="no input `image`; its inputs are `input`"):
        model({"image": np.zeros((1, 1, 28, 28))})
    with pytest.raises(ValueError, match="holds no sample"):
        model(np.zeros((0, 1, 28, 28), np.float32))


def test_what_is_probably_not_meant_is_a_warning(digits):
    with pytest.warns(kinglet.KingletWarning, match="sample"):
        blob = kinglet.compile(digits[0], digits[1][:4])
    assert blob.report.warnings


def test_a_damaged_blob_is_refused(digits_blob):
    data = bytearray(bytes(digits_blob))
    data[len(data) // 2] ^= 1
    with pytest.raises(kinglet.BlobError, match="rule"):
        kinglet.Blob.from_bytes(bytes(data))


def test_the_command_comes_with_the_package(root, tmp_path):
    script = Path(sys.executable).with_name("kinglet")
    for program in ([script], [sys.executable, "-m", "kinglet_edge"]):
        version = subprocess.run([*program, "--version"], capture_output=True, text=True)
        assert (version.returncode, version.stdout) == (0, f"kinglet {kinglet.__version__}\n")
        wrong = subprocess.run([*program, "compile"], capture_output=True, text=True)
        assert wrong.returncode == 2 and "--help" in wrong.stderr
        missing = subprocess.run([*program, "inspect", "nowhere.kgl"], capture_output=True, text=True, cwd=tmp_path)
        assert missing.returncode == 1 and missing.stderr.startswith("error: cannot read nowhere.kgl")


def test_importing_needs_nothing_else():
    program = "import sys, kinglet_edge; print([name for name in ('numpy', 'pandas', 'sklearn', 'onnx') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_everything_is_documented_and_typed():
    import kinglet_edge._native as native

    folder = Path(kinglet.__file__).parent
    assert (folder / "py.typed").is_file()
    stubs = (folder / "_native.pyi").read_text()
    for name in (name for name in dir(native) if not name.startswith("_")):
        assert f"class {name}" in stubs or f"def {name}" in stubs or f"{name}:" in stubs, name
    for cls in (native.Blob, native.Engine):
        for method in (each for each in vars(cls) if not each.startswith("_")):
            assert f"def {method}(" in stubs, f"{cls.__name__}.{method}"
    for name in kinglet.__all__:
        value = getattr(kinglet, name)
        assert value.__doc__, name
        for method, function in vars(value).items() if inspect.isclass(value) else ():
            if inspect.isfunction(function) and not method.startswith("_"):
                assert function.__doc__, f"{name}.{method}"
                assert "return" in function.__annotations__, f"{name}.{method}"
