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
pub(super) const GROUPS: &[Group] = &[Group { name: "core", packages: &[], tests: "tests" }];
