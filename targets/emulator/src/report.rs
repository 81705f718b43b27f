//! Sends [`kinglet_report`] frames to the host.

use cortex_m_semihosting::hio::HostStream;
use kinglet::Session;
use kinglet_emulator::machine;
use kinglet_report::{CHUNK_BYTES_MAX, FRAME_BYTES_MAX, Failure, Message, REPORT_VERSION, Summary, encode};

use crate::failure;

/// The stream to the host.
pub(crate) struct Reporter {
    output: HostStream,
}

impl Reporter {
    /// Opens the stream and says which version of the report follows.
    pub(crate) fn open() -> Self {
        let mut reporter = Self { output: machine::open_output() };
        reporter.send(&Message::Hello { version: REPORT_VERSION });
        reporter
    }

    /// Sends the last frame. True when the run came to its end.
    pub(crate) fn finish(&mut self, outcome: Result<Summary, Failure>) -> bool {
        let success = outcome.is_ok();
        self.send(&outcome.map_or_else(Message::Failed, Message::Summary));
        success
    }

    #[inline(never)]
    fn send(&mut self, message: &Message<'_>) {
        let mut frame = [0; FRAME_BYTES_MAX];
        match encode(message, &mut frame) {
            Ok(bytes) => machine::write(&mut self.output, bytes),
            Err(_) => machine::exit(false),
        }
    }
}

/// Sends every output of the model, in pieces.
pub(crate) fn send_outputs(reporter: &mut Reporter, session: &Session<'_, '_>, vector: u16) -> Result<(), Failure> {
    for index in 0..session.model().output_count() {
        let mut offset = 0;
        for bytes in session.output_raw(index).map_err(failure::output)?.chunks(CHUNK_BYTES_MAX) {
            reporter.send(&Message::Output { vector, output: index as u16, offset, bytes });
            offset += bytes.len() as u32;
        }
    }
    Ok(())
}
