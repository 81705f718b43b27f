//! What a firmware image tells the host that runs it, and the inputs that both can make for themselves:
//! compiled into both sides.
//!
//! The image writes frames to a byte stream (semihosting in an emulator, a serial line or RTT on a
//! board). A frame is its length as a little-endian `u16`, then one [`Message`] in postcard's format.
//! Messages carry numbers and bytes, never text: formatting would cost a microcontroller more flash
//! than everything else here together.
//!
//! Instruction counts are not in here. They come from outside, one per measured window; the image says in
//! [`Summary::windows`] which window measured what, so that no order is agreed on silently.

#![no_std]
#![forbid(unsafe_code)]

mod vector;

use heapless::Vec;
use serde::{Deserialize, Serialize};

pub use crate::vector::Vector;

/// Both sides compare this first; it changes with any change of the types below.
pub const REPORT_VERSION: u16 = 1;

/// Most windows that one image measures.
pub const WINDOW_COUNT_MAX: usize = 16;

/// Output bytes that fit one [`Message::Output`]; longer outputs come in pieces.
pub const CHUNK_BYTES_MAX: usize = 128;

/// Room for the largest frame, its length field included. The largest message is the summary with all windows or
/// an output piece; both are far below this, and a test says so.
pub const FRAME_BYTES_MAX: usize = 192;

/// One frame's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Message<'a> {
    /// The first frame: which version of this crate the image was built with.
    Hello {
        /// [`REPORT_VERSION`].
        version: u16,
    },
    /// A piece of an output tensor after a run.
    Output {
        /// Index into the vectors that the image was built with.
        vector: u16,
        /// Index of the model's output.
        output: u16,
        /// Where in that output, in bytes, the piece starts.
        offset: u32,
        /// The piece: raw little-endian elements.
        bytes: &'a [u8],
    },
    /// The last frame of a run that came to its end.
    Summary(Summary),
    /// The last frame of a run that did not.
    Failed(Failure),
}

/// What the image knows about itself after all runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// Operators in the model.
    pub operator_count: u32,
    /// Arena that the model asks for.
    pub arena_bytes: u32,
    /// Inputs of the model.
    pub input_count: u32,
    /// Size of the model's first input.
    pub input_bytes: u32,
    /// The first input is float, not int8.
    pub input_is_float: bool,
    /// Deepest stack while the model was loaded and bound to its arena.
    pub init_stack_bytes: u32,
    /// Deepest stack of all runs.
    pub run_stack_bytes: u32,
    /// What each outermost measured window was, in the order in which they were opened.
    pub windows: Vec<Window, WINDOW_COUNT_MAX>,
}

/// What was measured between a begin and an end marker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Window {
    /// Verifying the blob and binding it to the arena.
    Init,
    /// One inference.
    Run {
        /// Index into the vectors that the image was built with.
        vector: u16,
    },
    /// One inference with a tracer that opens a window of its own around each operator.
    Traced {
        /// Index into the vectors that the image was built with.
        vector: u16,
    },
}

/// Where a run stopped, and the engine's numbers for why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What the image was doing.
    pub stage: Stage,
    /// Loading: `LoadError::code`. Other stages: which variant of the stage's error, counted from 1. Zero where
    /// there is no error of the engine.
    pub code: u32,
    /// Loading and running: the place in the blob.
    pub offset: u32,
}

/// What an image does, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Stage {
    /// `Model::from_bytes`.
    Load,
    /// `Session::new`.
    Bind,
    /// Writing an input tensor.
    Input,
    /// `Session::run`.
    Run,
    /// Reading an output tensor.
    Output,
    /// Keeping the list of windows: the image has more of them than [`WINDOW_COUNT_MAX`].
    Windows,
}

/// A message does not fit the frame, which a test of this crate rules out, or its bytes are not a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameError;

/// Encodes `message` with its length in front and returns the bytes to send.
pub fn encode<'f>(message: &Message<'_>, frame: &'f mut [u8; FRAME_BYTES_MAX]) -> Result<&'f [u8], FrameError> {
    let (length, body) = frame.split_first_chunk_mut::<2>().ok_or(FrameError)?;
    let size = postcard::to_slice(message, body).map_err(|_| FrameError)?.len();
    *length = u16::try_from(size).map_err(|_| FrameError)?.to_le_bytes();
    frame.get(..size.saturating_add(2)).ok_or(FrameError)
}

/// Decodes the first frame of `bytes` and returns what follows it. `None` when `bytes` is empty.
pub fn decode(bytes: &[u8]) -> Result<Option<(Message<'_>, &[u8])>, FrameError> {
    if bytes.is_empty() {
        return Ok(None);
    }
    let (length, rest) = bytes.split_first_chunk::<2>().ok_or(FrameError)?;
    let (body, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length))).ok_or(FrameError)?;
    let message = postcard::from_bytes(body).map_err(|_| FrameError)?;
    Ok(Some((message, rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn largest_summary() -> Summary {
        let mut windows = Vec::new();
        while windows.push(Window::Traced { vector: u16::MAX }).is_ok() {}
        Summary {
            operator_count: u32::MAX,
            arena_bytes: u32::MAX,
            input_count: u32::MAX,
            input_bytes: u32::MAX,
            input_is_float: true,
            init_stack_bytes: u32::MAX,
            run_stack_bytes: u32::MAX,
            windows,
        }
    }

    #[test]
    fn the_largest_messages_fit_a_frame_and_come_back() {
        let bytes = [0x5A; CHUNK_BYTES_MAX];
        let messages = [
            Message::Hello { version: REPORT_VERSION },
            Message::Output { vector: u16::MAX, output: u16::MAX, offset: u32::MAX, bytes: &bytes },
            Message::Summary(largest_summary()),
            Message::Failed(Failure { stage: Stage::Windows, code: u32::MAX, offset: u32::MAX }),
        ];
        for message in &messages {
            let mut frame = [0; FRAME_BYTES_MAX];
            let sent = encode(message, &mut frame).expect("fits");
            assert_eq!(decode(sent), Ok(Some((message.clone(), &[][..]))));
        }
    }

    #[test]
    fn a_cut_frame_is_an_error_and_nothing_is_the_end() {
        let mut frame = [0; FRAME_BYTES_MAX];
        let sent = encode(&Message::Summary(largest_summary()), &mut frame).expect("fits");
        assert_eq!(decode(&[]), Ok(None));
        for length in 1..sent.len() {
            assert_eq!(decode(&sent[..length]), Err(FrameError), "{length} bytes");
        }
    }
}
