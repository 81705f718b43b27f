//! From executions per address to executions per function.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use object::{Object, ObjectSymbol, SymbolKind};

/// Functions and how many instructions were executed in each, most first.
pub(crate) fn by_function(image: &Path, histogram: &str) -> Result<Vec<(String, u64)>> {
    let bytes = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let file = object::File::parse(&*bytes).with_context(|| format!("{} is not an ELF file", image.display()))?;
    // Bit 0 of a Thumb function's address says only that it is one.
    let functions: BTreeMap<u64, String> = file
        .symbols()
        .filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.is_definition())
        .filter_map(|symbol| {
            Some((symbol.address() & !1, format!("{:#}", rustc_demangle::demangle(symbol.name().ok()?))))
        })
        .collect();
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for line in histogram.lines() {
        let (address, count) = line.split_once(' ').with_context(|| format!("in the histogram: {line}"))?;
        let address: u64 = address.parse().with_context(|| format!("in the histogram: {line}"))?;
        let count: u64 = count.parse().with_context(|| format!("in the histogram: {line}"))?;
        let name = functions.range(..=address).next_back().map_or("(no symbol)", |(_, name)| name);
        *totals.entry(name).or_default() += count;
    }
    let mut list: Vec<(String, u64)> = totals.into_iter().map(|(name, count)| (name.to_owned(), count)).collect();
    list.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(list)
}
