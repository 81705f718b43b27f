//! Files: length, characters, words that must not be there, manifests.

use kinglet_tests::tree::source_files;

use super::{assert_none, with_ending, words};

/// A hand-written file is never longer, and is looked at again from the second number on.
const FILE_LINES_MAX: usize = 1000;
const FILE_LINES_REVIEW: usize = 600;

/// Where unsafe code may stand: the aligned cast, instruction sets, and what touches C, registers or an emulator.
const UNSAFE_ALLOWED: [&str; 5] =
    ["runtime/blob/src/cast/mod.rs", "runtime/kernels/src/arch/", "ffi/", "targets/", "xtask/icount-plugin/"];

#[test]
fn files_are_short() {
    let mut violations = Vec::new();
    for file in source_files() {
        let lines = file.text.lines().count();
        if lines > FILE_LINES_MAX {
            violations.push(format!("{}: {lines} lines", file.path));
        } else if lines > FILE_LINES_REVIEW {
            println!("to be reviewed: {} has {lines} lines", file.path);
        }
    }
    assert_none("files of more than 1,000 lines", &violations);
}

#[test]
fn lines_have_no_tabs_and_no_trailing_spaces() {
    let mut violations = Vec::new();
    for file in source_files() {
        for (number, line) in file.text.lines().enumerate() {
            if line.contains('\t') || line.ends_with(' ') || line.contains('\r') {
                violations.push(format!("{}:{}", file.path, number + 1));
            }
        }
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            violations.push(format!("{}: no newline at the end", file.path));
        }
    }
    assert_none("tabs, carriage returns, spaces at a line's end, or no last newline", &violations);
}

#[test]
fn unsafe_stands_in_its_places() {
    let mut violations = Vec::new();
    for file in with_ending(&[".rs"]) {
        if UNSAFE_ALLOWED.iter().any(|place| file.path.starts_with(place)) {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            if words(line).any(|word| word == concat!("un", "safe")) && !line.contains('"') {
                violations.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("unsafe code outside its places", &violations);
}

#[test]
fn every_crate_root_says_so() {
    // Crates without unsafe code forbid it, the two that have some deny it outside one module.
    let mut violations = Vec::new();
    for file in with_ending(&["/src/lib.rs", "/src/main.rs"]) {
        let allowed = UNSAFE_ALLOWED.iter().any(|place| file.path.starts_with(place));
        let says = file.text.contains("#![forbid(unsafe_code)]") || file.text.contains("#![deny(unsafe_code)]");
        if !allowed && !says {
            violations.push(file.path);
        }
    }
    assert_none("crate roots without forbid(unsafe_code)", &violations);
}

#[test]
fn nothing_is_left_to_do() {
    let unfinished = [concat!("to", "do!"), concat!("unimple", "mented!"), concat!("db", "g!"), concat!("FIX", "ME")];
    let mut violations = Vec::new();
    for file in with_ending(&[".rs", ".s", ".c", ".h", ".py"]) {
        for (number, line) in file.text.lines().enumerate() {
            if unfinished.iter().any(|macro_name| line.contains(macro_name)) {
                violations.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("unfinished code", &violations);
}

#[test]
fn no_path_of_one_machine() {
    // Instructions for people may use the folder for temporary files, code may not.
    let everywhere = [concat!("/ho", "me/"), concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/Use", "rs/")];
    let in_code = concat!("/tm", "p/");
    let mut violations = Vec::new();
    for file in source_files() {
        let is_code = [".rs", ".toml", ".sh"].iter().any(|ending| file.path.ends_with(ending));
        for (number, line) in file.text.lines().enumerate() {
            if everywhere.iter().any(|path| line.contains(path)) || (is_code && line.contains(in_code)) {
                violations.push(format!("{}:{}: {}", file.path, number + 1, line.trim()));
            }
        }
    }
    assert_none("paths of one machine", &violations);
}

#[test]
fn every_crate_has_lints() {
    let mut violations = Vec::new();
    for file in with_ending(&["Cargo.toml"]) {
        let value: toml::Table = file.text.parse().unwrap_or_else(|error| panic!("{}: {error}", file.path));
        if !value.contains_key("package") {
            continue;
        }
        let lints = value.get("lints").and_then(toml::Value::as_table);
        let inherits = lints.and_then(|lints| lints.get("workspace")) == Some(&toml::Value::Boolean(true));
        // A package that is a workspace of its own has nobody to inherit from.
        let own = value.contains_key("workspace") && lints.is_some_and(|lints| !lints.is_empty());
        if !inherits && !own {
            violations.push(file.path);
        }
    }
    assert_none("packages without lints", &violations);
}

#[test]
fn names_say_something() {
    let empty = [concat!("Man", "ager"), concat!("Hel", "per"), concat!("Ut", "ils"), concat!("Im", "pl2")];
    let mut violations = Vec::new();
    for file in with_ending(&[".rs"]) {
        let stem = file.path.rsplit('/').next().unwrap_or_default().to_lowercase();
        if empty.iter().any(|name| stem.contains(&name.to_lowercase())) {
            violations.push(file.path.clone());
        }
        for (number, line) in file.text.lines().enumerate() {
            let mut line_words = words(line).skip_while(|word| !["struct", "enum", "trait", "mod"].contains(word));
            let name = line_words.nth(1).unwrap_or_default();
            if empty.iter().any(|part| name.to_lowercase().contains(&part.to_lowercase())) {
                violations.push(format!("{}:{}: {name}", file.path, number + 1));
            }
        }
    }
    assert_none("names that say nothing", &violations);
}
