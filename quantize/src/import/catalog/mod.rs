//! What runs: every operator of the files that are read, by what it means.
//!
//! A [`Family`] is one meaning: what ONNX and TensorFlow Lite call it, what computes it on a device, and its limits.
//! Names and limits are written here, a file for each group. Which types it computes on follows from the list of
//! records in `runtime/blob`, which cores have kernels of their own for it from the registry in `runtime/kernels`. The
//! tests compare the names with the importers' lists, and what computes a family with the blobs of models that have it.

mod classical;
mod functions;
mod layers;
mod moves;
mod page;
mod pairs;
mod reductions;
#[cfg(test)]
mod tests;
mod values;

use kinglet_blob::{DType, Function, MapFunction, OpCode};
use kinglet_kernels::along::{self, AlongI8};
use kinglet_kernels::registry::{self, Element, Isa};

use super::build::Remedies;
use super::{onnx, tflite};
use crate::near;

pub use page::page;

/// Operators of one meaning.
#[derive(Debug)]
pub struct Family {
    /// What Kinglet calls it.
    pub name: &'static str,
    /// ONNX's names of it, with spaces between them; with the domain where it is not ONNX's own.
    onnx: &'static str,
    /// TensorFlow Lite's names of it, with spaces between them.
    tflite: &'static str,
    /// What computes it: parts that all run, and for each part what may run, whatever suits types and constants. No part
    /// where nothing is left of it on a device.
    parts: &'static [&'static [Run]],
    /// What of it is not read, in words; empty where all is.
    pub limits: &'static str,
}

/// What runs on a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    /// An operator of a blob.
    Op(OpCode),
    /// A table of all int8 codes, or between entries of one of int16 codes.
    Table,
    /// A function of one element: of float32 operator Map, of int8 a table.
    Map(MapFunction),
    /// A function of two elements: operator Combine.
    Two(Function),
    /// The same on float32 alone.
    OnFloats(Function),
    /// A function of all elements along axes: operator Along.
    Along(along::Function),
    /// An operator of a blob that stands in where constants allow it.
    Instead(OpCode),
}

/// Families that a reader looks for in one place.
#[derive(Debug)]
pub struct Group {
    /// The heading.
    pub title: &'static str,
    /// Its file in this folder.
    #[cfg(test)]
    file: &'static str,
    /// In the order of the page.
    pub families: &'static [Family],
}

/// Makes [`GROUPS`]: each group's file and heading.
macro_rules! groups {
    ($($file:ident $title:literal;)*) => {
        /// Every family.
        pub const GROUPS: &[Group] = &[$(Group {
            title: $title,
            #[cfg(test)]
            file: concat!(stringify!($file), ".rs"),
            families: $file::FAMILIES,
        }),*];
    };
}

groups! {
    layers "Convolutions and products";
    reductions "Pooling, reductions and normalization";
    pairs "Functions of two tensors";
    functions "Functions of one element";
    moves "Shapes and moving data";
    values "Quantization, types, constants, control and variables";
    classical "Classical machine learning";
}

impl Run {
    /// What it is called in a blob.
    fn name(self) -> String {
        match self {
            Run::Op(code) | Run::Instead(code) => code.name().into(),
            Run::Table => OpCode::Lookup.name().into(),
            Run::Map(function) => format!("{}({})", OpCode::Map.name(), function.name()),
            Run::Along(function) => format!("{}({})", OpCode::Along.name(), function.name()),
            Run::Two(function) | Run::OnFloats(function) => format!("{}({})", OpCode::Combine.name(), function.name()),
        }
    }

    /// Whether it computes on elements of this type.
    fn takes(self, dtype: DType) -> bool {
        match self {
            // Its first operand is the condition; what it chooses may be anything.
            Run::Op(OpCode::Select) => true,
            Run::Op(code) => code.takes(dtype),
            Run::Table => matches!(dtype, DType::I8 | DType::I16),
            Run::Map(_) => OpCode::Map.takes(dtype) || dtype == DType::I8,
            Run::Two(function) => OpCode::Combine.takes(dtype) && function.result(dtype).is_some(),
            Run::OnFloats(_) => dtype == DType::F32,
            Run::Along(function) => dtype == DType::F32 || (dtype == DType::I8 && AlongI8::has(function)),
            Run::Instead(_) => false,
        }
    }

    fn opcodes(self) -> impl Iterator<Item = OpCode> {
        let (first, second) = match self {
            Run::Op(code) | Run::Instead(code) => (code, None),
            Run::Table => (OpCode::Lookup, Some(OpCode::Map)),
            Run::Map(_) => (OpCode::Map, Some(OpCode::Lookup)),
            Run::Two(_) | Run::OnFloats(_) => (OpCode::Combine, None),
            Run::Along(_) => (OpCode::Along, None),
        };
        core::iter::once(first).chain(second)
    }
}

/// The operators of the kernels' registry that an operator of a blob is.
fn kernels_of(code: OpCode) -> &'static [registry::Operator] {
    use registry::Operator as K;
    match code {
        OpCode::Conv2d => &[K::Conv2D],
        OpCode::Depthwise => &[K::DepthwiseConv2D],
        OpCode::FullyConnected => &[K::FullyConnected],
        OpCode::AveragePool => &[K::AveragePool2D],
        OpCode::MaxPool => &[K::MaxPool2D],
        OpCode::Add => &[K::Add],
        OpCode::Mul => &[K::Mul],
        OpCode::Softmax => &[K::Softmax],
        OpCode::Pad => &[K::Pad],
        OpCode::Copy => &[K::Concat, K::Reshape],
        OpCode::Mean => &[K::Mean],
        OpCode::Lookup | OpCode::Map => &[K::Map],
        OpCode::Clamp => &[K::Relu, K::Relu6],
        OpCode::Logistic => &[K::Logistic],
        OpCode::Tanh => &[K::Tanh],
        OpCode::Quantize => &[K::Quantize],
        OpCode::Dequantize => &[K::Dequantize],
        OpCode::TransposeConv => &[K::TransposeConv2D],
        OpCode::ReduceMax => &[K::ReduceMax],
        OpCode::Rearrange => &[K::Transpose],
        OpCode::Reduce => &[K::Reduce],
        OpCode::MatMul => &[K::MatMul],
        OpCode::Combine => &[K::Combine],
        OpCode::Select => &[K::Select],
        OpCode::Cast => &[K::Cast],
        OpCode::Take => &[K::Take],
        OpCode::Resample => &[K::Resample],
        OpCode::ResizeBilinear => &[K::ResizeBilinear],
        OpCode::Along => &[K::Along],
        OpCode::Gather => &[K::Gather],
        OpCode::Scatter => &[K::Scatter],
        OpCode::Rank => &[K::Rank],
        OpCode::Recurrent => &[K::Recurrent],
        OpCode::Suppress => &[K::Suppress],
        OpCode::Detect => &[K::Detect],
        OpCode::Trees => &[K::Trees],
        // One kernel each, everywhere.
        _ => &[],
    }
}

fn dtype_of(element: Element) -> Option<DType> {
    match element {
        Element::I8 => Some(DType::I8),
        Element::I16 => Some(DType::I16),
        Element::F32 => Some(DType::F32),
        Element::Any => None,
    }
}

/// The order in which types are named.
const TYPES: [DType; 6] = [DType::I8, DType::I16, DType::F32, DType::I32, DType::Bool, DType::U8];

impl Family {
    /// What ONNX calls it.
    pub fn onnx(&self) -> impl Iterator<Item = &'static str> {
        self.onnx.split_whitespace()
    }

    /// What TensorFlow Lite calls it.
    pub fn tflite(&self) -> impl Iterator<Item = &'static str> {
        self.tflite.split_whitespace()
    }

    #[cfg(test)]
    fn opcodes(&self) -> impl Iterator<Item = OpCode> {
        self.parts.iter().copied().flatten().flat_map(|run| run.opcodes())
    }

    /// The types of elements that a device computes it on: all parts have something that runs on them. None where
    /// nothing is left of it on a device.
    pub fn types(&self) -> Vec<DType> {
        let by_part = |dtype| self.parts.iter().all(|part| part.iter().any(|run| run.takes(dtype)));
        TYPES.into_iter().filter(|&dtype| !self.parts.is_empty() && by_part(dtype)).collect()
    }

    /// What runs it, as blobs have it: alternatives with commas between them, parts with plus signs.
    pub fn runs(&self) -> String {
        let part = |part: &&[Run]| part.iter().map(|run| run.name()).collect::<Vec<_>>().join(", ");
        self.parts.iter().map(part).collect::<Vec<_>>().join(" + ")
    }

    /// The instruction sets that have kernels of their own for it, by the type of its elements. What only stands in is
    /// not counted.
    pub fn accelerated(&self) -> Vec<(DType, Vec<Isa>)> {
        let operators = |dtype| {
            let runs = self.parts.iter().copied().flatten().filter(move |run| run.takes(dtype));
            runs.flat_map(|run| run.opcodes()).flat_map(kernels_of)
        };
        let has = |dtype, isa| {
            registry::kernels().any(|row| {
                let is_of_type = row.isa == isa && row.emulates.is_none() && dtype_of(row.element) == Some(dtype);
                is_of_type && operators(dtype).any(|operator| row.operators.contains(operator))
            })
        };
        let sets = |dtype| Isa::ALL.iter().copied().filter(|&isa| isa != Isa::Portable && has(dtype, isa)).collect();
        let all = self.types().into_iter().map(|dtype| (dtype, sets(dtype)));
        all.filter(|(_, sets): &(_, Vec<_>)| !sets.is_empty()).collect()
    }

    /// Its names: Kinglet's, ONNX's with and without domain, TensorFlow Lite's.
    fn names(&self) -> impl Iterator<Item = &'static str> {
        let short = self.onnx().filter_map(|name| name.rsplit_once('.')).map(|(_, name)| name);
        core::iter::once(self.name).chain(self.onnx()).chain(short).chain(self.tflite())
    }
}

/// Every family, in the order of the page.
pub fn families() -> impl Iterator<Item = &'static Family> {
    GROUPS.iter().flat_map(|group| group.families)
}

/// What is known of an operator by one of its names; capitals and underscores do not matter.
#[derive(Debug)]
pub enum Found {
    /// It runs.
    Runs(Vec<&'static Family>),
    /// It is not read, and this works instead.
    Instead(&'static str),
    /// Nobody calls an operator so; the names that are near.
    Unknown(Vec<&'static str>),
}

/// Looks an operator up.
pub fn find(name: &str) -> Found {
    let name = plain(name);
    let found: Vec<&Family> = families().filter(|family| family.names().any(|known| plain(known) == name)).collect();
    if !found.is_empty() {
        return Found::Runs(found);
    }
    let remedy = remedies().find(|(names, _)| names.iter().any(|known| plain(known) == name));
    if let Some((_, remedy)) = remedy {
        return Found::Instead(remedy);
    }
    let mut near: Vec<(usize, &str)> = Vec::new();
    for known in families().flat_map(Family::names).chain(remedies().flat_map(|(names, _)| names.iter().copied())) {
        let (distance, wanted) = (near::distance(&plain(known), &name), (name.len().max(3) / 3).min(3));
        let is_part = name.len() >= 4 && plain(known).contains(&name);
        if (distance <= wanted || is_part) && near.iter().all(|(_, other)| *other != known) {
            near.push((distance, known));
        }
    }
    near.sort_by_key(|(distance, _)| *distance);
    Found::Unknown(near.into_iter().map(|(_, name)| name).take(5).collect())
}

fn plain(name: &str) -> String {
    name.chars().filter(|&c| c != '_').collect::<String>().to_lowercase()
}

/// What works in place of operators that are not read: their names, of either format, and a remedy.
pub fn remedies() -> impl Iterator<Item = &'static (&'static [&'static str], &'static str)> {
    let [onnx, tflite]: [&Remedies; 2] = [onnx::REMEDIES, tflite::REMEDIES];
    onnx.iter().chain(tflite)
}
