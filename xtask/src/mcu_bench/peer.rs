//! What TensorFlow Lite Micro with CMSIS-NN needs for the same models, measured in the same way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The peer's numbers; empty where they are not at hand.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Peer {
    /// By core, then by model.
    #[serde(default)]
    instructions_per_inference: BTreeMap<String, BTreeMap<String, u64>>,
}

impl Peer {
    /// A file that does not exist is no error: nothing is compared then.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} has another form than expected", path.display()))
    }

    pub(crate) fn instructions(&self, core: &str, model: &str) -> Option<u64> {
        self.instructions_per_inference.get(core)?.get(model).copied()
    }
}
