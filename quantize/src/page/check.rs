//! How good the blob is on data, and what that data is.

use core::fmt::Write as _;

use super::plot::histogram;
use super::summary::{figure, metric};
use super::{Facts, decibels, escaped, percent, prose, real};
use crate::compare::Comparison;
use crate::report::{CalibrationLine, grouped};
use crate::score::{ClassScores, Metric, Scores, Scoring};

/// More classes are not drawn: nobody finds anything in so many cells.
const CLASSES_MAX: usize = 40;

/// Mistakes that are told in words.
const MISTAKES_MAX: usize = 5;

pub(super) fn section(facts: &Facts<'_>) -> String {
    let mut html = String::new();
    if let Some(comparison) = facts.comparison {
        html += &test(facts, comparison);
    }
    if let Some(line) = facts.report.and_then(|report| report.calibration.as_ref()) {
        html += &calibration(facts, line);
    }
    html
}

fn calibration(facts: &Facts<'_>, line: &CalibrationLine) -> String {
    let mut html = format!(
        "<section>\n<h2>The calibration data</h2>\n<p>{} samples; ranges chosen by <code>{}</code>. The device's codes must \
         cover the data, and the data should use most of them.</p>\n<div class=\"shapes\">\n",
        grouped(line.samples as u64),
        escaped(&line.range)
    );
    let diagnosis = facts.report.and_then(|report| report.diagnosis.as_ref());
    for input in diagnosis.iter().flat_map(|diagnosis| &diagnosis.inputs) {
        let label = format!("distribution of input {}", input.name);
        let ends = line.inputs.iter().find(|line| line.name == input.name);
        let seen = ends.map_or_else(String::new, |ends| format!(", data {} to {}", real(ends.lo), real(ends.hi)));
        let _ = writeln!(
            html,
            "<figure>{}<figcaption>Input <code>{}</code>{seen}</figcaption></figure>",
            histogram(&label, &input.histogram, false),
            escaped(&input.name)
        );
    }
    html + "</div>\n</section>\n"
}

fn test(facts: &Facts<'_>, it: &Comparison) -> String {
    let mut html = format!(
        "<section>\n<h2>On test data</h2>\n<p>{} samples, each computed by the float model ({}) and by the blob, with the code \
         that runs on the device.</p>\n",
        grouped(it.samples as u64),
        escaped(it.reference)
    );
    html += "<div class=\"wide\"><table>\n<tr><th>Output</th><th class=\"n\">Same answer</th><th class=\"n\">SQNR</th>\
             <th class=\"n\">Largest difference</th></tr>\n";
    for output in &it.outputs {
        let _ = writeln!(
            html,
            "<tr><td><code>{}</code></td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escaped(&output.name),
            percent(output.agreement),
            decibels(output.sqnr_db),
            real(output.max_abs_error)
        );
    }
    html += "</table></div>\n";
    for input in it.inputs.iter().filter(|input| input.codes.is_some()) {
        // Whose fault it is: data that codes were made for, or data that came later.
        let why = match facts.is_suspect() && input.clipped > 0.0 {
            true => " The calibration data is to blame, which ends before this data does, not this data.",
            false => "",
        };
        let text =
            format!("{} of input `{}` lies beyond all codes and is clipped.{why}", percent(input.clipped), input.name);
        let _ = writeln!(html, "<p>{}</p>", prose(&text));
    }
    if let Some(scores) = &it.scores {
        html += &scored(it, scores);
    }
    html + "</section>\n"
}

fn scored(it: &Comparison, scores: &Scoring) -> String {
    let mut html = String::from("<h3>Against the right answers</h3>\n<div class=\"wide\"><table>\n<tr><th>Figure</th>");
    html += "<th class=\"n\">Float model</th><th class=\"n\">Blob</th></tr>\n";
    let figures = [
        (Metric::Accuracy, "Accuracy: share of right answers"),
        (Metric::Precision, "Precision, mean of classes"),
        (Metric::Recall, "Recall, mean of classes"),
        (Metric::F1, "F1, mean of classes"),
        (Metric::Auc, "AUC"),
        (Metric::MeanSquaredError, "Mean squared error"),
        (Metric::MeanAbsoluteError, "Mean absolute error"),
    ];
    for (of, words) in figures {
        if let (Some(float), Some(blob)) = (scores.float.get(of), scores.blob.get(of)) {
            let words = if metric(it) == Some(of) { format!("<b>{words}</b>") } else { words.to_owned() };
            let (float, blob) = (figure(of, float), figure(of, blob));
            let _ = writeln!(html, "<tr><td>{words}</td><td class=\"n\">{float}</td><td class=\"n\">{blob}</td></tr>");
        }
    }
    html += "</table></div>\n";
    if let Some(difference) = &scores.difference {
        let [value, low, high] =
            [difference.value, difference.low, difference.high].map(|x| format!("{:+.2}", x * 100.0));
        let verdict = match (difference.low > 0.0, difference.high < 0.0) {
            (true, _) => "better than the float model",
            (_, true) => "worse than the float model",
            _ => "not told apart from the float model by these samples",
        };
        let counts = difference.only_float.zip(difference.only_blob).map(|(float, blob)| {
            format!(" Only the float model is right on {float} samples, only the blob on {blob}.")
        });
        let text = format!(
            "the blob is {verdict}: the difference is {value} points, and between {low} and {high} with 95 % confidence.{}",
            counts.unwrap_or_default()
        );
        let _ = writeln!(html, "<p>{}</p>", prose(&text));
    }
    html + &by_class(scores)
}

fn by_class(scores: &Scoring) -> String {
    let classes = scores.blob.classes.len();
    if classes < 2 {
        return String::new();
    }
    let mut html = String::from("<h3>Which class was answered for which</h3>\n");
    let mistakes = mistakes(&scores.blob);
    if !mistakes.is_empty() {
        let _ = writeln!(
            html,
            "<p>The blob's most frequent mistakes, with their numbers of samples: {}.</p>",
            escaped(&mistakes.join("; "))
        );
    }
    if classes > CLASSES_MAX {
        let _ = writeln!(
            html,
            "<p class=\"soft\">With {classes} classes, the figures of each are in <code>--json</code>.</p>"
        );
        return html;
    }
    html += "<div class=\"pair\">\n";
    for (words, scores) in [("Blob", &scores.blob), ("Float model", &scores.float)] {
        let _ = writeln!(
            html,
            "<figure class=\"wide\">{}<figcaption>{words}: right label in rows, answer in columns</figcaption></figure>",
            matrix(scores)
        );
    }
    html += "</div>\n<div class=\"wide\"><table>\n<tr><th>Class</th><th class=\"n\">Samples</th><th class=\"n\">Answers</th>";
    html += "<th class=\"n\">Precision</th><th class=\"n\">Recall</th><th class=\"n\">F1</th><th class=\"n\">F1 of float</th></tr>\n";
    for (blob, float) in scores.blob.classes.iter().zip(&scores.float.classes) {
        let _ = writeln!(
            html,
            "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            escaped(&class(blob)),
            blob.samples,
            blob.answers,
            percent(blob.precision),
            percent(blob.recall),
            percent(blob.f1),
            percent(float.f1)
        );
    }
    html + "</table></div>\n"
}

/// A class by name and number.
fn class(line: &ClassScores) -> String {
    match &line.name {
        Some(name) => format!("{} ({name})", line.class),
        None => line.class.to_string(),
    }
}

/// The cells off the diagonal with the most samples, in words.
fn mistakes(scores: &Scores) -> Vec<String> {
    let name = |index: usize| scores.classes.get(index).map_or_else(|| index.to_string(), class);
    let mut cells: Vec<(u64, usize, usize)> = Vec::new();
    for (label, row) in scores.confusion.iter().enumerate() {
        let wrong = row.iter().enumerate().filter(|(answer, count)| *answer != label && **count > 0);
        cells.extend(wrong.map(|(answer, &count)| (count, label, answer)));
    }
    cells.sort_by_key(|&(count, label, answer)| (core::cmp::Reverse(count), label, answer));
    let words =
        |&(count, label, answer): &(u64, usize, usize)| format!("{} taken for {} ({count})", name(label), name(answer));
    cells.iter().take(MISTAKES_MAX).map(words).collect()
}

/// The matrix as a table of tinted cells: right answers and mistakes have a color each.
fn matrix(scores: &Scores) -> String {
    let mut html = String::from("<table class=\"matrix\">\n<tr><th></th>");
    (0..scores.confusion.len()).for_each(|answer| {
        let _ = write!(html, "<th>{answer}</th>");
    });
    html += "</tr>\n";
    for (label, row) in scores.confusion.iter().enumerate() {
        let whole = row.iter().sum::<u64>().max(1) as f64;
        let _ = write!(html, "<tr><th>{label}</th>");
        for (answer, &count) in row.iter().enumerate() {
            let color = if answer == label { "--heat" } else { "--miss" };
            let alpha = (count as f64 / whole).sqrt() * 0.85;
            let words = if count > 0 { count.to_string() } else { String::new() };
            let _ = write!(html, "<td style=\"background:rgba(var({color}),{alpha:.2})\">{words}</td>");
        }
        html += "</tr>\n";
    }
    html + "</table>\n"
}
