//! A page about a model for people: what became of it, how good it is, and what to do when it is not good enough.
//!
//! One file of HTML with everything in it, plots included, so that it can be mailed, archived and printed. It has no
//! scripts; it is light or dark as its reader's system is. It says nothing that `--json` does not.

mod check;
mod layers;
mod memory;
mod plot;
mod size;
mod summary;

use core::fmt::Write as _;

use crate::compare::Comparison;
use crate::inspect::Inspection;
use crate::report::Report;

/// What the page is about.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// What compiling says; none of a blob that came from elsewhere.
    pub report: Option<&'a Report>,
    /// What the blob says.
    pub inspection: &'a Inspection,
    /// How it compares on data.
    pub comparison: Option<&'a Comparison>,
    /// What is probably not meant.
    pub warnings: &'a [String],
}

impl Facts<'_> {
    /// True when the calibration data is such that figures of layers say nothing of the model.
    fn is_suspect(&self) -> bool {
        self.report.and_then(|report| report.calibration.as_ref()).is_some_and(|line| line.is_suspect)
    }
}

/// Colors, and how things stand on screen and on paper.
const STYLE: &str = include_str!("style.css");

/// The page.
pub fn render(facts: &Facts<'_>) -> String {
    let name = escaped(&facts.inspection.name);
    let sections = [
        summary::section(facts),
        check::section(facts),
        layers::section(facts),
        size::section(facts),
        memory::section(facts),
        glossary().to_owned(),
    ];
    let mut page = String::from("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n");
    let _ = writeln!(page, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
    let _ = writeln!(page, "<meta name=\"color-scheme\" content=\"light dark\">");
    let _ = writeln!(page, "<title>{name}: Kinglet report</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n<main>");
    sections.iter().filter(|section| !section.is_empty()).for_each(|section| page += section);
    let _ =
        writeln!(page, "<footer>Written by {}.</footer>\n</main>\n</body>\n</html>", escaped(&facts.inspection.tool));
    page
}

/// Text that is no markup.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            other => safe.push(other),
        }
    }
    safe
}

/// A sentence with `names` in backticks.
fn prose(text: &str) -> String {
    let part = |(index, part): (usize, &str)| match index % 2 {
        1 => format!("<code>{}</code>", escaped(part)),
        _ => escaped(part),
    };
    // Sentences begin with a capital letter on a page.
    let mut letters = text.chars();
    let text: String = letters.next().into_iter().flat_map(char::to_uppercase).chain(letters).collect();
    text.split('`').enumerate().map(part).collect()
}

/// `12.3 dB`, or what stands for no noise.
fn decibels(db: Option<f64>) -> String {
    db.map_or_else(|| "–".into(), |db| format!("{db:.1} dB"))
}

/// `12.34 %`.
fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

/// A number of a model, of any size, short.
fn real(number: f32) -> String {
    match number.abs() {
        0.0 => "0".into(),
        size if !(1e-3..1e5).contains(&size) => format!("{number:.1e}"),
        size if size >= 100.0 => format!("{number:.0}"),
        size if size >= 1.0 => format!("{number:.2}"),
        _ => format!("{number:.3}"),
    }
}

/// What the words of the page mean.
fn glossary() -> &'static str {
    include_str!("glossary.html")
}

#[cfg(test)]
mod tests;
