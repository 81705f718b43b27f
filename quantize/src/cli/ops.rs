//! `kinglet ops`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use kinglet::Model;

use super::{Outcome, print, print_json};
use crate::{blob_file, source};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The blobs that one firmware image holds
    #[arg(required = true)]
    blobs: Vec<PathBuf>,
    /// Print the command that builds the C library with them, in the folder `ffi`
    #[arg(long, conflicts_with = "json")]
    c: bool,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

/// The features of `kinglet` that link what the blobs run and nothing else, as a line for Cargo.toml.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut features = BTreeSet::new();
    let mut targets = BTreeSet::new();
    for path in &arguments.blobs {
        let blob = blob_file::read(path)?;
        let model = Model::from_bytes(&blob)?;
        features.extend(source::features(&model));
        targets.extend(model.kernel_set().and_then(|set| set.machine().rust_targets.first().copied()));
    }
    if arguments.json {
        return print_json(&features);
    }
    if arguments.c {
        // Blobs for several machines are not in one image; those for any machine say nothing of it.
        let target = if targets.len() == 1 { targets.first().copied() } else { None };
        return print(&source::c_build(&features, target));
    }
    let quoted: Vec<String> = features.iter().map(|feature| format!("\"{feature}\"")).collect();
    let version = env!("CARGO_PKG_VERSION");
    print(&format!(
        "kinglet = {{ version = \"{version}\", default-features = false, features = [{}] }}",
        quoted.join(", ")
    ))
}
