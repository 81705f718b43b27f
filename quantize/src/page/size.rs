//! Size against error: what fewer bits would cost, and where this blob is among them.

use core::fmt::Write as _;

use super::plot::{Point, curve};
use super::{Facts, decibels};
use crate::report::grouped;
use crate::shrink::{Mix, MixPoint};

/// A size that makes no noise at all, for the plot.
const NO_NOISE: f64 = 100.0;

pub(super) fn section(facts: &Facts<'_>) -> String {
    let mix = facts.report.and_then(|report| report.mix.as_ref());
    match mix.filter(|mix| mix.pareto.len() > 1) {
        Some(mix) => drawn(mix),
        None => String::new(),
    }
}

fn drawn(mix: &Mix) -> String {
    let mut html = String::from("<section>\n<h2>Size against error</h2>\n");
    let _ = writeln!(
        html,
        "<p>Each point gives every layer the bits that make the least noise in so many bytes of weights. They are measured on {} \
         calibration samples that no weight was rounded by, before layers make up for each other; this blob was measured after \
         that. Left is smaller, up is better; the line joins points that no smaller one is as good as.</p>",
        grouped(mix.samples as u64)
    );
    let changed = |changed: Option<usize>| {
        changed.map_or_else(String::new, |count| format!(", {count} of {} decisions changed", mix.samples))
    };
    let point = |weight_bytes: usize, sqnr_db: Option<f64>, of: Option<usize>, is_marked: bool| Point {
        x: weight_bytes as f64,
        y: sqnr_db.unwrap_or(NO_NOISE),
        words: if is_marked { "this blob".into() } else { decibels(sqnr_db) },
        title: format!("{} bytes of weights: {}{}", grouped(weight_bytes as u64), decibels(sqnr_db), changed(of)),
        is_marked,
    };
    let of = |at: &MixPoint| point(at.weight_bytes, at.sqnr_db, at.changed, false);
    let mut points: Vec<Point> = mix.pareto.iter().map(of).collect();
    points.push(point(mix.weight_bytes, mix.sqnr_db, mix.changed, true));
    let plot = curve(
        "signal to noise of the outputs against bytes of weights",
        &points,
        ("bytes of weights", "signal to noise of the outputs"),
        " dB",
    );
    let _ = writeln!(html, "<figure>{plot}</figure>");
    html += "<div class=\"wide\"><table>\n<tr><th class=\"n\">Bytes of weights</th><th class=\"n\">SQNR</th>";
    html += "<th class=\"n\">Decisions changed</th></tr>\n";
    for at in &mix.pareto {
        let count = at.changed.map_or_else(|| "–".into(), |count| count.to_string());
        let (bytes, db) = (grouped(at.weight_bytes as u64), decibels(at.sqnr_db));
        let _ = writeln!(
            html,
            "<tr><td class=\"n\">{bytes}</td><td class=\"n\">{db}</td><td class=\"n\">{count}</td></tr>"
        );
    }
    html + "</table></div>\n</section>\n"
}
