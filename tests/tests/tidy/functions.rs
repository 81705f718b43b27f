//! Functions: length. Rules: each has a test.

use kinglet_tests::tree::root;

use super::{assert_none, with_ending, words};

/// A function fits a screen.
const FUNCTION_LINES_MAX: usize = 70;

/// Longer ones, each with its length: the list may only get shorter.
const LONGER: [(&str, &str, usize); 1] = [("runtime/kernels/benches/kernels.rs", "bench", 79)];

/// Every function of more than the allowed lines in rustfmt's layout: from the line with its name to the first
/// line with a brace in the same column.
fn long_functions(text: &str) -> Vec<(String, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let mut rest = words(line).skip_while(|word| {
            word.starts_with("pub") || ["const", "async", "extern", "C", "crate", "super", "in"].contains(word)
        });
        let (Some("fn"), Some(name)) = (rest.next(), rest.next()) else { continue };
        let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let one_line = line.ends_with('}') || line.ends_with(';');
        let length = lines[start..].iter().position(|line| *line == end).map_or(0, |last| last + 1);
        if !one_line && length > FUNCTION_LINES_MAX {
            found.push((name.to_owned(), length));
        }
    }
    found
}

#[test]
fn functions_fit_a_screen() {
    let mut violations = Vec::new();
    let mut known = Vec::new();
    for file in with_ending(&[".rs"]) {
        for (name, length) in long_functions(&file.text) {
            match LONGER.iter().find(|(path, function, _)| *path == file.path && *function == name) {
                Some((_, _, allowed)) if length <= *allowed => known.push((file.path.clone(), name)),
                _ => violations.push(format!("{}: {name} has {length} lines", file.path)),
            }
        }
    }
    assert_none("functions of more than 70 lines", &violations);
    for (path, function, _) in LONGER {
        let is_there = known.iter().any(|(file, name)| file == path && name == function);
        assert!(is_there, "{function} in {path} is short now: take it off the list");
    }
}

#[test]
fn the_measure_works() {
    let body = "        step();\n".repeat(69);
    let long = format!("impl A {{\n    pub(crate) const fn f(\n    ) {{\n{body}    }}\n}}\n");
    assert_eq!(long_functions(&long), [("f".to_owned(), 72)]);
    let short = format!("fn f() {{\n{}}}\n\nfn g();\n", "    step();\n".repeat(68));
    assert_eq!(long_functions(&short), []);
}

/// The variants of an enum in a source file.
fn variants(path: &str, declaration: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    let body = text.split(declaration).nth(1).and_then(|rest| rest.split("\n}").next()).expect("the enum is there");
    let named = body.lines().map(str::trim).filter(|line| line.contains(" = "));
    let names: Vec<String> = named.filter_map(|line| Some(line.split_once(' ')?.0.to_owned())).collect();
    assert!(names.len() > 10, "found only {names:?} in {path}");
    names
}

#[test]
fn every_rule_is_provoked_by_a_test() {
    let tests: String = with_ending(&[".rs"])
        .into_iter()
        .filter(|file| file.path.starts_with("runtime/blob/tests/") || file.path.starts_with("runtime/engine/tests/"))
        .map(|file| file.text)
        .collect();
    let mut violations = Vec::new();
    for (path, name) in [("runtime/blob/src/reader.rs", "FormatRule"), ("runtime/engine/src/error.rs", "LoadRule")] {
        for variant in variants(path, &format!("pub enum {name} {{")) {
            if !tests.contains(&format!("{name}::{variant}")) {
                violations.push(format!("{name}::{variant}"));
            }
        }
    }
    assert_none("rules that no test names", &violations);
}
