//! A planned program becomes bytes, and the bytes are tried.
//!
//! What is emitted has been read back, loaded by the engine and, when it carries test vectors, run. Equal
//! inputs give equal bytes: nothing here knows the time, the machine or a random number.

mod baseline;
mod certificate;
mod golden;
mod manifest;

pub use certificate::Certificate;
pub use manifest::{Manifest, ManifestError, PortNote, Source, SourceKind};

use kinglet::{LoadError, Model};
use kinglet_blob::state::StateRecord;
use kinglet_blob::{DType as PortType, Operand, PortRecord, Writer};

use certificate::weight_bytes;

use crate::host::{AlignedBlob, HostError};
use crate::ir::{Graph, Port, State};
use crate::lower::{LowerError, lower};
use crate::plan::{MemoryPlan, PlanError, plan};
use crate::program::{PlacedOperator, Program};
use crate::stripe::{self, Fitted, Ram, RamError};
use crate::target::Target;

/// Why no blob came out of a graph.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Nodes that a blob cannot express.
    #[error(transparent)]
    Lower(#[from] LowerError),
    /// The model needs more memory than there is.
    #[error(transparent)]
    Ram(RamError),
    /// No memory plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A table of the format is too small.
    #[error("{what} do not fit the blob format; {remedy}")]
    Format {
        /// Which.
        what: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// The engine refuses what was emitted: a defect of the compiler.
    #[error("the engine refuses the emitted blob: {0}; please report this model")]
    Refused(LoadError),
    /// The model's codes are not of eight bits.
    #[error(
        "a baseline is counted from codes of eight bits, and the model's first input or output has others; compile it to int8, or without --baseline"
    )]
    Baseline,
    /// The engine stopped while it computed test vectors.
    #[error("the engine could not run the emitted blob: {0}; please report this model")]
    Run(HostError),
}

impl From<RamError> for BuildError {
    fn from(error: RamError) -> Self {
        match error {
            RamError::Plan(error) => BuildError::Plan(error),
            other => BuildError::Ram(other),
        }
    }
}

/// A graph lowered and planned for a target: everything of a blob but the descriptive sections.
#[derive(Debug)]
pub struct Assembly<'g> {
    graph: &'g Graph,
    target: Target,
    /// The operators.
    pub program: Program,
    /// Their memory.
    pub plan: MemoryPlan,
    /// The operators with their arena offsets.
    pub operators: Vec<PlacedOperator>,
    /// What it costs that some operators are computed in stripes.
    pub stripes: Option<stripe::Cost>,
}

impl<'g> Assembly<'g> {
    /// Lowers and plans a verified graph.
    pub fn new(graph: &'g Graph, target: Target) -> Result<Self, BuildError> {
        Self::of_program(graph, target, lower(graph, target)?)
    }

    /// Plans a graph that has been lowered already.
    pub fn of_program(graph: &'g Graph, target: Target, program: Program) -> Result<Self, BuildError> {
        let plan = plan(graph, &program)?;
        let operators = plan.place(&program);
        Ok(Assembly { graph, target, program, plan, operators, stripes: None })
    }

    /// Lowers and plans a verified graph so that its arena fits `ram`, see [`stripe`]. `progress` is told how many
    /// choices of how many have been looked at.
    pub fn within(
        graph: &'g Graph,
        target: Target,
        ram: Ram,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Self, BuildError> {
        let program = lower(graph, target)?;
        let Fitted { program, plan, cost } = stripe::fit(graph, &program, ram, progress)?;
        let operators = plan.place(&program);
        Ok(Assembly { graph, target, program, plan, operators, stripes: cost })
    }

    /// What it was lowered for.
    pub fn target(&self) -> Target {
        self.target
    }

    /// What the program costs.
    pub fn certificate(&self) -> Certificate {
        let layers = || self.program.steps.iter().filter_map(|step| step.record.layer(step.head()));
        Certificate {
            // `plan` refuses arenas beyond 32 bits, and scratch is a part of the arena.
            arena_bytes: self.plan.arena_bytes as u32,
            scratch_bytes: self.plan.scratch_bytes_max as u32,
            operators: self.program.steps.len() as u32,
            macs: layers().map(|layer| layer.macs).fold(0, u64::saturating_add),
            weight_bytes: weight_bytes(layers()),
        }
    }

    /// The blob. Each of `vectors` holds the bytes of every input in port order; their outputs are computed by
    /// running the blob itself.
    pub fn blob(&self, manifest: &Manifest, vectors: &[Vec<Vec<u8>>]) -> Result<AlignedBlob, BuildError> {
        self.blob_with_baseline(manifest, vectors, &[])
    }

    /// As [`Assembly::blob`], with a baseline that is counted on `samples`, each the bytes of every input.
    pub fn blob_with_baseline(
        &self,
        manifest: &Manifest,
        vectors: &[Vec<Vec<u8>>],
        samples: &[Vec<Vec<u8>>],
    ) -> Result<AlignedBlob, BuildError> {
        let mut writer = self.writer(manifest)?;
        let blob = finish(&writer)?;
        if vectors.is_empty() && samples.is_empty() {
            return Ok(blob);
        }
        if !samples.is_empty() {
            writer.baseline = baseline::section(&blob, samples)?;
        }
        if !vectors.is_empty() {
            writer.golden = golden::section(&blob, vectors).map_err(BuildError::Run)?;
        }
        finish(&writer)
    }

    fn writer(&self, manifest: &Manifest) -> Result<Writer, BuildError> {
        let mut names = Vec::new();
        let ports = |ports: &[Port], names: &mut Vec<u8>| {
            ports.iter().map(|port| self.port(port, names)).collect::<Result<Vec<_>, BuildError>>()
        };
        let inputs = ports(&self.graph.inputs, &mut names)?;
        let outputs = ports(&self.graph.outputs, &mut names)?;
        Ok(Writer {
            kernel_set: self.target as u16,
            arena_bytes: self.plan.arena_bytes as u32,
            inputs,
            outputs,
            operators: self.operators.iter().map(PlacedOperator::bytes).collect(),
            names,
            weights: self.program.weights.clone(),
            manifest: manifest.encode(),
            certificate: self.certificate().encode(),
            golden: Vec::new(),
            baseline: Vec::new(),
            state: self.states(),
        })
    }

    /// STATE: where each tensor is, and what it is at first.
    fn states(&self) -> Vec<u8> {
        let record = |state: &State| {
            let value = self.graph.value(state.value);
            let record = StateRecord {
                arena_offset: self.plan.offset(&self.program, state.value).unwrap_or(0) as u32,
                bytes: (value.len() * value.dtype.size_bytes()) as u32,
                dtype: PortType::from(value.dtype) as u8,
                region: Operand::ARENA,
                flags: 0,
                reserved: 0,
            };
            (record, state.initial.bytes())
        };
        kinglet_blob::state::section(&self.graph.states.iter().map(record).collect::<Vec<_>>())
    }

    fn port(&self, port: &Port, names: &mut Vec<u8>) -> Result<PortRecord, BuildError> {
        let remedy = "shorten the names of the model's inputs and outputs";
        let too_long = |_| BuildError::Format { what: "the port names", remedy };
        let (name_offset, name_bytes) = (names.len(), port.name.len());
        names.extend_from_slice(port.name.as_bytes());
        let value = self.graph.value(port.value);
        let (dims, rank) = port_extents(&value.shape);
        let (scale, zero_point) = match &value.quantization {
            Some(quantization) => (quantization.scale(0), quantization.zero_point()),
            None => (1.0, 0),
        };
        Ok(PortRecord {
            arena_offset: self.plan.offset(&self.program, port.value).unwrap_or(0) as u32,
            dims,
            scale,
            zero_point,
            dtype: PortType::from(value.dtype) as u8,
            region: Operand::ARENA,
            rank,
            channels_moved: u8::from(is_channels_moved(port)),
            name_offset: name_offset.try_into().map_err(too_long)?,
            name_bytes: name_bytes.try_into().map_err(too_long)?,
        })
    }
}

/// Axes that the table of ports has room for.
const PORT_AXES_MAX: usize = 4;

/// The extents of a port, of which there are 1 to 4: a number is a vector of one element, and of more axes the outermost
/// are one.
fn port_extents(shape: &[usize]) -> ([u32; PORT_AXES_MAX], u8) {
    let (merged, kept) = shape.split_at(if shape.len() > PORT_AXES_MAX { shape.len() + 1 - PORT_AXES_MAX } else { 0 });
    let merged = (!merged.is_empty() || kept.is_empty()).then(|| merged.iter().product::<usize>());
    let mut dims = [1; PORT_AXES_MAX];
    let mut rank = 0;
    for (slot, extent) in dims.iter_mut().zip(merged.into_iter().chain(kept.iter().copied())) {
        // Values have at most 2^28 elements.
        *slot = extent as u32;
        rank += 1;
    }
    (dims, rank)
}

/// True when the source has the channels first and the blob has them last: `[0, 2, 3, 1]`.
fn is_channels_moved(port: &Port) -> bool {
    let Some(permutation) = &port.permutation else { return false };
    let rank = permutation.len();
    let last = (2..rank).chain([1]);
    rank > 2 && permutation.iter().copied().eq([0].into_iter().chain(last))
}

/// The writer's bytes, which the engine has loaded.
fn finish(writer: &Writer) -> Result<AlignedBlob, BuildError> {
    let remedy = "a blob holds at most 4 GiB and 65,535 operators, inputs and outputs";
    let bytes = writer.finish().ok_or(BuildError::Format { what: "the model's parts", remedy })?;
    let bytes = AlignedBlob::copy_of(&bytes);
    Model::from_bytes(&bytes).map_err(BuildError::Refused)?;
    Ok(bytes)
}
