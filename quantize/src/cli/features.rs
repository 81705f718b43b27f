//! `kinglet features`

use std::path::PathBuf;

use clap::Args;

use super::{Failure, Outcome, print};
use crate::calibrate::npy::ElementType;
use crate::data::samples_of_wav;
use crate::file;
use crate::front_end::{FrontEnd, STEP};
use crate::npy_file::npy_bytes;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// A recording: .wav; of several channels their mean is taken, and samples are rounded to 16 bits
    recording: PathBuf,
    /// Where the features go: .npy of float32
    #[arg(short, long, value_name = "OUT.npy")]
    output: PathBuf,
    /// What features: `micro`, as wake-word models of TensorFlow want them (noise taken away, a like loudness, logarithms), or
    /// `logmel:rate=16000,window=30ms,hop=20ms,mels=40,low=125,high=7500`, logarithms of bands; both may leave parts out
    #[arg(long, default_value = "micro", value_name = "FRONT END", value_parser = FrontEnd::parse)]
    front_end: FrontEnd,
    /// Frames of a run of the model: the array is [runs, FRAMES, bands]. What fills no run is left out
    #[arg(long, default_value_t = 1, value_name = "FRAMES", value_parser = clap::value_parser!(u16).range(1..))]
    frames: u16,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let Arguments { recording, output, front_end, frames } = arguments;
    let in_file = |problem: String| Failure::Other(format!("{} {problem}", recording.display()));
    let (samples, rate) = samples_of_wav(recording).map_err(in_file)?;
    if rate != front_end.rate {
        let problem = format!(
            "has {rate} samples a second, the front end takes {}; bring it to that rate, or say rate={rate}",
            front_end.rate
        );
        return Err(in_file(problem));
    }
    let codes = front_end.codes(&samples).map_err(in_file)?;
    let frames = usize::from(*frames);
    let runs = codes.len() / (front_end.bands * frames);
    let kept = codes.iter().take(runs * frames * front_end.bands);
    let bytes: Vec<u8> = kept.flat_map(|&code| (f32::from(code) * STEP).to_le_bytes()).collect();
    let shape = [runs, frames, front_end.bands];
    file::write(output, &npy_bytes(ElementType::F32, &shape, &bytes))
        .map_err(|error| Failure::Other(format!("cannot write {}: {error}", output.display())))?;
    print(&format!("{} has {runs} runs of {frames} frames, {} bands each", output.display(), front_end.bands))
}
