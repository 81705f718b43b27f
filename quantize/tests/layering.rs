//! The compiler's modules are layers: none of them needs one that needs it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The modules that each module names by `crate::`, tests and comments left out.
type Needs = BTreeMap<String, BTreeSet<String>>;

/// The lines of a source file that are compiled when no test is.
fn code(source: &str) -> impl Iterator<Item = &str> {
    let before_tests = source.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    before_tests.lines().filter(|line| !line.trim_start().starts_with("//"))
}

fn needed(source: &str) -> BTreeSet<String> {
    let names = |line: &str| {
        let paths = line.split("crate::").skip(1).map(str::to_owned).collect::<Vec<_>>();
        paths.into_iter().map(|path| path.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect())
    };
    code(source).flat_map(names).collect()
}

/// Adds what the files below `folder` need to what `module` does.
fn add(folder: &Path, module: &str, needs: &mut Needs) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() && name != "tests" {
            add(&path, module, needs);
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests" && name != "sketch" {
            let source = std::fs::read_to_string(&path).expect("readable");
            needs.entry(module.to_owned()).or_default().extend(needed(&source));
        }
    }
}

/// What the top-level modules need, each of the others.
fn needs() -> Needs {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut needs = Needs::new();
    for entry in std::fs::read_dir(&root).expect("the sources") {
        let path = entry.expect("an entry").path();
        let module = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if path.is_dir() {
            add(&path, &module, &mut needs);
        } else if module != "lib" && module != "main" {
            let source = std::fs::read_to_string(&path).expect("readable");
            needs.entry(module).or_default().extend(needed(&source));
        }
    }
    let modules: BTreeSet<String> = needs.keys().cloned().collect();
    for (module, list) in &mut needs {
        list.retain(|needed| modules.contains(needed) && needed != module);
    }
    needs
}

/// Modules in a circle, if there is one: each needs the next, and the last the first.
fn circle(needs: &Needs) -> Option<Vec<String>> {
    let mut left = needs.clone();
    // What needs nothing that is left is no part of a circle.
    while let Some(module) = left.iter().find(|(_, list)| list.is_empty()).map(|(module, _)| module.clone()) {
        left.remove(&module);
        for list in left.values_mut() {
            list.remove(&module);
        }
    }
    let mut walk = vec![left.keys().next()?.clone()];
    loop {
        let next = left[walk.last()?].first()?.clone();
        if let Some(start) = walk.iter().position(|module| *module == next) {
            return Some(walk.split_off(start));
        }
        walk.push(next);
    }
}

#[test]
fn no_module_needs_one_that_needs_it() {
    let needs = needs();
    assert!(needs.len() > 15 && needs["lower"].contains("program"), "{needs:?}");
    assert_eq!(circle(&needs), None, "{needs:#?}");
}

#[test]
fn circles_are_found() {
    let mut made = Needs::new();
    for (module, line) in
        [("a", "use crate::b::{C, D};"), ("b", "    crate::c::call(crate::d::X)"), ("c", ""), ("d", "")]
    {
        made.insert(module.into(), needed(line));
    }
    assert_eq!(circle(&made), None);
    made.insert("d".into(), needed("// use crate::c;\nuse crate::a;"));
    assert_eq!(circle(&made).map(|circle| circle.len()), Some(3));
}

/// Calls `visit` with every source file below `folder` that is no test.
fn each_source(folder: &Path, visit: &mut dyn FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("a folder of sources") {
        let path = entry.expect("an entry").path();
        let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
        if name == "tests" {
            continue;
        } else if path.is_dir() {
            each_source(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path, &std::fs::read_to_string(&path).expect("readable"));
        }
    }
}

/// True when a line asks which operator it has. Lines that make one do not.
fn asks_which_operator(line: &str) -> bool {
    let is_named = |at: usize| line[at + 4..].starts_with(|c: char| c.is_uppercase());
    let Some((at, _)) = line.match_indices("Op::").find(|&(at, _)| is_named(at)) else { return false };
    let (before, behind) = line.split_at(at);
    let is_arm = !before.contains("=>") && behind.contains("=>");
    let is_pattern = before.rsplit_once("let ").is_some_and(|(_, pattern)| !pattern.contains('='));
    is_arm || is_pattern || before.contains("matches!(")
}

#[test]
fn nobody_asks_which_operator_it_has() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut sources, mut found) = (0, Vec::new());
    each_source(&root, &mut |path, source| {
        sources += 1;
        let asking = code(source).filter(|line| asks_which_operator(line));
        found.extend(asking.map(|line| format!("{}: {}", path.display(), line.trim())));
    });
    assert!(sources > 100, "{sources} sources");
    assert!(found.is_empty(), "give `op::Operator` a question that the home answers:\n{}", found.join("\n"));
}

#[test]
fn questions_are_told_from_made_operators() {
    for asking in [
        "match &node.op { Op::Conv2D(_) => one(), ",
        "            Op::Add(Add { activation }) | Op::Mul(Mul { activation }) => self.binary(node, *activation),",
        "if let (Op::BatchNorm(_), Some(affine)) = (&node.op, affine)",
        "let Op::Pad(pad) = &node.op else { return };",
        "let is_max = matches!(node.op, Op::MaxPool2D(_));",
    ] {
        assert!(asks_which_operator(asking), "{asking}");
    }
    for making in [
        "let op = Op::Softmax(Softmax { beta });",
        "names::RELU => self.unary(operator, Op::Relu(Relu), name),",
        "Op::Reshape(Reshape)",
        "fn operator(op: &Op) -> Option<Op>",
        "$(Op::$name(operator) => operator,)*",
    ] {
        assert!(!asks_which_operator(making), "{making}");
    }
}
