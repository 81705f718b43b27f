#!/usr/bin/env python3
"""Networks of torchvision and timm as `torch.onnx.export` writes them today, with onnxruntime as the oracle.

    cargo xtask mobile-networks

Networks made for phones, and small ones that people start from. Nothing is set that has a default: the exporter is the one that
traces with dynamo, the operator set is its own choice, and the weights are in a file beside the model. Weights are random, since
trained ones need the network; what batch normalizations have seen is drawn too, so that they change something. An image of random
numbers and a smooth one go in. A network that cannot be exported is named in `left_out.json`.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import warnings

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools/export"))

import torch_libraries

# The default build of torch is linked with CUDA's libraries, which need not be there.
if subprocess.run([sys.executable, "-c", "import torch"], stderr=subprocess.DEVNULL).returncode:
    torch_libraries.stand_in(sys.prefix)

import numpy as np
import onnxruntime
import timm
import torch
import torchvision

SIZE = 128
RELATIVE = 1e-3

TORCHVISION = ["mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", "mnasnet0_5", "shufflenet_v2_x0_5", "squeezenet1_1",
               "efficientnet_b0", "resnet18", "regnet_y_400mf"]
TIMM = ["ghostnet_100", "lcnet_050", "mobileone_s0", "repvgg_a0", "mobilevit_xxs", "convnext_atto", "edgenext_xx_small",
        "efficientformer_l1", "mobilenetv4_conv_small", "fastvit_t8", "tinynet_e", "hardcorenas_a", "repghostnet_050",
        "efficientvit_b0", "mobilevitv2_050", "starnet_s1"]
# Networks whose attention is laid out for one size of image.
SIZES = {"efficientformer_l1": 224}


def network(name):
    """A network with random weights, ready to be run."""
    torch.manual_seed(1)
    if name in TORCHVISION:
        model = torchvision.models.get_model(name, weights=None)
    else:
        model = timm.create_model(name, pretrained=False)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.2, 0.2)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
            if module.affine:
                torch.nn.init.uniform_(module.weight, 0.7, 1.3)
                torch.nn.init.uniform_(module.bias, -0.2, 0.2)
    return model.eval()


def images(size):
    """An image of random numbers, and a smooth one."""
    rng = np.random.default_rng(1)
    at = np.linspace(0, 3, size, dtype=np.float32)
    smooth = np.stack([np.sin(at[:, None] * (1 + c) + at[None] * (2 - c)) for c in range(3)])[None]
    return [rng.standard_normal((1, 3, size, size), np.float32), smooth.astype(np.float32)]


def write(name, folder):
    """Writes the case of one network."""
    size = SIZES.get(name, SIZE)
    inputs = images(size)
    folder.mkdir(parents=True)
    path = folder / "model.onnx"
    torch.onnx.export(network(name), (torch.from_numpy(inputs[0]),), path, verbose=False)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    port = session.get_inputs()[0].name
    outputs = [session.run(None, {port: image}) for image in inputs]
    files = {"inputs": ["inputs0.npy"], "outputs": []}
    np.save(folder / "inputs0.npy", np.concatenate(inputs))
    for index, arrays in enumerate(zip(*outputs)):
        files["outputs"].append(f"outputs{index}.npy")
        np.save(folder / files["outputs"][-1], np.concatenate(arrays))
    case = {"situation": name, "source": "torchvision" if name in TORCHVISION else "timm", "model": path.name, "when": "operators",
            **files, "expect": "reals", "relative": RELATIVE, "floor": 0}
    (folder / "case.json").write_text(json.dumps(case, indent=1) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=pathlib.Path, help="where to write the cases")
    parser.add_argument("--only", action="append", default=[], help="a part of networks' names")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    left_out = {}
    for name in TORCHVISION + TIMM:
        if arguments.only and not any(part in name for part in arguments.only):
            continue
        try:
            write(name, arguments.folder / name)
        except Exception as error:  # The exporter's own errors have no common type.
            left_out[name] = f"{type(error).__name__}: {error}".split("\n")[0]
    (arguments.folder / "left_out.json").write_text(json.dumps(left_out, indent=1) + "\n")
    print(f"{len(list(arguments.folder.glob('*/case.json')))} networks, {len(left_out)} left out")


if __name__ == "__main__":
    main()
