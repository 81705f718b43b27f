//! Blobs: bytes that the engine has accepted.

use std::path::PathBuf;
use std::sync::Arc;

use kinglet::Model;
use kinglet_blob::signature::Claims;
use kinglet_quantize::blob_file;
use kinglet_quantize::file;
use kinglet_quantize::host::AlignedBlob;
use kinglet_quantize::inspect::inspect;
use kinglet_quantize::signing;
use kinglet_quantize::verification::{VerificationError, verify};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{Kind, exception};

/// Bytes of a blob. They never change, so they are shared with every engine that runs them.
#[pyclass(frozen, module = "kinglet_edge._native")]
pub(crate) struct Blob {
    pub(crate) bytes: Arc<AlignedBlob>,
}

impl Blob {
    pub(crate) fn new(bytes: AlignedBlob) -> Self {
        Blob { bytes: Arc::new(bytes) }
    }
}

#[pymethods]
impl Blob {
    /// A blob of bytes.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, bytes: &[u8]) -> PyResult<Self> {
        let aligned = blob_file::accepted("what was given", bytes);
        aligned.map(Blob::new).map_err(|error| exception(py, Kind::Blob, error))
    }

    /// A blob out of a file.
    #[staticmethod]
    fn load(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        let read = py.detach(|| blob_file::read(&path));
        read.map(Blob::new).map_err(|error| exception(py, Kind::Blob, error))
    }

    /// Its bytes.
    fn bytes<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, &self.bytes)
    }

    /// Writes it into a file.
    fn save(&self, py: Python<'_>, path: PathBuf) -> PyResult<()> {
        let written = py.detach(|| file::write(&path, &self.bytes));
        written.map_err(|error| exception(py, Kind::Blob, format!("cannot write {}: {error}", path.display())))
    }

    /// What `kinglet inspect --json` prints.
    fn inspection(&self, py: Python<'_>) -> PyResult<String> {
        let inspection = py.detach(|| -> Result<String, String> {
            let model = Model::from_bytes(&self.bytes).map_err(|error| blob_file::explain(&error).to_owned())?;
            serde_json::to_string(&inspect(&model)).map_err(|error| error.to_string())
        });
        inspection.map_err(|text| exception(py, Kind::Blob, text))
    }

    /// Signs it; what is not given is as the blob says.
    #[pyo3(signature = (key, counter, model_id, version))]
    fn signed(
        &self,
        py: Python<'_>,
        key: PathBuf,
        counter: Option<u32>,
        model_id: Option<u64>,
        version: Option<&str>,
    ) -> PyResult<Self> {
        let fail = |text: String| exception(py, Kind::Verification, text);
        let pair = signing::read_private(&key).map_err(|error| fail(error.to_string()))?;
        let model = Model::from_bytes(&self.bytes).map_err(|error| fail(blob_file::explain(&error).to_owned()))?;
        let known = signing::known_claims(&model);
        let version = version.map(|text| {
            let problem = "a device compares three numbers up to 65,535, as in 1.4.2";
            signing::parse_version(text).ok_or_else(|| exception(py, Kind::Usage, format!("version {text}: {problem}")))
        });
        let claims = Claims {
            model_id: model_id.unwrap_or(known.model_id),
            security_counter: counter.unwrap_or(known.security_counter),
            version: version.transpose()?.unwrap_or(known.version),
            ..known
        };
        let signed = signing::sign(&self.bytes, &claims, &pair).map_err(|error| fail(error.to_string()))?;
        Ok(Blob::new(AlignedBlob::copy_of(&signed)))
    }

    /// What `kinglet verify --json` prints; raises where something is wrong.
    fn verify(&self, py: Python<'_>, work_max: Option<u64>, keys: Vec<PathBuf>) -> PyResult<String> {
        let verified = py.detach(|| verify(&self.bytes, work_max.unwrap_or(u64::MAX), &keys));
        let verified = verified.map_err(|error| match error {
            VerificationError::Refused(_) => exception(py, Kind::Blob, error),
            error => exception(py, Kind::Verification, error),
        })?;
        serde_json::to_string(&verified).map_err(|error| exception(py, Kind::Verification, error))
    }
}
