//! The results as they are written to JSON. Field names are part of the interface; new ones may be added.

use serde::{Deserialize, Serialize};

use crate::board::Board;

/// All models on one board.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct BoardRecord {
    /// QEMU's name of the machine.
    pub(crate) board: String,
    /// For example `cortex-m4`.
    pub(crate) core: String,
    pub(crate) models: Vec<ModelRecord>,
}

impl BoardRecord {
    pub(crate) fn new(board: &Board) -> Self {
        Self { board: board.machine.to_owned(), core: board.core.to_owned(), models: Vec::new() }
    }
}

/// One model on one board.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct ModelRecord {
    pub(crate) name: String,
    /// Of one inference, with the first vector.
    pub(crate) instructions: u64,
    /// Multiplications of the compiled model, after what could be eliminated has been.
    pub(crate) macs: u64,
    /// Of verifying the blob and binding it to the arena.
    pub(crate) init_instructions: u64,
    /// All of flash except the blob.
    pub(crate) code_flash_bytes: u64,
    pub(crate) blob_bytes: u64,
    pub(crate) arena_bytes: u64,
    /// Without the arena.
    pub(crate) data_bss_bytes: u64,
    /// Deepest of all runs.
    pub(crate) stack_bytes: u64,
    /// Input vectors that were run.
    pub(crate) vectors: u64,
    /// Vectors of them whose output is not the expected one.
    pub(crate) mismatches: u64,

    /// Of the same inference as `instructions`; a multiple access counts each register.
    #[serde(default)]
    pub(crate) loads: u64,
    #[serde(default)]
    pub(crate) stores: u64,
    /// Helium instructions within `instructions`; absent on cores without Helium.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vector_instructions: Option<u64>,
    /// See `cycles.rs`; absent for cores without a published table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) estimated_cycles: Option<u64>,
    #[serde(default)]
    pub(crate) init_stack_bytes: u64,
    #[serde(default)]
    pub(crate) source_bytes: u64,
    #[serde(default)]
    pub(crate) weight_bytes: u64,
    /// One inference per vector.
    #[serde(default)]
    pub(crate) runs: Vec<RunRecord>,
    /// With `--profile`: each operator, as a tracer saw it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) operators: Vec<OperatorRecord>,
    /// With `--profile`: the functions in which the instructions of the untraced run were executed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) functions: Vec<FunctionRecord>,
}

impl ModelRecord {
    pub(crate) fn instructions_per_mac(&self) -> f64 {
        self.instructions as f64 / self.macs.max(1) as f64
    }
}

/// One inference.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct RunRecord {
    /// The vector's name.
    pub(crate) vector: String,
    pub(crate) instructions: u64,
    /// Where the expected output came from: `golden` or `host`.
    pub(crate) expected_from: String,
    pub(crate) output_bytes: u64,
    pub(crate) wrong_bytes: u64,
}

/// One operator within one inference.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct OperatorRecord {
    pub(crate) index: u64,
    pub(crate) operator: String,
    /// Name and tag of the weights' packing.
    #[serde(default)]
    pub(crate) packing: String,
    #[serde(default)]
    pub(crate) kernel: u64,
    /// What the compiler's estimate goes by: elements read, written and gathered, multiplications.
    #[serde(default)]
    pub(crate) work: [u64; 4],
    /// The output's shape, for people.
    pub(crate) shape: String,
    pub(crate) macs: u64,
    pub(crate) instructions: u64,
    pub(crate) loads: u64,
    pub(crate) stores: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) vector_instructions: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) estimated_cycles: Option<u64>,
}

/// One function within one inference.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct FunctionRecord {
    pub(crate) name: String,
    pub(crate) instructions: u64,
}
