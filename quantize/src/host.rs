//! Running blobs on the host, with the engine that devices run.

pub use kinglet::AlignedBlob;
use kinglet::{Error, LoadError, Model, NoTracer, Session, Tracer};

/// Why a blob is not run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// The engine refuses, or stops.
    #[error("{0}")]
    Engine(#[from] Error),
    /// A blob may ask for any arena up to 2 GiB, however short it is.
    #[error("it asks for an arena of {bytes} bytes, which this machine does not have")]
    Arena {
        /// What it asks for.
        bytes: usize,
    },
}

impl From<LoadError> for HostError {
    fn from(error: LoadError) -> Self {
        HostError::Engine(error.into())
    }
}

/// Runs `work` with a session of `blob`, an arena of its own included.
pub fn with_session<R>(
    blob: &AlignedBlob,
    work: impl FnOnce(&mut Session<'_, '_>) -> Result<R, Error>,
) -> Result<R, HostError> {
    let model = Model::from_bytes(blob)?;
    let bytes = model.arena_bytes();
    let mut arena = AlignedBlob::try_zeroed(bytes).ok_or(HostError::Arena { bytes })?;
    let mut session = Session::new(&model, &mut arena).map_err(Error::from)?;
    Ok(work(&mut session)?)
}

/// One inference: the bytes of every input in port order, and back the bytes of every output.
pub fn infer(session: &mut Session<'_, '_>, inputs: &[Vec<u8>]) -> Result<Vec<Vec<u8>>, Error> {
    infer_traced(session, inputs, &mut NoTracer)
}

/// [`infer`], a tracer being told of each operator.
pub fn infer_traced(
    session: &mut Session<'_, '_>,
    inputs: &[Vec<u8>],
    tracer: &mut impl Tracer,
) -> Result<Vec<Vec<u8>>, Error> {
    for (index, bytes) in inputs.iter().enumerate() {
        let input = session.input_raw(index)?;
        let len = input.len().min(bytes.len());
        input[..len].copy_from_slice(&bytes[..len]);
    }
    session.run_traced(tracer)?;
    let count = session.model().output_count();
    (0..count).map(|index| Ok(session.output_raw(index)?.to_vec())).collect()
}
