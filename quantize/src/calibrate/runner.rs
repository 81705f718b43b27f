//! The seam between calibration and whatever executes graphs.

use crate::ir::ValueId;

/// Why a runner could not run; what executes the graph knows best how to say it.
pub type RunnerError = Box<dyn core::error::Error + Send + Sync>;

/// Executes one graph again and again and shows every value it computes.
///
/// `T` is the element type of the graph's activations: `f32` for calibration, `i8` for the error report of the
/// quantized graph.
pub trait Runner<T> {
    /// Runs one inference on `inputs`, in the order of the graph's inputs and in its layout. `observe` is
    /// called with each value a node computes, as soon as it is computed.
    fn run(&mut self, inputs: &[&[T]], observe: &mut dyn FnMut(ValueId, &[T])) -> Result<(), RunnerError>;
}
