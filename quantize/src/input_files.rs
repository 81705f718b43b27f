//! Files with a model's inputs, for many inferences: what `kinglet run --input` and `compile --golden-data` take.
//!
//! Data is in the source model's layout. A first axis of `N` times the model's batch means `N` inferences.

use std::path::{Path, PathBuf};

use kinglet::DType;

use crate::calibrate::samples::by_input;
use crate::data::npy::{self, Array, ArrayError, ElementType, read_arrays};
use crate::data::{self, Preparation};
use crate::file;
use crate::tensor::{self, InputUse, PortSpec};

/// Why files are no inputs.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// Too many or too few of them, or of no kind that is read.
    #[error("{0}")]
    Usage(String),
    /// What is in them does not fit the model.
    #[error("{0}")]
    Data(String),
    /// They are no arrays.
    #[error(transparent)]
    Array(#[from] ArrayError),
}

/// A file format, told by the name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Npy,
    Npz,
    Bin,
}

impl Format {
    pub(crate) fn of(path: &Path) -> Result<Self, InputError> {
        let extension = path.extension().map(|extension| extension.to_string_lossy().to_ascii_lowercase());
        match extension.as_deref() {
            Some("npy") => Ok(Format::Npy),
            Some("npz") => Ok(Format::Npz),
            Some("bin") => Ok(Format::Bin),
            _ => Err(InputError::Usage(format!(
                "{} must end in .npy, .npz or .bin, or be a .png, a .jpg, a .wav, a .csv or a folder of such; anything else \
                 becomes such a file in Python: numpy.save(\"in.npy\", array)",
                path.display()
            ))),
        }
    }
}

/// Inputs of all inferences, in the blob's layout and type.
pub(crate) struct Inferences {
    /// By port; the inferences one after the other.
    inputs: Vec<Vec<u8>>,
    /// Bytes of one inference, by port.
    bytes: Vec<usize>,
    pub(crate) count: usize,
    /// How the data of each input fits its codes; nothing of data that was given as codes.
    pub(crate) uses: Vec<InputUse>,
}

impl Inferences {
    /// The bytes of every input of one of them, in port order.
    pub(crate) fn get(&self, index: usize) -> Vec<Vec<u8>> {
        let part = |(input, &bytes): (&Vec<u8>, &usize)| input[index * bytes..(index + 1) * bytes].to_vec();
        self.inputs.iter().zip(&self.bytes).map(part).collect()
    }
}

/// Files, one for each input in the model's order, or one `.npz` with all of them by name.
pub(crate) struct InputFiles<'a> {
    pub(crate) files: &'a [PathBuf],
    /// `.npy` files hold the blob's own type.
    pub(crate) is_raw: bool,
    /// How what is not raw is prepared.
    pub(crate) preparation: &'a Preparation,
    /// The option that named them, for errors.
    pub(crate) option: &'static str,
    /// The option that makes `is_raw`.
    pub(crate) raw_option: &'static str,
}

impl InputFiles<'_> {
    /// Reads them for a model with these inputs.
    pub(crate) fn read(&self, ports: &[PortSpec]) -> Result<Inferences, InputError> {
        if let [path] = self.files
            && (data::is_foreign(path) || Format::of(path)? == Format::Npz)
        {
            let arrays = data::read(path, &tensor::wanted(ports, Vec::new()), self.preparation)?;
            return from_numbers(path, &arrays, ports);
        }
        if self.files.len() != ports.len() {
            let (given, option, needed) = (self.files.len(), self.option, ports.len());
            return Err(InputError::Usage(format!("{given} {option} given, the model has {needed} inputs")));
        }
        let (mut inputs, mut uses) = (Vec::new(), Vec::new());
        let mut count = None;
        for (path, port) in self.files.iter().zip(ports) {
            let (bytes, of_file) = self.read_one(path, port)?;
            uses.extend(of_file);
            let inferences = bytes.len() / port.bytes().max(1);
            if *count.get_or_insert(inferences) != inferences {
                let problem = format!("{} holds {inferences} inferences, the files before it others", path.display());
                return Err(InputError::Data(problem));
            }
            inputs.push(bytes);
        }
        Ok(Inferences {
            inputs,
            bytes: ports.iter().map(PortSpec::bytes).collect(),
            count: count.unwrap_or(usize::from(ports.is_empty())),
            uses,
        })
    }

    fn read_one(&self, path: &Path, port: &PortSpec) -> Result<(Vec<u8>, Vec<InputUse>), InputError> {
        let codes = |bytes: &[u8]| Ok((raw_bytes(path, port, bytes)?, Vec::new()));
        match Format::of(path)? {
            Format::Bin => codes(&read_bin(path)?),
            Format::Npz => Err(InputError::Usage("one .npz holds all inputs; give it alone".into())),
            Format::Npy if self.is_raw => codes(&self.raw_array(path, port)?),
            Format::Npy => {
                let port = core::slice::from_ref(port);
                let mut arrays = data::read(path, &tensor::wanted(port, Vec::new()), self.preparation)?;
                arrays.iter_mut().zip(port).for_each(|(array, port)| array.name.clone_from(&port.name));
                let read = from_numbers(path, &arrays, port)?;
                Ok((read.inputs.concat(), read.uses))
            }
        }
    }

    /// The bytes of an array that holds the tensor's own codes: in the blob's element type, or in a wider one of
    /// integers that all fit.
    fn raw_array(&self, path: &Path, port: &PortSpec) -> Result<Vec<u8>, InputError> {
        let needed = element_type(port.dtype);
        let Some(array) = read_arrays(path)?.pop() else {
            return Err(InputError::Data(format!("{} holds no array", path.display())));
        };
        if array.element_type == needed {
            return Ok(array.bytes);
        }
        let found = array.element_type;
        let mistake = |problem: String| InputError::Data(format!("{} holds {found:?}{problem}", path.display()));
        if !found.is_integer() || !needed.is_integer() {
            let (option, name) = (self.raw_option, &port.name);
            return Err(mistake(format!(", with {option} input `{name}` takes {needed:?}")));
        }
        port.integers(&array).map_err(|problem| mistake(format!("; {problem} (input `{}`)", port.name)))
    }
}

/// Numbers of any type, in the source's layout.
fn from_numbers(path: &Path, arrays: &[Array], ports: &[PortSpec]) -> Result<Inferences, InputError> {
    let inputs: Vec<(&str, &[usize])> = ports.iter().map(|port| (&port.name[..], &port.source_shape[..])).collect();
    let (inputs, count) = by_input(path, arrays, &inputs, |input, array| {
        let port = &ports[input];
        let bytes = port.encode_array(array).map_err(|problem| format!("{problem} (input `{}`)", port.name))?;
        let bytes: Vec<u8> =
            bytes.chunks_exact(port.bytes().max(1)).flat_map(|each| port.bytes_from_source(each)).collect();
        Ok((bytes, port.code_reals().map(|_| port.use_of(&array.to_f32()))))
    })?;
    let (inputs, uses): (Vec<Vec<u8>>, Vec<Option<InputUse>>) = inputs.into_iter().unzip();
    let bytes = ports.iter().map(PortSpec::bytes).collect();
    Ok(Inferences { inputs, bytes, count, uses: uses.into_iter().flatten().collect() })
}

fn read_bin(path: &Path) -> Result<Vec<u8>, InputError> {
    file::read(path, npy::SIZE_BYTES_MAX)
        .map_err(|error| InputError::Data(format!("cannot read {}: {error}", path.display())))
}

/// Checks the length of raw data and brings each inference into the blob's layout.
fn raw_bytes(path: &Path, port: &PortSpec, bytes: &[u8]) -> Result<Vec<u8>, InputError> {
    let each = port.bytes();
    if bytes.is_empty() || !bytes.len().is_multiple_of(each) {
        return Err(InputError::Data(format!(
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

/// The type of a file's elements that hold a tensor's.
pub(crate) fn element_type(dtype: DType) -> ElementType {
    match dtype {
        DType::F32 => ElementType::F32,
        DType::I8 => ElementType::I8,
        DType::U8 => ElementType::U8,
        DType::I16 => ElementType::I16,
        DType::I32 => ElementType::I32,
        _ => ElementType::Bool,
    }
}
