//! Which packages the Python package is tested with.

/// A library that Kinglet is plugged into.
pub(super) struct Group {
    /// For `--group`.
    pub(super) name: &'static str,
    /// What it needs beside the core, in the versions that it is tested with.
    pub(super) packages: &'static [&'static str],
    /// Its tests, below the package.
    pub(super) tests: &'static str,
}

/// Builds the wheel.
pub(super) const BUILDER: &[&str] = &["maturin==1.16.0"];

/// What all tests need.
pub(super) const CORE: &[&str] =
    &["numpy==2.4.6", "scikit-learn==1.9.1", "skl2onnx==1.20.0", "onnx==1.23.2", "pytest==9.2.0"];

/// The core first, which is what runs without `--all`.
pub(super) const GROUPS: &[Group] = &[
    Group { name: "core", packages: &[], tests: "tests" },
    Group { name: "mypy", packages: &["mypy==2.4.1"], tests: "groups/test_mypy.py" },
    Group { name: "pandas", packages: &["pandas==3.1.1"], tests: "groups/test_pandas.py" },
    Group { name: "shap", packages: &["shap==0.51.0"], tests: "groups/test_shap.py" },
    Group { name: "lime", packages: &["lime==0.2.0.1"], tests: "groups/test_lime.py" },
    Group { name: "fairlearn", packages: &["fairlearn==0.15.0"], tests: "groups/test_fairlearn.py" },
    Group { name: "optuna", packages: &["optuna==5.0.0"], tests: "groups/test_optuna.py" },
    Group { name: "mlflow", packages: &["mlflow==3.17.2"], tests: "groups/test_mlflow.py" },
    Group { name: "evaluation", packages: &[], tests: "groups/test_evaluation.py" },
    Group { name: "explanation", packages: &["shap==0.51.0", "lime==0.2.0.1"], tests: "groups/test_explanation.py" },
    Group { name: "budgets", packages: &["optuna==5.0.0"], tests: "groups/test_budgets.py" },
    Group { name: "registry", packages: &["mlflow==3.17.2"], tests: "groups/test_registry.py" },
    Group { name: "federated", packages: &["flwr==1.42.0"], tests: "groups/test_federated.py" },
    Group { name: "scale", packages: &["dask[distributed]==2026.8.0"], tests: "groups/test_scale.py" },
    Group { name: "risk", packages: &["shap==0.51.0", "fairlearn==0.15.0"], tests: "groups/test_risk.py" },
];
