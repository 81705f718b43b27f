#!/usr/bin/env python3
"""Wraps the prose of Markdown files at 120 columns: `python3 tools/wrap.py docs/PAGE.md ...`

Only paragraphs and list items with a line that is too long are touched. Tables, code, headings and comments stay as they
are, no line is broken inside of a span of code, and none begins with a character that Markdown would take for a mark.
"""

import re
import sys
from pathlib import Path

WIDTH = 120
ITEM = re.compile(r"^(\s*)([-*+]|\d+\.)(\s+)")
# What may not begin a line, because a list, a heading or a quotation would.
MARK = re.compile(r"^([-+*>#=|].{0,2}|\d+[.)])$")
GLUE = "\0"


def words(text):
    """The words of a paragraph; a span of code is one, and so is a mark with the word before it."""
    text = re.sub(r"`+[^`]+`+", lambda span: span.group().replace(" ", GLUE), text)
    found = []
    for word in text.split():
        if found and MARK.match(word):
            found[-1] += GLUE + word
        else:
            found.append(word)
    return [word.replace(GLUE, " ") for word in found]


def reflow(block):
    """A paragraph or list item, within the width."""
    if all(len(line) <= WIDTH for line in block):
        return block
    item = ITEM.match(block[0])
    first = item.group() if item else block[0][: len(block[0]) - len(block[0].lstrip())]
    rest = " " * len(first)
    lines, line = [], first
    for word in words(" ".join([block[0][len(first) :], *block[1:]])):
        if line not in (first, rest) and len(line) + 1 + len(word) > WIDTH:
            lines.append(line)
            line = rest
        line += word if line in (first, rest) else " " + word
    return [*lines, line]


def wrap(text):
    """The whole of a page."""
    out, block, fence = [], [], None

    def end():
        out.extend(reflow(block))
        block.clear()

    for line in text.splitlines():
        mark = line.lstrip()[:3]
        if mark == "```" or fence:
            end()
            out.append(line)
            if mark == "```":
                fence = not fence
        elif not line.strip() or line.lstrip().startswith(("|", "#", "<", ">", "![", "[![")):
            end()
            out.append(line)
        else:
            if ITEM.match(line):
                end()
            block.append(line)
    end()
    return "\n".join(out) + "\n"


for name in sys.argv[1:]:
    path = Path(name)
    before = path.read_text()
    after = wrap(before)
    assert "".join(before.split()) == "".join(after.split()), f"{name}: words are lost"
    if after != before:
        path.write_text(after)
        print(name)
