"""Runs a library's script for PlatformIO with a stand-in for its environment; prints what it would link with.

    platformio.py FOLDER CPU
"""

import json
import os
import sys


class Board:
    def get(self, name, default):
        return sys.argv[2] if name == "build.cpu" else default


class Node:
    abspath = os.path.abspath(sys.argv[1])

    def srcnode(self):
        return self


class Environment:
    added = {}

    def Dir(self, _):
        return Node()

    def BoardConfig(self):
        return Board()

    def Append(self, **values):
        self.added.update(values)


env = Environment()
with open(os.path.join(sys.argv[1], "library.json")) as file:
    manifest = json.load(file)
with open(os.path.join(sys.argv[1], manifest["build"]["extraScript"])) as file:
    exec(file.read(), {"env": env, "Import": lambda _: None})
include = os.path.join(Node.abspath, manifest["build"]["includeDir"])
missing = [header for header in manifest["headers"] if not os.path.isfile(os.path.join(include, header))]
if missing:
    sys.exit(f"the package lacks {missing}")
print("-I" + include)
for folder in env.added["LIBPATH"]:
    print("-L" + folder)
for library in env.added["LIBS"]:
    print("-l" + library)
for flag in env.added["LINKFLAGS"]:
    print(flag)
