//! What TensorFlow Lite Micro with CMSIS-NN needs for the same models, measured in the same way.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

/// Numbers by core, then by model.
type ByCore = BTreeMap<String, BTreeMap<String, u64>>;

/// The peer's numbers: `targets/results/peer.json`, which says where they are from.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Peer {
    instructions: ByCore,
    /// A multiple access counts each register, as ours.
    #[serde(default)]
    loads: ByCore,
    #[serde(default)]
    stores: ByCore,
    /// By core, then by model.
    #[serde(default)]
    memory: BTreeMap<String, BTreeMap<String, Memory>>,
}

/// The peer's memory for one model.
#[derive(Debug, Deserialize)]
pub(crate) struct Memory {
    pub(crate) code_flash_bytes: u64,
    pub(crate) arena_bytes: u64,
}

impl Peer {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        serde_json::from_str(&text).with_context(|| format!("{} has another form than expected", path.display()))
    }

    pub(crate) fn instructions(&self, core: &str, model: &str) -> Option<u64> {
        find(&self.instructions, core, model)
    }

    pub(crate) fn memory(&self, core: &str, model: &str) -> Option<&Memory> {
        self.memory.get(core)?.get(model)
    }

    /// Loads and stores together.
    pub(crate) fn accesses(&self, core: &str, model: &str) -> Option<u64> {
        Some(find(&self.loads, core, model)? + find(&self.stores, core, model)?)
    }
}

fn find(numbers: &ByCore, core: &str, model: &str) -> Option<u64> {
    numbers.get(core)?.get(model).copied()
}
