//! Models that run.
//!
//! Any number of threads may run one engine. A model without state takes an arena for each run that is under way; one
//! with state has a single arena, and its runs wait for each other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use kinglet::{Model, OpCode, Session, Tracer};
use kinglet_blob::SectionKind;
use kinglet_quantize::blob_file;
use kinglet_quantize::data::npy::Array;
use kinglet_quantize::host::AlignedBlob;
use kinglet_quantize::input_files::Inferences;
use kinglet_quantize::tensor::{self, PortSpec};
use kinglet_quantize::verification::replay;
use pyo3::prelude::*;

use crate::array;
use crate::blob::Blob;
use crate::error::{Kind, exception};

self_cell::self_cell!(
    /// A verified view beside the bytes that it is a view of.
    struct Loaded {
        owner: Arc<AlignedBlob>,
        #[covariant]
        dependent: Model,
    }
);

/// A model and memory to run it in.
#[pyclass(frozen, module = "kinglet_edge._native")]
pub(crate) struct Engine {
    loaded: Loaded,
    inputs: Vec<PortSpec>,
    outputs: Vec<PortSpec>,
    is_stateful: bool,
    /// Arenas that nobody works in; of a model with state at most one, with its state.
    arenas: Mutex<Vec<AlignedBlob>>,
}

/// An input or output for Python: name, NumPy's type of its codes, shape in the source model, scale and zero point where
/// codes stand for reals.
type PortLine = (String, &'static str, Vec<usize>, Option<(f32, i32)>);

/// Arrays by input: name, NumPy's type, array.
type Given<'py> = Vec<(String, String, Bound<'py, PyAny>)>;

#[pymethods]
impl Engine {
    #[new]
    fn new(py: Python<'_>, blob: &Blob) -> PyResult<Self> {
        let loaded = Loaded::try_new(Arc::clone(&blob.bytes), |bytes| Model::from_bytes(bytes));
        let loaded = loaded.map_err(|error| exception(py, Kind::Blob, blob_file::explain(&error)))?;
        let (inputs, outputs) = tensor::ports(loaded.borrow_dependent());
        let is_stateful = !loaded.borrow_dependent().blob().section(SectionKind::State).is_empty();
        Ok(Engine { loaded, inputs, outputs, is_stateful, arenas: Mutex::default() })
    }

    /// Whether it keeps tensors from run to run.
    #[getter]
    fn is_stateful(&self) -> bool {
        self.is_stateful
    }

    /// Its inputs.
    #[getter]
    fn inputs(&self) -> Vec<PortLine> {
        self.inputs.iter().map(line).collect()
    }

    /// Its outputs.
    #[getter]
    fn outputs(&self) -> Vec<PortLine> {
        self.outputs.iter().map(line).collect()
    }

    /// Runs all inferences that the arrays are for; returns an array for each output.
    fn run<'py>(
        &self,
        py: Python<'py>,
        given: Given<'py>,
        is_raw: bool,
        independent: bool,
    ) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let read =
            |(name, element, array): (String, String, Bound<'py, PyAny>)| array::read(py, name, &element, &array);
        let arrays = given.into_iter().map(read).collect::<PyResult<Vec<Array>>>()?;
        let results = py.detach(|| self.results(&arrays, is_raw, independent));
        let results = results.map_err(|(kind, text)| exception(py, kind, text))?;
        results.iter().map(|result| array::written(py, result)).collect()
    }

    /// Nanoseconds that each operator takes, the median of `repetitions` runs on the first inference that the arrays are
    /// for. What the model keeps from run to run is lost.
    fn profile(&self, py: Python<'_>, given: Given<'_>, is_raw: bool, repetitions: usize) -> PyResult<Vec<u64>> {
        let read = |(name, element, array): (String, String, Bound<'_, PyAny>)| array::read(py, name, &element, &array);
        let arrays = given.into_iter().map(read).collect::<PyResult<Vec<Array>>>()?;
        let times = py.detach(|| self.times(&arrays, is_raw, repetitions.max(1)));
        times.map_err(|(kind, text)| exception(py, kind, text))
    }

    /// Forgets what the model keeps from run to run.
    fn reset(&self, py: Python<'_>) {
        // A new arena begins with the values that the model has at first.
        py.detach(|| self.arenas.lock().unwrap_or_else(PoisonError::into_inner).clear());
    }

    /// Replays the blob's test vectors; how many there are.
    fn self_test(&self, py: Python<'_>) -> PyResult<u32> {
        if self.loaded.borrow_dependent().blob().section(SectionKind::Golden).is_empty() {
            return Ok(0);
        }
        let replayed = py.detach(|| replay(self.loaded.borrow_owner()));
        replayed.map_err(|error| exception(py, Kind::Verification, error))
    }
}

/// An exception that is raised once the interpreter's lock is held again.
type Problem = (Kind, String);

impl Engine {
    fn model(&self) -> &Model<'_> {
        self.loaded.borrow_dependent()
    }

    fn results(&self, arrays: &[Array], is_raw: bool, independent: bool) -> Result<Vec<Array>, Problem> {
        let given = Inferences::of_arrays("the data", arrays, &self.inputs, is_raw);
        let given = given.map_err(|error| (Kind::Data, error.to_string()))?;
        let capacity = |port: &PortSpec| Vec::with_capacity(port.bytes() * given.count);
        let mut results: Vec<Vec<u8>> = self.outputs.iter().map(capacity).collect();
        self.in_session(|session| {
            for index in 0..given.count {
                if independent {
                    session.reset();
                }
                write(session, &given, index)?;
                session.run().map_err(|error| error.to_string())?;
                for (port, result) in results.iter_mut().enumerate() {
                    result.extend_from_slice(session.output_raw(port).map_err(|error| error.to_string())?);
                }
            }
            Ok(())
        })?;
        let array = |(port, bytes): (&PortSpec, &Vec<u8>)| {
            // Tensors whose rows may end early end there; those of several inferences would not make one array.
            if given.count == 1 && port.ends_at_minus_one {
                let port = port.after_run(bytes);
                return port.array(bytes.get(..port.bytes()).unwrap_or(bytes), 1, is_raw);
            }
            port.array(bytes, given.count, is_raw)
        };
        Ok(self.outputs.iter().zip(&results).map(array).collect())
    }

    fn times(&self, arrays: &[Array], is_raw: bool, repetitions: usize) -> Result<Vec<u64>, Problem> {
        let given = Inferences::of_arrays("the data", arrays, &self.inputs, is_raw);
        let given = given.map_err(|error| (Kind::Data, error.to_string()))?;
        let mut watch = Stopwatch { begun: Instant::now(), times: Vec::new() };
        self.in_session(|session| {
            for _ in 0..repetitions {
                write(session, &given, 0)?;
                session.run_traced(&mut watch).map_err(|error| error.to_string())?;
            }
            session.reset();
            Ok(())
        })?;
        for times in &mut watch.times {
            times.sort_unstable();
        }
        Ok(watch.times.iter().map(|times| times.get(times.len() / 2).copied().unwrap_or_default()).collect())
    }

    /// Does something with a session in an arena that nobody else works in.
    fn in_session(&self, work: impl FnOnce(&mut Session<'_, '_>) -> Result<(), String>) -> Result<(), Problem> {
        let mut arenas = self.arenas.lock().unwrap_or_else(PoisonError::into_inner);
        let known = arenas.pop();
        if !self.is_stateful {
            drop(arenas);
            let (arena, done) = self.in_arena(known, work)?;
            self.arenas.lock().unwrap_or_else(PoisonError::into_inner).push(arena);
            return done;
        }
        let (arena, done) = self.in_arena(known, work)?;
        arenas.push(arena);
        done
    }

    fn in_arena(
        &self,
        known: Option<AlignedBlob>,
        work: impl FnOnce(&mut Session<'_, '_>) -> Result<(), String>,
    ) -> Result<(AlignedBlob, Result<(), Problem>), Problem> {
        let model = self.model();
        let bytes = model.arena_bytes();
        let is_new = known.is_none();
        let no_memory =
            || (Kind::Run, format!("an arena of {bytes} bytes is needed, which this machine does not have"));
        let mut arena = known.or_else(|| AlignedBlob::try_zeroed(bytes)).ok_or_else(no_memory)?;
        let session = if is_new { Session::new(model, &mut arena) } else { Session::resume(model, &mut arena) };
        let mut session = session.map_err(|error| (Kind::Run, error.to_string()))?;
        let done = work(&mut session).map_err(|text| (Kind::Run, text));
        Ok((arena, done))
    }
}

/// Puts the inputs of an inference into the arena.
fn write(session: &mut Session<'_, '_>, given: &Inferences, index: usize) -> Result<(), String> {
    for (port, bytes) in given.of_inference(index).enumerate() {
        let input = session.input_raw(port).map_err(|error| error.to_string())?;
        let len = input.len().min(bytes.len());
        input[..len].copy_from_slice(&bytes[..len]);
    }
    Ok(())
}

/// Takes the time of operators.
struct Stopwatch {
    begun: Instant,
    /// Nanoseconds of each run, by operator.
    times: Vec<Vec<u64>>,
}

impl Tracer for Stopwatch {
    fn started(&mut self, _: usize, _: OpCode) {
        self.begun = Instant::now();
    }

    fn finished(&mut self, index: usize, _: OpCode, _: &[u8]) {
        let took = u64::try_from(self.begun.elapsed().as_nanos()).unwrap_or(u64::MAX);
        if self.times.len() <= index {
            self.times.resize(index + 1, Vec::new());
        }
        if let Some(times) = self.times.get_mut(index) {
            times.push(took);
        }
    }
}

fn line(port: &PortSpec) -> PortLine {
    let codes = port.array(&[], 0, true).element_type;
    (port.name.clone(), array::description(codes), port.source_shape.clone(), port.quantization())
}
