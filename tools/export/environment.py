#!/usr/bin/env python3
"""Virtual environments for the export scripts, so that nothing is installed beside what you have.

    python3 tools/export/environment.py keras     makes the one with TensorFlow, and prints its Python
    python3 tools/export/environment.py torch     makes the one with PyTorch

They are below $KINGLET_EXPORT_HOME, by default ~/.cache/kinglet, and are made once. With KINGLET_EXPORT_OFFLINE=1 nothing is
installed: what is missing ends the script with code 3.
"""

import os
import pathlib
import platform
import subprocess
import sys
import venv

import torch_libraries

NOT_INSTALLED = 3
OLDEST, NEWEST = (3, 10), (3, 13)
TENSORFLOW = "2.21.0"
TORCH = "torch==2.15.0"
TORCH_CPU = "https://download.pytorch.org/whl/cpu"
# What PyTorch and its exporter need beside CUDA.
BESIDE_TORCH = ["filelock", "typing-extensions", "sympy", "networkx", "jinja2", "fsspec", "setuptools", "numpy",
                "onnx==1.23.2", "onnxscript==0.7.2"]
MODULES = {"keras": "tensorflow", "torch": "torch"}
# What an environment that is complete is marked with.
VERSIONS = {"keras": f"tensorflow=={TENSORFLOW}", "torch": TORCH}


def fail(message, code=1):
    print(f"error: {message}", file=sys.stderr)
    sys.exit(code)


def folder(kind):
    """Where the environment of a kind is."""
    home = os.environ.get("KINGLET_EXPORT_HOME")
    cache = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return (pathlib.Path(home) if home else pathlib.Path(cache) / "kinglet") / f"export-{kind}"


def python_of(environment):
    return environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def pip(environment, *arguments):
    """Whether pip did what it was told."""
    command = [python_of(environment), "-m", "pip", "--disable-pip-version-check", *arguments]
    print("$ " + " ".join(map(str, command)), file=sys.stderr)
    return subprocess.run(command, stdout=sys.stderr).returncode == 0


def works(environment, kind):
    """Whether the environment imports its framework."""
    command = [python_of(environment), "-c", f"import {MODULES[kind]}"]
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def install_keras(environment):
    # The same without CUDA, where there is such a package.
    is_small = platform.system() == "Linux" and platform.machine() in ("x86_64", "AMD64")
    return pip(environment, "install", f"{'tensorflow-cpu' if is_small else 'tensorflow'}=={TENSORFLOW}")


def install_torch(environment):
    if platform.system() != "Linux":
        return pip(environment, "install", TORCH, *BESIDE_TORCH)
    if pip(environment, "install", TORCH, "--index-url", TORCH_CPU):
        return pip(environment, "install", *BESIDE_TORCH)
    print("PyTorch's packages without CUDA are not to be had; taking the one with CUDA, without CUDA's libraries",
          file=sys.stderr)
    if not (pip(environment, "install", "--no-deps", TORCH) and pip(environment, "install", *BESIDE_TORCH)):
        return False
    torch_libraries.stand_in(environment)
    return True


INSTALL = {"keras": install_keras, "torch": install_torch}


def ensure(kind):
    """The environment of a kind, made if need be; its Python."""
    environment = folder(kind)
    mark = environment / "kinglet-export.txt"
    if mark.is_file() and mark.read_text() == VERSIONS[kind]:
        return python_of(environment)
    if os.environ.get("KINGLET_EXPORT_OFFLINE"):
        fail(f"the environment {environment} with {MODULES[kind]} is not there, and KINGLET_EXPORT_OFFLINE is set",
             NOT_INSTALLED)
    if not OLDEST <= sys.version_info[:2] <= NEWEST:
        fail(f"{MODULES[kind]} wants Python {OLDEST[0]}.{OLDEST[1]} to {NEWEST[0]}.{NEWEST[1]}, this is "
             f"{platform.python_version()}: call another, such as python3.12, with the same arguments")
    try:
        venv.create(environment, with_pip=True, clear=environment.exists())
    except (OSError, subprocess.CalledProcessError) as error:
        fail(f"cannot make the virtual environment {environment}: {error}; on Debian or Ubuntu: sudo apt-get install -y "
             "python3-venv")
    if not INSTALL[kind](environment):
        fail(f"pip could not install {MODULES[kind]} into {environment}; its messages are above")
    if not works(environment, kind):
        fail(f"{environment} was made, but `import {MODULES[kind]}` fails there; try: {python_of(environment)} -c 'import "
             f"{MODULES[kind]}'")
    mark.write_text(VERSIONS[kind])
    return python_of(environment)


def enter(kind):
    """Runs the calling script in the environment of a kind, unless that is where it runs; does not return then."""
    if pathlib.Path(sys.prefix).resolve() == folder(kind).resolve():
        return
    python = ensure(kind)
    environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    sys.exit(subprocess.run([python, *sys.argv], env=environment).returncode)


if __name__ == "__main__":
    if sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__.strip())
    elif len(sys.argv) != 2 or sys.argv[1] not in INSTALL:
        fail(f"one of {', '.join(INSTALL)} is needed", 2)
    else:
        print(ensure(sys.argv[1]))
