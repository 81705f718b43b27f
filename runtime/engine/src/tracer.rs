//! A hook around each operator.

use kinglet_blob::OpCode;

/// Told about each operator as it runs. All methods have empty bodies to start from; with [`NoTracer`] the
/// calls compile to nothing.
pub trait Tracer {
    /// Operator `index` is about to run.
    fn started(&mut self, index: usize, opcode: OpCode) {
        let _ = (index, opcode);
    }

    /// Operator `index` has run. `output` is what it wrote, as bytes.
    fn finished(&mut self, index: usize, opcode: OpCode, output: &[u8]) {
        let _ = (index, opcode, output);
    }
}

/// Traces nothing, at no cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoTracer;

impl Tracer for NoTracer {}
