#!/usr/bin/env python3
"""Counts what TensorFlow Lite Micro executes for each model of a folder, with the images of build.py.

    python3 tools/peers/tflm/measure.py FOLDER MODELS --plugin target/release/libkinglet_icount.so --write

FOLDER is that of build.py. A model's number is that of the second Invoke, in the flavor that needs fewer instructions.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

from build import CORES, FLAVORS, SOURCES

ROOT = pathlib.Path(__file__).resolve().parents[3]
RESULTS = ROOT / "targets/results/peer-operators.json"
MACHINES = {"cortex-m4": "mps2-an386", "cortex-m55": "mps3-an547"}


def count(image, core, model, plugin):
    """Instructions of the second Invoke; None when the model does not run."""
    with tempfile.TemporaryDirectory() as folder:
        counts = pathlib.Path(folder) / "counts"
        command = ["qemu-system-arm", "-M", MACHINES[core], "-nographic", "-monitor", "none", "-serial", "none", "-icount", "shift=0",
                   "-semihosting-config", "enable=on,target=native", "-kernel", image,
                   "-device", f"loader,file={model},addr={CORES[core][2]:#x},force-raw=on", "-plugin", f"{plugin},out={counts}"]  # fmt: skip
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600)
        lines = [line.split() for line in counts.read_text().splitlines()] if counts.exists() else []
        windows = [int(end[1]) - int(begin[1]) - 1 for begin, end in zip(lines[::2], lines[1::2])]
        if done.returncode != 0 or len(windows) < 3:
            print(f"skipped: {model.stem} on {core}: {(done.stdout + done.stderr).strip() or 'the image stopped'}", file=sys.stderr)
            return None
        return windows[2]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="that of build.py")
    parser.add_argument("models", type=pathlib.Path, help="a folder of .tflite files")
    parser.add_argument("--plugin", type=pathlib.Path, required=True, help="libkinglet_icount.so of the project")
    parser.add_argument("--core", action="append", choices=CORES, help="default: all that have been built")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}; other cores' numbers stay")
    arguments = parser.parse_args()
    known = json.loads(RESULTS.read_text())["instructions"] if RESULTS.exists() else {}
    for core in arguments.core or CORES:
        images = [arguments.folder / f"{core}-{flavor}/image.elf" for flavor in FLAVORS]
        images = [image for image in images if image.exists()]
        numbers = {}
        for model in sorted(arguments.models.glob("*.tflite")):
            found = [count(image, core, model, arguments.plugin.resolve()) for image in images]
            found = [number for number in found if number is not None]
            if found:
                numbers[model.stem] = min(found)
                print(f"{core} {model.stem} {min(found)}", flush=True)
        if numbers:
            known[core] = numbers
    if arguments.write:
        sources = ", ".join(f"{name} {SOURCES[name][1][:8]}" for name in ("tflm", "cmsis_nn"))
        qemu = subprocess.run(["qemu-system-arm", "--version"], capture_output=True, text=True).stdout.split()[3]
        gcc = subprocess.run(["arm-none-eabi-gcc", "-dumpfullversion"], capture_output=True, text=True).stdout.strip()
        what = f"TensorFlow Lite Micro with CMSIS-NN ({sources}), arm-none-eabi-gcc {gcc}, QEMU {qemu} -icount shift=0: " \
               "instructions of the second Invoke of a model of one operator, the better of -O2 and -O3/-Ofast"  # fmt: skip
        RESULTS.write_text(json.dumps({"what": what, "instructions": known}, indent=2) + "\n")


if __name__ == "__main__":
    main()
