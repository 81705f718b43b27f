//! The project's own models, and how blobs of them decide on data that calibration has not seen.

use std::path::{Path, PathBuf};

use kinglet_quantize::compare::{Comparison, Request, compare};
use kinglet_quantize::compile::Compiled;
use kinglet_quantize::import::Changes;

/// A file below `examples`.
pub(crate) fn example(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples").join(file)
}

/// The blob of a model beside the model, on its test data.
pub(crate) fn compared(model: &str, compiled: &Compiled) -> Comparison {
    let path = example(model);
    let data = path.with_file_name("test.npz");
    let changes = Changes::default();
    let request = Request::new(&path, &changes, &compiled.blob, &data);
    compare(&request, &|_, _| {}).unwrap_or_else(|error| panic!("{error}"))
}
