//! What the user says about the bits of weights.

use kinglet_kernels::packing::Storage;

/// In how many bits weights are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub enum Bits {
    /// Eight, each weight as the nearest code.
    #[default]
    Nearest,
    /// So many in every layer.
    All(Storage),
    /// As many in each layer as suits.
    Mixed(Wish),
}

/// What a choice of bits shall keep to.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Wish {
    /// Bits of a weight on average, at most.
    pub average_bits: Option<f64>,
    /// Bytes of the blob, at most.
    pub flash: Option<usize>,
    /// Per cent of samples whose decision may differ from the float model's; for outputs that are no classes, per cent of
    /// the output's power that may be noise.
    pub max_drop: Option<f64>,
    /// Whether to measure how error falls with size.
    pub pareto: bool,
}

impl Wish {
    /// Tolerance where nothing is wanted.
    pub const MAX_DROP: f64 = 1.0;
}
