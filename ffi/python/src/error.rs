//! Errors of the library as exceptions of the package, with the same texts.

use pyo3::prelude::*;

/// The exceptions of `kinglet_edge._errors` that are raised here.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    Usage,
    Model,
    Data,
    Compile,
    Blob,
    Run,
    Verification,
}

impl Kind {
    fn class_name(self) -> &'static str {
        match self {
            Kind::Usage => "UsageError",
            Kind::Model => "ModelError",
            Kind::Data => "DataError",
            Kind::Compile => "CompileError",
            Kind::Blob => "BlobError",
            Kind::Run => "RunError",
            Kind::Verification => "VerificationError",
        }
    }
}

/// The exception of this kind that says `text`.
pub(crate) fn exception(py: Python<'_>, kind: Kind, text: impl ToString) -> PyErr {
    let made = || py.import("kinglet_edge._errors")?.getattr(kind.class_name())?.call1((text.to_string(),));
    made().map_or_else(|error| error, PyErr::from_value)
}
