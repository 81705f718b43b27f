//! `kinglet run`
//!
//! Data is given and returned in the source model's layout. A first axis of `N` times the model's batch means
//! `N` inferences; of a model that keeps tensors from run to run they are the steps of one sequence.

use std::path::{Path, PathBuf};

use clap::Args;
use kinglet::{DType, Model, Session};
use serde::Serialize;

use super::{Failure, Outcome, dump, print, print_json};
use crate::blob_file;
use crate::calibrate::Samples;
use crate::calibrate::npy::{self, Array, ElementType, read_arrays};
use crate::file;
use crate::host::{self, AlignedBytes};
use crate::npy_file::npy_bytes;
use crate::tensor::{self, PortSpec, View};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The blob
    blob: PathBuf,
    /// Data for the inputs, one file for each in the model's order (or one .npz with all of them by name).
    /// .npy and .npz hold reals of any numeric type, .bin holds the tensor in the blob's own type
    #[arg(long, value_name = "IN.npy|IN.bin", required = true)]
    input: Vec<PathBuf>,
    /// Where the outputs go, one file for each in the model's order [default: print them]
    #[arg(long, value_name = "OUT.npy|OUT.bin")]
    output: Vec<PathBuf>,
    /// Forget what the model keeps from run to run before each inference
    #[arg(long)]
    independent: bool,
    /// Write what every operator computes to DIR/INFERENCE/INDEX-OPERATOR.npy, in the blob's layout and type
    #[arg(long, value_name = "DIR")]
    dump: Option<PathBuf>,
    /// .npy files hold the blob's own type, in and out
    #[arg(long)]
    raw: bool,
    /// Print shapes, and without --output the values, as one JSON object
    #[arg(long)]
    json: bool,
}

/// An output of all inferences, for JSON.
#[derive(Debug, Serialize)]
struct OutputLine {
    name: String,
    shape: Vec<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    values: Option<Vec<f32>>,
}

/// What was run.
#[derive(Debug, Serialize)]
struct Ran {
    inferences: usize,
    outputs: Vec<OutputLine>,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let blob = blob_file::read(&arguments.blob)?;
    let (inputs, outputs) = tensor::ports(&Model::from_bytes(&blob)?);
    if !arguments.output.is_empty() && arguments.output.len() != outputs.len() {
        let (given, needed) = (arguments.output.len(), outputs.len());
        return Err(Failure::Usage(format!("{given} --output given, the model has {needed} outputs")));
    }
    for path in &arguments.output {
        Format::of(path)?;
    }
    let batches = read_inputs(arguments, &inputs)?;
    let results = infer_all(&blob, &batches, arguments)?;
    for (path, (port, bytes)) in arguments.output.iter().zip(outputs.iter().zip(&results)) {
        write_output(path, port, bytes, batches.count, arguments.raw)?;
    }
    if arguments.json {
        let with_values = arguments.output.is_empty();
        return print_json(&ran(&outputs, &results, batches.count, with_values));
    }
    if arguments.output.is_empty() {
        return print_values(&outputs, &results, arguments.raw);
    }
    let inferences = if batches.count == 1 { "1 inference".into() } else { format!("{} inferences", batches.count) };
    let files: Vec<String> = arguments.output.iter().map(|path| path.display().to_string()).collect();
    print(&format!("{inferences}, written to {}", files.join(", ")))
}

/// A file format, told by the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Format {
    Npy,
    Npz,
    Bin,
}

impl Format {
    fn of(path: &Path) -> Result<Self, Failure> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("npy") => Ok(Format::Npy),
            Some("npz") => Ok(Format::Npz),
            Some("bin") => Ok(Format::Bin),
            _ => Err(Failure::Usage(format!("{} must end in .npy, .npz or .bin", path.display()))),
        }
    }
}

/// Inputs of all inferences, in the blob's layout and type.
struct Batches {
    /// By port; the inferences one after the other.
    inputs: Vec<Vec<u8>>,
    /// Bytes of one inference, by port.
    bytes: Vec<usize>,
    count: usize,
}

fn read_inputs(arguments: &Arguments, ports: &[PortSpec]) -> Result<Batches, Failure> {
    let archive = arguments.input.len() == 1 && Format::of(&arguments.input[0])? == Format::Npz;
    if archive {
        let path = &arguments.input[0];
        return from_reals(path, &read_arrays(path)?, ports);
    }
    if arguments.input.len() != ports.len() {
        let (given, needed) = (arguments.input.len(), ports.len());
        return Err(Failure::Usage(format!("{given} --input given, the model has {needed} inputs")));
    }
    let mut inputs = Vec::new();
    let mut count = None;
    for (path, port) in arguments.input.iter().zip(ports) {
        let bytes = match Format::of(path)? {
            Format::Bin => raw_bytes(path, port, &read_bin(path)?)?,
            Format::Npz => return Err(Failure::Usage("one .npz holds all inputs; give it alone".into())),
            Format::Npy if arguments.raw => raw_bytes(path, port, &raw_array(path, port)?)?,
            Format::Npy => {
                let mut arrays = read_arrays(path)?;
                arrays.iter_mut().for_each(|array| array.name.clone_from(&port.name));
                from_reals(path, &arrays, core::slice::from_ref(port))?.inputs.concat()
            }
        };
        let inferences = bytes.len() / port.bytes().max(1);
        if *count.get_or_insert(inferences) != inferences {
            let problem = format!("{} holds {inferences} inferences, the files before it others", path.display());
            return Err(Failure::Other(problem));
        }
        inputs.push(bytes);
    }
    Ok(Batches { inputs, bytes: ports.iter().map(PortSpec::bytes).collect(), count: count.unwrap_or(0) })
}

/// Reals of any numeric type, in the source's layout.
fn from_reals(path: &Path, arrays: &[Array], ports: &[PortSpec]) -> Result<Batches, Failure> {
    let samples = Samples::from_arrays(path, arrays, &tensor::input_graph(ports, View::Blob))?;
    let mut inputs = vec![Vec::new(); ports.len()];
    for index in 0..samples.len() {
        for ((port, reals), input) in ports.iter().zip(samples.get(index)).zip(&mut inputs) {
            input.extend(port.encode(reals));
        }
    }
    Ok(Batches { inputs, bytes: ports.iter().map(PortSpec::bytes).collect(), count: samples.len() })
}

fn read_bin(path: &Path) -> Result<Vec<u8>, Failure> {
    file::read(path, npy::SIZE_BYTES_MAX)
        .map_err(|error| Failure::Other(format!("cannot read {}: {error}", path.display())))
}

/// The bytes of an array that has the blob's element type.
fn raw_array(path: &Path, port: &PortSpec) -> Result<Vec<u8>, Failure> {
    let needed = element_type(port.dtype);
    match read_arrays(path)?.pop() {
        Some(array) if array.element_type == needed => Ok(array.bytes),
        Some(array) => {
            let (found, name) = (array.element_type, path.display());
            Err(Failure::Other(format!("{name} holds {found:?}, with --raw input `{}` takes {needed:?}", port.name)))
        }
        None => Err(Failure::Other(format!("{} holds no array", path.display()))),
    }
}

/// Checks the length of raw data and brings each inference into the blob's layout.
fn raw_bytes(path: &Path, port: &PortSpec, bytes: &[u8]) -> Result<Vec<u8>, Failure> {
    let each = port.bytes();
    if bytes.is_empty() || !bytes.len().is_multiple_of(each) {
        return Err(Failure::Other(format!(
            "{} has {} bytes; input `{}` takes {each} for each inference ({:?} {:?})",
            path.display(),
            bytes.len(),
            port.name,
            port.source_shape,
            element_type(port.dtype)
        )));
    }
    Ok(bytes.chunks_exact(each).flat_map(|chunk| port.bytes_from_source(chunk)).collect())
}

pub(super) fn element_type(dtype: DType) -> ElementType {
    match dtype {
        DType::F32 => ElementType::F32,
        DType::I8 => ElementType::I8,
        DType::U8 => ElementType::U8,
        DType::I16 => ElementType::I16,
        DType::I32 => ElementType::I32,
        _ => ElementType::Bool,
    }
}

/// The bytes of each output, all inferences one after the other, in the blob's layout.
fn infer_all(blob: &AlignedBytes, batches: &Batches, arguments: &Arguments) -> Result<Vec<Vec<u8>>, Failure> {
    host::with_session(blob, |session| Ok(infer_each(session, batches, arguments)))?
}

fn infer_each(
    session: &mut Session<'_, '_>,
    batches: &Batches,
    arguments: &Arguments,
) -> Result<Vec<Vec<u8>>, Failure> {
    let mut results = vec![Vec::new(); session.model().output_count()];
    let dump = arguments.dump.as_deref().map(|folder| (folder, dump::Operators::of(session)));
    for index in 0..batches.count {
        if arguments.independent {
            session.reset();
        }
        let part = |(input, &bytes): (&Vec<u8>, &usize)| input[index * bytes..(index + 1) * bytes].to_vec();
        let inputs: Vec<Vec<u8>> = batches.inputs.iter().zip(&batches.bytes).map(part).collect();
        let outputs = match &dump {
            Some((folder, operators)) => dump::infer(session, &inputs, (folder, index, operators))?,
            None => host::infer(session, &inputs)?,
        };
        for (result, bytes) in results.iter_mut().zip(outputs) {
            result.extend(bytes);
        }
    }
    Ok(results)
}

fn write_output(path: &Path, port: &PortSpec, bytes: &[u8], count: usize, raw: bool) -> Outcome {
    let source: Vec<u8> = bytes.chunks_exact(port.bytes()).flat_map(|chunk| port.bytes_to_source(chunk)).collect();
    let contents = match Format::of(path)? {
        Format::Bin => source,
        Format::Npz => return Err(Failure::Usage("outputs are written as .npy or .bin".into())),
        Format::Npy if raw => npy_bytes(element_type(port.dtype), &port.batch_shape(count), &source),
        Format::Npy => {
            let reals = port.decode(&source).into_iter().flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
            npy_bytes(ElementType::F32, &port.batch_shape(count), &reals)
        }
    };
    file::write(path, &contents).map_err(|error| Failure::Other(format!("cannot write {}: {error}", path.display())))
}

fn ran(ports: &[PortSpec], results: &[Vec<u8>], count: usize, with_values: bool) -> Ran {
    let line = |(port, bytes): (&PortSpec, &Vec<u8>)| OutputLine {
        name: port.name.clone(),
        shape: port.batch_shape(count),
        values: with_values
            .then(|| bytes.chunks_exact(port.bytes()).flat_map(|chunk| port.to_source(&port.decode(chunk))).collect()),
    };
    Ran { inferences: count, outputs: ports.iter().zip(results).map(line).collect() }
}

/// A line for each inference and output.
fn print_values(ports: &[PortSpec], results: &[Vec<u8>], raw: bool) -> Outcome {
    for (port, bytes) in ports.iter().zip(results) {
        for (index, chunk) in bytes.chunks_exact(port.bytes()).enumerate() {
            let values: Vec<String> = match (raw, port.dtype) {
                (true, dtype) if dtype != DType::F32 => {
                    port.codes(&port.bytes_to_source(chunk)).iter().map(ToString::to_string).collect()
                }
                _ => port.to_source(&port.decode(chunk)).iter().map(ToString::to_string).collect(),
            };
            print(&format!("{}[{index}]: {}", port.name, values.join(" ")))?;
        }
    }
    Ok(())
}
