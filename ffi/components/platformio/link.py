"""Links the library for the board's core; PlatformIO runs this when it builds a project with Kinglet."""

import os

Import("env")  # noqa: F821

CORES = @CORES_PYTHON@

folder = os.path.join(env.Dir(".").srcnode().abspath, "lib")  # noqa: F821
cpu = env.BoardConfig().get("build.cpu", "riscv32")  # noqa: F821
core = CORES.get(cpu)
if core is None or not os.path.isfile(os.path.join(folder, core, "libkinglet.a")):
    raise SystemExit("kinglet: there is no library for the core %s; there are those of %s" % (cpu, ", ".join(sorted(CORES))))
env.Append(LIBPATH=[os.path.join(folder, core)], LIBS=["kinglet"], LINKFLAGS=["-Wl,--gc-sections"])  # noqa: F821
