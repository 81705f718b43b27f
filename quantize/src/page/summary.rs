//! What a reader wants first: what became of the model, and whether something is wrong.

use core::fmt::Write as _;

use super::{Facts, decibels, escaped, percent, prose};
use crate::compare::Comparison;
use crate::diagnose::LayerFacts;
use crate::report::grouped;
use crate::score::Metric;

/// Layers that are named at the top.
const LAYERS_MAX: usize = 5;

pub(super) fn section(facts: &Facts<'_>) -> String {
    let it = facts.inspection;
    let arithmetic = facts.report.map_or("", |report| report.arithmetic);
    let mut html = format!("<header>\n<h1>{}</h1>\n", escaped(&it.name));
    let parts = [
        (!arithmetic.is_empty()).then(|| format!("computes in {arithmetic}")),
        Some(format!("for {}", it.target)),
        Some(format!("{} operators, {} multiplications", it.operators.len(), grouped(it.macs))),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    let _ = writeln!(html, "<p class=\"soft\">{}</p>\n</header>", escaped(&parts.join(" · ")));
    html += &cards(facts);
    html += "<h2>What to look at</h2>\n<ul class=\"findings\">\n";
    let found = findings(facts);
    match found.is_empty() {
        true => html += "<li class=\"fine\"><b>Nothing unusual was found.</b> The details are below.</li>\n",
        false => found.iter().for_each(|(head, text)| {
            let _ = writeln!(html, "<li><b>{}</b> {}</li>", escaped(head), prose(text));
        }),
    }
    html + "</ul>\n"
}

fn card(value: &str, words: &str) -> String {
    format!("<div class=\"card\"><b>{}</b><span>{}</span></div>\n", escaped(value), escaped(words))
}

fn cards(facts: &Facts<'_>) -> String {
    let it = facts.inspection;
    let bytes = |bytes: u64| format!("{} bytes", grouped(bytes));
    let mut cards = String::from("<div class=\"cards\">\n");
    let of_source = match it.source_bytes {
        0 => "blob, stored in flash".to_owned(),
        source => {
            let share = it.blob_bytes as f64 * 100.0 / source as f64;
            format!("blob, stored in flash: {share:.0} % of the source file")
        }
    };
    cards += &card(&bytes(it.blob_bytes as u64), &of_source);
    cards += &card(&bytes(it.arena_bytes as u64), "arena: working memory of a run");
    if let Some(comparison) = facts.comparison {
        if let (Some(metric), Some(float), Some(blob)) =
            (metric(comparison), comparison.metric_float, comparison.metric_blob)
        {
            let name = metric.name();
            cards += &card(
                &figure(metric, blob),
                &format!("{name} on test data; the float model has {}", figure(metric, float)),
            );
        }
        cards += &card(
            &percent(comparison.agreement),
            &format!("same answer as the float model, on {} samples", grouped(comparison.samples as u64)),
        );
        cards += &card(&decibels(comparison.sqnr_db), "signal to noise of the output (30 is good)");
    } else if let Some(last) = layers(facts).iter().rev().find_map(|layer| layer.sqnr_db) {
        cards += &card(&decibels(Some(last)), "signal to noise of the last layer, on calibration data (30 is good)");
    }
    cards + "</div>\n"
}

/// The figure that a comparison was decided by.
pub(super) fn metric(comparison: &Comparison) -> Option<Metric> {
    comparison.metric.and_then(|name| name.parse().ok())
}

/// A figure as people read it.
pub(super) fn figure(metric: Metric, value: f64) -> String {
    match metric {
        metric if metric.is_share() => percent(value),
        Metric::Auc => format!("{value:.4}"),
        _ => format!("{value:.3e}"),
    }
}

pub(super) fn layers<'a>(facts: &Facts<'a>) -> &'a [LayerFacts] {
    let diagnosis = facts.report.and_then(|report| report.diagnosis.as_ref());
    diagnosis.map_or(&[], |diagnosis| diagnosis.layers.as_slice())
}

/// What is wrong, each with a head and a sentence.
fn findings(facts: &Facts<'_>) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = Vec::new();
    let warnings = facts.warnings.iter().map(|warning| ("Data or model:", warning));
    let of_test = facts.comparison.iter().flat_map(|comparison| &comparison.warnings);
    let of_test = of_test.map(|warning| ("Test data:", warning));
    found.extend(warnings.chain(of_test).map(|(head, text)| (head.to_owned(), text.clone())));
    let difference = facts.comparison.and_then(|comparison| comparison.scores.as_ref()?.difference.as_ref());
    if let Some(difference) = difference.filter(|difference| difference.high < 0.0) {
        let text = format!(
            "the blob is {:.2} points below the float model, and with 95 % confidence at least {:.2} on all data of this kind",
            -difference.value * 100.0,
            -difference.high * 100.0
        );
        found.push(("Accuracy was lost:".into(), text));
    }
    if facts.is_suspect() {
        // Layers are as wrong as what comes in: naming them would lead away from the cause.
        let text = "with such calibration data the figures of layers say nothing of the model: repair the data first";
        found.push(("Layers:".into(), text.into()));
        return found;
    }
    let mut problems: Vec<&LayerFacts> = layers(facts).iter().filter(|layer| layer.cause.is_problem).collect();
    problems.sort_by(|a, b| b.noise_share.total_cmp(&a.noise_share));
    found.extend(problems.iter().take(LAYERS_MAX).map(|layer| {
        let share = match layer.noise_share {
            share if share >= 0.01 => format!(" It makes {:.0} % of the noise.", share * 100.0),
            _ => String::new(),
        };
        let text = format!("{}.{share} Remedy: {}", layer.cause.what, layer.cause.remedy);
        (format!("Layer {} ({}):", layer.node, layer.op), text)
    }));
    if problems.len() > LAYERS_MAX {
        let text = format!("{} more layers are marked in the table below", problems.len() - LAYERS_MAX);
        found.push(("Layers:".into(), text));
    }
    found
}
