//! Every layer: its noise, its bytes, and why.

use core::fmt::Write as _;

use super::plot::{Bar, bars, histogram};
use super::summary::layers;
use super::{Facts, decibels, escaped, percent, prose, real};
use crate::diagnose::LayerFacts;
use crate::report::grouped;
use crate::shrink::SparseLayer;

/// Where bars of layers without noise end.
const DECIBELS_MAX: f64 = 80.0;

pub(super) fn section(facts: &Facts<'_>) -> String {
    let all = layers(facts);
    let Some(diagnosis) = facts.report.and_then(|report| report.diagnosis.as_ref()).filter(|_| !all.is_empty()) else {
        return String::new();
    };
    let mut html = String::from("<section>\n<h2>Layer by layer</h2>\n");
    let _ = writeln!(
        html,
        "<p>Measured on calibration data: each layer alone on {} samples, all together on {}. Short bars are bad. A short \
         <em>alone</em> bar makes noise; a short <em>all together</em> bar has noise, which may come from layers before it.</p>",
        diagnosis.alone_samples, diagnosis.samples
    );
    if facts.is_suspect() {
        html += "<p><b>These figures say nothing of the model:</b> they were measured on calibration data that needs repair, \
                 see the top of the page.</p>\n";
    }
    html += &noise(all, &diagnosis.measured_at);
    html += &bytes(all);
    html += &zeros(facts);
    html += &table(all, facts.is_suspect());
    html += &shapes(all);
    html + "</section>\n"
}

fn noise(all: &[LayerFacts], ends: &[String]) -> String {
    let ends: Vec<String> = ends.iter().map(|end| format!("<code>{}</code>", escaped(end))).collect();
    let value = |db: Option<f64>| db.map(|db| (db.clamp(0.0, DECIBELS_MAX), format!("{db:.1}")));
    let row = |layer: &LayerFacts| Bar {
        name: layer.node.clone(),
        values: vec![value(layer.sqnr_alone_db), value(layer.sqnr_db)],
        is_bad: layer.cause.is_problem,
    };
    let rows: Vec<Bar> = all.iter().map(row).collect();
    format!(
        "<h3>Signal to noise, dB</h3>\n<figure>{}<figcaption><span class=\"key\"></span>alone, at {}\
         <span class=\"key second\"></span>all together, at this layer<span class=\"key bad\"></span>named above\
         </figcaption></figure>\n",
        bars("signal to noise of each layer in decibels", &rows, Some((30.0, "30 dB: good"))),
        ends.join(", ")
    )
}

fn bytes(all: &[LayerFacts]) -> String {
    let weighted = all.iter().filter(|layer| layer.weight_bytes > 0);
    let row = |layer: &LayerFacts| Bar {
        name: layer.node.clone(),
        values: vec![Some((
            layer.weight_bytes as f64,
            format!("{} at {} bits", grouped(layer.weight_bytes), layer.bits.unwrap_or(0)),
        ))],
        is_bad: false,
    };
    let rows: Vec<Bar> = weighted.map(row).collect();
    if rows.is_empty() {
        return String::new();
    }
    format!("<h3>Bytes of weights</h3>\n<figure>{}</figure>\n", bars("bytes of weights of each layer", &rows, None))
}

/// With `--sparsity`: how many weights of each layer are zero.
fn zeros(facts: &Facts<'_>) -> String {
    let Some(sparse) = facts.report.and_then(|report| report.sparse.as_ref()) else { return String::new() };
    let row = |layer: &SparseLayer| {
        let share = 100.0 * layer.zeros as f64 / layer.weights.max(1) as f64;
        let text = format!("{share:.0} % of {}, {} lost", grouped(layer.weights as u64), percent(layer.loss));
        Bar { name: layer.node.clone(), values: vec![Some((share, text))], is_bad: false }
    };
    let rows: Vec<Bar> = sparse.layers.iter().map(row).collect();
    format!(
        "<h3>Weights that are zero</h3>\n<p>Layers that matter more keep more. What is lost is the part of the power of a \
         layer's results, behind its activation, by these zeros and all that was lost before.</p>\n<figure>{}</figure>\n",
        bars("per cent of each layer's weights that are zero", &rows, None)
    )
}

fn table(all: &[LayerFacts], is_suspect: bool) -> String {
    let mut html = String::from(
        "<h3>Every layer in words</h3>\n<div class=\"wide\"><table>\n<tr><th>Layer</th><th class=\"n\">Bits</th>\
         <th class=\"n\">Alone</th><th class=\"n\">Together</th><th class=\"n\">Share of noise</th><th class=\"n\">Clipped</th>\
         <th class=\"n\">Results</th><th>Cause and remedy</th></tr>\n",
    );
    for layer in all {
        let class = if layer.cause.is_problem && !is_suspect { " class=\"bad\"" } else { "" };
        let bits = layer.bits.map_or_else(|| "–".into(), |bits| bits.to_string());
        let [low, high] = layer.range;
        let remedy = if is_suspect { "First repair the calibration data" } else { layer.cause.remedy.as_str() };
        let _ = writeln!(
            html,
            "<tr{class}><td class=\"layer\"><code>{}</code><br><span class=\"soft\">{}</span></td><td class=\"n\">{bits}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{:.0} %</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}<br>to {}</td><td class=\"why\">{}. <span class=\"soft\">{}.</span></td></tr>",
            escaped(&layer.node),
            escaped(layer.op),
            decibels(layer.sqnr_alone_db),
            decibels(layer.sqnr_db),
            layer.noise_share * 100.0,
            percent(layer.clipped),
            real(low),
            real(high),
            prose(&layer.cause.what),
            prose(remedy)
        );
    }
    html + "</table></div>\n"
}

fn shapes(all: &[LayerFacts]) -> String {
    let mut html = String::from(
        "<h3>How results and weights are distributed</h3>\n<p>From the least to the greatest number that the codes of a \
         layer's result stand for; heights are square roots of counts, so that rare ones are seen. Results that fill a \
         narrow part of the width have few codes.</p>\n<div class=\"shapes\">\n",
    );
    for layer in all {
        let name = escaped(&layer.node);
        let plot = histogram(&format!("results of {}", layer.node), &layer.histogram, layer.clipped > 0.0);
        let _ = writeln!(html, "<figure>{plot}<figcaption>Results of <code>{name}</code></figcaption></figure>");
        if let Some(weights) = &layer.weights {
            let plot = histogram(&format!("weights of {}", layer.node), weights, false);
            let _ = writeln!(html, "<figure>{plot}<figcaption>Weights of <code>{name}</code></figcaption></figure>");
        }
    }
    html + "</div>\n"
}
