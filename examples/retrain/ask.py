#!/usr/bin/env python3
"""Shows the test pictures to a server, as they are or as a camera with a bad lens sees them, and says how many it reads right.

    ask.py ADDRESS TOKEN [--lens] [--version VERSION]
"""

import argparse
import json
import pathlib
import urllib.request

import numpy as np

import lens

TEST = pathlib.Path(__file__).resolve().parent.parent / "digits" / "test.npz"
AT_ONCE = 50


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("token")
    parser.add_argument("--lens", action="store_true")
    parser.add_argument("--version")
    asked = parser.parse_args()
    arrays = np.load(TEST)
    images, labels = arrays["x"].astype(np.float32).reshape(-1, 28, 28, 1), arrays["y"]
    if asked.lens:
        images = lens.seen(images)
    version = f"/versions/{asked.version}" if asked.version else ""
    url = f"http://{asked.address}/v2/models/digits{version}/infer"
    right = 0
    for start in range(0, len(images), AT_ONCE):
        batch = images[start : start + AT_ONCE]
        tensor = {"name": "input", "datatype": "FP32", "shape": list(batch.shape), "data": batch.ravel().tolist()}
        request = urllib.request.Request(url, json.dumps({"inputs": [tensor]}).encode())
        request.add_header("Authorization", f"Bearer {asked.token}")
        with urllib.request.urlopen(request, timeout=60) as response:
            output = json.load(response)["outputs"][0]
        scores = np.array(output["data"]).reshape(len(batch), -1)
        right += int((scores.argmax(axis=1) == labels[start : start + AT_ONCE]).sum())
    print(f"{right} of {len(images)} right")


main()
