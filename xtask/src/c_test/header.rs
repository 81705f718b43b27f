//! Is the header true? Compares the numbers in `ffi/include/kinglet.h` with the sources that they come from.
//!
//! The header is written by hand, for people. So that it cannot fall behind, everything in it that has another source
//! is compared with that source, in both directions where both sides are lists.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context, Result, ensure};
use kinglet_blob::DType;

use crate::tree;

/// Checks all there is to check; says how much that was.
pub(crate) fn check() -> Result<String> {
    let header = source("ffi/include/kinglet.h")?;
    let constants = header_constants(&header);
    let statuses = check_statuses(&constants)?;
    let functions = check_functions(&header)?;
    for (name, dtype) in [("KINGLET_I8", DType::I8), ("KINGLET_F32", DType::F32)] {
        ensure!(constants.get(name) == Some(&(dtype as i64)), "kinglet.h: {name} is not {}", dtype as i64);
    }
    ensure!(header.contains("#define KINGLET_ALIGNMENT 16\n"), "kinglet.h: KINGLET_ALIGNMENT is not 16");
    let handles = source("ffi/src/handle.rs")?;
    for (name, words) in [("MODEL", "16 + 2 * size"), ("SESSION", "2 + size")] {
        ensure!(
            handles.contains(&format!("const {name}_WORDS: usize = {words}_of::<*const c_void>()")),
            "{name}_WORDS"
        );
        ensure!(header.contains(&format!("opaque[{words}of(void *)")), "kinglet.h: the size of the {name} handle");
    }
    let manifest = source("ffi/Cargo.toml")?;
    check_version(&header, &manifest)?;
    let features = check_features(&manifest)?;
    check_troubleshooting()?;
    Ok(format!("{statuses} statuses, {functions} functions, {features} features"))
}

fn source(path: &str) -> Result<String> {
    fs::read_to_string(tree::root().join(path)).with_context(|| format!("cannot read {path}"))
}

/// The engine's features, the ones for other Rust code apart, are the library's too.
fn check_features(manifest: &str) -> Result<usize> {
    let engine: toml::Table = source("runtime/engine/Cargo.toml")?.parse().context("runtime/engine/Cargo.toml")?;
    let features = engine.get("features").and_then(toml::Value::as_table).context("the engine has no features")?;
    let others = ["default", "std", "defmt"];
    let names: Vec<&String> = features.keys().filter(|name| !others.contains(&name.as_str())).collect();
    for name in &names {
        let line = format!("\n{name} = [\"kinglet/{name}\"]\n");
        ensure!(manifest.contains(&line), "ffi/Cargo.toml does not hand the feature {name} on to the engine");
    }
    Ok(names.len())
}

/// The page has a row for every status, in order, under the number and the word that the library has for it.
fn check_troubleshooting() -> Result<()> {
    let page = source("docs/troubleshooting.md")?;
    let rows = page.lines().filter_map(|line| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let number = cells.next()?.parse::<i64>().ok()?;
        Some((number, cells.next()?.trim_matches('`').to_owned()))
    });
    let rows: Vec<(i64, String)> = rows.collect();
    let statuses = source("ffi/src/status.rs")?;
    let known = statuses.lines().filter_map(|line| {
        let (left, word) = line.trim().strip_suffix("\",")?.split_once(" c\"")?;
        let number = left.rsplit(' ').next()?.parse::<i64>().ok()?;
        Some((number, word.to_owned()))
    });
    let known: BTreeMap<i64, String> = known.filter(|(number, _)| *number != 0).collect();
    ensure!(known.len() > 40, "only {} statuses were found", known.len());
    let listed: BTreeMap<i64, String> = rows.iter().cloned().collect();
    ensure!(rows.is_sorted() && listed.len() == rows.len(), "docs/troubleshooting.md is not in order of numbers");
    let differing: Vec<_> = known
        .iter()
        .filter(|(number, word)| listed.get(number) != Some(word))
        .map(|(number, word)| format!("{number} {word}"))
        .chain(listed.keys().filter(|number| !known.contains_key(number)).map(|number| format!("{number}")))
        .collect();
    ensure!(differing.is_empty(), "docs/troubleshooting.md and the library differ in {differing:?}");
    Ok(())
}

/// `NAME = number` for every enumerator.
fn header_constants(header: &str) -> BTreeMap<String, i64> {
    let entries = header.lines().filter_map(|line| {
        let line = line.split("/*").next()?.trim().trim_end_matches(',');
        let (name, number) = line.split_once(" = ")?;
        Some((name.strip_prefix("KINGLET_")?, number.parse().ok()?))
    });
    entries.map(|(name, number)| (format!("KINGLET_{name}"), number)).collect()
}

/// The engine's rules, the C interface's own statuses and the header's numbers are the same lists.
fn check_statuses(constants: &BTreeMap<String, i64>) -> Result<usize> {
    let mut expected = rules(&source("runtime/blob/src/reader.rs")?, "enum FormatRule");
    expected.extend(rules(&source("runtime/engine/src/error.rs")?, "enum LoadRule"));
    let named = named_statuses(&source("ffi/src/status.rs")?);
    for (rule, number) in &expected {
        ensure!(
            named.get(number) == Some(rule),
            "ffi/src/status.rs: {number} is {:?}, the engine's is {rule:?}",
            named.get(number)
        );
    }
    let engine_numbers: BTreeSet<i64> = expected.values().copied().collect();
    for (number, word) in &named {
        let own = *number == 0 || *number >= 128;
        ensure!(own || engine_numbers.contains(number), "ffi/src/status.rs: the engine has no rule {number} ({word})");
        let name =
            if *number == 0 { "KINGLET_OK".to_owned() } else { format!("KINGLET_ERROR_{}", word.to_uppercase()) };
        ensure!(constants.get(&name) == Some(number), "kinglet.h: {name} is not {number}");
    }
    let in_header = constants.keys().filter(|name| name.starts_with("KINGLET_ERROR_")).count() + 1;
    ensure!(in_header == named.len(), "kinglet.h has {in_header} statuses, ffi/src/status.rs {}", named.len());
    Ok(in_header)
}

/// `snake_case = number` for every variant of an enum.
fn rules(source: &str, name: &str) -> BTreeMap<String, i64> {
    let body = source.split_once(name).and_then(|(_, rest)| rest.split_once("\n}")).map_or("", |(body, _)| body);
    let variants = body.lines().filter_map(|line| {
        let (name, number) = line.trim().trim_end_matches(',').split_once(" = ")?;
        Some((snake_case(name), number.parse().ok()?))
    });
    variants.collect()
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

/// Number and word of every `NAME = 128 c"name"` and `1 c"name"`.
fn named_statuses(source: &str) -> BTreeMap<i64, String> {
    let entries = source.lines().filter_map(|line| {
        let (number, word) = line.trim().strip_suffix("\",")?.split_once(" c\"")?;
        let number = number.rsplit(' ').next()?;
        Some((number.parse().ok()?, word.to_owned()))
    });
    entries.collect()
}

/// The functions that the header declares are those that the library exports.
pub(crate) fn functions() -> Result<BTreeSet<String>> {
    Ok(declared_functions(&source("ffi/include/kinglet.h")?))
}

fn declared_functions(header: &str) -> BTreeSet<String> {
    // Declarations start in the first column; calls in comments do not.
    let lines = header.lines().filter(|line| !line.starts_with([' ', '/', '*', '#']));
    let names = lines.filter_map(|line| {
        let (before, _) = line.split_once('(')?;
        before.rsplit([' ', '*']).next().filter(|name| name.starts_with("kinglet_"))
    });
    names.map(str::to_owned).collect()
}

fn check_functions(header: &str) -> Result<usize> {
    let declared = declared_functions(header);
    let mut exported = BTreeSet::new();
    for file in ["lib", "model", "session", "status"] {
        let text = source(&format!("ffi/src/{file}.rs"))?;
        let names = text.split("extern \"C\" fn kinglet_").skip(1).filter_map(|rest| rest.split_once('('));
        exported.extend(names.map(|(name, _)| format!("kinglet_{name}")));
    }
    exported.remove("kinglet_negative_control");
    let differing: Vec<&String> = declared.symmetric_difference(&exported).collect();
    ensure!(differing.is_empty(), "not both declared in kinglet.h and exported: {differing:?}");
    Ok(declared.len())
}

fn check_version(header: &str, manifest: &str) -> Result<()> {
    let part = |name: &str| {
        let line = format!("#define KINGLET_VERSION_{name} ");
        header.split_once(&line).and_then(|(_, rest)| rest.lines().next()).unwrap_or_default()
    };
    let version = format!("{}.{}.{}", part("MAJOR"), part("MINOR"), part("PATCH"));
    ensure!(
        manifest.contains(&format!("\nversion = \"{version}\"\n")),
        "kinglet.h says version {version}, ffi/Cargo.toml does not"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_true() {
        check().unwrap();
    }

    #[test]
    fn numbers_are_found_where_they_are_written() {
        let constants = header_constants("enum {\n    KINGLET_A = 3, /* x = 9 */\n    KINGLET_B = 4 /* y */\n};\n");
        assert_eq!(constants.into_iter().collect::<Vec<_>>(), [("KINGLET_A".into(), 3), ("KINGLET_B".into(), 4)]);
        let rules = rules("pub enum X {\n    /// Doc.\n    TableLength = 6,\n}\nenum Y {\n    Crc = 7,\n}", "enum X");
        assert_eq!(rules.into_iter().collect::<Vec<_>>(), [("table_length".into(), 6)]);
        let named = named_statuses("    OK = 0 c\"ok\",\n    7 c\"crc\",\n");
        assert_eq!(named.into_iter().collect::<Vec<_>>(), [(0, "ok".into()), (7, "crc".into())]);
    }

    #[test]
    fn only_declarations_are_functions() {
        let header = " * kinglet_a(x)\nuint32_t kinglet_b(void);\nconst char *kinglet_c(int x,\n                kinglet_d(x));\n";
        assert_eq!(declared_functions(header).into_iter().collect::<Vec<_>>(), ["kinglet_b", "kinglet_c"]);
    }
}
