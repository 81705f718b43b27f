//! Kernels: who finds a broken contract says so.

use super::{assert_none, with_ending};

/// Functions that are given an `&mut Io` and leave it in the middle without a word, by line number. Such a function
/// refuses (`return io.refuse()`), hands the `Io` on (`return other(io)`), or goes on to its end.
fn silent_returns(text: &str) -> Vec<usize> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let is_function = line.trim_start().split(['(', '<']).next().is_some_and(|head| head.contains("fn "));
        if !is_function || line.trim_start().starts_with("//") {
            continue;
        }
        let end = format!("{}}}", &line[..line.len() - line.trim_start().len()]);
        let body_len = lines[start..].iter().position(|line| *line == end).unwrap_or(0);
        let function = &lines[start..start + body_len];
        let head_len = function.iter().position(|line| line.ends_with(['{', ';'])).unwrap_or(0);
        let head = &function[..function.len().min(head_len + 1)];
        let is_declaration = head.last().is_none_or(|line| line.ends_with(';'));
        if is_declaration || !head.iter().any(|line| line.contains("&mut Io<")) {
            continue;
        }
        let is_silent = |line: &str| line.contains("return;") || line.contains("{ return }");
        found.extend((start..).zip(function).filter(|(_, line)| is_silent(line)).map(|(at, _)| at + 1));
    }
    found
}

#[test]
fn kernels_refuse_instead_of_returning() {
    let mut violations = Vec::new();
    let mut files = 0;
    for file in with_ending(&[".rs"]).iter().filter(|file| file.path.starts_with("runtime/kernels/src/")) {
        files += 1;
        violations.extend(silent_returns(&file.text).iter().map(|line| format!("{}:{line}", file.path)));
    }
    assert!(files > 90, "only {files} files of kernels were found");
    assert_none("a kernel that returns early without `io.refuse()` leaves old memory as its result", &violations);
}

#[test]
fn silence_is_found() {
    let kernel = "pub fn f(\n    io: &mut Io<i8>,\n) {\n    let Some(x) = y else { return };\n    if z {\n        return;\n    }\n}\n";
    assert_eq!(silent_returns(kernel), [4, 6]);
    let loud = "fn f(io: &mut Io<i8>) {\n    let Some(x) = y else { return io.refuse() };\n}\n";
    assert_eq!(silent_returns(loud), []);
    let other = "fn f(x: &[i8]) {\n    let Some(x) = y else { return };\n}\n\nfn g(io: &mut Io<i8>) {\n    f();\n}\n";
    assert_eq!(silent_returns(other), []);
}
