//! Which models are compared, and how far they may be apart.

use std::path::{Path, PathBuf};

/// How far outputs may be apart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// int8 outputs: quanta.
    Quanta(u32),
    /// Float outputs: a part of the output's largest magnitude.
    OfOutput(f32),
}

/// A model and its tolerance.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The model file.
    pub path: PathBuf,
    /// Its path for people: below the repository or below the shared folder.
    pub name: String,
    /// How far the outputs may be apart.
    pub tolerance: Tolerance,
    /// Scores of classes come out, of which the best must be the same.
    pub classifies: bool,
    /// It has a fully connected layer with a scale for each output channel.
    pub has_channel_scales: bool,
}

impl Subject {
    /// Why this version of TensorFlow Lite cannot be asked.
    pub fn beyond_library(&self, version: &str) -> Option<&'static str> {
        // 2.9 reads the one scale that such a layer does not have, and gives ten equal scores for any input.
        (self.has_channel_scales && version.starts_with("2.9."))
            .then_some("its fully connected layer has a scale for each channel, which TensorFlow Lite 2.9 ignores")
    }
}

/// All models that are there, sorted, and a line for each folder that is not.
pub fn subjects(root: &Path, shared: &Path) -> (Vec<Subject>, Vec<String>) {
    let folders = [
        (root, "tests/golden/models"),
        (root, "examples/gesture"),
        (shared, "models"),
        (shared, "zoo/ad_ae"),
        (shared, "zoo/har_cnn1d"),
        (shared, "zoo/ic_resnet8"),
        (shared, "zoo/kws_dscnn"),
    ];
    let (mut found, mut absent) = (Vec::new(), Vec::new());
    for (base, folder) in folders {
        let Ok(entries) = std::fs::read_dir(base.join(folder)) else {
            absent.push(format!("{} is absent", base.join(folder).display()));
            continue;
        };
        let models =
            entries.flatten().map(|entry| entry.path()).filter(|path| path.extension() == Some("tflite".as_ref()));
        let mut models: Vec<PathBuf> = models.collect();
        models.sort();
        found.extend(models.into_iter().map(|path| subject(folder, path)));
    }
    (found, absent)
}

fn subject(folder: &str, path: PathBuf) -> Subject {
    let file = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let name = format!("{folder}/{file}");
    let tolerance = tolerance(&name);
    // An autoencoder gives its input back, and the sine has one output.
    let classifies = !["models/ad_", "zoo/ad_", "models/hello_"].iter().any(|prefix| name.starts_with(prefix));
    let has_channel_scales = name.starts_with("tests/golden/models/") && name.ends_with("_int8");
    Subject { path, name, tolerance, classifies, has_channel_scales }
}

fn tolerance(name: &str) -> Tolerance {
    match name {
        // TensorFlow Lite's own kernels were seen 26 apart on it, the default ones and the reference ones.
        "models/ic_int8" => Tolerance::Quanta(26),
        // int8 weights under float activations: TensorFlow Lite quantizes the activations too, as it runs; we do not.
        "models/kws_float" => Tolerance::OfOutput(0.1),
        _ if name.ends_with("_int8") => Tolerance::Quanta(2),
        _ => Tolerance::OfOutput(1e-4),
    }
}
