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
