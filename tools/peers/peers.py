#!/usr/bin/env python3
"""Times Kinglet beside its peers on this machine, one thread each, in turn. See README.md."""

import argparse
import json
import os
import pathlib
import platform
import statistics
import subprocess
import sys
import tempfile
import time

# What decides which kernels an engine takes, as Linux names it.
FLAGS = "avx2 fma avx_vnni avx512f avx512_vnni amx_int8 asimd asimddp i8mm neon".split()


class Skipped(Exception):
    """Why a peer does not take part."""


def machine():
    """The processor's name, and those of its instruction sets that matter."""
    name, flags = platform.processor() or platform.machine(), set()
    try:
        for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                name = value.strip()
            if key.strip() in ("flags", "Features"):
                flags = set(value.split())
    except OSError:
        pass
    return name, [flag for flag in FLAGS if flag in flags]


def filled(shape, dtype):
    """Numbers that are neither all equal nor extreme."""
    import numpy

    count = int(numpy.prod(shape))
    ramp = (numpy.arange(count) * 37 + 11) % 251
    if numpy.issubdtype(dtype, numpy.floating):
        return (ramp / 125.0 - 1.0).astype(dtype).reshape(shape)
    if dtype == numpy.int8:
        return (ramp - 125).astype(dtype).reshape(shape)
    return ramp.astype(dtype).reshape(shape)


def litert(model):
    """A function that runs a .tflite file once."""
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise Skipped(f"LiteRT: {error}") from None
    interpreter = Interpreter(str(model), num_threads=1)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], filled(detail["shape"], detail["dtype"]))
    return interpreter.invoke


def onnxruntime(model):
    """A function that runs an .onnx file once."""
    try:
        import numpy
        import onnxruntime as runtime
    except ImportError as error:
        raise Skipped(f"ONNX Runtime: {error}") from None
    options = runtime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = runtime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
    types = {"tensor(float)": numpy.float32, "tensor(int8)": numpy.int8, "tensor(uint8)": numpy.uint8,
             "tensor(int64)": numpy.int64, "tensor(int32)": numpy.int32}
    feeds = {}
    for node in session.get_inputs():
        shape = [extent if isinstance(extent, int) else 1 for extent in node.shape]
        feeds[node.name] = filled(shape, types[node.type])
    return lambda: session.run(None, feeds)


PEERS = {".tflite": ("LiteRT", litert), ".onnx": ("ONNX Runtime", onnxruntime)}


def round_of_peer(run, seconds):
    """The median of the calls in `seconds`, in microseconds."""
    times, end = [], time.perf_counter() + seconds
    while len(times) < 5 or time.perf_counter() < end:
        start = time.perf_counter_ns()
        run()
        times.append(time.perf_counter_ns() - start)
    return statistics.median(times) / 1000


def round_of_kinglet(arguments, blob):
    """The same of `kinglet bench`."""
    command = [arguments.kinglet, "bench", blob, "--json", "--seconds", str(arguments.seconds)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return json.loads(output)["median_ns"] / 1000


def spread(times):
    """Half of what lies between the quarters, as a part of the median."""
    low, middle, high = statistics.quantiles(times, n=4)
    return (high - low) / 2 / middle


def compare(arguments, model, folder):
    """Times of both, round after round."""
    name, peer = PEERS[model.suffix]
    blob = str(pathlib.Path(folder) / f"{model.stem}.kgl")
    command = [arguments.kinglet, "compile", str(model), "-o", blob, "--target", arguments.target]
    compiled = subprocess.run(command, capture_output=True, text=True)
    if compiled.returncode != 0:
        raise Skipped(f"Kinglet: {(compiled.stderr.strip().splitlines() or ['?'])[0]}")
    run = peer(model)
    for _ in range(20):
        run()
    kinglet, other = [], []
    for _ in range(arguments.rounds):
        kinglet.append(round_of_kinglet(arguments, blob))
        other.append(round_of_peer(run, arguments.seconds))
    medians = statistics.median(kinglet), statistics.median(other)
    return {"model": model.name, "peer": name, "kinglet_us": medians[0], "peer_us": medians[1],
            "ratio": medians[0] / medians[1], "spread": max(spread(kinglet), spread(other)),
            "least_us": [min(kinglet), min(other)], "rounds": [kinglet, other]}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=pathlib.Path, help=".tflite or .onnx files")
    parser.add_argument("--kinglet", default="target/release/kinglet", help="the command")
    parser.add_argument("--target", default="x86-64" if platform.machine() in ("x86_64", "AMD64") else "aarch64")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=0.1, help="length of a round of either")
    parser.add_argument("--cpu", type=int, help="the processor that both are pinned to; the default is the last one")
    parser.add_argument("--json", type=pathlib.Path, help="where to write all rounds")
    arguments = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        cpus = sorted(os.sched_getaffinity(0))
        os.sched_setaffinity(0, {arguments.cpu if arguments.cpu is not None else cpus[-1]})
    name, flags = machine()
    print(f"{name} ({' '.join(flags) or 'no instruction set that is known here'}), --target {arguments.target}")
    print(f"{'model':<28}{'peer':<14}{'kinglet':>10}{'peer':>10}{'ratio':>8}{'spread':>8}")
    results = []
    with tempfile.TemporaryDirectory() as folder:
        for model in arguments.models:
            try:
                if model.suffix not in PEERS:
                    raise Skipped("no peer runs such files")
                row = compare(arguments, model, folder)
            except Skipped as reason:
                print(f"skipped: {model.name}: {reason}")
                continue
            mark = "  measure again" if row["spread"] > 0.15 else ""
            print(f"{row['model']:<28}{row['peer']:<14}{row['kinglet_us']:>10.1f}{row['peer_us']:>10.1f}"
                  f"{row['ratio']:>8.2f}{row['spread']:>8.2f}{mark}", flush=True)
            results.append(row)
    if arguments.json:
        document = {"machine": name, "flags": flags, "target": arguments.target, "rows": results}
        arguments.json.write_text(json.dumps(document, indent=1) + "\n")
    return 0 if results else 1


if __name__ == "__main__":
    sys.exit(main())
