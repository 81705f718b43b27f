//! Prose: module heads, links, the change log.

use kinglet_tests::tree::root;

use super::{assert_none, with_ending};

#[test]
fn every_module_begins_with_prose() {
    let mut violations = Vec::new();
    for file in with_ending(&[".rs"]) {
        // A sibling file of tests is introduced by the file it tests.
        if !file.text.starts_with("//! ") && !file.path.ends_with("/tests.rs") {
            violations.push(file.path);
        }
    }
    assert_none("modules that do not say what they are for", &violations);
}

/// Targets of `[text](target)` outside code blocks.
fn links(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            let after = line.split("](").skip(1);
            found.extend(after.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())));
        }
    }
    found
}

#[test]
fn relative_links_lead_somewhere() {
    let mut violations = Vec::new();
    for file in with_ending(&[".md"]) {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in links(&file.text) {
            let target = link.split(['#', ' ']).next().unwrap_or_default();
            let elsewhere = target.is_empty() || target.contains("://") || target.starts_with("mailto:");
            if !elsewhere && !root().join(folder).join(target).exists() {
                violations.push(format!("{}: {link}", file.path));
            }
        }
    }
    assert_none("links that lead nowhere", &violations);
}

#[test]
fn the_links_are_found() {
    let text = "See [a](x.md) and [b](y.md#part).\n```\n[c](z.md)\n```\n[d](https://example.org)";
    assert_eq!(links(text), ["x.md", "y.md#part", "https://example.org"]);
}

#[test]
fn the_change_log_knows_this_version() {
    let Ok(text) = std::fs::read_to_string(root().join("CHANGELOG.md")) else {
        println!("skipped: there is no CHANGELOG.md");
        return;
    };
    let version = env!("CARGO_PKG_VERSION");
    let heading = |line: &str| line.starts_with("## ") && (line.contains("Unreleased") || line.contains(version));
    assert!(text.lines().any(heading), "CHANGELOG.md has neither an Unreleased section nor one for {version}");
}
