//! The results as text.

use core::fmt::Write;

use super::peer::Peer;
use super::record::{BoardRecord, ModelRecord};

/// Columns that are as wide as they must be: the first to the left, the others to the right.
pub(crate) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(heads: &[&str]) -> Self {
        Self { rows: vec![heads.iter().map(|head| (*head).to_owned()).collect()] }
    }

    pub(crate) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// `left` columns are aligned to the left.
    pub(crate) fn render(&self, left: usize) -> String {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width =
            |column: usize| self.rows.iter().filter_map(move |row| row.get(column)).map(|cell| cell.chars().count());
        let widths: Vec<usize> = (0..columns).map(|column| width(column).max().unwrap_or(0)).collect();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = String::new();
            for (index, (cell, width)) in row.iter().zip(&widths).enumerate() {
                let _ = if index < left { write!(line, "{cell:<width$}  ") } else { write!(line, "{cell:>width$}  ") };
            }
            text += line.trim_end();
            text.push('\n');
        }
        text
    }
}

/// One line per model.
pub(crate) fn results(record: &BoardRecord, peer: &Peer) -> String {
    let helium = record.models.iter().any(|model| model.vector_instructions.is_some());
    let timed = record.models.iter().any(|model| model.estimated_cycles.is_some());
    let mut heads = vec!["model", "instructions", "per MAC", "of peer", "loads", "stores", "of peer"];
    heads.extend(helium.then_some("vector"));
    heads.extend(timed.then_some("est. cycles"));
    heads.extend(["init", "code flash", "blob", "arena", ".data+.bss", "stack", "outputs"]);
    let mut table = Table::new(&heads);
    for model in &record.models {
        let ratio =
            |ours: u64, peer: Option<u64>| peer.map_or("-".into(), |peer| format!("{:.3}", ours as f64 / peer as f64));
        let mut cells = vec![
            model.name.clone(),
            grouped(model.instructions),
            format!("{:.3}", model.instructions_per_mac()),
            ratio(model.instructions, peer.instructions(&record.core, &model.name)),
            grouped(model.loads),
            grouped(model.stores),
            ratio(model.loads + model.stores, peer.accesses(&record.core, &model.name)),
        ];
        cells.extend(model.vector_instructions.map(grouped));
        cells.extend(model.estimated_cycles.map(grouped));
        cells.extend([
            grouped(model.init_instructions),
            grouped(model.code_flash_bytes),
            grouped(model.blob_bytes),
            grouped(model.arena_bytes),
            grouped(model.data_bss_bytes),
            grouped(model.stack_bytes),
            verdict(model),
        ]);
        table.row(cells);
    }
    format!(
        "{} on QEMU {}; instructions of one inference, bytes, code flash without the blob\n{}",
        record.core,
        record.board,
        table.render(1)
    )
}

/// How many vectors were right, and by whose word.
fn verdict(model: &ModelRecord) -> String {
    if model.mismatches > 0 {
        let wrong = model.runs.iter().filter(|run| run.wrong_bytes > 0);
        let list: Vec<String> =
            wrong.map(|run| format!("{} {}/{} bytes", run.vector, run.wrong_bytes, run.output_bytes)).collect();
        return format!("WRONG: {}", list.join(", "));
    }
    let golden = model.runs.iter().filter(|run| run.expected_from == "golden").count() as u64;
    match model.vectors - golden {
        0 => format!("{golden} golden"),
        host if golden == 0 => format!("{host} as host"),
        host => format!("{golden} golden, {host} as host"),
    }
}

/// Functions below this share of a model's instructions are left out of the text.
const FUNCTION_SHARE_MIN: f64 = 0.01;

/// Each operator and each function of note, one table per model.
pub(crate) fn profiles(record: &BoardRecord, peer: &Peer) -> String {
    let mut text = String::new();
    for model in &record.models {
        let peer = peer.instructions(&record.core, &model.name);
        let peer = peer.map_or(String::new(), |peer| format!(" (peer {})", grouped(peer)));
        let _ = writeln!(text, "\n{} on {}: {}{peer}", model.name, record.core, grouped(model.instructions));
        text += &operators(model);
        text += &functions(model);
    }
    text
}

fn operators(model: &ModelRecord) -> String {
    let timed = model.estimated_cycles.is_some();
    let mut heads = vec!["operator", "output", "MACs", "instructions", "per MAC", "share", "loads", "stores"];
    heads.extend(timed.then_some("est. cycles"));
    let mut table = Table::new(&heads);
    let mut inside = 0;
    for operator in &model.operators {
        inside += operator.instructions;
        let per_mac = operator.instructions as f64 / operator.macs as f64;
        let mut cells = vec![
            format!("{:>3} {}", operator.index, operator.operator),
            operator.shape.clone(),
            grouped(operator.macs),
            grouped(operator.instructions),
            if operator.macs > 0 { format!("{per_mac:.2}") } else { String::new() },
            share(operator.instructions, model.instructions),
            grouped(operator.loads),
            grouped(operator.stores),
        ];
        cells.extend(operator.estimated_cycles.map(grouped));
        table.row(cells);
    }
    let between = model.instructions.saturating_sub(inside);
    let mut cells = vec![String::new(); 8];
    cells[0] = "between operators".into();
    cells[3] = grouped(between);
    cells[5] = share(between, model.instructions);
    table.row(cells);
    table.render(2)
}

fn functions(model: &ModelRecord) -> String {
    let mut table = Table::new(&["function", "instructions", "share"]);
    for function in &model.functions {
        if function.instructions as f64 >= model.instructions as f64 * FUNCTION_SHARE_MIN {
            let part = share(function.instructions, model.instructions);
            table.row(vec![function.name.clone(), grouped(function.instructions), part]);
        }
    }
    table.render(1)
}

/// What has changed since `old` was written, per model and number; what has not is left out.
pub(crate) fn changes(record: &BoardRecord, old: &[BoardRecord]) -> String {
    let Some(old) = old.iter().find(|old| old.core == record.core) else {
        return format!("nothing to compare: the earlier file has no {}\n", record.core);
    };
    let mut table = Table::new(&["changed", "number", "before", "now", "change"]);
    for model in &record.models {
        let Some(before) = old.models.iter().find(|before| before.name == model.name) else {
            table.row(vec![model.name.clone(), "all".into(), "-".into(), "new".into(), String::new()]);
            continue;
        };
        for ((name, now), (_, before)) in numbers(model).into_iter().zip(numbers(before)) {
            if now != before {
                let change = (now as f64 / before.max(1) as f64 - 1.0) * 100.0;
                let change = format!("{change:+.2} %");
                table.row(vec![model.name.clone(), name.into(), grouped(before), grouped(now), change]);
            }
        }
    }
    if table.rows.len() == 1 {
        return "no change against the earlier file\n".into();
    }
    table.render(2)
}

fn numbers(model: &ModelRecord) -> [(&'static str, u64); 11] {
    [
        ("instructions", model.instructions),
        ("loads", model.loads),
        ("stores", model.stores),
        ("vector instructions", model.vector_instructions.unwrap_or(0)),
        ("MACs", model.macs),
        ("init instructions", model.init_instructions),
        ("code flash", model.code_flash_bytes),
        ("blob", model.blob_bytes),
        ("arena", model.arena_bytes),
        (".data+.bss", model.data_bss_bytes),
        ("stack", model.stack_bytes),
    ]
}

fn share(part: u64, whole: u64) -> String {
    format!("{:.1} %", part as f64 / whole.max(1) as f64 * 100.0)
}

/// 7845131 as 7,845,131.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu_bench::record::RunRecord;

    fn record(instructions: u64, wrong_bytes: u64) -> BoardRecord {
        let runs = ["golden", "host"].map(|from| RunRecord {
            vector: "ramp".into(),
            expected_from: from.into(),
            output_bytes: 12,
            wrong_bytes,
            instructions,
        });
        let mismatches = if wrong_bytes > 0 { 2 } else { 0 };
        let model = ModelRecord {
            name: "kws".into(),
            instructions,
            macs: 1000,
            vectors: 2,
            mismatches,
            runs: runs.into(),
            ..ModelRecord::default()
        };
        BoardRecord { board: "b".into(), core: "cortex-m4".into(), models: vec![model] }
    }

    #[test]
    fn numbers_are_grouped_by_three() {
        assert_eq!([0, 999, 1000, 7_845_131].map(grouped), ["0", "999", "1,000", "7,845,131"]);
    }

    #[test]
    fn a_wrong_output_cannot_be_overlooked() {
        assert!(results(&record(1, 0), &Peer::default()).contains("1 golden, 1 as host"));
        assert!(results(&record(1, 3), &Peer::default()).contains("WRONG: ramp 3/12 bytes"));
    }

    #[test]
    fn only_changed_numbers_are_listed() {
        let text = changes(&record(1010, 0), &[record(1000, 0)]);
        assert!(text.contains("+1.00 %") && text.lines().count() == 2, "{text}");
        assert_eq!(changes(&record(5, 0), &[record(5, 0)]), "no change against the earlier file\n");
        assert!(changes(&record(5, 0), &[]).contains("no cortex-m4"));
    }
}
