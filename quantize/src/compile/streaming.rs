//! The model over a window becomes one over a stream, and is compared with it.

use super::{CompileError, GoldenData, Options};
use crate::data::npy::Array;
use crate::emit::{Assembly, BuildError, Manifest, Source, SourceKind};
use crate::host::{AlignedBlob, with_session};
use crate::input_files::{Inferences, InputFiles};
use crate::ir::Graph;
use crate::stream::{Stream, difference, stream};
use crate::target::Target;
use crate::tensor;

/// Rewrites `graph` when a stream is wanted, and says what became of it.
pub(super) fn streamed(graph: &mut Graph, options: &Options) -> Result<Option<Stream>, CompileError> {
    let Some(request) = options.stream else { return Ok(None) };
    let (streamed, mut facts) = stream(graph, request)?;
    let macs = |graph: &Graph| Ok::<u64, BuildError>(Assembly::new(graph, options.target)?.certificate().macs);
    (facts.macs, facts.macs_window) = (macs(&streamed)?, macs(graph)?);
    if let Some(windows) = windows(graph, options)? {
        facts.difference = Some(difference(graph, &streamed, &facts, &windows)?);
    }
    *graph = streamed;
    Ok(Some(facts))
}

/// Windows that the model is given, of its own data or else of the calibration data.
fn windows(graph: &Graph, options: &Options) -> Result<Option<Inferences>, CompileError> {
    let calibration = || {
        let files = options.calibration.iter().cloned().collect::<Vec<_>>();
        (!files.is_empty()).then_some(GoldenData { files, is_raw: false })
    };
    let Some(data) = options.stream_data.clone().or_else(calibration) else { return Ok(None) };
    let blob = blob(graph)?;
    let ports = with_session(&blob, |session| Ok(tensor::ports(session.model()).0)).map_err(BuildError::Run)?;
    let in_memory: Option<&Vec<Array>> = options.calibration_arrays.as_ref().filter(|_| options.stream_data.is_none());
    let read = match in_memory {
        Some(arrays) => Inferences::of_arrays("the calibration data", arrays, &ports, false),
        None => {
            let (option, raw_option) = ("--stream-data", "--stream-raw");
            let preparation = &options.preparation;
            InputFiles { files: &data.files, is_raw: data.is_raw, preparation, option, raw_option }.read(&ports)
        }
    };
    read.map(Some).map_err(CompileError::StreamData)
}

fn blob(graph: &Graph) -> Result<AlignedBlob, BuildError> {
    let manifest = Manifest::new(graph, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
    Assembly::new(graph, Target::Portable)?.blob(&manifest, &[])
}
