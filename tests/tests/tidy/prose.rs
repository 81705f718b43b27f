//! How pages are written: width of lines, length of sentences, American spelling.

use kinglet_tests::tree::SourceFile;

use super::assert_none;
use super::docs::pages;

const COLUMNS_MAX: usize = 120;

/// A sentence of the front page or a tutorial is read once and understood.
const SENTENCE_WORDS_MAX: usize = 30;

const PLAIN: [&str; 9] = [
    "README.md",
    "docs/README.md",
    "docs/faq.md",
    "docs/compile-your-model.md",
    "docs/rust-firmware.md",
    "docs/c.md",
    "docs/streaming-models.md",
    "docs/python.md",
    "docs/performance.md",
];

/// Beginnings of words that are spelled otherwise in American English, with what they are there.
const BRITISH: [(&str, &str); 42] = [
    ("analyse", "analyze"),
    ("analysing", "analyzing"),
    ("artefact", "artifact"),
    ("behaviour", "behavior"),
    ("cancelled", "canceled"),
    ("catalogue", "catalog"),
    ("centre", "center"),
    ("characterise", "characterize"),
    ("cheque", "check"),
    ("colour", "color"),
    ("customis", "customiz"),
    ("defence", "defense"),
    ("emphasis", "emphasiz"),
    ("favour", "favor"),
    ("fulfil ", "fulfill"),
    ("generalis", "generaliz"),
    ("grey", "gray"),
    ("honour", "honor"),
    ("initialis", "initializ"),
    ("judgement", "judgment"),
    ("labelled", "labeled"),
    ("labelling", "labeling"),
    ("learnt", "learned"),
    ("licence", "license"),
    ("maximis", "maximiz"),
    ("minimis", "minimiz"),
    ("modelled", "modeled"),
    ("modelling", "modeling"),
    ("neighbour", "neighbor"),
    ("normalis", "normaliz"),
    ("optimis", "optimiz"),
    ("organis", "organiz"),
    ("practise", "practice"),
    ("quantis", "quantiz"),
    ("recognis", "recogniz"),
    ("serialis", "serializ"),
    ("specialis", "specializ"),
    ("summaris", "summariz"),
    ("synchronis", "synchroniz"),
    ("towards", "toward"),
    ("utilis", "utiliz"),
    ("whilst", "while"),
];

/// Words that begin like one of those and are American all the same.
const AMERICAN: [&str; 3] = ["emphasis", "greyhound", "organism"];

/// Lines of a page with their numbers and what they are in.
fn lines(text: &str) -> Vec<(usize, &str, Within)> {
    let mut fence: Option<&str> = None;
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let mark = line.trim_start().strip_prefix("```");
        let within = match (mark, fence) {
            (Some(_), Some(_)) => {
                fence = None;
                Within::Mark
            }
            (Some(language), None) => {
                fence = Some(language.trim());
                Within::Mark
            }
            (None, Some("console" | "text" | "")) => Within::Printed,
            (None, Some(_)) => Within::Code,
            (None, None) if line.trim_start().starts_with('|') => Within::Table,
            (None, None) if line.trim_start().starts_with("<!--") => Within::Mark,
            (None, None) => Within::Prose,
        };
        found.push((at + 1, line, within));
    }
    found
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Within {
    Prose,
    Table,
    /// Commands and programs.
    Code,
    /// What a program prints, which is as wide as it is.
    Printed,
    Mark,
}

/// Numbers of lines that are too wide and could be broken.
fn wide(text: &str) -> Vec<usize> {
    let mut found = Vec::new();
    for (number, line, within) in lines(text) {
        let could = match within {
            Within::Prose => line.trim_start().split(' ').count() > 1,
            Within::Code => true,
            _ => false,
        };
        if could && line.chars().count() > COLUMNS_MAX {
            found.push(number);
        }
    }
    found
}

/// Sentences of prose, with the line that each paragraph begins at. A link counts as its text, a span of code as a word.
fn sentences(text: &str) -> Vec<(usize, String)> {
    let mut paragraphs: Vec<(usize, String)> = Vec::new();
    let mut is_open = false;
    for (number, line, within) in lines(text) {
        let line = line.trim();
        if within != Within::Prose || line.is_empty() || line.starts_with('#') {
            is_open = false;
            continue;
        }
        let first = line.split(' ').next().unwrap_or_default();
        let is_item = matches!(first, "-" | "*") || first.trim_end_matches('.').parse::<u32>().is_ok();
        match paragraphs.last_mut().filter(|_| is_open && !is_item) {
            Some((_, paragraph)) => *paragraph = format!("{paragraph} {line}"),
            None => paragraphs.push((number, line.to_owned())),
        }
        is_open = true;
    }
    let mut found = Vec::new();
    for (number, paragraph) in paragraphs {
        let mut sentence: Vec<&str> = Vec::new();
        let plain = without_marks(&paragraph);
        for word in plain.split_whitespace() {
            sentence.push(word);
            if word.trim_end_matches(['*', ')', '"', '_']).ends_with(['.', '!', '?']) {
                found.push((number, sentence.join(" ")));
                sentence.clear();
            }
        }
        if !sentence.is_empty() {
            found.push((number, sentence.join(" ")));
        }
    }
    found
}

/// A paragraph with `code` for each span of code, and no targets of links.
fn without_marks(paragraph: &str) -> String {
    let mut plain = String::new();
    for (at, part) in paragraph.split('`').enumerate() {
        plain.push_str(if at % 2 == 0 { part } else { "code" });
    }
    let mut out = String::new();
    let mut rest = plain.as_str();
    while let Some((before, after)) = rest.split_once("](") {
        out.push_str(before);
        rest = after.split_once(')').map_or("", |(_, behind)| behind);
    }
    out + rest
}

/// What is British in a text, with what it should be.
fn british(text: &str) -> Vec<(String, &'static str)> {
    let mut found = Vec::new();
    for word in text.split(|letter: char| !letter.is_alphabetic()) {
        let word = word.to_lowercase();
        let is = |(start, _): &&(&str, &str)| match start.strip_suffix(' ') {
            Some(whole) => word == whole,
            None => word.starts_with(*start) || word.strip_prefix("un").is_some_and(|rest| rest.starts_with(*start)),
        };
        if let Some((_, american)) = BRITISH.iter().find(is)
            && !AMERICAN.contains(&word.as_str())
        {
            found.push((word, *american));
        }
    }
    found
}

#[test]
fn lines_of_pages_are_not_wide() {
    let mut violations = Vec::new();
    for SourceFile { path, text } in pages() {
        violations.extend(wide(&text).into_iter().map(|line| format!("{path}:{line}")));
    }
    assert_none("lines of more than 120 columns (python3 tools/wrap.py PAGE)", &violations);
}

#[test]
fn sentences_for_newcomers_are_short() {
    let mut violations = Vec::new();
    let mut count = 0;
    for SourceFile { path, text } in pages().into_iter().filter(|page| PLAIN.contains(&page.path.as_str())) {
        for (line, sentence) in sentences(&text) {
            count += 1;
            let words = sentence.split(' ').count();
            if words > SENTENCE_WORDS_MAX {
                violations.push(format!("{path}:{line}: {words} words: {sentence}"));
            }
        }
    }
    assert!(count > 300, "only {count} sentences were found");
    assert_none("sentences of more than 30 words", &violations);
}

#[test]
fn spelling_is_american() {
    let mut violations = Vec::new();
    for SourceFile { path, text } in pages() {
        let found = british(&text).into_iter().map(|(word, american)| format!("{path}: {word}: {american}..."));
        violations.extend(found);
    }
    assert_none("British spelling", &violations);
}

#[test]
fn the_measures_work() {
    let wide_word = "w".repeat(COLUMNS_MAX + 1);
    let page =
        format!("a {wide_word}\n{wide_word}\n| {wide_word}\n```text\n{wide_word}\n```\n```sh\n{wide_word}\n```\n");
    assert_eq!(wide(&page), [1, 8]);
    let text = "# Head\nOne `a b c` [two\nthree](x.md#y). Four?\n\n- five\n- six\n| no |\n";
    let found: Vec<String> = sentences(text).into_iter().map(|(_, sentence)| sentence).collect();
    assert_eq!(found, ["One code [two three.", "Four?", "- five", "- six"]);
    assert_eq!(sentences(text).iter().map(|(line, _)| *line).collect::<Vec<_>>(), [2, 2, 5, 6]);
    let words: Vec<String> =
        british("The Neighbours' color; unlabelled, emphasis").into_iter().map(|found| found.0).collect();
    assert_eq!(words, ["neighbours", "unlabelled"]);
}
