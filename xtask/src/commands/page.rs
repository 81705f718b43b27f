//! The blocks of a page that are run.

/// What a block is run with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Language {
    /// Commands of a shell; each must end well.
    Shell,
    /// A program.
    Python,
    /// Commands behind `$ `, each with what it prints; it may end badly.
    Console,
}

/// A fenced block.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) language: Language,
    /// The line of the page where it begins, counted from 1.
    pub(crate) line: usize,
    pub(crate) text: String,
    /// Commands that make what the block would, where it cannot be run: `<!-- otherwise: COMMANDS -->` above it.
    pub(crate) otherwise: Option<String>,
    /// The step of `cargo xtask test` that runs it instead: `<!-- elsewhere: STEP -->` above it.
    pub(crate) elsewhere: Option<String>,
    /// Counts the headings before it.
    pub(crate) section: usize,
}

/// The blocks of a page that are run, in order.
pub(crate) fn blocks(page: &str) -> Vec<Block> {
    let (mut found, mut otherwise, mut elsewhere, mut section) = (Vec::new(), None, None, 0);
    let mut lines = page.lines().enumerate();
    while let Some((at, line)) = lines.next() {
        let Some(kind) = line.strip_prefix("```") else {
            section += usize::from(line.starts_with('#'));
            if !line.is_empty() {
                let comment = line.strip_prefix("<!-- ").and_then(|rest| rest.strip_suffix(" -->"));
                let said = |what: &str| Some(comment?.strip_prefix(what)?.to_owned());
                (otherwise, elsewhere) = (said("otherwise: "), said("elsewhere: "));
            }
            continue;
        };
        let body = lines.by_ref().map(|(_, line)| line).take_while(|line| !line.starts_with("```"));
        let text = body.collect::<Vec<_>>().join("\n");
        let (otherwise, elsewhere) = (otherwise.take(), elsewhere.take());
        let language = match kind.trim() {
            "sh" => Language::Shell,
            "python" => Language::Python,
            "console" => Language::Console,
            _ => continue,
        };
        found.push(Block { language, line: at + 1, text, otherwise, elsewhere, section });
    }
    found
}

/// A command of a console block, and what it prints.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Exchange {
    pub(super) command: String,
    /// The parts between lines of three dots, in order.
    pub(super) printed: Vec<String>,
}

/// The commands of a console block.
pub(super) fn exchanges(block: &str) -> Vec<Exchange> {
    let mut found: Vec<Exchange> = Vec::new();
    for line in block.lines() {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push(Exchange { command: command.into(), printed: vec![String::new()] }),
            (None, Some(exchange)) if line == "..." => exchange.printed.push(String::new()),
            (None, Some(exchange)) => {
                if let Some(part) = exchange.printed.last_mut() {
                    part.push_str(line);
                    part.push('\n');
                }
            }
            (None, None) => {}
        }
    }
    found
}

impl Exchange {
    /// Whether a program that printed `text` printed what the page says.
    pub(super) fn is_in(&self, text: &str) -> bool {
        let mut rest = text;
        self.printed.iter().all(|part| match rest.find(part.trim_end()) {
            Some(at) => {
                rest = &rest[at + part.trim_end().len()..];
                true
            }
            None => false,
        })
    }
}

/// The modules that a Python program imports, without what is inside of them.
pub(super) fn imports(program: &str) -> Vec<&str> {
    let words = program.lines().map(|line| line.split_whitespace());
    let imported = words.filter_map(|mut words| match words.next() {
        Some("import" | "from") => words.next(),
        _ => None,
    });
    let mut found: Vec<&str> = imported.filter_map(|path| path.split(['.', ',']).next()).collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_with_what_stands_in_for_them() {
        let page = "# A\n\n<!-- elsewhere: boards -->\n```sh\nx\n```\n<!-- otherwise: cp a b -->\n```python\nimport torch.nn\nfrom x import y\n```\n\n```text\nno\n```\n## B\n```sh\nls\n```\n";
        let found = blocks(page);
        assert_eq!(found.len(), 3);
        assert_eq!(found[0].elsewhere.as_deref(), Some("boards"));
        let found = &found[1..];
        assert_eq!((found[0].language, found[0].line, found[0].section), (Language::Python, 8, 1));
        assert_eq!(found[0].otherwise.as_deref(), Some("cp a b"));
        assert_eq!(imports(&found[0].text), ["torch", "x"]);
        assert_eq!(
            found[1],
            Block {
                language: Language::Shell,
                line: 17,
                text: "ls".into(),
                otherwise: None,
                elsewhere: None,
                section: 2
            }
        );
    }

    #[test]
    fn what_a_console_prints_is_compared_part_by_part() {
        let found = exchanges("$ a b\nfirst\n...\nlast\n$ c\n");
        assert_eq!(found.iter().map(|exchange| exchange.command.as_str()).collect::<Vec<_>>(), ["a b", "c"]);
        assert!(found[0].is_in("first\nwhatever\nlast\n"));
        assert!(!found[0].is_in("last\nfirst\n"));
        assert!(found[1].is_in("anything"));
    }
}
