//! What a package is made of, as CycloneDX 1.6 (<https://cyclonedx.org/docs/1.6/json/>), for who has to answer for it.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::json;

use crate::tree;

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    description: Option<String>,
}

/// The crates in the library for `target` with these cargo features beside the usual ones.
pub(super) fn of_library(target: &str, features: &str) -> Result<String> {
    let mut cargo = tree::cargo();
    cargo.current_dir(tree::root().join("ffi"));
    cargo.args(["metadata", "--format-version", "1", "--locked", "--filter-platform", target, "--features", features]);
    let output = cargo.stdin(Stdio::null()).output().context("cannot start cargo")?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).context("cargo metadata printed no JSON")?;
    let (library, parts): (Vec<_>, Vec<_>) =
        metadata.packages.into_iter().partition(|package| package.name == "kinglet-ffi");
    let library = library.first().context("the library's package has another name")?;
    let mut main = component(library);
    main["name"] = json!("libkinglet");
    let mut parts: Vec<_> = parts.iter().map(component).collect();
    parts.sort_by_key(|part| part["purl"].as_str().unwrap_or_default().to_owned());
    let document = json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": { "component": main, "properties": [{ "name": "kinglet:target", "value": target }] },
        "components": parts,
    });
    Ok(serde_json::to_string_pretty(&document)? + "\n")
}

fn component(package: &Package) -> serde_json::Value {
    let purl = format!("pkg:cargo/{}@{}", package.name, package.version);
    json!({
        "type": "library",
        "name": package.name,
        "version": package.version,
        "description": package.description.clone().unwrap_or_default(),
        "licenses": package.license.iter().map(|license| json!({ "expression": license })).collect::<Vec<_>>(),
        "purl": purl,
        "bom-ref": purl,
    })
}
