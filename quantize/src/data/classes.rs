//! Classes by name: folders of files, words in a table.

use std::path::{Path, PathBuf};

use super::npy::{Array, ArrayError};
use super::{LABELS, ending};

/// The number of each name: that of the model's class where the model has names, the number that every name is, or its
/// place among all names in alphabetical order.
pub(crate) fn numbers(names: &[String], classes: &[String]) -> Result<Vec<i64>, String> {
    if !classes.is_empty() {
        let number = |name: &String| {
            let found = classes.iter().position(|class| class == name).map(|index| index as i64);
            found.ok_or_else(|| format!("has the class `{name}`; the model's classes are {}", classes.join(", ")))
        };
        return names.iter().map(number).collect();
    }
    let numbers: Option<Vec<i64>> = names.iter().map(|name| name.parse().ok()).collect();
    if let Some(numbers) = numbers {
        return Ok(numbers);
    }
    let mut sorted: Vec<&String> = names.iter().collect();
    sorted.sort();
    sorted.dedup();
    Ok(names.iter().map(|name| sorted.binary_search(&name).unwrap_or_default() as i64).collect())
}

/// The array of labels.
pub(super) fn label_array(labels: &[i64]) -> Array {
    let bytes = labels.iter().flat_map(|label| label.to_le_bytes()).collect();
    let element_type = super::npy::ElementType::I64;
    Array { name: LABELS.into(), shape: vec![labels.len()], element_type, bytes }
}

/// The entries of a folder, by name.
fn entries(folder: &Path) -> Result<Vec<PathBuf>, ArrayError> {
    let error = |error: std::io::Error| ArrayError {
        file: folder.into(),
        array: None,
        problem: format!("cannot be read: {error}"),
    };
    let entries: Result<Vec<PathBuf>, _> =
        std::fs::read_dir(folder).map_err(error)?.map(|entry| entry.map(|entry| entry.path())).collect();
    let mut entries = entries.map_err(error)?;
    // Hidden files are nobody's samples.
    entries.retain(|path| path.file_name().is_some_and(|name| !name.to_string_lossy().starts_with('.')));
    entries.sort();
    Ok(entries)
}

/// Files with one of these endings.
pub(super) fn has_ending(path: &Path, endings: &[&str]) -> bool {
    ending(path).is_some_and(|ending| endings.contains(&ending.as_str()))
}

/// Whether a path is such a file, or a folder that has one in it or in one of its folders.
pub(super) fn holds(path: &Path, endings: &[&str]) -> bool {
    if !path.is_dir() {
        return has_ending(path, endings);
    }
    let is_sample = |path: &PathBuf| has_ending(path, endings);
    let of_folder = |path: &PathBuf| path.is_dir() && entries(path).is_ok_and(|found| found.iter().any(is_sample));
    entries(path).is_ok_and(|found| found.iter().any(|path| is_sample(path) || of_folder(path)))
}

/// The files of a path and, where they lie in folders, the name of the folder of each.
pub(super) fn files(path: &Path, endings: &[&str]) -> Result<(Vec<PathBuf>, Vec<String>), ArrayError> {
    if !path.is_dir() {
        return Ok((vec![path.into()], Vec::new()));
    }
    let in_folder = |folder: &Path| -> Result<Vec<PathBuf>, ArrayError> {
        Ok(entries(folder)?.into_iter().filter(|path| has_ending(path, endings)).collect())
    };
    let direct = in_folder(path)?;
    let (mut found, mut names) = (Vec::new(), Vec::new());
    for folder in entries(path)?.iter().filter(|path| path.is_dir()) {
        let files = in_folder(folder)?;
        let name = folder.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        names.extend(files.iter().map(|_| name.clone()));
        found.extend(files);
    }
    if found.is_empty() {
        return Ok((direct, Vec::new()));
    }
    match direct.first() {
        None => Ok((found, names)),
        Some(stray) => Err(ArrayError {
            file: stray.clone(),
            array: None,
            problem: "lies beside folders of classes; put it into the folder of its class".into(),
        }),
    }
}
