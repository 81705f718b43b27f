//! Imports run one way: what runs on a device never reaches the host tool, the leaves do not know each other, and
//! the runtime needs nothing from outside.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use kinglet_tests::tree::root;
use serde_json::Value;

/// Folders and the folders that packages below them may depend on. A package belongs to the longest folder that
/// its own begins with.
const MAY_USE: [(&str, &[&str]); 17] = [
    ("runtime/blob", &[]),
    ("runtime/kernels", &[]),
    ("runtime/engine", &["runtime/blob", "runtime/kernels"]),
    ("runtime/trust", &["runtime/blob"]),
    ("runtime/slots", &["runtime/blob", "runtime/trust"]),
    ("runtime/monitor", &["runtime/blob", "runtime/trust"]),
    ("runtime/rollout", &["runtime/blob", "runtime/trust"]),
    ("ffi", &["runtime"]),
    // The Python package is of the host: people make models with it.
    ("ffi/python", &["runtime", "quantize"]),
    ("targets", &["runtime", "targets", "tests/equivalence"]),
    ("examples", &["runtime"]),
    // Plain data out of tract, and nothing of ours in.
    ("quantize/tract", &[]),
    ("quantize", &["runtime", "quantize"]),
    // Serves blobs and compiles none, so that it does not wait for tract either.
    ("serve", &["runtime"]),
    // Tooling calls the compiler as a program, so that it does not wait for tract to be built.
    ("xtask", &["runtime", "targets/report", "xtask"]),
    ("tests/equivalence", &["runtime/kernels"]),
    ("tests", &["runtime", "quantize", "tests"]),
];

/// Workspaces of their own, besides the root.
const OTHER_WORKSPACES: [&str; 6] = [
    "targets/Cargo.toml",
    "ffi/Cargo.toml",
    "tests/fuzz/Cargo.toml",
    "tests/oracle-tflite/Cargo.toml",
    "examples/rust-firmware/Cargo.toml",
    "examples/c/Cargo.toml",
];

/// A dependency as a manifest declares it.
struct Dependency {
    name: String,
    /// Folder below the root; `None` when it comes from a registry.
    folder: Option<String>,
    is_dev: bool,
    is_optional: bool,
}

struct Package {
    name: String,
    folder: String,
    dependencies: Vec<Dependency>,
}

/// `path` below the root, with `/`.
fn relative(path: &Path) -> String {
    let canonical = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    let root = root().canonicalize().expect("the root exists");
    canonical.strip_prefix(root).unwrap_or(&canonical).to_string_lossy().replace('\\', "/")
}

fn metadata(manifest: &Path) -> Value {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let arguments = ["metadata", "--format-version", "1", "--no-deps", "--offline", "--manifest-path"];
    let output = Command::new(cargo).args(arguments).arg(manifest).output().expect("cargo runs");
    assert!(output.status.success(), "{}: {}", manifest.display(), String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).expect("cargo prints JSON")
}

fn text(value: &Value) -> String {
    value.as_str().expect("a string").to_owned()
}

fn dependency(value: &Value) -> Dependency {
    Dependency {
        name: text(&value["name"]),
        folder: value["path"].as_str().map(|path| relative(Path::new(path))),
        is_dev: value["kind"] == "dev",
        is_optional: value["optional"] == true,
    }
}

fn package(value: &Value) -> Package {
    let manifest = text(&value["manifest_path"]);
    Package {
        name: text(&value["name"]),
        folder: relative(Path::new(&manifest).parent().expect("a manifest stands in a folder")),
        dependencies: value["dependencies"].as_array().expect("a list").iter().map(dependency).collect(),
    }
}

/// Every package of every workspace.
fn packages() -> Vec<Package> {
    let mut all = Vec::new();
    for manifest in ["Cargo.toml"].into_iter().chain(OTHER_WORKSPACES) {
        let manifest = root().join(manifest);
        if manifest.is_file() {
            all.extend(metadata(&manifest)["packages"].as_array().expect("a list").iter().map(package));
        }
    }
    assert!(all.len() >= 9, "found only {} packages", all.len());
    all
}

fn is_below(folder: &str, ancestor: &str) -> bool {
    folder.strip_prefix(ancestor).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// What packages in `folder` may depend on.
fn may_use(folder: &str) -> Option<&'static [&'static str]> {
    let layers = MAY_USE.iter().filter(|(layer, _)| is_below(folder, layer));
    layers.max_by_key(|(layer, _)| layer.len()).map(|(_, allowed)| *allowed)
}

#[test]
fn imports_run_one_way() {
    let mut violations = Vec::new();
    for package in packages() {
        let Some(allowed) = may_use(&package.folder) else {
            violations.push(format!("{} is in {}, which no layer contains", package.name, package.folder));
            continue;
        };
        // Development dependencies are built for tests only, and tests may look at everything.
        for dependency in package.dependencies.iter().filter(|dependency| !dependency.is_dev) {
            let Some(folder) = &dependency.folder else { continue };
            if !allowed.iter().any(|layer| is_below(folder, layer)) {
                violations
                    .push(format!("{} ({}) depends on {} ({folder})", package.name, package.folder, dependency.name));
            }
        }
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

/// What runtime packages require from outside all the same: traits that drivers implement, and nothing else.
const REQUIRED: [(&str, &str); 1] = [("kinglet-slots", "embedded-storage")];

#[test]
fn the_runtime_requires_nothing_from_outside() {
    let mut checked = 0;
    for package in packages().iter().filter(|package| is_below(&package.folder, "runtime")) {
        checked += 1;
        for dependency in &package.dependencies {
            let is_ours = dependency.folder.is_some();
            let is_known = REQUIRED.contains(&(package.name.as_str(), dependency.name.as_str()));
            assert!(
                is_ours || is_known || dependency.is_dev || dependency.is_optional,
                "{} requires {}: runtime crates need core only",
                package.name,
                dependency.name
            );
        }
    }
    assert!(checked >= 3, "found only {checked} runtime packages");
}

#[test]
fn one_package_names_tract() {
    for package in packages() {
        let names_tract = package.dependencies.iter().any(|dependency| dependency.name.starts_with("tract"));
        assert!(!names_tract || package.name == "kinglet-tract", "{} depends on tract", package.name);
    }
}

#[test]
fn nothing_on_a_device_reaches_the_host() {
    // What the table says pair by pair, once more for whole chains.
    let packages = packages();
    let by_folder: BTreeMap<&str, &Package> =
        packages.iter().map(|package| (package.folder.as_str(), package)).collect();
    for start in &packages {
        let on_device = ["runtime", "ffi", "targets"].iter().any(|layer| is_below(&start.folder, layer))
            && !is_below(&start.folder, "ffi/python");
        let (mut reached, mut open) = (BTreeSet::new(), vec![start.folder.as_str()]);
        while let Some(folder) = open.pop().filter(|_| on_device) {
            if reached.insert(folder) {
                let package = by_folder.get(folder);
                let dependencies = package.into_iter().flat_map(|package| &package.dependencies);
                open.extend(dependencies.filter(|each| !each.is_dev).filter_map(|each| each.folder.as_deref()));
            }
        }
        let host =
            reached.iter().find(|folder| ["quantize", "serve", "xtask"].iter().any(|layer| is_below(folder, layer)));
        assert!(host.is_none(), "{} reaches {host:?}", start.name);
    }
}

#[test]
fn the_table_knows_its_layers() {
    assert_eq!(may_use("runtime/blob"), Some(&[][..]));
    assert_eq!(may_use("quantize/tract"), Some(&[][..]));
    assert_eq!(may_use("targets/emulator"), may_use("targets"));
    assert_ne!(may_use("ffi/python"), may_use("ffi"));
    assert_eq!(may_use("runtime/blobs"), None);
    assert_eq!(may_use("new"), None);
}
