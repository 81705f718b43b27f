//! Every commit says why: `area: what changed`, then a body (STYLE.md, 16).

use std::process::Command;

use kinglet_tests::tree::root;

/// The last commit before the rule was held by a test: half of those before have no body, and what is written stays.
const BEFORE: &str = "210aa14c936a91e53bdd45b9d4f34926933aa851";

/// What is wrong with a commit's message.
fn complaint(message: &str) -> Option<&'static str> {
    let (subject, body) = message.split_once('\n').unwrap_or((message, ""));
    let (area, change) = subject.split_once(": ").unwrap_or(("", subject));
    if area.is_empty() || change.is_empty() {
        return Some("its first line is not `area: what changed`");
    }
    let is_short = body.split_whitespace().count() < 8;
    is_short.then_some("it has no body that says what was true before, and why")
}

#[test]
fn commits_say_why() {
    let range = format!("{BEFORE}..HEAD");
    let log =
        Command::new("git").current_dir(root()).args(["log", "--no-merges", "--format=%h%n%B%x00", &range]).output();
    let Some(log) = log.ok().filter(|log| log.status.success()) else {
        println!("skipped: there is no git history here that reaches back to {BEFORE}");
        return;
    };
    let log = String::from_utf8_lossy(&log.stdout).into_owned();
    let commits: Vec<&str> = log.split('\0').map(str::trim).filter(|commit| !commit.is_empty()).collect();
    let complaints: Vec<String> = commits
        .iter()
        .filter_map(|commit| {
            let (id, message) = commit.split_once('\n')?;
            // Work in progress is not on the main branch.
            let is_draft = message.starts_with("wip") || message.starts_with("fixup!");
            complaint(message).filter(|_| !is_draft).map(|complaint| format!("{id}: {complaint}"))
        })
        .collect();
    assert!(complaints.is_empty(), "{complaints:#?}");
    println!("{} commits", commits.len());
}

#[test]
fn what_is_complained_about() {
    assert!(complaint("area: what changed\n\nBefore: this was so. Now: it is not, because of that.").is_none());
    assert!(complaint("area: what changed").is_some());
    assert!(complaint("what changed\n\nBefore: this was so. Now: it is not, because of that.").is_some());
}
