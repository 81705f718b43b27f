//! Prose: module heads, links, the index of pages, the change log.

use std::collections::{BTreeMap, BTreeSet};

use kinglet_tests::tree::{SourceFile, root};

use super::{assert_none, with_ending};

/// Every page of Markdown.
pub(super) fn pages() -> Vec<SourceFile> {
    with_ending(&[".md"])
}

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

/// Targets of `[text](target)` and of pictures outside code blocks.
fn links(text: &str) -> Vec<String> {
    let mut in_code = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if !in_code {
            for (before, end) in [("](", ')'), (" src=\"", '"'), (" srcset=\"", '"')] {
                let after = line.split(before).skip(1);
                found.extend(after.filter_map(|rest| Some(rest.split_once(end)?.0.to_owned())));
            }
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

/// The names of a page's headings, as links have them: small letters, dashes for spaces, a number for what comes again.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        let title = line.trim_start_matches('#');
        if in_code || title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        // Of a link in a heading only the text counts.
        let title: String = title.split("](").map(|part| part.split_once(')').map_or(part, |(_, rest)| rest)).collect();
        let is_kept = |letter: &char| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_');
        let kept = title.trim().to_lowercase().chars().filter(is_kept).collect::<String>().replace(' ', "-");
        let again = (1..).map(|count| format!("{kept}-{count}"));
        if let Some(name) = [kept.clone()].into_iter().chain(again).find(|name| !found.contains(name)) {
            found.insert(name);
        }
    }
    found
}

/// Where a link of a page leads, from the root: `..` is resolved.
fn target(page: &str, link: &str) -> String {
    let mut parts: Vec<&str> = page.split('/').collect();
    parts.pop();
    for part in link.split('/') {
        match part {
            "." | "" => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[test]
fn parts_of_pages_that_links_name_are_there() {
    let pages = pages();
    let anchors: BTreeMap<&str, BTreeSet<String>> =
        pages.iter().map(|page| (page.path.as_str(), anchors(&page.text))).collect();
    let (mut violations, mut count) = (Vec::new(), 0);
    for page in &pages {
        for link in links(&page.text).iter().filter(|link| !link.contains("://")) {
            let Some((file, part)) = link.split_once('#') else { continue };
            let path = if file.is_empty() { page.path.clone() } else { target(&page.path, file) };
            count += 1;
            if anchors.get(path.as_str()).is_some_and(|known| !known.contains(part)) {
                violations.push(format!("{}: {link}", page.path));
            }
        }
    }
    assert!(count > 100, "only {count} links to parts of pages were found");
    assert_none("links to headings that are not there", &violations);
}

/// Pages that the index need not have: the front page, itself, decisions, which have an index, and pages of packages.
fn is_listed_elsewhere(path: &str) -> bool {
    let elsewhere = ["docs/decisions/0", "ffi/", "runtime/"];
    ["README.md", "docs/README.md"].contains(&path) || elsewhere.iter().any(|folder| path.starts_with(folder))
}

#[test]
fn the_index_has_every_page_once() {
    let index = std::fs::read_to_string(root().join("docs/README.md")).unwrap();
    let mut listed = BTreeMap::new();
    for link in index.lines().filter_map(|line| line.strip_prefix("- ")).flat_map(links) {
        *listed.entry(target("docs/README.md", &link)).or_insert(0) += 1;
    }
    let mut violations: Vec<String> =
        listed.iter().filter(|(_, count)| **count > 1).map(|(path, count)| format!("{path}: {count} times")).collect();
    let missing = pages().into_iter().map(|page| page.path).filter(|path| !is_listed_elsewhere(path));
    violations.extend(missing.filter(|path| !listed.contains_key(path)));
    assert_none("pages that docs/README.md does not list once, as `- [title](page.md): what it is for`", &violations);
}

#[test]
fn headings_are_named_as_links_name_them() {
    let text = "# A `b` c, d: 1.2\n## [x](y.md) z\n```\n# no\n```\n## Same\n## Same\n#!no\n";
    let found: Vec<String> = anchors(text).into_iter().collect();
    assert_eq!(found, ["a-b-c-d-12", "same", "same-1", "x-z"]);
    assert_eq!(target("docs/a.md", "../b/./c.md"), "b/c.md");
}

#[test]
fn the_links_are_found() {
    let text = "See [a](x.md) and [b](y.md#part).\n```\n[c](z.md)\n```\n[d](https://example.org)\n<img src=\"a.png\">";
    assert_eq!(links(text), ["x.md", "y.md#part", "https://example.org", "a.png"]);
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
