//! Files with a model's inputs, for many inferences: what `kinglet run --input` and `compile --golden-data` take.
//!
//! Data is in the source model's layout. A first axis of `N` times the model's batch means `N` inferences.

use std::path::{Path, PathBuf};

use crate::calibrate::samples::by_input;
use crate::data::npy::{self, Array, ArrayError, read_arrays};
use crate::data::{self, Preparation};
use crate::file;
use crate::tensor::{self, InputUse, PortSpec, element_type};

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
#[derive(Debug)]
pub struct Inferences {
    /// By port; the inferences one after the other.
    inputs: Vec<Vec<u8>>,
    /// Bytes of one inference, by port.
    bytes: Vec<usize>,
    /// How many inferences.
    pub count: usize,
    /// How the data of each input fits its codes, where it came from files and was not given as codes.
    pub uses: Vec<InputUse>,
}

impl Inferences {
    /// Of arrays in memory, one for each input by its name; `is_raw` says that they hold the blob's own types. `what`
    /// stands for them in errors.
    pub fn of_arrays(what: &str, arrays: &[Array], ports: &[PortSpec], is_raw: bool) -> Result<Self, InputError> {
        from_arrays(Path::new(what), arrays, ports, if is_raw { Form::Codes } else { Form::Reals })
    }

    /// The bytes of every input of one of them, in port order.
    pub(crate) fn get(&self, index: usize) -> Vec<Vec<u8>> {
        self.of_inference(index).map(<[u8]>::to_vec).collect()
    }

    /// The bytes of every input of one of them, in port order; empty beyond the last.
    pub fn of_inference<'a>(&'a self, index: usize) -> impl Iterator<Item = &'a [u8]> {
        let part = move |(input, &bytes): (&'a Vec<u8>, &usize)| input.get(index * bytes..(index + 1) * bytes);
        self.inputs.iter().zip(&self.bytes).map(move |input| part(input).unwrap_or_default())
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
            return from_arrays(path, &arrays, ports, Form::CountedReals);
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
        let as_they_are = |bytes: &[u8]| Ok((raw_bytes(path, port, bytes)?, Vec::new()));
        match Format::of(path)? {
            Format::Bin => as_they_are(&read_bin(path)?),
            Format::Npz => Err(InputError::Usage("one .npz holds all inputs; give it alone".into())),
            Format::Npy if self.is_raw => as_they_are(&self.raw_array(path, port)?),
            Format::Npy => {
                let port = core::slice::from_ref(port);
                let mut arrays = data::read(path, &tensor::wanted(port, Vec::new()), self.preparation)?;
                arrays.iter_mut().zip(port).for_each(|(array, port)| array.name.clone_from(&port.name));
                let read = from_arrays(path, &arrays, port, Form::CountedReals)?;
                Ok((read.inputs.concat(), read.uses))
            }
        }
    }

    /// The bytes of an array that holds the tensor's own codes: in the blob's element type, or in a wider one of
    /// integers that all fit.
    fn raw_array(&self, path: &Path, port: &PortSpec) -> Result<Vec<u8>, InputError> {
        let Some(array) = read_arrays(path)?.pop() else {
            return Err(InputError::Data(format!("{} holds no array", path.display())));
        };
        let with = format!("with {}", self.raw_option);
        codes(&array, port, &with).map_err(|problem| InputError::Data(format!("{} {problem}", path.display())))
    }
}

/// What the numbers of arrays are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Reals,
    /// Reals of which is found out how they fit the codes.
    CountedReals,
    Codes,
}

/// Numbers in the source's layout.
fn from_arrays(path: &Path, arrays: &[Array], ports: &[PortSpec], form: Form) -> Result<Inferences, InputError> {
    let inputs: Vec<(&str, &[usize])> = ports.iter().map(|port| (&port.name[..], &port.source_shape[..])).collect();
    let (inputs, count) = by_input(path, arrays, &inputs, |input, array| {
        let port = &ports[input];
        let mut bytes = match form {
            Form::Codes => codes(array, port, "as codes")?,
            Form::Reals | Form::CountedReals => {
                port.encode_array(array).map_err(|problem| format!("{problem} (input `{}`)", port.name))?
            }
        };
        if port.permutation.is_some() {
            bytes = bytes.chunks_exact(port.bytes().max(1)).flat_map(|each| port.bytes_from_source(each)).collect();
        }
        let counted = port.code_reals().filter(|_| form == Form::CountedReals);
        Ok((bytes, counted.map(|_| port.use_of(&array.to_f32()))))
    })?;
    let (inputs, uses): (Vec<Vec<u8>>, Vec<Option<InputUse>>) = inputs.into_iter().unzip();
    let bytes = ports.iter().map(PortSpec::bytes).collect();
    // A model without inputs runs once.
    let count = count.max(usize::from(ports.is_empty()));
    Ok(Inferences { inputs, bytes, count, uses: uses.into_iter().flatten().collect() })
}

/// The bytes of an array that holds the tensor's own codes: in the blob's element type, or in a wider one of integers that
/// all fit. `with` says in errors why codes are needed.
fn codes(array: &Array, port: &PortSpec, with: &str) -> Result<Vec<u8>, String> {
    let (found, needed) = (array.element_type, element_type(port.dtype));
    if found == needed {
        return Ok(array.bytes.clone());
    }
    if !found.is_integer() || !needed.is_integer() {
        return Err(format!("holds {found:?}, {with} input `{}` takes {needed:?}", port.name));
    }
    port.integers(array).map_err(|problem| format!("holds {found:?}; {problem} (input `{}`)", port.name))
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
