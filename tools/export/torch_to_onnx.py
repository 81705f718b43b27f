#!/usr/bin/env python3
"""A PyTorch file becomes an .onnx file, which `kinglet compile` reads.

    python3 tools/export/torch_to_onnx.py scripted.pt --input 1,3,32,32 -o net.onnx
    python3 tools/export/torch_to_onnx.py weights.pt --factory my_nets.py:make_net --input 1,3,32,32 -o net.onnx
    python3 tools/export/torch_to_onnx.py program.pt2 -o net.onnx

A file of weights (a state_dict) does not say what network they are for: --factory names a function without arguments that
makes it. TorchScript files (torch.jit.save) and exported programs (torch.export.save) have the network in them. PyTorch is installed
once, into an environment of its own (see environment.py beside this file).
"""

import argparse
import importlib
import importlib.util
import pathlib
import sys
import zipfile

import environment


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="a .pt, .pth, .ckpt or .pt2 file")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="the file to write; otherwise the model's name with .onnx")
    parser.add_argument("--factory", metavar="FILE.py:FUNCTION", help="what makes the network that the weights are for; also "
                        "package.module:FUNCTION")
    parser.add_argument("--input", action="append", default=[], metavar="1,3,32,32",
                        help="the shape of an input, the batch first; once for each. A type may stand behind it: 1,16:int64")
    parser.add_argument("--weights", metavar="KEY", help="where in the file the state_dict is; otherwise the file itself, or its "
                        "state_dict, model_state_dict or model")
    parser.add_argument("--trust", action="store_true", help="load a file that holds a whole pickled network. Such a file can run any "
                        "code: only do so with one that is yours")
    parser.add_argument("--opset", type=int, default=18, help="ONNX operator set (default 18)")
    given = parser.parse_args()
    if not given.model.is_file():
        environment.fail(f"there is no file {given.model}")
    if given.factory and ":" not in given.factory:
        environment.fail(f"--factory {given.factory}: FILE.py:FUNCTION is needed")
    given.shapes = [shape(text) for text in given.input]
    given.output = given.output or pathlib.Path(given.model.stem + ".onnx")
    return given


def shape(text):
    """The extents and the type's name."""
    extents, _, kind = text.partition(":")
    try:
        numbers = tuple(int(number) for number in extents.split(","))
        if min(numbers) < 1:
            raise ValueError
        return numbers, kind or "float32"
    except ValueError:
        environment.fail(f"--input {text}: extents above zero with commas between them are needed, such as 1,3,32,32")


def kind_of(path):
    """What a file holds, by the names in it."""
    if not zipfile.is_zipfile(path):
        return "pickle"
    names = [name.split("/", 1)[-1] for name in zipfile.ZipFile(path).namelist()]
    if "constants.pkl" in names or any(name.startswith("code/") for name in names):
        return "script"
    if any(name.startswith("models/") or name == "serialized_exported_program.json" for name in names):
        return "program"
    return "pickle"


def made_by(factory):
    """The network that the factory makes."""
    place, name = factory.rsplit(":", 1)
    try:
        if place.endswith(".py"):
            path = pathlib.Path(place).resolve()
            sys.path.insert(0, str(path.parent))
            spec = importlib.util.spec_from_file_location(path.stem, path)
            module = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(module)
        else:
            sys.path.insert(0, "")
            module = importlib.import_module(place)
        return getattr(module, name)()
    except FileNotFoundError:
        environment.fail(f"--factory {factory}: there is no {place}")
    except AttributeError as error:
        environment.fail(f"--factory {factory}: {error}")
    except ModuleNotFoundError as error:
        python = environment.python_of(environment.folder("torch"))
        environment.fail(f"--factory {factory}: {error}; install what it needs: {python} -m pip install {error.name}")


def weights_of(content, key, path):
    """The state_dict in what was loaded."""
    keys = [key] if key else ["state_dict", "model_state_dict", "model"]
    if isinstance(content, dict):
        found = next((content[name] for name in keys if name in content), None)
        if found is not None or not key:
            return content if found is None else found
    if key:
        environment.fail(f"{path} has no `{key}`; it has {', '.join(map(str, content)) if isinstance(content, dict) else type(content)}")
    return content


def network(given, torch):
    """The network in evaluation mode."""
    if kind_of(given.model) == "script":
        return torch.jit.load(given.model, map_location="cpu").eval()
    if given.trust:
        sys.path.insert(0, "")  # Where the network's code is, as for a program that runs here.
    try:
        content = torch.load(given.model, map_location="cpu", weights_only=not given.trust)
    except Exception as error:
        hint = "" if given.trust else ("\nIt may hold a whole pickled network: with --trust it is loaded, which can run any code in the "
                                       "file. Better save model.state_dict(), and give --factory")
        environment.fail(f"PyTorch {torch.__version__} cannot load {given.model}: {error}{hint}")
    if isinstance(content, torch.nn.Module):
        return content.eval()
    if not given.factory:
        environment.fail(f"{given.model} holds weights and no network; give --factory FILE.py:FUNCTION, a function without arguments "
                         "that makes the network, or save torch.jit.script(model) or torch.export.save(...)")
    model = made_by(given.factory)
    state = weights_of(content, given.weights, given.model)
    state = {name.removeprefix("module."): value for name, value in state.items()}
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        environment.fail(f"the weights in {given.model} are not those of {given.factory}: {error}")
    return model.eval()


def main():
    given = arguments()
    environment.enter("torch")
    import torch

    if kind_of(given.model) == "program":
        program = torch.export.load(given.model)
        torch.onnx.export(program, (), str(given.output), opset_version=given.opset, dynamo=True)
    else:
        model = network(given, torch)
        if not given.shapes:
            environment.fail("the shapes of the inputs are needed: --input 1,3,32,32 for each")
        inputs = tuple(torch.zeros(extents, dtype=getattr(torch, kind)) for extents, kind in given.shapes)
        # The newer exporter traces Python code, of which a script has none.
        is_script = isinstance(model, torch.jit.ScriptModule)
        torch.onnx.export(model, inputs, str(given.output), opset_version=given.opset, dynamo=not is_script)
    beside = given.output.with_name(given.output.name + ".data")
    weights = f" (its weights are in {beside}: keep both together)" if beside.is_file() else ""
    print(f"{given.output}{weights}; compile it: kinglet compile {given.output}")


if __name__ == "__main__":
    main()
