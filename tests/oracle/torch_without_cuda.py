"""Makes torch's default build start on a machine without a GPU and without the gigabytes of libraries for one.

The build is linked with CUDA's libraries, which it never calls when there is no device. Where they are missing, `ensure` builds
libraries of the same names in which every function returns an error, with the C compiler and binutils, and starts Python again so
that the loader finds them.
"""

import collections
import importlib.util
import os
import pathlib
import re
import subprocess
import sys
import tempfile

MARK = "KINGLET_TORCH_WITHOUT_CUDA"
PREFIXES = ("cu", "nccl", "nvrtc", "nvshmem", "nvml", "__cuda", "nvJit")
FUNCTION = "int {}(void) {{ return 999; }}\n"


def lines(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()


def missing_libraries(files):
    """Libraries that the loader does not find."""
    return sorted({line.split()[0] for file in files for line in lines("ldd", file) if "not found" in line})


def versions_of(files):
    """For each library the versions of symbols that are asked of it."""
    versions = collections.defaultdict(set)
    for file in files:
        library = None
        for line in lines("objdump", "-p", file):
            if head := re.match(r"\s+required from (\S+):", line):
                library = head[1]
            elif library and (row := re.match(r"\s+0x\w+ 0x\w+ \d+ (\S+)", line)):
                versions[library].add(row[1])
    return versions


def symbols_of(files):
    """Undefined symbols by version; and those without a version that no file defines."""
    by_version, plain, defined = collections.defaultdict(set), set(), set()
    for file in files:
        for line in lines("nm", "-D", file):
            *_, kind, symbol = line.split()
            name, _, version = symbol.partition("@")
            if kind != "U":
                defined.add(name)
            elif version:
                by_version[version].add(name)
            elif name.startswith(PREFIXES):
                plain.add(name)
    return by_version, plain - defined


def build(files, folder):
    """Builds the missing libraries into a folder."""
    versions, (by_version, plain) = versions_of(files), symbols_of(files)
    for library in missing_libraries(files):
        own = sorted(versions[library])
        names = {name for version in own for name in by_version[version]}
        others = plain - names if library.startswith("libcudart") else set()
        source, script = folder / "library.c", folder / "library.map"
        source.write_text("".join(FUNCTION.format(name) for name in sorted(names | others)) or "int nothing;\n")
        script.write_text("".join(f"{v} {{ global: {' '.join(n + ';' for n in sorted(by_version[v]))} }};\n" for v in own))
        command = ["cc", "-w", "-fno-builtin", "-shared", "-fPIC", "-o", folder / library, source, f"-Wl,-soname,{library}"]
        subprocess.run(command + ([f"-Wl,--version-script={script}"] if own else []), check=True)


def ensure():
    """Returns where torch can be imported; else starts the program again where it can."""
    package = importlib.util.find_spec("torch")
    if package is None or MARK in os.environ:
        return
    files = sorted((pathlib.Path(package.origin).parent / "lib").glob("*.so*"))
    if not missing_libraries(files):
        return
    with tempfile.TemporaryDirectory() as folder:
        build(files, pathlib.Path(folder))
        path = os.pathsep.join(filter(None, [folder, os.environ.get("LD_LIBRARY_PATH")]))
        environment = os.environ | {"LD_LIBRARY_PATH": path, MARK: "1"}
        sys.exit(subprocess.run([sys.executable, *sys.argv], env=environment, check=False).returncode)
