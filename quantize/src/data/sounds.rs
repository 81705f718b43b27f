//! Sound: a WAV file, a folder of them, or a folder with one for each class. A model takes windows of the waveform.

use std::path::Path;

use hound::{SampleFormat, WavReader};

use super::classes::{self, files, holds};
use super::npy::{Array, ArrayError};
use super::{Input, Preparation, Reader, Wanted};
use crate::file;

const ENDINGS: &[&str] = &["wav"];

pub(super) struct Sounds;

impl Reader for Sounds {
    fn what(&self) -> &'static str {
        "a .wav, or a folder of them, or a folder with one for each class"
    }

    fn reads(&self, path: &Path) -> bool {
        holds(path, ENDINGS)
    }

    fn read(&self, path: &Path, wanted: &Wanted, preparation: &Preparation) -> Result<Vec<Array>, ArrayError> {
        let error = |file: &Path, problem| ArrayError { file: file.into(), array: None, problem };
        let input = wanted.single("sounds").map_err(|problem| error(path, problem))?;
        let len = window_len(input).map_err(|problem| error(path, problem))?;
        let hop = if preparation.hop == 0 { len } else { preparation.hop as usize };
        let (files, names) = files(path, ENDINGS)?;
        let mut elements = Vec::new();
        let (mut counts, mut rate) = (Vec::new(), None);
        for file in &files {
            let (mut wave, of_file) = decode(file).map_err(|problem| error(file, problem))?;
            let first = *rate.get_or_insert(of_file);
            if first != of_file {
                let problem = format!("has {of_file} samples a second, the first file {first}; bring all to one rate");
                return Err(error(file, problem));
            }
            // Silence behind what is shorter than a window; an end that fills none is left out.
            wave.resize(wave.len().max(len), 0.0);
            let windows = wave.windows(len).step_by(hop);
            counts.push(windows.len());
            windows.for_each(|window| elements.extend_from_slice(window));
        }
        let mut shape = input.shape.clone();
        match shape.len() {
            1 => shape.insert(0, counts.iter().sum()),
            _ => shape[0] = counts.iter().sum(),
        }
        let mut arrays = vec![Array::of_reals(input.name.clone(), shape, &elements)];
        if !names.is_empty() {
            let numbers = classes::numbers(&names, &wanted.classes).map_err(|problem| error(path, problem))?;
            let of_windows =
                numbers.iter().zip(counts).flat_map(|(&number, count)| core::iter::repeat_n(number, count));
            arrays.push(classes::label_array(&of_windows.collect::<Vec<_>>()));
        }
        Ok(arrays)
    }
}

/// The length of the waveform that an input is.
fn window_len(input: &Input) -> Result<usize, String> {
    let inner = if input.shape.len() > 1 { &input.shape[1..] } else { &input.shape[..] };
    let long = inner.iter().filter(|&&extent| extent > 1).count();
    match long {
        1 => Ok(inner.iter().product()),
        _ => Err(format!(
            "sound is a row of numbers, and input `{}` of shape {:?} is none: compute its features in Python and store \
             them as .npz",
            input.name, input.shape
        )),
    }
}

/// The mean of a file's channels as samples of 16 bits, and how many there are a second; the error continues a sentence about
/// the file.
pub(crate) fn samples_of_wav(path: &Path) -> Result<(Vec<i16>, u32), String> {
    let (wave, rate) = decode(path)?;
    let code = |x: &f32| (x * 32768.0).round().clamp(-32768.0, 32767.0) as i16;
    Ok((wave.iter().map(code).collect(), rate))
}

/// The mean of a file's channels, from -1 to 1, and its samples a second.
fn decode(path: &Path) -> Result<(Vec<f32>, u32), String> {
    let source = file::open(path).map_err(|error| format!("cannot be read: {error}"))?;
    let broken = |error: hound::Error| format!("is no WAV file that can be read: {error}");
    let mut reader = WavReader::new(std::io::BufReader::new(source)).map_err(broken)?;
    let spec = reader.spec();
    let samples: Result<Vec<f32>, hound::Error> = match spec.sample_format {
        SampleFormat::Float => reader.samples::<f32>().collect(),
        SampleFormat::Int => {
            let full = (1u64 << spec.bits_per_sample.clamp(1, 32).saturating_sub(1)) as f32;
            reader.samples::<i32>().map(|sample| sample.map(|sample| sample as f32 / full)).collect()
        }
    };
    let samples = samples.map_err(broken)?;
    let channels = usize::from(spec.channels.max(1));
    let mean = |frame: &[f32]| frame.iter().sum::<f32>() / channels as f32;
    Ok((samples.chunks_exact(channels).map(mean).collect(), spec.sample_rate))
}
