//! What names stand for: those of a graph, and of the graphs that it stands in.
//!
//! A branch and the body of a loop see the names around them, a function only its own. What a name stands for never
//! changes while its scope is open.

use std::collections::HashMap;

use super::Entry;

/// Scopes, the innermost last.
#[derive(Debug)]
pub(super) struct Scopes {
    open: Vec<Scope>,
}

#[derive(Debug, Default)]
struct Scope {
    entries: HashMap<String, Entry>,
    /// Whether names around it are not seen in it.
    is_closed: bool,
}

impl Scopes {
    /// The scope of the main graph.
    pub(super) fn new() -> Self {
        Scopes { open: vec![Scope::default()] }
    }

    pub(super) fn get(&self, name: &str) -> Option<&Entry> {
        for scope in self.open.iter().rev() {
            match scope.entries.get(name) {
                None if scope.is_closed => return None,
                None => {}
                found => return found,
            }
        }
        None
    }

    /// True when the innermost scope has the name.
    pub(super) fn has_own(&self, name: &str) -> bool {
        self.open.last().is_some_and(|scope| scope.entries.contains_key(name))
    }

    pub(super) fn insert(&mut self, name: String, entry: Entry) {
        if let Some(scope) = self.open.last_mut() {
            scope.entries.insert(name, entry);
        }
    }

    pub(super) fn enter(&mut self, is_closed: bool) {
        self.open.push(Scope { entries: HashMap::new(), is_closed });
    }

    pub(super) fn leave(&mut self) {
        self.open.pop();
    }

    /// How many there are.
    pub(super) fn depth(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_see_around_them_and_functions_do_not() {
        let mut scopes = Scopes::new();
        scopes.insert("x".into(), Entry::Unknown);
        for (is_closed, sees) in [(false, true), (true, false)] {
            scopes.enter(is_closed);
            scopes.insert("y".into(), Entry::Unknown);
            assert!(scopes.get("y").is_some() && scopes.has_own("y") && !scopes.has_own("x"));
            assert_eq!(scopes.get("x").is_some(), sees);
            scopes.leave();
        }
        assert!(scopes.get("y").is_none());
        assert_eq!(scopes.depth(), 1);
    }
}
