"""What a call costs over the engine, how long an import takes, and a compilation beside the command's.

    cargo xtask python-test --bench

The engine's own time is what `kinglet bench` measures of the same blob in the same build. Nothing here is asserted: times
belong to a machine.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import kinglet_edge as kinglet
import numpy as np

ROOT = Path(os.environ["KINGLET_ROOT"])
PROGRAM = os.environ["KINGLET_BIN"]
CALLS = 20_000
REPETITIONS = 7


def microseconds(call) -> float:
    """The median of many calls, each measured by itself as `kinglet bench` measures inferences."""
    clock, times = time.perf_counter_ns, []
    for _ in range(CALLS):
        begun = clock()
        call()
        times.append(clock() - begun)
    return statistics.median(times) / 1000


def seconds(command: list[str]) -> float:
    times = []
    for _ in range(REPETITIONS):
        begun = time.perf_counter()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        times.append(time.perf_counter() - begun)
    return statistics.median(times)


def overhead(name: str, folder: Path) -> None:
    path = folder / f"{name}.kgl"
    kinglet.compile(ROOT / f"tests/golden/models/{name}_int8.tflite").save(path)
    model = kinglet.Model(path)
    port = model.inputs[0]
    codes, reals = np.zeros(port.shape, np.int8), np.zeros(port.shape, np.float32)
    measured = subprocess.run([PROGRAM, "bench", path, "--json"], check=True, capture_output=True, text=True)
    engine = json.loads(measured.stdout)["median_ns"] / 1000
    of_codes, of_reals = microseconds(lambda: model(codes, raw=True)), microseconds(lambda: model(reals))
    print(
        f"{name} ({codes.size} inputs): engine {engine:.1f} us; a call on codes {of_codes - engine:+.1f} us, "
        f"on float32 {of_reals - engine:+.1f} us"
    )


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for model in ("tiny", "shapes", "digits"):
            overhead(model, folder)
        plain, package = (seconds([sys.executable, "-c", program]) for program in ("pass", "import kinglet_edge"))
        print(f"import: {(package - plain) * 1000:.0f} ms beside an interpreter of {plain * 1000:.0f} ms")
        digits = ROOT / "examples/digits"
        samples = np.load(digits / "calib.npz")["x"]
        command = seconds([PROGRAM, "compile", digits / "model.onnx", "--calib", digits / "calib.npz", "-o", folder / "d.kgl"])
        begun = time.perf_counter()
        for _ in range(REPETITIONS):
            kinglet.compile(digits / "model.onnx", samples)
        print(f"compile digits: {(time.perf_counter() - begun) / REPETITIONS:.2f} s, the command {command:.2f} s")


if __name__ == "__main__":
    main()
