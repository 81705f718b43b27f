//! `kinglet ops`

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::Args;
use kinglet::Model;

use super::{Outcome, print, print_json};
use crate::blob_file;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The blobs that one firmware image holds
    #[arg(required = true)]
    blobs: Vec<PathBuf>,
    /// Print a JSON list
    #[arg(long)]
    json: bool,
}

/// The features of `kinglet` that link what the blobs run and nothing else, as a line for Cargo.toml.
pub(super) fn run(arguments: &Arguments) -> Outcome {
    let mut features = BTreeSet::new();
    for path in &arguments.blobs {
        let blob = blob_file::read(path)?;
        let model = Model::from_bytes(&blob)?;
        features.extend(model.blob().features());
        // Without it a build for the machine has no kernels for the machine's packings.
        features.extend(model.kernel_set().and_then(|set| set.machine().extension));
    }
    if arguments.json {
        return print_json(&features);
    }
    let quoted: Vec<String> = features.iter().map(|feature| format!("\"{feature}\"")).collect();
    let version = env!("CARGO_PKG_VERSION");
    print(&format!(
        "kinglet = {{ version = \"{version}\", default-features = false, features = [{}] }}",
        quoted.join(", ")
    ))
}
