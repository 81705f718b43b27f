# %% [markdown]
# # Versions of a model: mlflow as the registry, aliases as what is served
#
# Blobs are logged with their figures, registered as versions, and named by aliases. The last cell writes the folder that
# `kinglet-serve` serves (docs/serve.md), with the same versions and aliases. The cells run in order as a script; all of
# it stays in the folder that it runs in.

# %%
import json
import os
import warnings
from pathlib import Path

import mlflow
import numpy as np
from mlflow import MlflowClient

import kinglet_edge as kinglet

warnings.filterwarnings("ignore", module="mlflow")
ROOT = Path(os.environ.get("KINGLET_ROOT", "."))
HERE = Path.cwd()
NAME = "digits"

mlflow.set_tracking_uri(f"sqlite:///{HERE / 'mlflow.db'}")
client = MlflowClient()
experiment = client.create_experiment(NAME, artifact_location=(HERE / "artifacts").as_uri())
source, calibration = ROOT / "examples/digits/model.onnx", np.load(ROOT / "examples/digits/calib.npz")["x"]
test = np.load(ROOT / "examples/digits/test.npz")

# %% [markdown]
# ## A flavor
#
# What mlflow loads is a `Model`: it takes arrays and answers with the device's bits.


# %%
class BlobModel(mlflow.pyfunc.PythonModel):
    """A blob as a model of mlflow."""

    def load_context(self, context):
        self.model = kinglet.Model(context.artifacts["blob"])

    def predict(self, context, model_input, params=None):
        return self.model(np.asarray(model_input))


# %% [markdown]
# ## Two versions, with where they come from

# %%
versions = {}
for bits in (8, 4):
    blob = kinglet.compile(source, calibration, bits=bits, golden=2, baseline=True)
    accuracy = np.mean(kinglet.Model(blob)(test["x"]).argmax(1) == test["y"])
    blob.save(HERE / "model.kgl")
    with mlflow.start_run(experiment_id=experiment, run_name=f"{bits} bits"):
        mlflow.log_params({"bits": bits, "target": blob.target, "source": source.name})
        mlflow.log_metrics(
            {"accuracy": accuracy, "blob_bytes": len(blob), "arena_bytes": blob.report.arena_bytes}
        )
        logged = mlflow.pyfunc.log_model(
            name="blob",
            python_model=BlobModel(),
            artifacts={"blob": str(HERE / "model.kgl")},
            pip_requirements=["kinglet-edge"],
            registered_model_name=NAME,
        )
    versions[bits] = logged.registered_model_version
    print(f"version {versions[bits]}: {bits} bits, accuracy {accuracy:.4f}, {len(blob)} bytes")

client.set_registered_model_alias(NAME, "stable", versions[8])
client.set_registered_model_alias(NAME, "candidate", versions[4])
stable = mlflow.pyfunc.load_model(f"models:/{NAME}@stable")
answers = stable.predict(test["x"][:20].astype(np.float32)).argmax(1)
print(f"the stable version reads {answers.tolist()}")

# %% [markdown]
# ## From the registry to the gateway
#
# A version of the registry is a version of the server, and so is an alias. `kinglet-serve served` serves this folder.

# %%
served = HERE / "served" / NAME
for version in client.search_model_versions(f"name='{NAME}'"):
    files = Path(mlflow.artifacts.download_artifacts(f"models:/{NAME}/{version.version}"))
    (found,) = files.rglob("*.kgl")
    folder = served / str(version.version)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.kgl").write_bytes(found.read_bytes())
aliases = {name: str(version) for name, version in client.get_registered_model(NAME).aliases.items()}
(served / "aliases.json").write_text(json.dumps({"aliases": aliases}, indent=2) + "\n")
print(sorted(str(path.relative_to(HERE)) for path in served.rglob("*") if path.is_file()), aliases)
