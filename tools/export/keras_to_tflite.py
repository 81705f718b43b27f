#!/usr/bin/env python3
"""A Keras file or a SavedModel becomes a .tflite file, which `kinglet compile` reads.

    python3 tools/export/keras_to_tflite.py net.keras -o net.tflite
    python3 tools/export/keras_to_tflite.py net.h5 -o net_int8.tflite --type int8 --calib calib.npz
    python3 tools/export/keras_to_tflite.py saved_model/ -o net_half.tflite --type float16

TensorFlow is installed once, into an environment of its own (see environment.py beside this file).
"""

import argparse
import pathlib
import sys

import environment

TYPES = {
    "float": "weights and activations in float32",
    "float16": "weights in float16, which Kinglet widens to float32: a smaller file, no other blob",
    "dynamic": "weights in int8, activations in float32; stays so on the device",
    "int8": "int8 throughout; needs --calib",
    "int16x8": "activations in int16, weights in int8; needs --calib",
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=pathlib.Path, help="a .keras or .h5 file, or the folder of a SavedModel")
    parser.add_argument("-o", "--output", type=pathlib.Path, help="the file to write; otherwise the model's name with .tflite")
    parser.add_argument("--type", choices=TYPES, default="float",
                        help="; ".join(f"{name}: {what}" for name, what in TYPES.items()))
    parser.add_argument("--calib", type=pathlib.Path, metavar="NPZ",
                        help="typical inputs, samples along the first axis: an array for each input under its name, or one array")
    parser.add_argument("--float-ends", action="store_true", help="with int8 and int16x8: inputs and outputs stay float32")
    given = parser.parse_args()
    if not given.model.exists():
        environment.fail(f"there is no {given.model}")
    if given.model.is_dir() and not (given.model / "saved_model.pb").is_file():
        environment.fail(f"{given.model} is a folder without a saved_model.pb, so no SavedModel")
    if given.type in ("int8", "int16x8") and not given.calib:
        environment.fail(f"--type {given.type} needs --calib FILE.npz with a few hundred typical inputs; or convert with --type "
                         "float and give the inputs to `kinglet compile --calib`, which quantizes as well")
    if given.calib and not given.calib.is_file():
        environment.fail(f"there is no {given.calib}")
    given.output = given.output or pathlib.Path(given.model.resolve().stem + ".tflite")
    return given


def converter_of(given, tf):
    if given.model.is_dir():
        return tf.lite.TFLiteConverter.from_saved_model(str(given.model))
    try:
        model = tf.keras.models.load_model(given.model, compile=False)
    except Exception as error:  # Keras raises whatever its layers raise.
        environment.fail(f"Keras {tf.keras.__version__} cannot load {given.model}: {error}\nA model with layers of your own is "
                         "converted where their code is: tf.lite.TFLiteConverter.from_keras_model(model)")
    return tf.lite.TFLiteConverter.from_keras_model(model)


def samples(path, converter, tf, numpy):
    """Calibration data as the converter wants it: for each sample a list of inputs in the model's order."""
    data = numpy.load(path)
    arrays = {name: data[name] for name in data.files} if hasattr(data, "files") else {"x": data}
    inputs = tf.lite.Interpreter(model_content=converter.convert()).get_input_details()
    chosen = []
    for entry in inputs:
        # "serving_default_keras_tensor:0" for the input "keras_tensor".
        name = entry["name"].removeprefix("serving_default_").split(":")[0]
        array = arrays.get(name, next(iter(arrays.values())) if len(inputs) == 1 else None)
        if array is None:
            environment.fail(f"{path} has no array `{name}`; it has {', '.join(arrays)}")
        if array.ndim != len(entry["shape"]):
            environment.fail(f"`{name}` in {path} has shape {array.shape}; samples of shape {tuple(entry['shape'][1:])} are needed, "
                             "along a first axis")
        chosen.append(array.astype("float32"))
    if len({len(array) for array in chosen}) != 1:
        environment.fail(f"the arrays in {path} have different numbers of samples: {[len(array) for array in chosen]}")
    return lambda: ([array[at:at + 1] for array in chosen] for at in range(len(chosen[0])))


def main():
    given = arguments()
    environment.enter("keras")
    import numpy
    import tensorflow as tf

    converter = converter_of(given, tf)
    if given.type != "float":
        data = samples(given.calib, converter, tf, numpy) if given.calib else None
        converter = converter_of(given, tf)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
    if given.type == "float16":
        converter.target_spec.supported_types = [tf.float16]
    if given.type == "int8":
        converter.representative_dataset = data
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
        if not given.float_ends:
            converter.inference_input_type = converter.inference_output_type = tf.int8
    if given.type == "int16x8":
        converter.representative_dataset = data
        converter.target_spec.supported_ops = [
            tf.lite.OpsSet.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8]
        if not given.float_ends:
            converter.inference_input_type = converter.inference_output_type = tf.int16
    try:
        content = converter.convert()
    except Exception as error:
        environment.fail(f"TensorFlow cannot convert {given.model} to {given.type}: {error}")
    given.output.write_bytes(content)
    print(f"{given.output}: {len(content):,} bytes; compile it: kinglet compile {given.output}")


if __name__ == "__main__":
    main()
