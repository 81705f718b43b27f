//! From a model to a blob, with the options of the `kinglet compile` command.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use kinglet_quantize::cli;
use kinglet_quantize::compile::{CompileError, Compiled, Options, compile_bytes, compile_file};
use kinglet_quantize::data::npy::Array;
use pyo3::prelude::*;

use crate::array;
use crate::blob::Blob;
use crate::error::{Kind, exception};

/// What errors call samples that are in memory.
const CALIBRATION: &str = "calibration";

/// A model.
#[derive(FromPyObject)]
pub(crate) enum Source {
    /// The bytes of a file.
    Bytes(Vec<u8>),
    /// A file.
    Path(PathBuf),
}

/// A blob, its report as JSON and as text, and warnings.
type Made = (Blob, String, String, Vec<String>);

/// Compiles a model. `options` are those of the command, `arrays` samples as (name, NumPy's type, array); `name` stands
/// for bytes in errors.
#[pyfunction]
pub(crate) fn compile(
    py: Python<'_>,
    source: Source,
    name: &str,
    mut options: Vec<OsString>,
    arrays: Option<Vec<(String, String, Bound<'_, PyAny>)>>,
) -> PyResult<Made> {
    let arrays = arrays.map(|arrays| {
        let read = |(name, element, array): (String, String, Bound<'_, PyAny>)| array::read(py, name, &element, &array);
        arrays.into_iter().map(read).collect::<PyResult<Vec<Array>>>()
    });
    let arrays = arrays.transpose()?;
    if arrays.is_some() {
        options.extend(["--calib", CALIBRATION].map(OsString::from));
    }
    let model = match &source {
        Source::Bytes(_) => Path::new(name),
        Source::Path(path) => path,
    };
    let options = cli::compile_options(model.as_os_str(), &options);
    let options = options.map_err(|text| exception(py, Kind::Usage, text))?;
    let options = Options { calibration_arrays: arrays, ..options };
    let compiled = py.detach(|| match &source {
        Source::Bytes(bytes) => compile_bytes(bytes, name, &options, &mut |_| {}),
        Source::Path(path) => compile_file(path, &options, &mut |_| {}),
    });
    let Compiled { blob, report, warnings, .. } = compiled.map_err(|error| exception(py, kind_of(&error), error))?;
    let json = serde_json::to_string(&report).map_err(|error| exception(py, Kind::Compile, error))?;
    Ok((Blob::new(blob), json, report.to_string(), warnings))
}

/// Who has to do something about it.
fn kind_of(error: &CompileError) -> Kind {
    match error {
        CompileError::Import(_) => Kind::Model,
        CompileError::Samples(_) | CompileError::Calibration(_) | CompileError::GoldenData(_) => Kind::Data,
        _ => Kind::Compile,
    }
}
