//! What an operator has to do, in numbers that follow from its shapes.

use kinglet_blob::OpCode;
use kinglet_blob::records::{Conv2dF32, Conv2dI8, Conv2dI16, PoolF32, PoolI8, Window};
use serde::Serialize;

use super::{Record, window_macs};

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
    pub fn of(opcode: OpCode, record: &Record, input: u64, output: u64) -> Work {
        let plain = Work { input, output, gathered: 0, macs: record.macs(opcode) };
        match record {
            Record::Conv2dI8(Conv2dI8 { window, .. })
            | Record::Conv2dF32(Conv2dF32 { window, .. })
            | Record::Conv2dI16(Conv2dI16 { window, .. }) => Work::windowed(opcode, window),
            Record::PoolI8(PoolI8 { window, .. }) | Record::PoolF32(PoolF32 { window, .. }) => {
                Work { macs: output * area(window), ..plain }
            }
            _ => plain,
        }
    }

    /// The work of a convolution, depthwise or not.
    pub fn windowed(opcode: OpCode, window: &Window) -> Work {
        let elements = |shape: [u16; 3]| u64::from(window.batch) * shape.map(u64::from).iter().product::<u64>();
        let is_depthwise = opcode == OpCode::Depthwise;
        Work {
            input: elements(window.input),
            output: elements(window.output),
            gathered: if is_depthwise { planes(window) } else { gathered(window) },
            macs: window_macs(opcode, window),
        }
    }

    /// In the order of the prices.
    pub(crate) fn parts(&self) -> [u64; 5] {
        [1, self.input, self.output, self.gathered, self.macs]
    }
}

fn area(window: &Window) -> u64 {
    window.kernel.into_iter().map(u64::from).product()
}

/// Images times channels of the result.
fn planes(window: &Window) -> u64 {
    u64::from(window.batch) * u64::from(window.output[2])
}

/// Output pixels times the elements of a window.
fn gathered(window: &Window) -> u64 {
    let [height, width, _] = window.output.map(u64::from);
    height * width * u64::from(window.batch) * area(window) * u64::from(window.input[2])
}
