#!/usr/bin/env python3
"""Builds the C code of models.py for emulated cores, and counts what it executes and how much flash it takes.

    python3 tools/peers/classical/measure.py FOLDER --plugin target/release/libkinglet_icount.so --write

FOLDER is that of models.py; images are in FOLDER/CORE. A number is that of the second call, with -O2. See README.md.
"""

import argparse
import json
import pathlib
import subprocess
import sys

import emlearn
import m2cgen

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RESULTS = ROOT / "targets/results/peer-classical.json"
# Compiler flags, machine of QEMU, origin and length in KiB of flash and RAM.
CORES = {
    "cortex-m0": (["-mcpu=cortex-m0"], "microbit", (0x00000000, 256), (0x20000000, 16)),
    "cortex-m4": (["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"], "mps2-an386", (0x00000000, 4096), (0x20000000, 4096)),
}  # fmt: skip
FLAGS = "-mthumb -O2 -ffunction-sections -fdata-sections -fno-unwind-tables -fno-asynchronous-unwind-tables -DNDEBUG -w".split()


def run(command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, timeout=600)
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(str(part) for part in command)}\n{done.stdout}{done.stderr}")
    # What an image says comes out of the one or the other.
    return done.stdout or done.stderr


def build(source, core, folder):
    """The image of a model."""
    cpu, _, flash, ram = CORES[core]
    memory, image = folder / "memory.ld", folder / f"{source.stem}.elf"
    regions = [("CODE", flash), ("DATA", ram), ("ARENA", (ram[0], 0))]
    lines = [f"  {name} : ORIGIN = {origin:#x}, LENGTH = {size}K\n" for name, (origin, size) in regions]
    memory.write_text("MEMORY\n{\n" + "".join(lines) + "}\n")
    tflm = HERE.parent / "tflm"
    include = pathlib.Path(emlearn.__file__).parent
    run(["arm-none-eabi-gcc", *cpu, *FLAGS, f"-I{include}", "-nostartfiles", "-Wl,--gc-sections", f"-Wl,-T{memory}",
         f"-Wl,-T{tflm / 'image.ld'}", source, HERE / "harness.c", tflm / "startup.c", "-lm", "-o", image])  # fmt: skip
    return image


def flash(image):
    """Everything that is in flash: code, constants, initial values."""
    text, data = run(["arm-none-eabi-size", image]).splitlines()[1].split()[:2]
    return int(text) + int(data)


def count(image, core, plugin):
    """Instructions of the second call, and the answer."""
    counts = image.with_suffix(".counts")
    counts.unlink(missing_ok=True)
    answer = run(["qemu-system-arm", "-M", CORES[core][1], "-nographic", "-monitor", "none", "-serial", "none", "-icount", "shift=0",
                  "-semihosting-config", "enable=on,target=native", "-kernel", image, "-plugin", f"{plugin},out={counts}"])  # fmt: skip
    lines = [line.split() for line in counts.read_text().splitlines()]
    windows = [int(end[1]) - int(begin[1]) - 1 for begin, end in zip(lines[::2], lines[1::2])]
    return windows[1], int(answer.strip() or -1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="that of models.py")
    parser.add_argument("--plugin", type=pathlib.Path, required=True, help="libkinglet_icount.so of the project")
    parser.add_argument("--write", action="store_true", help=f"write {RESULTS.relative_to(ROOT)}")
    arguments = parser.parse_args()
    results = {}
    for core in CORES:
        folder = arguments.folder / core
        folder.mkdir(exist_ok=True)
        for source in sorted(arguments.folder.glob("*.c")):
            model, method = source.stem.split(".")
            image = build(source, core, folder)
            instructions, answer = count(image, core, arguments.plugin.resolve())
            row = {"instructions": instructions, "flash_bytes": flash(image), "answer": answer}
            results.setdefault(core, {}).setdefault(model, {})[method] = row
            print(core, model, method, row, flush=True)
    if arguments.write:
        qemu = run(["qemu-system-arm", "--version"]).split()[3]
        gcc = run(["arm-none-eabi-gcc", "-dumpfullversion"]).strip()
        what = f"emlearn {emlearn.__version__} and m2cgen {m2cgen.__version__} (double replaced by float), arm-none-eabi-gcc {gcc} -O2, " \
               f"QEMU {qemu} -icount shift=0: instructions of the second call on the ramp, flash of the whole image"  # fmt: skip
        RESULTS.write_text(json.dumps({"what": what, "results": results}, indent=2) + "\n")


if __name__ == "__main__":
    main()
