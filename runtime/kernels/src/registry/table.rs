//! Tables of kernels: every one of them for `docs/operators.md`, and where there are fast ones for the README.

use core::fmt;

use super::{Element, Isa, Operator, Row, kernels};

/// Writes the table of operators, element types and instruction sets in Markdown: the kernel that serves each
/// cell, with its packing if it has one, or a dash where the operator does not exist for that type. Hosts emulate all
/// packings, which the table leaves out.
pub fn write_table(out: &mut impl fmt::Write) -> fmt::Result {
    write!(out, "| Operator | Type |")?;
    Isa::ALL.iter().try_for_each(|isa| write!(out, " {} |", isa.title()))?;
    write!(out, "\n|---|---|")?;
    Isa::ALL.iter().try_for_each(|_| write!(out, "---|"))?;
    writeln!(out)?;
    for &operator in Operator::ALL {
        for (element, label) in [(Element::I8, "int8"), (Element::I16, "int16"), (Element::F32, "float32")] {
            // Few operators know int16; the others say nothing of it.
            let is_known = |row: &Row| row.operators.contains(&operator) && row.element == element;
            if element == Element::I16 && !kernels().any(is_known) {
                continue;
            }
            write!(out, "| {operator:?} | {label} |")?;
            for isa in Isa::ALL {
                write_cell(out, operator, element, *isa)?;
            }
            writeln!(out)?;
        }
    }
    Ok(())
}

/// Writes the table of the operators that have kernels of their own on some instruction set, in Markdown: the types of
/// activations for which they do.
pub fn write_accelerated(out: &mut impl fmt::Write) -> fmt::Result {
    let sets = || Isa::ALL.iter().copied().filter(|&isa| isa != Isa::Portable);
    write!(out, "| Operator |")?;
    sets().try_for_each(|isa| write!(out, " {} |", isa.title()))?;
    write!(out, "\n|---|")?;
    sets().try_for_each(|_| write!(out, "---|"))?;
    writeln!(out)?;
    for &operator in Operator::ALL {
        let is_own = |row: &Row, isa| row.operators.contains(&operator) && row.isa == isa && row.emulates.is_none();
        if !kernels().any(|row| row.isa != Isa::Portable && is_own(row, row.isa)) {
            continue;
        }
        write!(out, "| {operator:?} |")?;
        for isa in sets() {
            let mut separator = " ";
            for (element, label) in [(Element::I8, "int8"), (Element::I16, "int16"), (Element::F32, "float32")] {
                if kernels().any(|row| is_own(row, isa) && row.element == element) {
                    write!(out, "{separator}{label}")?;
                    separator = ", ";
                }
            }
            write!(out, "{} |", if separator == " " { " -" } else { "" })?;
        }
        writeln!(out)?;
    }
    Ok(())
}

fn write_cell(out: &mut impl fmt::Write, operator: Operator, element: Element, isa: Isa) -> fmt::Result {
    let rows = || kernels().filter(|row| row.operators.contains(&operator) && row.element.serves(element));
    let mut separator = " ";
    for row in rows().filter(|row| row.isa == isa && row.emulates.is_none()) {
        write!(out, "{separator}`{}`", row.name())?;
        if let Some(packing) = row.packing {
            write!(out, " ({packing})")?;
        }
        separator = ", ";
    }
    let nothing_special = separator == " ";
    let rest = match (nothing_special, rows().next()) {
        (false, _) => "",
        (true, Some(_)) => " portable",
        (true, None) => " -",
    };
    write!(out, "{rest} |")
}
