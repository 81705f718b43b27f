//! Replays the test vectors that a blob carries.

use kinglet_blob::{SectionKind, golden};

use crate::Session;
use crate::error::SelfTestError;

/// A self-test that passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SelfTestReport {
    /// How many vectors were replayed.
    pub vectors: u32,
}

/// Runs every vector; stops at the first output that differs.
pub(crate) fn run(session: &mut Session<'_, '_>) -> Result<SelfTestReport, SelfTestError> {
    let model = session.model();
    let section = model.blob().section(SectionKind::Golden);
    let (count, mut vectors) =
        golden::split(section).filter(|(count, _)| *count > 0).ok_or(SelfTestError::NoVectors)?;
    // The vectors of a model with state are one sequence from its beginning.
    session.reset();
    for vector in 0..count {
        for index in 0..model.input_count() {
            let Ok(input) = session.input_raw(index) else { continue };
            let expected_bytes = take(&mut vectors, input.len());
            input.iter_mut().zip(expected_bytes).for_each(|(to, from)| *to = *from);
        }
        session.run().map_err(SelfTestError::Run)?;
        for index in 0..model.output_count() {
            let Ok(output) = session.output_raw(index) else { continue };
            if take(&mut vectors, output.len()) != output {
                return Err(SelfTestError::Mismatch { vector, output: u16::try_from(index).unwrap_or(u16::MAX) });
            }
        }
    }
    Ok(SelfTestReport { vectors: count })
}

/// The next tensor of `len` bytes; the padding behind it is skipped.
fn take<'b>(vectors: &mut &'b [u8], len: usize) -> &'b [u8] {
    let tensor = vectors.get(..len).unwrap_or_default();
    *vectors = vectors.get(golden::padded(len)..).unwrap_or_default();
    tensor
}
