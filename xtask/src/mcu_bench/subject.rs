//! The models to measure and the vectors to measure them with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use kinglet_report::Vector;

/// Which files of a folder are models, and what is run at least.
pub(crate) struct Naming {
    /// What a model's file name has behind its name.
    pub(crate) suffix: &'static str,
    /// Run when there is no golden file to say otherwise.
    pub(crate) vectors: &'static [&'static str],
}

/// Models that have a file for each arithmetic.
pub(crate) const INT8: Naming = Naming { suffix: "_int8.tflite", vectors: &["ramp", "lcg1", "lcg2"] };

/// How many vectors fit the image's list of windows, with loading and the traced run.
const VECTOR_COUNT_MAX: usize = kinglet_report::WINDOW_COUNT_MAX - 2;

/// One model.
#[derive(Debug)]
pub(crate) struct Subject {
    /// The file's name without the suffix.
    pub(crate) name: String,
    pub(crate) source: PathBuf,
    /// In the order in which they are run: `ramp`, then by seed.
    pub(crate) vectors: Vec<SubjectVector>,
}

/// One input, and the output that must follow if it is known.
#[derive(Debug)]
pub(crate) struct SubjectVector {
    pub(crate) name: String,
    pub(crate) vector: Vector,
    /// `None` when the host's own run says what must come out.
    pub(crate) golden: Option<Vec<u8>>,
}

/// The models of a folder, by name. `only` empty means all of them.
pub(crate) fn find(naming: &Naming, models: &Path, golden: &Path, only: &[String]) -> Result<Vec<Subject>> {
    let suffix = naming.suffix;
    let mut subjects = BTreeMap::new();
    for (file, source) in files(models)? {
        let Some(name) = file.strip_suffix(suffix) else { continue };
        subjects.insert(name.to_owned(), source);
    }
    if subjects.is_empty() {
        bail!("there is no *{suffix} in {}; name another folder with --models", models.display());
    }
    if let Some(missing) = only.iter().find(|name| !subjects.contains_key(*name)) {
        let names: Vec<&str> = subjects.keys().map(String::as_str).collect();
        bail!("there is no {missing}{suffix} in {}; models: {}", models.display(), names.join(", "));
    }
    let outputs = if golden.is_dir() { files(golden)? } else { Vec::new() };
    let wanted = subjects.into_iter().filter(|(name, _)| only.is_empty() || only.contains(name));
    wanted
        .map(|(name, source)| {
            let vectors = vectors(naming, &name, &outputs)?;
            Ok(Subject { name, source, vectors })
        })
        .collect()
}

/// File names and paths of a folder.
fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = fs::read_dir(folder).with_context(|| format!("cannot read the folder {}", folder.display()))?;
    let mut list = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("cannot read the folder {}", folder.display()))?;
        if let Ok(name) = entry.file_name().into_string() {
            list.push((name, entry.path()));
        }
    }
    Ok(list)
}

/// The naming's vectors and every other one that has a golden file.
fn vectors(naming: &Naming, model: &str, outputs: &[(String, PathBuf)]) -> Result<Vec<SubjectVector>> {
    let mut golden = BTreeMap::new();
    for (file, path) in outputs {
        let name = file.strip_prefix(model).and_then(|rest| rest.strip_prefix('.'));
        let Some(name) = name.and_then(|rest| rest.strip_suffix(".out.bin")) else { continue };
        if Vector::from_name(name).is_none() {
            eprintln!("note: {} is left out: its input is neither ramp nor lcg<seed>", path.display());
            continue;
        }
        golden.insert(name, path);
    }
    let mut names: Vec<&str> = naming.vectors.iter().copied().chain(golden.keys().copied()).collect();
    names.sort_by_key(|name| Vector::from_name(name));
    names.dedup();
    if names.len() > VECTOR_COUNT_MAX {
        eprintln!("note: {model} has {} vectors; the first {VECTOR_COUNT_MAX} are run", names.len());
        names.truncate(VECTOR_COUNT_MAX);
    }
    let known = names.into_iter().filter_map(|name| Some((name, Vector::from_name(name)?)));
    known
        .map(|(name, vector)| {
            let golden = golden.get(name).map(|path| {
                fs::read(path).with_context(|| format!("cannot read the golden output {}", path.display()))
            });
            Ok(SubjectVector { name: name.to_owned(), vector, golden: golden.transpose()? })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A fresh folder below cargo's, removed when the test ends.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
            let path = std::env::temp_dir().join(format!("kinglet-xtask-{name}-{}", std::process::id()));
            fs::create_dir_all(&path).expect("a temporary folder can be made");
            for (file, bytes) in files {
                fs::write(path.join(file), bytes).expect("a file can be written there");
            }
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[test]
    fn models_are_found_with_the_vectors_that_have_golden_files_and_the_default_ones() {
        let models = Folder::new("models", &[("a_int8.tflite", b""), ("a_float.tflite", b""), ("ab_int8.tflite", b"")]);
        let golden = Folder::new(
            "golden",
            &[("a.ramp.out.bin", b"r"), ("a.lcg10.out.bin", b"l"), ("a.ramp.in.bin", b""), ("a.photo.out.bin", b"")],
        );
        let found = find(&INT8, &models.0, &golden.0, &[]).expect("two models");
        let names: Vec<&str> = found.iter().map(|subject| &*subject.name).collect();
        assert_eq!(names, ["a", "ab"]);
        let vectors: Vec<(&str, Option<&[u8]>)> =
            found[0].vectors.iter().map(|vector| (&*vector.name, vector.golden.as_deref())).collect();
        assert_eq!(vectors, [("ramp", Some(&b"r"[..])), ("lcg1", None), ("lcg2", None), ("lcg10", Some(&b"l"[..]))]);
        assert!(found[1].vectors.iter().all(|vector| vector.golden.is_none()));
    }

    #[test]
    fn a_folder_without_models_and_an_unknown_name_are_errors() {
        let models = Folder::new("none", &[("a_float.tflite", b"")]);
        assert!(find(&INT8, &models.0, &models.0, &[]).is_err());
        let models = Folder::new("one", &[("a_int8.tflite", b"")]);
        assert!(find(&INT8, &models.0, &models.0, &["b".into()]).is_err());
        assert_eq!(find(&INT8, &models.0, &models.0, &["a".into()]).map(|found| found.len()).ok(), Some(1));
    }
}
