"""The `kinglet` command: `python -m kinglet_edge`, and the program that is installed with the package."""

from __future__ import annotations

import signal
import sys

from . import _native


def main() -> int:
    """Runs the command with the arguments of this process; returns its exit code."""
    # A signal ends the command as it ends any other: it then removes what is half written.
    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), signal.SIG_DFL)
    return _native.command(["kinglet", *sys.argv[1:]])


if __name__ == "__main__":
    sys.exit(main())
