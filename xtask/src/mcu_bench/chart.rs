//! The profile as a picture: one bar for each operator, as long as the share of instructions it takes.

use core::fmt::Write;

use super::record::{BoardRecord, ModelRecord, OperatorRecord};
use super::table::grouped;

const ROW: usize = 18;
const LABEL_WIDTH: usize = 260;
const BAR_WIDTH: usize = 420;
const WIDTH: usize = LABEL_WIDTH + BAR_WIDTH + 220;

/// All models of a board, one under the other.
pub(crate) fn svg(records: &[BoardRecord]) -> String {
    let models: Vec<(&BoardRecord, &ModelRecord)> =
        records.iter().flat_map(|record| record.models.iter().map(move |model| (record, model))).collect();
    let heights = models.iter().map(|(_, model)| (model.operators.len() + 3) * ROW);
    let height: usize = heights.sum::<usize>() + ROW;
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    let mut y = ROW;
    for (record, model) in models {
        y = chart(&mut text, record, model, y);
    }
    text + "</svg>\n"
}

/// Draws one model from `y` on and returns where the next begins. Writing to a `String` cannot fail.
fn chart(text: &mut String, record: &BoardRecord, model: &ModelRecord, mut y: usize) -> usize {
    let title = format!("{} on {}: {} instructions", model.name, record.core, grouped(model.instructions));
    let _ = writeln!(text, "<text x=\"8\" y=\"{y}\" font-weight=\"bold\">{title}</text>");
    y += ROW;
    let longest = model.operators.iter().map(|operator| operator.instructions).max().unwrap_or(1).max(1);
    for operator in &model.operators {
        let length = operator.instructions as f64 / longest as f64 * BAR_WIDTH as f64;
        let label = format!("{} {} {}", operator.index, operator.operator, operator.shape);
        let label_x = LABEL_WIDTH - 8;
        let _ = writeln!(text, "<text x=\"{label_x}\" y=\"{y}\" text-anchor=\"end\">{label}</text>");
        let _ = writeln!(
            text,
            "<rect x=\"{LABEL_WIDTH}\" y=\"{}\" width=\"{length:.1}\" height=\"{}\" fill=\"{}\"/>",
            y - 11,
            ROW - 4,
            colour(&operator.operator)
        );
        let value_x = LABEL_WIDTH as f64 + length + 6.0;
        let _ = writeln!(text, "<text x=\"{value_x:.1}\" y=\"{y}\">{}</text>", value(operator));
        y += ROW;
    }
    y + 2 * ROW
}

fn value(operator: &OperatorRecord) -> String {
    let instructions = grouped(operator.instructions);
    if operator.macs == 0 {
        return instructions;
    }
    format!("{instructions}, {:.2} per MAC", operator.instructions as f64 / operator.macs as f64)
}

/// Families of operators keep their colour from chart to chart.
fn colour(operator: &str) -> &'static str {
    match operator.split('-').next().unwrap_or("") {
        "conv2d" => "#4878a8",
        "depthwise" => "#e08a3c",
        "fully" => "#5a9e6f",
        "add" | "mul" => "#b05f8f",
        _ => "#8c8c8c",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operator_has_a_bar_and_the_longest_is_full() {
        let operator = |index, instructions, macs| OperatorRecord {
            index,
            operator: "conv2d-i8".into(),
            shape: "[1,2]".into(),
            instructions,
            macs,
            ..OperatorRecord::default()
        };
        let operators = vec![operator(0, 500, 250), operator(1, 1000, 0)];
        let model = ModelRecord { name: "kws".into(), instructions: 1500, operators, ..ModelRecord::default() };
        let record = BoardRecord { board: "b".into(), core: "cortex-m4".into(), models: vec![model] };
        let text = svg(&[record]);
        assert_eq!(text.matches("<rect x=").count(), 2);
        assert!(text.contains(&format!("width=\"{BAR_WIDTH}.0\"")) && text.contains("500, 2.00 per MAC"), "{text}");
        assert!(text.trim_end().ends_with("</svg>"));
    }
}
