//! The arena over time.

use core::fmt::Write as _;

use super::plot::{Step, steps};
use super::{Facts, escaped};
use crate::inspect::OperatorLine;
use crate::report::grouped;

pub(super) fn section(facts: &Facts<'_>) -> String {
    let it = facts.inspection;
    let most = it.operators.iter().map(|line| line.live_bytes).max().unwrap_or(0);
    let step = |line: &OperatorLine| Step {
        height: line.live_bytes as f64,
        title: format!("{}: {}, {} bytes", line.index, line.operator, grouped(line.live_bytes as u64)),
        is_bad: line.live_bytes == most,
    };
    let all: Vec<Step> = it.operators.iter().map(step).collect();
    if all.is_empty() {
        return String::new();
    }
    let mut html = String::from("<section>\n<h2>Memory over time</h2>\n");
    let arena = grouped(it.arena_bytes as u64);
    let peak = it.operators.iter().find(|line| line.live_bytes == most);
    let node = facts.report.and_then(|report| report.peak.as_ref());
    let at = match (peak, node) {
        (Some(line), Some(node)) if node.operator == line.index => {
            format!("operator {}, <code>{}</code>", line.index, escaped(&node.node))
        }
        (Some(line), _) => format!("operator {} ({})", line.index, escaped(line.operator)),
        (None, _) => String::new(),
    };
    let _ = writeln!(
        html,
        "<p>Bytes of the arena in use while each operator runs, in the order they run. The arena has {arena} bytes because of \
         {at}: to make it smaller, make that layer's input or output smaller, or compile with <code>--ram</code>.</p>"
    );
    let plot = steps("bytes of the arena in use while each operator runs", &all, (it.arena_bytes as f64, &arena));
    let _ = writeln!(
        html,
        "<figure>{plot}<figcaption>Operators by number &nbsp; <span class=\"key bad\"></span>the most memory</figcaption></figure>"
    );
    html + "</section>\n"
}
