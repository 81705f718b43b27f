"""Stand-ins for CUDA's libraries, where PyTorch's package has CUDA and nothing else of it is installed.

The package's libraries name those of CUDA and cannot be loaded without. Here each gets a small library of that name beside them, made
by a C compiler, whose functions answer 100 (no device). PyTorch then finds no CUDA device and computes as its package without CUDA.
"""

import ctypes
import pathlib
import shutil
import struct
import subprocess
import sys
import tempfile

NO_DEVICE = 100


def sections(data):
    """The sections of a 64-bit little-endian ELF file by type: lists of (offset, size, link)."""
    if data[:6] != b"\x7fELF\x02\x01":
        return {}
    start, = struct.unpack_from("<Q", data, 0x28)
    size, count = struct.unpack_from("<HH", data, 0x3A)
    found, headers = {}, []
    for index in range(count):
        kind, offset, length, link = struct.unpack_from("<4xI16xQQI", data, start + index * size)
        headers.append((offset, length))
        found.setdefault(kind, []).append((offset, length, link))
    found["headers"] = headers
    return found


DYNAMIC, SYMBOLS, NEEDED_VERSIONS, VERSION_OF = 6, 11, 0x6FFFFFFE, 0x6FFFFFFF


def text(data, at):
    return data[at:data.index(b"\0", at)].decode()


def library(path):
    """What a library wants: names of libraries, and symbols as (name, version and its library, or None); what it defines."""
    data = path.read_bytes()
    found = sections(data)
    if DYNAMIC not in found or SYMBOLS not in found:
        return [], set(), set()
    offset, size, link = found[DYNAMIC][0]
    strings = found["headers"][link][0]
    entries = struct.iter_unpack("<QQ", data[offset:offset + size])
    needed = [text(data, strings + value) for tag, value in entries if tag == 1]
    versions = {}
    for start, _, link in found.get(NEEDED_VERSIONS, []):
        names, at = found["headers"][link][0], start
        while True:
            count, file, first, following = struct.unpack_from("<2xHIII", data, at)
            place = at + first
            for _ in range(count):
                index, name, step = struct.unpack_from("<6xHII", data, place)
                versions[index] = (text(data, names + name), text(data, names + file))
                place += step
            if not following:
                break
            at += following
    offset, size, link = found[SYMBOLS][0]
    strings = found["headers"][link][0]
    indices = found.get(VERSION_OF, [(None, 0, 0)])[0][0]
    wanted, defined = set(), set()
    for at in range(1, size // 24):
        name, info, section = struct.unpack_from("<IBxH", data, offset + at * 24)
        name = text(data, strings + name)
        if section:
            defined.add(name)
        elif info >> 4 != 2:  # What is weak may be missing.
            index = struct.unpack_from("<H", data, indices + at * 2)[0] & 0x7FFF if indices else 0
            wanted.add((name, versions.get(index)))
    return needed, wanted, defined


def is_there(name):
    """Whether the system has a library."""
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def stand_in(environment):
    """Makes what is missing in the folder of PyTorch's libraries; ends the program where that cannot be done."""
    folder = next(pathlib.Path(environment).glob("lib/python*/site-packages/torch/lib"), None)
    compiler = next((path for name in ("cc", "gcc", "clang") if (path := shutil.which(name))), None)
    if folder is None or compiler is None:
        sys.exit("error: a C compiler is needed to stand in for CUDA's libraries; on Debian or Ubuntu: sudo apt-get install -y gcc")
    read = {path.name: library(path) for path in folder.glob("*.so*")}
    defined = {name for _, _, names in read.values() for name in names}
    missing = {name for needed, _, _ in read.values() for name in needed if name not in read and not is_there(name)}
    functions = {name: {} for name in missing}
    loose = set()
    for _, wanted, _ in read.values():
        for name, version in wanted:
            if version and version[1] in functions:
                functions[version[1]][name] = version[0]
            elif not version and name not in defined and name.lower().startswith(("cu", "nv", "_cu", "__cu", "nccl")):
                loose.add(name)
    for name, versions in functions.items():
        make(compiler, folder / name, versions, loose if name.startswith("libcudart") else ())


def make(compiler, path, versions, loose):
    """Compiles a library of functions."""
    names = sorted(versions) + sorted(set(loose) - set(versions))
    source = "".join(f"int {name}(void) {{ return {NO_DEVICE}; }}\n" for name in names)
    script = "".join(f"{version} {{ global: {' '.join(f'{name};' for name in names if versions.get(name) == version)} }};\n"
                     for version in sorted(set(versions.values())))
    with tempfile.TemporaryDirectory() as work:
        work = pathlib.Path(work)
        (work / "stand_in.c").write_text(source)
        (work / "versions").write_text(script)
        command = [compiler, "-shared", "-fPIC", "-fno-builtin", "-w", f"-Wl,-soname,{path.name}", "-o", str(path),
                   str(work / "stand_in.c")]
        command += [f"-Wl,--version-script={work / 'versions'}"] if script else []
        if subprocess.run(command).returncode:
            sys.exit(f"error: {compiler} could not make {path}")
