"""mlflow keeps blobs as models: logged with their figures, loaded, asked."""

from __future__ import annotations

import kinglet_edge as kinglet
import mlflow
import numpy as np


class Kept(mlflow.pyfunc.PythonModel):
    """A blob as a model of mlflow."""

    def load_context(self, context):
        self.model = kinglet.Model(context.artifacts["blob"])

    def predict(self, context, model_input, params=None):
        return self.model(np.asarray(model_input))


def test_a_blob_is_logged_and_loaded(digits, digits_blob, tmp_path):
    digits_blob.save(tmp_path / "digits.kgl")
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    mlflow.set_experiment(experiment_id=mlflow.create_experiment("digits", artifact_location=(tmp_path / "files").as_uri()))
    images = digits[2][:8].astype(np.float32)
    with mlflow.start_run() as run:
        mlflow.log_metrics({"blob_bytes": len(digits_blob), "arena_bytes": digits_blob.report.arena_bytes})
        logged = mlflow.pyfunc.log_model(
            name="blob",
            python_model=Kept(),
            artifacts={"blob": str(tmp_path / "digits.kgl")},
            input_example=images[:1],
            pip_requirements=["kinglet-edge"],
        )
    kept = mlflow.pyfunc.load_model(logged.model_uri)
    assert np.array_equal(kept.predict(images), kinglet.Model(digits_blob)(images))
    assert mlflow.get_run(run.info.run_id).data.metrics["blob_bytes"] == len(digits_blob)
