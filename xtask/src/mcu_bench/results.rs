//! `targets/results/<core>.json`: the numbers that were measured last, in the repository.
//!
//! Counts of instructions are exact, so a change that makes something slower or larger shows at once. The check allows
//! one per cent, because another version of the compiler arranges code differently; what has become better by more
//! than that is worth writing down, with `--write-results`.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::record::{BoardRecord, ModelRecord};
use crate::tree;

/// The numbers of one model that may not rise.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Numbers {
    pub(crate) instructions: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    vector_instructions: Option<u64>,
    loads: u64,
    stores: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    estimated_cycles: Option<u64>,
    init_instructions: u64,
    pub(crate) code_flash_bytes: u64,
    blob_bytes: u64,
    pub(crate) arena_bytes: u64,
    data_bss_bytes: u64,
    stack_bytes: u64,
}

impl Numbers {
    fn of(model: &ModelRecord) -> Self {
        Numbers {
            instructions: model.instructions,
            vector_instructions: model.vector_instructions,
            loads: model.loads,
            stores: model.stores,
            estimated_cycles: model.estimated_cycles,
            init_instructions: model.init_instructions,
            code_flash_bytes: model.code_flash_bytes,
            blob_bytes: model.blob_bytes,
            arena_bytes: model.arena_bytes,
            data_bss_bytes: model.data_bss_bytes,
            stack_bytes: model.stack_bytes,
        }
    }

    /// Estimated cycles are left out: they follow from the others and from an argument.
    fn named(&self) -> [(&'static str, u64); 10] {
        [
            ("instructions", self.instructions),
            ("vector instructions", self.vector_instructions.unwrap_or(0)),
            ("loads", self.loads),
            ("stores", self.stores),
            ("init instructions", self.init_instructions),
            ("code flash", self.code_flash_bytes),
            ("blob", self.blob_bytes),
            ("arena", self.arena_bytes),
            (".data+.bss", self.data_bss_bytes),
            ("stack", self.stack_bytes),
        ]
    }
}

/// One core's models by name.
pub(crate) type Models = BTreeMap<String, Numbers>;

fn path(core: &str) -> PathBuf {
    tree::root().join("targets/results").join(format!("{core}.json"))
}

pub(crate) fn read(core: &str) -> Result<Models> {
    let path = path(core);
    if !path.exists() {
        return Ok(Models::new());
    }
    let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{} was not written by --write-results", path.display()))
}

/// One line for each number that is more than one per cent above the one in the repository, and for each model that
/// is not there.
pub(crate) fn check(record: &BoardRecord) -> Result<Vec<String>> {
    Ok(risen(&read(&record.core)?, record))
}

/// More than the one per cent that the check allows.
pub(crate) fn has_risen(before: u64, now: u64) -> bool {
    now > before + before / 100
}

fn risen(known: &Models, record: &BoardRecord) -> Vec<String> {
    let mut lines = Vec::new();
    for model in &record.models {
        let Some(before) = known.get(&model.name) else {
            lines.push(format!("{}: no earlier numbers; run with --write-results", model.name));
            continue;
        };
        for ((name, now), (_, before)) in Numbers::of(model).named().into_iter().zip(before.named()) {
            if has_risen(before, now) {
                lines.push(format!("{}: {name} has risen from {before} to {now}", model.name));
            }
        }
    }
    lines
}

/// Replaces the numbers of the models that were measured; others stay.
pub(crate) fn write(record: &BoardRecord) -> Result<()> {
    let mut models = read(&record.core)?;
    models.extend(record.models.iter().map(|model| (model.name.clone(), Numbers::of(model))));
    let path = path(&record.core);
    let text = serde_json::to_string_pretty(&models).context("cannot write the results as JSON")? + "\n";
    let draft = path.with_extension("json.tmp");
    fs::write(&draft, text).with_context(|| format!("cannot write {}", draft.display()))?;
    fs::rename(&draft, &path).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(instructions: u64, stack_bytes: u64) -> BoardRecord {
        let model = ModelRecord { name: "kws".into(), instructions, stack_bytes, ..ModelRecord::default() };
        BoardRecord { board: "b".into(), core: "cortex-m4".into(), models: vec![model] }
    }

    #[test]
    fn only_what_has_risen_by_more_than_one_per_cent_is_named() {
        let before = record(1000, 100);
        let known = Models::from([("kws".to_owned(), Numbers::of(&before.models[0]))]);
        assert_eq!(risen(&known, &record(1010, 101)), [""; 0]);
        assert_eq!(risen(&known, &record(1011, 50)), ["kws: instructions has risen from 1000 to 1011"]);
        assert_eq!(risen(&known, &record(1, 102)), ["kws: stack has risen from 100 to 102"]);
        assert_eq!(risen(&Models::new(), &record(1, 1)).len(), 1);
    }
}
