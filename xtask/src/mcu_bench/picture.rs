//! `docs/results.svg`: the front page's picture of `targets/results` beside TensorFlow Lite Micro.
//!
//! Each core has a panel, each model in it a bar: the instructions of an inference as a share of the peer's, whose bar
//! behind it is the whole. Colors follow the reader's setting, light or dark; the file has no script and fetches nothing.

use core::fmt::Write;

use anyhow::{Context, Result};

use super::peer::Peer;
use super::results;
use crate::board::{self, Board};
use crate::tree;

/// Models by their names in `targets/results`, and what they do.
const MODELS: [(&str, &str); 5] = [
    ("kws", "keyword spotting"),
    ("vww", "person detection"),
    ("ic", "image classes"),
    ("ad", "anomaly detection"),
    ("sww", "wake word"),
];

const WIDTH: usize = 760;
const PANEL: usize = WIDTH / 2;
/// From a panel's left edge to its bars, and the length of a bar of 100 percent.
const LABEL: usize = 140;
const TRACK: usize = 180;
const ROW: usize = 22;
const TOP: usize = 64;
const PANEL_HEIGHT: usize = (MODELS.len() + 2) * ROW;

/// Gray and blue that stand out on white, and their likes on black.
const STYLE: &str = "\
<style>
text{font:13px system-ui,sans-serif;fill:#1f2937}
.head{font-weight:600;font-size:15px}
.quiet{fill:#57606a}
.peer{fill:#d0d7de}
.ours{fill:#2563c9}
@media (prefers-color-scheme:dark){
text{fill:#e6edf3}
.quiet{fill:#9aa4af}
.peer{fill:#3d444d}
.ours{fill:#6ea8fe}
}
</style>
";

/// The picture of what was measured last.
pub(crate) fn picture() -> Result<String> {
    let peer = Peer::read(&tree::root().join("targets/results/peer.json"))?;
    let mut panels = Vec::new();
    for Board { core, title, .. } in board::one_of_each_isa() {
        let known = results::read(core)?;
        let mut bars = Vec::new();
        for (model, what) in MODELS {
            let ours = known.get(model).with_context(|| format!("{model} was not measured on {core}"))?.instructions;
            let theirs =
                peer.instructions(core, model).with_context(|| format!("the peer has no {model} on {core}"))?;
            bars.push((what, ours as f64 / theirs.max(1) as f64));
        }
        panels.push((*title, bars));
    }
    Ok(drawn(&panels))
}

/// Panels of titles and bars, two in a row.
fn drawn(panels: &[(&str, Vec<(&str, f64)>)]) -> String {
    let height = TOP + panels.len().div_ceil(2) * PANEL_HEIGHT;
    let title = "Instructions of one inference, as a share of TensorFlow Lite Micro with CMSIS-NN";
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" \
         viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" aria-label=\"{title}\">\n<title>{title}</title>\n{STYLE}"
    );
    // Writing to a `String` cannot fail.
    let _ = writeln!(text, "<text class=\"head\" x=\"8\" y=\"22\">Instructions of one inference</text>");
    let _ = writeln!(text, "<rect class=\"ours\" x=\"8\" y=\"36\" width=\"12\" height=\"12\" rx=\"2\"/>");
    let _ = writeln!(text, "<text x=\"26\" y=\"47\">Kinglet</text>");
    let _ = writeln!(text, "<rect class=\"peer\" x=\"88\" y=\"36\" width=\"12\" height=\"12\" rx=\"2\"/>");
    let peer = "TensorFlow Lite Micro with CMSIS-NN, 100 %; shorter is better";
    let _ = writeln!(text, "<text x=\"106\" y=\"47\">{peer}</text>");
    // A bar beyond 100 percent shortens all of them, so that it fits.
    let longest = panels.iter().flat_map(|(_, bars)| bars).map(|(_, share)| *share).fold(1.0, f64::max);
    for (index, (core, bars)) in panels.iter().enumerate() {
        let (x, y) = (index % 2 * PANEL, TOP + index / 2 * PANEL_HEIGHT);
        panel(&mut text, core, bars, [x, y], TRACK as f64 / longest);
    }
    text + "</svg>\n"
}

/// One panel with its upper left corner at `[x, y]`; a bar of 100 percent is `whole` long.
fn panel(text: &mut String, core: &str, bars: &[(&str, f64)], [x, y]: [usize; 2], whole: f64) {
    let _ = writeln!(text, "<text class=\"head\" x=\"{}\" y=\"{}\">{core}</text>", x + 8, y + 18);
    for (row, (what, share)) in bars.iter().enumerate() {
        let (top, left) = (y + 28 + row * ROW, x + LABEL);
        let middle = top + 13;
        let label_x = left - 8;
        let _ =
            writeln!(text, "<text class=\"quiet\" x=\"{label_x}\" y=\"{middle}\" text-anchor=\"end\">{what}</text>");
        for (class, length) in [("peer", whole), ("ours", share * whole)] {
            let height = if class == "peer" { 16 } else { 10 };
            let bar_top = top + (16 - height) / 2;
            let _ = writeln!(
                text,
                "<rect class=\"{class}\" x=\"{left}\" y=\"{bar_top}\" width=\"{length:.1}\" height=\"{height}\" rx=\"2\"/>"
            );
        }
        let value_x = left as f64 + share.max(1.0) * whole + 8.0;
        let _ = writeln!(text, "<text x=\"{value_x:.1}\" y=\"{middle}\">{:.0} %</text>", share * 100.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_model_has_a_bar_on_every_core() {
        let text = picture().unwrap();
        let cores = board::one_of_each_isa().len();
        assert_eq!(text.matches("class=\"ours\"").count(), 1 + cores * MODELS.len());
        assert!(text.contains("prefers-color-scheme:dark"));
    }

    #[test]
    fn bars_are_as_long_as_shares_and_fit() {
        let text = drawn(&[("A", vec![("a", 0.5), ("b", 1.0)])]);
        assert!(text.contains("width=\"90.0\"") && text.contains(">50 %<"), "{text}");
        let beyond = drawn(&[("A", vec![("a", 0.5), ("b", 2.0)])]);
        assert!(beyond.contains("width=\"180.0\"") && beyond.contains(">200 %<"), "{beyond}");
    }
}
