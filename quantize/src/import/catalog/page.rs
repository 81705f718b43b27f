//! The tables of `docs/operators.md`.

use core::fmt::Write;

use super::{Family, GROUPS, remedies};

/// A table of each group's families, and one of what works in place of operators that are not read, in Markdown.
pub fn page() -> String {
    let mut text = String::new();
    for group in GROUPS {
        let _ = write!(
            text,
            "\n### {}\n\n| operator | ONNX | TensorFlow Lite | types of elements | kernels of their own | limits | in a \
             blob |\n|---|---|---|---|---|---|---|\n",
            group.title
        );
        for family in group.families {
            let _ = writeln!(text, "{}", row(family));
        }
    }
    let _ = write!(text, "\n### Instead of operators that are not read\n\n| operators | what works |\n|---|---|\n");
    for (names, remedy) in remedies() {
        let _ = writeln!(text, "| {} | {remedy} |", code(names.iter().copied()));
    }
    text
}

fn row(family: &Family) -> String {
    let types: Vec<&str> = family.types().into_iter().map(|dtype| dtype.name()).collect();
    let types = if types.is_empty() { "on import".into() } else { types.join(", ") };
    let runs = if family.parts.is_empty() { "-".into() } else { family.runs() };
    let cells = [
        family.name.into(),
        code(family.onnx()),
        code(family.tflite()),
        types,
        family.accelerated_in_words("<br>"),
        family.limits.into(),
        runs,
    ];
    format!("| {} |", cells.map(|cell| if cell.is_empty() { "-".into() } else { cell }).join(" | "))
}

fn code<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

impl Family {
    /// Which types have kernels of their own, and on which instruction sets.
    pub fn accelerated_in_words(&self, separator: &str) -> String {
        let of_type = |(dtype, sets): (kinglet_blob::DType, Vec<kinglet_kernels::registry::Isa>)| {
            format!("{}: {}", dtype.name(), sets.iter().map(|isa| isa.title()).collect::<Vec<_>>().join(", "))
        };
        self.accelerated().into_iter().map(of_type).collect::<Vec<_>>().join(separator)
    }
}
