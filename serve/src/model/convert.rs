//! Tensors of requests into a model's memory, and what comes out of it into tensors.
//!
//! A quantized input takes real numbers (FP32) or the blob's own codes; any other input takes its own type, or integers that
//! are exactly one of its. Outputs follow the inputs: whoever gave codes gets codes, unless a request says otherwise. A
//! model whose tensors all begin with an axis of one element takes as many runs as that axis of the request has.

use bytes::Bytes;
use kinglet::{DType, Model, Port, Session};

use crate::failure::{Failure, Kind};
use crate::protocol::{Datatype, Request, Tensor, Wanted};

/// The inputs of a request, checked against the model, in the model's order.
#[derive(Clone)]
pub(super) struct Job {
    inputs: Vec<Tensor>,
    runs: usize,
    /// Some quantized input came as codes.
    has_codes: bool,
}

/// Refuses blobs whose tensors the protocol has no words for.
pub(super) fn check_ports(model: &Model<'_>) -> Result<(), String> {
    let sides: [Vec<Port<'_>>; 2] = [inputs(model).collect(), outputs_of(model).collect()];
    for ports in &sides {
        let is_twice =
            |(index, port): &(usize, &Port<'_>)| ports.iter().take(*index).any(|other| other.name == port.name);
        if let Some((_, port)) = ports.iter().enumerate().find(is_twice) {
            return Err(format!("two tensors are called {:?}: requests could not tell them apart", port.name));
        }
    }
    for port in sides.iter().flatten() {
        if Datatype::of(port.dtype).is_none() {
            return Err(format!("tensor {} has elements of {}, which are not served", port.name, port.dtype.name()));
        }
    }
    Ok(())
}

pub(crate) fn inputs<'b>(model: &Model<'b>) -> impl Iterator<Item = Port<'b>> {
    (0..model.input_count()).filter_map(|index| model.input(index))
}

pub(crate) fn outputs_of<'b>(model: &Model<'b>) -> impl Iterator<Item = Port<'b>> {
    (0..model.output_count()).filter_map(|index| model.output(index))
}

/// True where real numbers stand behind the codes.
pub(crate) fn is_quantized(port: &Port<'_>) -> bool {
    let is_integer = matches!(port.dtype, DType::I8 | DType::U8 | DType::I16 | DType::I32);
    #[allow(clippy::float_cmp, reason = "exactly this is written where nothing is quantized")]
    let has_scale = port.scale != 1.0 || port.zero_point != 0;
    is_integer && has_scale
}

/// Whether a request may have several runs.
pub(crate) fn takes_batches(model: &Model<'_>) -> bool {
    let mut ports = inputs(model).chain(outputs_of(model));
    model.input_count() > 0 && !model.has_state() && ports.all(|port| port.shape().first() == Some(&1))
}

impl Job {
    pub(super) fn new(model: &Model<'_>, request: &Request, batch_max: usize) -> Result<Self, Failure> {
        for (index, tensor) in request.inputs.iter().enumerate() {
            if !inputs(model).any(|port| port.name == tensor.name) {
                let names: Vec<&str> = inputs(model).map(|port| port.name).collect();
                let there = names.join(", ");
                return Err(Failure::invalid(format!("there is no input {}; inputs are: {there}", tensor.name)));
            }
            if request.inputs.iter().take(index).any(|other| other.name == tensor.name) {
                return Err(Failure::invalid(format!("input {} is there twice", tensor.name)));
            }
        }
        let mut job = Job { inputs: Vec::new(), runs: 1, has_codes: false };
        for (index, port) in inputs(model).enumerate() {
            let tensor = request.inputs.iter().find(|tensor| tensor.name == port.name);
            let tensor = tensor.ok_or_else(|| Failure::invalid(format!("input {} is missing", port.name)))?;
            let runs = runs(model, &port, tensor)?;
            if index > 0 && runs != job.runs {
                let what = format!("input {} has {runs} runs, those before it {}", port.name, job.runs);
                return Err(Failure::invalid(what));
            }
            job.runs = runs;
            job.has_codes |= takes(&port, tensor)?;
            job.inputs.push(tensor.clone());
        }
        if job.runs > batch_max {
            return Err(Failure::invalid(format!("{} runs in a request, {batch_max} are the most", job.runs)));
        }
        for wanted in &request.outputs {
            if !outputs_of(model).any(|port| port.name == wanted.name) {
                let names: Vec<&str> = outputs_of(model).map(|port| port.name).collect();
                let there = names.join(", ");
                return Err(Failure::invalid(format!("there is no output {}; outputs are: {there}", wanted.name)));
            }
        }
        Ok(job)
    }

    pub(super) fn runs(&self) -> usize {
        self.runs
    }

    /// Writes the inputs of run `index`; how many real numbers lay outside what their tensor can hold, and of how many.
    pub(super) fn write(&self, index: usize, session: &mut Session<'_, '_>) -> Result<[u64; 2], Failure> {
        let mut counts = [0, 0];
        for (input, tensor) in self.inputs.iter().enumerate() {
            let port = session.model().input(input).ok_or_else(internal)?;
            let bytes = tensor.content.len() / self.runs;
            let content = tensor.content.get(index * bytes..(index + 1) * bytes).ok_or_else(internal)?;
            let memory = session.input_raw(input).map_err(|_| internal())?;
            let [clipped, elements] = write(&port, tensor, content, memory)?;
            counts = [counts[0] + clipped, counts[1] + elements];
        }
        Ok(counts)
    }
}

fn internal() -> Failure {
    Failure::new(Kind::Internal, "a checked input does not fit its tensor")
}

/// How many runs a tensor has, whose shape and bytes are checked.
fn runs(model: &Model<'_>, port: &Port<'_>, tensor: &Tensor) -> Result<usize, Failure> {
    let wrong = |what: String| Failure::invalid(format!("input {}: {what}", port.name));
    let mut wanted: Vec<i64> = port.shape().iter().map(|&dim| dim.into()).collect();
    let is_batch = takes_batches(model) && tensor.shape.len() == wanted.len();
    let runs = if is_batch { tensor.shape.first().copied().unwrap_or(1) } else { 1 };
    if is_batch && runs > 0 {
        wanted[0] = runs;
    }
    if tensor.shape != wanted {
        return Err(wrong(format!("shape {:?} is given, {:?} is wanted", tensor.shape, shape(model, port))));
    }
    let runs = usize::try_from(runs).map_err(|_| wrong("too many runs".into()))?;
    let bytes = port.len().checked_mul(runs).and_then(|len| len.checked_mul(tensor.datatype.size_bytes()));
    if bytes != Some(tensor.content.len()) {
        let bytes = bytes.map_or("more".into(), |bytes| bytes.to_string());
        return Err(wrong(format!("{} bytes are given, {bytes} are wanted", tensor.content.len())));
    }
    Ok(runs)
}

/// Whether a tensor's type is one that the port takes; true when it has codes of a quantized one.
fn takes(port: &Port<'_>, tensor: &Tensor) -> Result<bool, Failure> {
    let own = Datatype::of(port.dtype).ok_or_else(internal)?;
    let is_own = tensor.datatype == own;
    let fits = match (is_quantized(port), own) {
        (true, _) => tensor.datatype == Datatype::Fp32,
        (false, Datatype::Fp32) => false,
        (false, _) => tensor.datatype != Datatype::Fp32,
    };
    if !is_own && !fits {
        let or = if is_quantized(port) { "FP32 or " } else { "" };
        let given = tensor.datatype.name();
        return Err(Failure::invalid(format!("input {}: {given} is given, {or}{} is wanted", port.name, own.name())));
    }
    Ok(is_own && is_quantized(port))
}

fn write(port: &Port<'_>, tensor: &Tensor, content: &[u8], memory: &mut [u8]) -> Result<[u64; 2], Failure> {
    let own = Datatype::of(port.dtype).ok_or_else(internal)?;
    if tensor.datatype == own && own != Datatype::Bool {
        memory.copy_from_slice(content);
        return Ok([0, 0]);
    }
    let given = tensor.datatype.size_bytes();
    let pairs = memory.chunks_exact_mut(own.size_bytes()).zip(content.chunks_exact(given));
    if tensor.datatype == Datatype::Fp32 {
        let limits = [f32::MIN, f32::MAX].map(|end| port.dequantize(port.quantize(end)));
        let mut clipped = 0;
        let mut elements = 0;
        for (to, from) in pairs {
            let real = f32::from_le_bytes(from.try_into().unwrap_or_default());
            to.copy_from_slice(&port.quantize(real).to_le_bytes()[..to.len()]);
            // Half a step beyond the end still rounds to it.
            clipped += u64::from(real < limits[0] - port.scale / 2.0 || real > limits[1] + port.scale / 2.0);
            elements += 1;
        }
        return Ok([clipped, elements]);
    }
    let mut word = Vec::with_capacity(8);
    for (to, from) in pairs {
        let value = tensor.datatype.integer(from).ok_or_else(internal)?;
        word.clear();
        if !own.push_integer(value, &mut word) {
            let what = format!("input {}: {value} does not fit {}", port.name, own.name());
            return Err(Failure::invalid(what));
        }
        to.copy_from_slice(&word);
    }
    Ok([0, 0])
}

/// The shape as metadata have it: -1 for the axis of runs.
pub(crate) fn shape(model: &Model<'_>, port: &Port<'_>) -> Vec<i64> {
    let mut shape: Vec<i64> = port.shape().iter().map(|&dim| dim.into()).collect();
    if takes_batches(model) {
        shape[0] = -1;
    }
    shape
}

/// The outputs that a request wants, of the bytes that came out.
pub(super) fn outputs(
    model: &Model<'_>,
    request: &Request,
    job: &Job,
    ran: Vec<Vec<u8>>,
) -> Result<Vec<(Tensor, bool)>, Failure> {
    let all: Vec<Wanted>;
    let wanted = if request.outputs.is_empty() {
        all = outputs_of(model).map(|port| Wanted { name: port.name.to_owned(), ..Wanted::default() }).collect();
        &all
    } else {
        &request.outputs
    };
    let mut outputs = Vec::new();
    for wanted in wanted {
        let (port, bytes) = outputs_of(model)
            .zip(&ran)
            .find(|(port, _)| port.name == wanted.name)
            .ok_or_else(|| Failure::invalid(format!("there is no output {}", wanted.name)))?;
        let mut shape: Vec<i64> = port.shape().iter().map(|&dim| dim.into()).collect();
        if takes_batches(model) {
            shape[0] = i64::try_from(job.runs).unwrap_or(i64::MAX);
        }
        let as_codes = wanted.codes.unwrap_or(job.has_codes);
        let (datatype, content) = content(&port, bytes, as_codes)?;
        let name = port.name.to_owned();
        let is_binary = wanted.is_binary.unwrap_or(request.binary_output);
        outputs.push((Tensor { name, datatype, shape, content }, is_binary));
    }
    Ok(outputs)
}

pub(super) fn content(port: &Port<'_>, bytes: &[u8], as_codes: bool) -> Result<(Datatype, Bytes), Failure> {
    let own = Datatype::of(port.dtype).ok_or_else(internal)?;
    if as_codes || !is_quantized(port) {
        return Ok((own, Bytes::copy_from_slice(bytes)));
    }
    let mut reals = Vec::with_capacity(bytes.len() / own.size_bytes() * 4);
    for code in bytes.chunks_exact(own.size_bytes()) {
        let code = own.integer(code).and_then(|code| i32::try_from(code).ok()).ok_or_else(internal)?;
        reals.extend_from_slice(&port.dequantize(code).to_le_bytes());
    }
    Ok((Datatype::Fp32, reals.into()))
}
