//! Tables: CSV files with a first row of names. A sample is a row, or a window of rows.

use std::path::Path;

use csv::{ReaderBuilder, StringRecord};

use super::classes;
use super::npy::{Array, ArrayError};
use super::{Input, Preparation, Reader, Wanted, ending};
use crate::file;

/// Names of a column of labels, unless another is given.
const LABEL_COLUMNS: [&str; 2] = ["y", "label"];

/// Words that stand for a number that is not there.
const MISSING: [&str; 6] = ["", "nan", "na", "n/a", "null", "?"];

pub(super) struct Tables;

impl Reader for Tables {
    fn what(&self) -> &'static str {
        "a .csv with a first row of names"
    }

    fn reads(&self, path: &Path) -> bool {
        ending(path).is_some_and(|ending| ending == "csv") && !path.is_dir()
    }

    fn read(&self, path: &Path, wanted: &Wanted, preparation: &Preparation) -> Result<Vec<Array>, ArrayError> {
        let error = |problem| ArrayError { file: path.into(), array: None, problem };
        let input = wanted.single("tables").map_err(error)?;
        let table = Table::read(path, preparation).map_err(error)?;
        let labels = match table.words.is_empty() {
            true => Vec::new(),
            false => classes::numbers(&table.words, &wanted.classes).map_err(error)?,
        };
        let windows = Windows::of(input, table.columns.len(), preparation.hop).map_err(error)?;
        let (elements, of_windows) = windows.cut(&table.elements, &labels);
        if elements.is_empty() {
            let problem = format!("has {} rows, and a sample takes {} of one label", table.rows(), windows.rows);
            return Err(error(problem));
        }
        let mut shape = input.shape.clone();
        let count = elements.len() / shape.iter().skip(usize::from(shape.len() > 1)).product::<usize>().max(1);
        match shape.len() {
            0 | 1 => shape.insert(0, count),
            _ => shape[0] = count,
        }
        let mut arrays = vec![Array::of_reals(input.name.clone(), shape, &elements)];
        if !of_windows.is_empty() {
            arrays.push(classes::label_array(&of_windows));
        }
        Ok(arrays)
    }
}

/// A file as numbers.
struct Table {
    columns: Vec<String>,
    /// Row after row.
    elements: Vec<f32>,
    /// The label of each row, where there are labels.
    words: Vec<String>,
}

impl Table {
    fn rows(&self) -> usize {
        self.elements.len() / self.columns.len().max(1)
    }

    fn read(path: &Path, preparation: &Preparation) -> Result<Self, String> {
        let source = file::open(path).map_err(|error| format!("cannot be opened: {error}"))?;
        let mut reader = ReaderBuilder::new().trim(csv::Trim::All).from_reader(source);
        let names = reader.headers().map_err(|error| error.to_string())?.clone();
        let place = |name: &str| names.iter().position(|column| column == name);
        let known = || names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
        let missing = |name: &str| format!("has no column `{name}`; its columns are {}", known());
        let label = match preparation.label_column.as_str() {
            "" => LABEL_COLUMNS.iter().find_map(|name| place(name)),
            // Data to run has no labels.
            name => place(name),
        };
        let columns: Vec<usize> = match preparation.columns.is_empty() {
            true => (0..names.len()).filter(|column| Some(*column) != label).collect(),
            false => preparation
                .columns
                .iter()
                .map(|name| place(name).ok_or_else(|| missing(name)))
                .collect::<Result<_, _>>()?,
        };
        let (mut elements, mut words) = (Vec::new(), Vec::new());
        let mut row = StringRecord::new();
        let mut count = 0;
        while reader.read_record(&mut row).map_err(|error| error.to_string())? {
            count += 1;
            let line = row.position().map_or(0, csv::Position::line);
            let place = format!("row {count} (line {line})");
            for &column in &columns {
                let name = names.get(column).unwrap_or_default();
                elements.push(number(row.get(column).unwrap_or_default(), name, &place)?);
            }
            if let Some(label) = label {
                let word = row.get(label).unwrap_or_default();
                if word.is_empty() {
                    return Err(format!("has no label in {place}, column `{}`", &names[label]));
                }
                words.push(word.to_owned());
            }
        }
        let columns = columns.iter().filter_map(|&column| names.get(column)).map(str::to_owned).collect();
        Ok(Table { columns, elements, words })
    }
}

fn number(text: &str, column: &str, place: &str) -> Result<f32, String> {
    if MISSING.contains(&text.to_ascii_lowercase().as_str()) {
        return Err(format!("has no number in {place}, column `{column}`; fill it in or leave the row out"));
    }
    match text.parse::<f32>() {
        Ok(number) if number.is_finite() => Ok(number),
        _ => Err(format!(
            "has `{text}` in {place}, column `{column}`, which is no number; name the columns to read (--columns)"
        )),
    }
}

/// How rows become samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Windows {
    columns: usize,
    rows: usize,
    hop: usize,
    /// All of a column comes before the next.
    by_column: bool,
}

impl Windows {
    fn of(input: &Input, columns: usize, hop: u32) -> Result<Self, String> {
        let inner: Vec<usize> = {
            let behind_batch = if input.shape.len() > 1 { &input.shape[1..] } else { &input.shape[..] };
            behind_batch.iter().copied().filter(|&extent| extent != 1).collect()
        };
        let len: usize = inner.iter().product();
        if columns == 0 || !len.is_multiple_of(columns) {
            return Err(format!(
                "has {columns} columns of numbers, and input `{}` of shape {:?} takes {len} for a sample; name the columns \
                 to read (--columns)",
                input.name, input.shape
            ));
        }
        let rows = len / columns;
        let by_column = match inner.as_slice() {
            [first, last] => *first == columns && (*last != columns || input.channels_first),
            _ => false,
        };
        Ok(Windows { columns, rows, hop: if hop == 0 { rows } else { hop as usize }, by_column })
    }

    /// The windows' elements and labels. Windows with several labels are left out.
    fn cut(self, elements: &[f32], labels: &[i64]) -> (Vec<f32>, Vec<i64>) {
        let table: Vec<&[f32]> = elements.chunks_exact(self.columns).collect();
        let (mut cut, mut of_windows) = (Vec::new(), Vec::new());
        for (index, window) in table.windows(self.rows).enumerate().step_by(self.hop.max(1)) {
            let mut of_rows = labels.iter().skip(index).take(self.rows);
            if let Some(first) = of_rows.next() {
                if of_rows.any(|label| label != first) {
                    continue;
                }
                of_windows.push(*first);
            }
            match self.by_column {
                true => (0..self.columns).for_each(|column| {
                    cut.extend(window.iter().filter_map(|row| row.get(column)));
                }),
                false => window.iter().for_each(|row| cut.extend_from_slice(row)),
            }
        }
        (cut, of_windows)
    }
}
