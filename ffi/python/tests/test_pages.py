"""The Python and the shell of docs/python.md, run as they are written, one block after the other."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path


def blocks(text: str) -> list[tuple[int, str, str]]:
    """Line, language and text of each fenced block that is run."""
    found, language, start, lines = [], None, 0, []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.startswith("```"):
            lines.append(line)
        elif language is None:
            language, start, lines = line.removeprefix("```").strip() or "text", number, []
        else:
            found.append((start, language, "\n".join(lines) + "\n"))
            language = None
    return [block for block in found if block[1] in ("python", "sh")]


def test_the_page_does_what_it_says(root, tmp_path):
    for name in ("examples", "ffi"):
        (tmp_path / name).symlink_to(root / name)
    paths = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    environment = {**os.environ, "PATH": paths}
    found = blocks((root / "docs/python.md").read_text())
    assert len(found) > 8
    for line, language, text in found:
        if language == "sh":
            # Getting the package and what the test command does are not for a page's test.
            kept = [each for each in text.splitlines() if not each.startswith(("pip install", "python3 -m venv", "cargo"))]
            command = ["sh", "-euc", "\n".join(kept)]
        else:
            command = [sys.executable, "-c", text]
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"docs/python.md:{line}:\n{done.stdout}{done.stderr}"
        comments = [each.split("# prints: ", 1)[1] for each in text.splitlines() if "# prints: " in each]
        for comment in comments:
            assert comment in done.stdout, f"docs/python.md:{line} prints\n{done.stdout}"
