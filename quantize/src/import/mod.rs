//! Files of other tools become an [`ir::Graph`](crate::ir::Graph).
//!
//! ```text
//!   .tflite bytes -> tflite::flatbuffer (checked offsets) -> tflite::schema (plain structs) --+
//!                                                                                             +-> ir::Graph, verified
//!   .onnx bytes   -> kinglet_tract::decode (plain structs) -> onnx -------------------------- +
//! ```
//!
//! A file is hostile until proven otherwise: whatever its bytes, an import ends with a verified graph or an
//! [`ImportError`], in time and memory bounded by a small multiple of the file's size. What the file may
//! contain but Kinglet cannot run is collected over the whole file and reported at once, each with its node
//! and the nearest thing that would work, because a user fixes an export script once, not once per operator.

mod budget;
mod build;
pub mod catalog;
mod error;
mod finite;
mod kind;
mod moves;
mod onnx;
mod padding;
mod recurrent;
mod resize;
mod rows;
mod siblings;
mod tflite;
mod wide;

use std::path::Path;

pub use error::{ImportError, Problem};
pub use kind::Kind;
pub use kinglet_tract::{Changes, InputValue, NoSiblings, Siblings};
pub use siblings::Folder;

use crate::file;
use crate::ir::Graph;
use kind::Foreign;

/// The largest file that is read. A network for a microcontroller is a thousandth of it.
pub const FILE_SIZE_BYTES_MAX: u64 = 256 << 20;

/// Most operators a model may have; bounds the quadratic steps of the passes.
pub const OPERATOR_COUNT_MAX: usize = 10_000;

/// The bytes of the model file at `path`, when it is not too large for one, and its format.
pub fn read(path: &Path) -> Result<(Vec<u8>, Kind), ImportError> {
    let file = path.display().to_string();
    if let Some(found) = kind::foreign_folder(path) {
        return Err(refused(path, found));
    }
    let bytes = file::read(path, FILE_SIZE_BYTES_MAX).map_err(|source| ImportError::Read { file, source })?;
    let kind = kind_of(path, &bytes)?;
    Ok((bytes, kind))
}

/// The format of a model in memory, told by the bytes first and by the name where these do not tell.
pub fn kind_of(path: &Path, bytes: &[u8]) -> Result<Kind, ImportError> {
    Kind::detect(path, bytes).ok_or_else(|| {
        let unknown = Foreign {
            what: "neither a TensorFlow Lite nor an ONNX file",
            remedy: "give a .tflite or .onnx file".into(),
        };
        refused(path, kind::foreign(path, bytes).unwrap_or(unknown))
    })
}

fn refused(path: &Path, found: Foreign) -> ImportError {
    ImportError::UnknownKind { file: path.display().to_string(), what: found.what, remedy: found.remedy }
}

/// A model in memory.
#[derive(Clone, Copy)]
pub struct ModelBytes<'a> {
    /// The file's bytes.
    pub bytes: &'a [u8],
    /// Its format.
    pub kind: Kind,
    /// Becomes the graph's name and stands for the file in errors.
    pub name: &'a str,
    /// Where what the file has in others is found.
    pub siblings: &'a dyn Siblings,
    /// What the user wants of it beyond the file.
    pub changes: &'a Changes,
}

impl<'a> ModelBytes<'a> {
    /// A model that has nothing beside it and is taken as it is.
    pub fn new(bytes: &'a [u8], kind: Kind, name: &'a str) -> Self {
        ModelBytes { bytes, kind, name, siblings: &NoSiblings, changes: &UNCHANGED }
    }
}

static UNCHANGED: Changes =
    Changes { shapes: Vec::new(), values: Vec::new(), outputs: Vec::new(), dropped: Vec::new(), signature: None };

/// What a file became.
#[derive(Clone, Debug)]
pub struct Imported {
    /// The network, verified.
    pub graph: Graph,
    /// What may not be as the user believes; sentences.
    pub warnings: Vec<String>,
}

/// Reads the model in the file at `path`; the graph is named after the file.
pub fn load(path: &Path) -> Result<Graph, ImportError> {
    let file = path.display().to_string();
    let (bytes, kind) = read(path)?;
    let (name, siblings) = (model_name(path), Folder::of(path));
    let model = ModelBytes { siblings: &siblings, ..ModelBytes::new(&bytes, kind, &name) };
    import(&model).map(|imported| imported.graph).map_err(|error| error.in_file(&file))
}

/// What the model in the file at `path` is called.
pub(crate) fn model_name(path: &Path) -> String {
    path.file_stem().map_or_else(|| "model".into(), |stem| stem.to_string_lossy().into_owned())
}

/// Reads a model that has nothing beside it from memory; `name` becomes the graph's name and stands for the file in
/// errors.
pub fn from_bytes(bytes: &[u8], kind: Kind, name: &str) -> Result<Graph, ImportError> {
    import(&ModelBytes::new(bytes, kind, name)).map(|imported| imported.graph)
}

/// Reads a model from memory.
pub fn import(model: &ModelBytes<'_>) -> Result<Imported, ImportError> {
    let imported = match model.kind {
        Kind::Tflite => tflite::import(model)?,
        Kind::Onnx => onnx::import(model)?,
    };
    let (graph, name) = (&imported.graph, model.name);
    if graph.outputs.is_empty() {
        let problem = "there is no output".to_owned();
        return Err(ImportError::Malformed {
            file: name.into(),
            format: "a network",
            place: "its end".into(),
            problem,
        });
    }
    graph.verify().map_err(|source| ImportError::Invalid { file: name.into(), source })?;
    let problems = finite::problems(graph);
    if problems.is_empty() {
        return Ok(imported);
    }
    Err(ImportError::Unsupported { file: name.into(), problems, operators: Vec::new() })
}
