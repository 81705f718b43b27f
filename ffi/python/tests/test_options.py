"""Options of the command reach the compiler under their own names."""

from __future__ import annotations

import re
import warnings

import kinglet_edge as kinglet
import numpy as np
import pytest

# What the command does with a blob beyond making it, and what has a name of its own in Python.
NOT_TAKEN = {"output", "emit", "eval", "report", "json", "explain", "calib", "help"}


@pytest.fixture(scope="module")
def tiny(root):
    with np.load(root / "examples/tiny/calib.npz") as arrays:
        return root / "examples/tiny/model.onnx", dict(arrays)


def test_every_option_of_the_command_is_known(command, tiny):
    names = set(re.findall(r"^ +(?:-\w, +)?--([a-z0-9-]+)", command("compile", "--help").stdout, re.MULTILINE))
    assert {"bits", "target", "ram", "stateful", "input-shape"} < names
    for name in sorted(names - NOT_TAKEN):
        for value in (True, "nonsense"):
            try:
                with warnings.catch_warnings(action="ignore"):
                    kinglet.compile(*tiny, **{name.replace("-", "_"): value})
            except kinglet.KingletError as error:
                # A wrong value is refused by name; what is not an option at all is unexpected.
                assert f"unexpected argument '--{name}'" not in str(error)


@pytest.mark.parametrize("name", sorted(NOT_TAKEN - {"calib", "help"}))
def test_what_only_the_command_does_is_refused(tiny, name):
    with pytest.raises(kinglet.UsageError, match=f"--{name}"):
        kinglet.compile(*tiny, **{name: True if name in ("json", "explain") else "rust"})


def test_options_do_what_they_do_in_the_command(tiny):
    blob = kinglet.compile(*tiny, name="other", model_version="1.2.3", target="cortex-m0plus", ram="min", golden=1)
    told = blob.inspect()
    assert (blob.name, told["version"], told["golden_vectors"], blob.target) == ("other", "1.2.3", 1, blob.report.target)
    assert kinglet.compile(*tiny, baseline=True).inspect()["sections"] != told["sections"]
    whole, outputs = kinglet.compile(*tiny), kinglet.Model(blob).outputs
    assert kinglet.compile(*tiny, outputs=[port.name for port in outputs]) == whole
    assert kinglet.compile(*tiny, keep_outliers=False) == whole


def test_a_mix_of_bits_is_chosen_within_a_drop(digits):
    blob = kinglet.compile(digits[0], digits[1], bits="auto", max_drop=2)
    assert blob.report.as_dict["mix"]
    assert len({layer.bits for layer in blob.report.layers if layer.bits}) > 1
