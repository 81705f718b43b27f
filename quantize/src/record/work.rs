//! What an operator has to do, in numbers that follow from its shapes.

use kinglet_blob::OpCode;
use kinglet_blob::records::Window;
use serde::Serialize;

use super::parameters::product;
use super::{Access, Head, Record, convolution};

/// What an operator has to do, whoever does it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Work {
    /// Elements of the first operand.
    pub input: u64,
    /// Elements of the result.
    pub output: u64,
    /// Elements of all patches of a convolution; planes of a depthwise convolution, one for each channel; 0 for others.
    pub gathered: u64,
    /// Multiplications, or elements that a pool looks at.
    pub macs: u64,
}

impl Work {
    /// The work of an operator with `input` and `output` elements.
    pub fn of(head: Head, record: &Record, input: u64, output: u64) -> Work {
        let macs = match (record.layer(head), record.access(head)) {
            (Some(layer), _) => layer.macs,
            (None, Access::Windows(window, _)) => output * product(window.kernel),
            (None, _) => 0,
        };
        Work { input, output, gathered: record.gathered(head.opcode), macs }
    }

    /// The work of a convolution, depthwise or not.
    pub fn windowed(opcode: OpCode, window: &Window) -> Work {
        let elements = |shape: [u16; 3]| u64::from(window.batch) * shape.map(u64::from).iter().product::<u64>();
        Work {
            input: elements(window.input),
            output: elements(window.output),
            gathered: convolution::gathered(opcode, window),
            macs: window.macs(opcode),
        }
    }

    /// In the order of the prices.
    pub(crate) fn parts(&self) -> [u64; 5] {
        [1, self.input, self.output, self.gathered, self.macs]
    }
}
