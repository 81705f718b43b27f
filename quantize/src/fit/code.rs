//! Bytes of code that a model's operators need, from a table that `cargo xtask code-sizes` measures.
//!
//! `code.csv` has a row for each cargo feature of the engine: what an image grows by with it alone. Operators share code,
//! so the row `shared` is taken off for each feature but one; `base` is an image without operators: start-up, loader,
//! engine. Columns are cores whose kernels differ; the others read the column of the core with the same kernels.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use kinglet_kernels::machine::Isa;

use crate::target::{self, Target};

/// The row of an image without operators.
const BASE: &str = "base";
/// The row of what two operators have in common.
const SHARED: &str = "shared";

/// Code by what it is for, bytes.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Code {
    /// Everything together.
    pub bytes: u64,
    /// Start-up, loader and engine.
    pub base_bytes: u64,
    /// What each feature adds where nothing is shared.
    pub features: BTreeMap<String, u64>,
}

/// Bytes by row, for each column.
type Columns = BTreeMap<String, BTreeMap<String, u64>>;

fn columns() -> &'static Columns {
    static COLUMNS: LazyLock<Columns> = LazyLock::new(|| {
        let mut reader = csv::Reader::from_reader(include_str!("code.csv").as_bytes());
        let cores: Vec<String> = reader.headers().into_iter().flatten().skip(1).map(str::to_owned).collect();
        let mut columns = Columns::new();
        for record in reader.records().filter_map(Result::ok) {
            let Some(row) = record.get(0) else { continue };
            for (core, bytes) in cores.iter().zip(record.iter().skip(1)) {
                if let Ok(bytes) = bytes.parse() {
                    columns.entry(core.clone()).or_default().insert(row.to_owned(), bytes);
                }
            }
        }
        columns
    });
    &COLUMNS
}

/// The column with the code of `target`: its own, that of a core with the same kernels, or the plainest there is.
fn column(target: Target) -> Option<&'static BTreeMap<String, u64>> {
    let own = columns().get(target.machine().name);
    let same = || {
        let isa = target::isa(target);
        let found = columns().iter().find(|(core, _)| target::of_machine(core).map(target::isa) == Some(isa));
        found.map(|(_, column)| column)
    };
    let plain = || columns().iter().find(|(core, _)| target::of_machine(core).map(target::isa) == Some(Isa::Armv7m));
    own.or_else(same).or_else(|| plain().map(|(_, column)| column))
}

/// Code for an image with these features of the engine; none where a feature has not been measured.
pub fn code(target: Target, features: &BTreeSet<&'static str>) -> Option<Code> {
    let column = column(target)?;
    let (base_bytes, shared) = (*column.get(BASE)?, *column.get(SHARED)?);
    // What the core has beyond its name is no code.
    let extensions: BTreeSet<&str> = target.machine().extension.into_iter().collect();
    let parts = features.iter().filter(|feature| !extensions.contains(*feature));
    let parts = parts.map(|feature| Some(((*feature).to_owned(), *column.get(*feature)?)));
    let features: BTreeMap<String, u64> = parts.collect::<Option<_>>()?;
    let apart: u64 = features.values().sum();
    let largest = features.values().max().copied().unwrap_or(0);
    let common = shared * (features.len() as u64).saturating_sub(1);
    Some(Code { bytes: base_bytes + apart.saturating_sub(common).max(largest), base_bytes, features })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_operators_are_more_code() {
        for target in [Target::CortexM0, Target::CortexM3, Target::CortexM4, Target::CortexM33, Target::CortexM55] {
            let few = code(target, &BTreeSet::from(["fully-connected-i8"])).expect("measured");
            let more =
                code(target, &BTreeSet::from(["fully-connected-i8", "conv2d-i8", "softmax-i8"])).expect("measured");
            assert!(few.base_bytes < few.bytes && few.bytes < more.bytes, "{target:?}: {few:?} {more:?}");
            assert_eq!(more.features.len(), 3);
        }
    }

    #[test]
    fn every_feature_of_the_engine_is_measured() {
        let manifest = include_str!("../../../runtime/engine/Cargo.toml");
        let (_, list) = manifest.split_once("all-operators = [").expect("a list");
        let names = list.split(']').next().unwrap_or_default().split('"').skip(1).step_by(2);
        let missing: Vec<&str> =
            names.filter(|name| columns().values().any(|column| !column.contains_key(*name))).collect();
        assert!(missing.is_empty(), "cargo xtask code-sizes --only {}", missing.join(" --only "));
    }

    #[test]
    fn what_was_not_measured_has_no_size() {
        assert_eq!(code(Target::CortexM4, &BTreeSet::from(["no-such-feature"])), None);
    }
}
