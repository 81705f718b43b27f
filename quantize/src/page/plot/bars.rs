//! Horizontal bars, one row for each name.

use super::{head, line, rectangle, shortened, text};

/// A row: one bar, or two of which the second is paler.
pub(in crate::page) struct Bar {
    pub(in crate::page) name: String,
    /// Lengths, each with the words that stand behind it; nothing where there is none.
    pub(in crate::page) values: Vec<Option<(f64, String)>>,
    /// Drawn in the color of what needs attention.
    pub(in crate::page) is_bad: bool,
}

const WIDTH: usize = 960;
const NAME: f64 = 230.0;
const VALUE: f64 = 125.0;
const THICKNESS: f64 = 11.0;

/// Bars for rows; `mark` is a length at which a line is drawn.
pub(in crate::page) fn bars(label: &str, rows: &[Bar], mark: Option<(f64, &str)>) -> String {
    let lengths = || rows.iter().flat_map(|row| &row.values).filter_map(|value| value.as_ref().map(|(x, _)| *x));
    let longest = lengths().chain(mark.map(|(x, _)| x)).fold(0.0, f64::max).max(f64::MIN_POSITIVE);
    let each = rows.iter().map(|row| row.values.len()).max().unwrap_or(1).max(1);
    let pitch = THICKNESS * each as f64 + 9.0;
    let top = if mark.is_some() { 18.0 } else { 4.0 };
    let height = top + pitch * rows.len() as f64 + 2.0;
    let at = |length: f64| NAME + length / longest * (WIDTH as f64 - NAME - VALUE);
    let mut svg = head(WIDTH, height.ceil() as usize, label);
    // Behind the bars, so that it crosses no number.
    if let Some((length, words)) = mark {
        svg += &line((at(length), top - 2.0), (at(length), height), "mark");
        svg += &text(at(length), top - 6.0, "soft middle", words);
    }
    for (index, row) in rows.iter().enumerate() {
        let y = top + pitch * index as f64;
        let middle = y + THICKNESS * each as f64 / 2.0 + 4.0;
        svg += &text(NAME - 8.0, middle, "end", &shortened(&row.name, 32));
        for (position, value) in row.values.iter().enumerate() {
            let Some((length, words)) = value else { continue };
            let y = y + THICKNESS * position as f64;
            let class = match (row.is_bad, position) {
                (true, 0) => "bar bad",
                (_, 0) => "bar",
                _ => "second",
            };
            let end = at(length.max(0.0));
            svg += &rectangle(
                (NAME, y),
                ((end - NAME).max(1.0), THICKNESS - 1.0),
                class,
                &format!("{}: {words}", row.name),
            );
            svg += &text(end + 5.0, y + THICKNESS - 1.5, "soft", words);
        }
    }
    svg + &line((NAME, top - 2.0), (NAME, height), "axis") + "</svg>\n"
}
