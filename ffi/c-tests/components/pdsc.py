"""Checks a description of a CMSIS pack against the folder that it is in: files, conditions, versions.

    pdsc.py FILE
"""

import os
import sys
import xml.etree.ElementTree as xml

path = sys.argv[1]
folder = os.path.dirname(path)
package = xml.parse(path).getroot()
vendor, name = package.findtext("vendor"), package.findtext("name")
assert os.path.basename(path) == f"{vendor}.{name}.pdsc", "a pack is called by its vendor and its name"
conditions = {condition.get("id") for condition in package.iter("condition")}
used = {item.get("condition") for item in package.iter() if item.get("condition")}
assert used <= conditions, f"conditions that are not there: {used - conditions}"
releases = [release.get("version") for release in package.iter("release")]
for component in package.iter("component"):
    assert component.get("Cversion") == releases[0], "the component has another version than the pack"
files = [file.get("name") for file in package.iter("file")] + [package.findtext("license")]
missing = [file for file in files if not os.path.exists(os.path.join(folder, file))]
assert not missing, f"files that are not there: {missing}"
libraries = [file for file in package.iter("file") if file.get("category") == "library"]
assert libraries and all(file.get("condition") for file in libraries), "libraries belong to a core"
print(f"{len(files)} files, {len(libraries)} libraries")
