//! How far a stream's results are from those of the model over a window: both are run on data.

use core::fmt;

use serde::Serialize;

use super::facts::{Output, Stream};
use crate::emit::{Assembly, BuildError, Manifest, Source, SourceKind};
use crate::host::{AlignedBlob, HostError, infer, with_session};
use crate::input_files::Inferences;
use crate::ir::{DType, Graph, Port, Value};
use crate::target::Target;

/// Windows that are compared at most.
const WINDOWS_MAX: usize = 256;

/// What was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Windows, one behind the other in one signal.
    pub windows: usize,
    /// The mean of all differences of outputs, without signs.
    pub mean: f64,
    /// The largest.
    pub max: f64,
    /// Windows of which the largest element of each output is the same one; absent for outputs that are rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub same_best: Option<usize>,
}

/// Why nothing was found out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// A blob of either model cannot be made.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// A blob does not run.
    #[error("the engine could not run the stream: {0}; please report this model")]
    Run(#[from] HostError),
}

/// Bytes of each output of each run.
type Results = Vec<Vec<Vec<u8>>>;

/// Runs the model over each of some windows, and its stream over all of them, one after the other.
pub fn difference(
    window: &Graph,
    streamed: &Graph,
    facts: &Stream,
    data: &Inferences,
) -> Result<Difference, MeasureError> {
    let windows: Vec<Vec<Vec<u8>>> = (0..data.count.min(WINDOWS_MAX)).map(|index| data.get(index)).collect();
    let expected = results(window, &windows, true)?;
    let signal = Signal::new(window, facts, &windows);
    let found = results(streamed, &signal.runs(), false)?;
    let mut sum = Sum::default();
    for (index, (output, port)) in facts.outputs.iter().zip(&window.outputs).enumerate() {
        let shown = window.value(port.value);
        for (number, results) in expected.iter().enumerate() {
            let wanted = reals(shown, &results[index]);
            let of_stream = Shown { streamed, output, index, found: &found };
            let start = signal.start(number);
            match output.rows {
                None => sum.add(&wanted, &of_stream.once(start, facts.hop)),
                Some(_) => sum.add_rows(&wanted, &of_stream.rows(shown, start)),
            }
        }
    }
    Ok(sum.difference(expected.len()))
}

/// The outputs of a graph's blob, each run from a fresh start or all of them one sequence.
fn results(graph: &Graph, runs: &[Vec<Vec<u8>>], is_fresh: bool) -> Result<Results, MeasureError> {
    let assembly = Assembly::new(graph, Target::Portable)?;
    let manifest = Manifest::new(graph, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
    let blob: AlignedBlob = assembly.blob(&manifest, &[])?;
    let results = with_session(&blob, |session| {
        let run = |inputs: &Vec<Vec<u8>>| {
            if is_fresh {
                session.reset();
            }
            infer(session, inputs)
        };
        runs.iter().map(run).collect()
    });
    Ok(results?)
}

/// All windows one after the other, the frames of each input apart.
struct Signal<'a> {
    inputs: Vec<Frames<'a>>,
    facts: &'a Stream,
    /// Frames before the first window, so that runs end where windows do.
    lead: usize,
    /// Frames from a window to the next: runs, so that all windows are met alike.
    period: usize,
    windows: usize,
}

/// The frames of an input.
struct Frames<'a> {
    windows: Vec<&'a [u8]>,
    /// Bytes of a frame are parts of a window: so many, of so many bytes, this far apart.
    parts: usize,
    bytes: usize,
}

impl<'a> Signal<'a> {
    fn new(window: &Graph, facts: &'a Stream, windows: &'a [Vec<Vec<u8>>]) -> Self {
        let of_input = |(index, port): (usize, &Port)| {
            let value = window.value(port.value);
            let axis = port.permutation.as_ref().and_then(|all| all.iter().position(|&from| from == facts.axis));
            let axis = axis.unwrap_or(facts.axis);
            let inner: usize = value.shape.iter().skip(axis + 1).product();
            Frames {
                windows: windows.iter().map(|inputs| inputs[index].as_slice()).collect(),
                parts: value.shape.iter().take(axis).product(),
                bytes: inner * value.dtype.size_bytes(),
            }
        };
        let inputs = window.inputs.iter().enumerate().map(of_input).collect();
        // A window ends with a run for all outputs that are computed once; rows are found wherever they are.
        let offset = facts.outputs.iter().find(|output| output.rows.is_none()).map_or(0, |output| output.offset);
        let lead = (-offset).rem_euclid(facts.hop as isize) as usize;
        let period = facts.window.next_multiple_of(facts.hop);
        Signal { inputs, facts, lead, period, windows: windows.len() }
    }

    /// The first frame of a window.
    fn start(&self, window: usize) -> usize {
        self.lead + window * self.period
    }

    /// The inputs of every run, until the last window has been heard with all that it waits for.
    fn runs(&self) -> Vec<Vec<Vec<u8>>> {
        let Stream { hop, window, outputs, .. } = self.facts;
        let waits = outputs.iter().map(|output| match output.rows {
            None => output.offset.max(0) as usize,
            Some(_) => window + output.offset.max(0) as usize * output.stride,
        });
        let frames = self.start(self.windows) + waits.max().unwrap_or(0);
        (0..frames.div_ceil(*hop)).map(|run| self.inputs.iter().map(|input| self.run(input, run)).collect()).collect()
    }

    fn run(&self, input: &Frames<'_>, run: usize) -> Vec<u8> {
        let hop = self.facts.hop;
        let mut bytes = Vec::with_capacity(input.parts * hop * input.bytes);
        for part in 0..input.parts {
            (run * hop..(run + 1) * hop).for_each(|frame| bytes.extend_from_slice(self.frame(input, frame, part)));
        }
        bytes
    }

    /// A part of a frame. Between windows, before the first and behind the last the nearest frame is heard again.
    fn frame<'f>(&self, input: &'f Frames<'_>, frame: usize, part: usize) -> &'f [u8] {
        let frame = frame.saturating_sub(self.lead);
        let last = self.windows.saturating_sub(1);
        let (window, within) = match frame / self.period {
            window if window > last => (last, self.facts.window - 1),
            window => (window, (frame % self.period).min(self.facts.window - 1)),
        };
        let start = (part * self.facts.window + within) * input.bytes;
        input.windows.get(window).and_then(|window| window.get(start..start + input.bytes)).unwrap_or_default()
    }
}

/// An output of a stream.
struct Shown<'a> {
    streamed: &'a Graph,
    output: &'a Output,
    index: usize,
    found: &'a Results,
}

impl Shown<'_> {
    fn value(&self) -> &Value {
        self.streamed.value(self.streamed.outputs[self.index].value)
    }

    fn of_run(&self, run: usize) -> Vec<f64> {
        self.found.get(run).map_or_else(Vec::new, |outputs| reals(self.value(), &outputs[self.index]))
    }

    /// What the run says whose window begins with this frame.
    fn once(&self, start: usize, hop: usize) -> Vec<f64> {
        let end = start as isize + self.output.offset;
        self.of_run((end / hop as isize - 1).max(0) as usize)
    }

    /// The rows of the window that begins with this frame, in the order of the window's own output.
    fn rows(&self, window: &Value, start: usize) -> Vec<f64> {
        let count = self.output.rows.unwrap_or(1).max(1);
        let shape = &self.value().shape;
        let Some(axis) = (0..shape.len()).find(|&axis| shape[axis] != window.shape[axis]) else {
            return self.of_run(0);
        };
        let (outer, inner): (usize, usize) = (shape[..axis].iter().product(), shape[axis + 1..].iter().product());
        let mut all = Vec::new();
        for part in 0..outer {
            for row in 0..window.shape[axis] {
                let place = (start.div_ceil(self.output.stride) + row) as isize + self.output.offset;
                let (run, within) = (place.max(0) as usize / count, place.max(0) as usize % count);
                let of_run = self.of_run(run);
                all.extend(of_run.iter().skip((part * count + within) * inner).take(inner));
            }
        }
        all
    }
}

/// What the elements of an output stand for.
fn reals(value: &Value, bytes: &[u8]) -> Vec<f64> {
    let (scale, zero) = value.quantization.as_ref().map_or((1.0, 0), |q| (q.scale(0), q.zero_point()));
    let of_code = |code: i32| f64::from(code - zero) * f64::from(scale);
    match value.dtype {
        DType::F32 => bytes.as_chunks().0.iter().map(|raw| f64::from(f32::from_le_bytes(*raw))).collect(),
        DType::I16 => bytes.as_chunks().0.iter().map(|raw| of_code(i16::from_le_bytes(*raw).into())).collect(),
        DType::I32 => bytes.as_chunks().0.iter().map(|raw| f64::from(i32::from_le_bytes(*raw))).collect(),
        DType::I8 => bytes.iter().map(|&byte| of_code((byte as i8).into())).collect(),
        _ => bytes.iter().map(|&byte| of_code(byte.into())).collect(),
    }
}

/// Differences so far.
#[derive(Default)]
struct Sum {
    sum: f64,
    max: f64,
    count: usize,
    /// Outputs, and how many of them have their largest element in the same place.
    best: Option<[usize; 2]>,
}

impl Sum {
    fn add(&mut self, wanted: &[f64], found: &[f64]) {
        self.add_rows(wanted, found);
        if wanted.len() > 1 {
            let [all, same] = self.best.get_or_insert_default();
            *all += 1;
            *same += usize::from(best(wanted) == best(found));
        }
    }

    fn add_rows(&mut self, wanted: &[f64], found: &[f64]) {
        for (a, b) in wanted.iter().zip(found) {
            let difference = (a - b).abs();
            self.sum += difference;
            self.max = self.max.max(difference);
        }
        self.count += wanted.len().min(found.len());
    }

    fn difference(&self, windows: usize) -> Difference {
        let same_best = self.best.map(|[_, same]| same);
        Difference { windows, mean: self.sum / self.count.max(1) as f64, max: self.max, same_best }
    }
}

/// The place of the largest element.
fn best(elements: &[f64]) -> Option<usize> {
    (0..elements.len()).max_by(|&a, &b| elements[a].total_cmp(&elements[b]).then(b.cmp(&a)))
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { windows, mean, max, same_best } = self;
        write!(
            f,
            "\n  beside     the model over {windows} windows: outputs differ by {mean:.6} on average, by {max:.6} at most"
        )?;
        match same_best {
            Some(same) => write!(f, "; {same} of {windows} have the same best class"),
            None => Ok(()),
        }
    }
}
