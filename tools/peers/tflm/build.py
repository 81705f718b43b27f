#!/usr/bin/env python3
"""Builds images that run a .tflite file with TensorFlow Lite Micro and CMSIS-NN on an emulated Cortex-M.

    python3 tools/peers/tflm/build.py FOLDER --core cortex-m4

Sources are fetched at fixed commits into FOLDER/src, never into the repository; objects and images are in FOLDER/CORE-FLAVOR.
See README.md.
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SOURCES = {
    "tflm": ("https://github.com/tensorflow/tflite-micro", "90b983c2b3f1480642e040bbd2ddb37b998f3424"),
    "cmsis_nn": ("https://github.com/ARM-software/CMSIS-NN", "99f736a63036613032f9b70de36b493bcd7802d4"),
    "flatbuffers": ("https://github.com/google/flatbuffers", "187240970746d00bbd26b0f5873ed54d2477f9f3"),
    "gemmlowp": ("https://github.com/google/gemmlowp", "719139ce755a0f31cbf1c37f7f98adcc7fc9f425"),
    "ruy": ("https://github.com/google/ruy", "d37128311b445e758136b8602d1bbd2a755e115d"),
}
# Compiler flags, then CODE, DATA and ARENA: origin and length in KiB; then where the emulator puts the model.
CORES = {
    "cortex-m4": (["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16"],
                  {"CODE": (0x00000000, 4096), "DATA": (0x20000000, 4096), "ARENA": (0x21000000, 4096)}, 0x21800000),
    "cortex-m55": (["-mcpu=cortex-m55"],
                   {"CODE": (0x10000000, 512), "DATA": (0x30000000, 512), "ARENA": (0x60000000, 4096)}, 0x60800000),
}  # fmt: skip
# Optimization of the library, its kernels, and CMSIS-NN.
FLAVORS = {"speed": ("-O3", "-O3", "-Ofast"), "default": ("-Os", "-O2", "-O2")}
COMMON = """-mthumb -mfloat-abi=hard -mlittle-endian -fomit-frame-pointer -funsigned-char -fno-unwind-tables
-fno-asynchronous-unwind-tables -ffunction-sections -fdata-sections -fmessage-length=0 -w -DNDEBUG -DTF_LITE_STRIP_ERROR_STRINGS
-DTF_LITE_STATIC_MEMORY -DTF_LITE_MCU_DEBUG_LOG -DTF_LITE_DISABLE_X86_NEON -DCMSIS_NN -DARM_NN_ENABLE_F16=0 -DARM_NN_ENABLE_F32=0
-DKERNELS_OPTIMIZED_FOR_SPEED""".split()
CXX_ONLY = "-std=c++17 -fno-rtti -fno-exceptions -fno-threadsafe-statics".split()
# In folders of the library, but not part of it.
LEFT_OUT = ("_test.cc", "test_helper", "mock_", "fake_", "benchmark", "recording_", "kernel_runner.cc", "kernels/ethosu.cc", "debug_log.cc",
            "circular_buffer", "detection_postprocess", "kernels/decode", "decompress", "hexdump", "lite/array.cc", "/python/")  # fmt: skip


def run(command, **options):
    """Runs a command; what it says is shown when it fails."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, **options)
    if done.returncode != 0:
        sys.exit(f"error: {' '.join(str(part) for part in command)}\n{done.stdout}{done.stderr}")
    return done.stdout


def fetch(name, folder, given):
    """The sources of one project at its commit."""
    target = folder / name
    url, commit = SOURCES[name]
    stamp = target / ".commit"
    if stamp.exists() and stamp.read_text() == commit:
        return
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    run(["git", "init", "--quiet", target])
    run(["git", "-C", target, "fetch", "--quiet", "--depth", "1", given.get(name, url), commit])
    run(["git", "-C", target, "checkout", "--quiet", "FETCH_HEAD"])
    stamp.write_text(commit)


def library_sources(src, flavor):
    """Pairs of a source file and its optimization."""
    core, kernels, cmsis = FLAVORS[flavor]
    lite = src / "tflm/tensorflow/lite"
    found = []
    for place in (lite / "micro", lite / "micro/arena_allocator", lite / "micro/memory_planner", lite / "micro/tflite_bridge"):
        found += [(path, core) for path in sorted(place.glob("*.cc"))]
    for path in sorted((src / "tflm/tensorflow").rglob("*.cc")):
        if "lite/micro" not in str(path) and "lite/experimental" not in str(path):
            found.append((path, core))
    special = {path.name: path for path in (lite / "micro/kernels/cmsis_nn").glob("*.cc")}
    for path in sorted((lite / "micro/kernels").glob("*.cc")):
        found.append((special.get(path.name, path), kernels))
    for path in sorted((src / "cmsis_nn/Source").rglob("*.c")):
        if not path.name.endswith(("_f16.c", "_f32.c", "_flt.c")):
            found.append((path, cmsis))
    return [(path, level) for path, level in found if not any(part in str(path.relative_to(src)) for part in LEFT_OUT)]


def includes(src):
    roots = ["tflm", "cmsis_nn", "cmsis_nn/Include", "flatbuffers/include", "gemmlowp", "ruy"]
    return [f"-I{src / root}" for root in roots]


def compile_one(path, level, flags, target):
    """Compiles a file unless that has been done."""
    if target.exists() and target.stat().st_mtime > path.stat().st_mtime:
        return
    is_cxx = path.suffix == ".cc"
    compiler, own = ("arm-none-eabi-g++", CXX_ONLY) if is_cxx else ("arm-none-eabi-gcc", ["-std=c17"])
    draft = target.with_suffix(".draft")
    run([compiler, *flags, *own, level, "-c", path, "-o", draft])
    draft.rename(target)


def build(folder, core, flavor, jobs):
    """Builds one image and returns its path."""
    src, out = folder / "src", folder / f"{core}-{flavor}"
    (out / "objects").mkdir(parents=True, exist_ok=True)
    cpu, memory, model = CORES[core]
    flags = [*cpu, *COMMON, *includes(src), f"-DMODEL_ADDRESS={model:#x}"]
    work = library_sources(src, flavor)
    work += [(HERE / "harness.cc", "-Os"), (HERE / "startup.c", "-Os")]
    targets = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        waiting = []
        for path, level in work:
            name = str(path.relative_to(src if path.is_relative_to(src) else HERE)).replace("/", "+") + ".o"
            targets.append(out / "objects" / name)
            waiting.append(pool.submit(compile_one, path, level, flags, targets[-1]))
        for each in waiting:
            each.result()
    regions = "".join(f"  {name} : ORIGIN = {origin:#x}, LENGTH = {size}K\n" for name, (origin, size) in memory.items())
    (out / "memory.ld").write_text(f"MEMORY\n{{\n{regions}}}\n")
    image = out / "image.elf"
    run(["arm-none-eabi-g++", *cpu, "-mthumb", "-mfloat-abi=hard", "-nostartfiles", "-Wl,--gc-sections", f"-Wl,-T{out / 'memory.ld'}",
         f"-Wl,-T{HERE / 'image.ld'}", *targets, "-lm", "-o", image])  # fmt: skip
    return image


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where sources, objects and images go")
    parser.add_argument("--core", action="append", choices=CORES, help="default: all")
    parser.add_argument("--flavor", action="append", choices=FLAVORS, help="default: all")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--source", action="append", default=[], metavar="NAME=REPOSITORY", help="fetch a project from elsewhere")
    arguments = parser.parse_args()
    folder = arguments.folder.resolve()
    if folder.is_relative_to(HERE.parents[2]):
        sys.exit("error: FOLDER is inside the repository; nothing of others belongs there")
    given = dict(pair.split("=", 1) for pair in arguments.source)
    for name in SOURCES:
        fetch(name, folder / "src", given)
    for core in arguments.core or CORES:
        for flavor in arguments.flavor or FLAVORS:
            print(build(folder, core, flavor, arguments.jobs), flush=True)


if __name__ == "__main__":
    main()
