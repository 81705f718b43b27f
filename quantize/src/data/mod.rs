//! Data of users: files of all kinds become arrays of numbers, one for each input of a model, and one of labels.
//!
//! ```text
//!   .npz .npy  --\
//!   pictures   ---- Reader::read --> arrays as they are in the files --> Preparation::scale --> arrays for the model
//!   .wav       --/                   (pictures resized, sound cut into windows)
//!   .csv       -/
//! ```
//!
//! Who wants an array says what it is for ([`Wanted`]): the shape of the input decides the size of pictures, the order of
//! their axes and the length of windows. How files are read beyond that is the [`Preparation`], which travels in the blob,
//! so that data is read again as it was for calibration.

pub(crate) mod classes;
mod images;
pub mod npy;
mod preparation;
mod sounds;
mod table;

use std::path::Path;

pub use preparation::{ChannelOrder, Preparation};
pub(crate) use sounds::samples_of_wav;

use npy::{Array, ArrayError, read_arrays};

/// What an array is for.
#[derive(Clone, Debug, PartialEq)]
pub struct Input {
    /// The source model's name of the input.
    pub name: String,
    /// Its shape in the source model, the batch first.
    pub shape: Vec<usize>,
    /// Channels come before height and width. Asked only where the shape itself does not tell.
    pub channels_first: bool,
}

/// What a model needs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Wanted {
    /// Its inputs, in order.
    pub inputs: Vec<Input>,
    /// The names of its classes, as far as they are known.
    pub classes: Vec<String>,
}

impl Wanted {
    /// The only input, which is what a file without names for its parts can be.
    fn single(&self, what: &str) -> Result<&Input, String> {
        match self.inputs.as_slice() {
            [input] => Ok(input),
            inputs => Err(format!(
                "{what} are read for models with one input, this one has {}; give a .npz archive with an array for each",
                inputs.len()
            )),
        }
    }
}

/// A kind of files.
trait Reader: Sync {
    /// What they are, in a list of what can be read.
    fn what(&self) -> &'static str;

    /// Whether a file or folder is of this kind, by its name and nature.
    fn reads(&self, path: &Path) -> bool;

    /// Its arrays; labels are the array `y`.
    fn read(&self, path: &Path, wanted: &Wanted, preparation: &Preparation) -> Result<Vec<Array>, ArrayError>;
}

/// The kinds there are. NumPy's files are told by their first bytes, so they may have any name and come last.
const READERS: [&dyn Reader; 4] = [&images::Images, &sounds::Sounds, &table::Tables, &Numpy];

struct Numpy;

impl Reader for Numpy {
    fn what(&self) -> &'static str {
        ".npz or .npy"
    }

    fn reads(&self, path: &Path) -> bool {
        !path.is_dir()
    }

    fn read(&self, path: &Path, _: &Wanted, _: &Preparation) -> Result<Vec<Array>, ArrayError> {
        read_arrays(path)
    }
}

/// Reads a file or a folder for a model.
pub fn read(path: &Path, wanted: &Wanted, preparation: &Preparation) -> Result<Vec<Array>, ArrayError> {
    let Some(reader) = READERS.iter().find(|reader| reader.reads(path)) else {
        let kinds: Vec<&str> = READERS.iter().map(|reader| reader.what()).collect();
        let problem = format!("holds nothing that is read: {}", kinds.join("; "));
        return Err(ArrayError { file: path.into(), array: None, problem });
    };
    prepared(path, reader.read(path, wanted, preparation)?, wanted, preparation)
}

/// Arrays that are in memory already, scaled as those of files are; `path` stands for them in errors.
pub fn prepared(
    path: &Path,
    mut arrays: Vec<Array>,
    wanted: &Wanted,
    preparation: &Preparation,
) -> Result<Vec<Array>, ArrayError> {
    for array in arrays.iter_mut().filter(|array| array.name != LABELS) {
        let input = wanted.inputs.iter().find(|input| input.name == array.name).or(match wanted.inputs.as_slice() {
            [input] => Some(input),
            _ => None,
        });
        if let Some(input) = input {
            let error = |problem| ArrayError { file: path.into(), array: Some(array.name.clone()), problem };
            let scaled = preparation.scale(array, input).map_err(error)?;
            *array = scaled.unwrap_or_else(|| array.clone());
        }
    }
    Ok(arrays)
}

/// Whether a path is read by something that makes numbers of what are none.
pub(crate) fn is_foreign(path: &Path) -> bool {
    READERS.iter().any(|reader| reader.what() != Numpy.what() && reader.reads(path))
}

/// The array of labels.
pub const LABELS: &str = "y";

/// The ending of a name, in small letters.
fn ending(path: &Path) -> Option<String> {
    path.extension().map(|ending| ending.to_string_lossy().to_ascii_lowercase())
}

#[cfg(test)]
mod tests;
