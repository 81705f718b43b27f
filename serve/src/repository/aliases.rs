//! Names for versions, and which share of the requests a candidate sees.

use core::cmp::Ordering;
use std::collections::BTreeMap;
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::is_name;
use crate::failure::{Failure, Kind};

/// Beside the versions.
pub(super) const FILE: &str = "aliases.json";
/// What answers who names no version.
pub const STABLE: &str = "stable";
/// What is tried beside it.
pub const CANDIDATE: &str = "candidate";
/// What was stable before; a rollback makes it so again.
pub const PREVIOUS: &str = "previous";

/// The file's content.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Aliases {
    /// Versions by alias.
    #[serde(default)]
    pub aliases: BTreeMap<String, String>,
    /// Share of the requests that the candidate answers, 0 to 1.
    #[serde(default)]
    pub split: f64,
    /// Share of the requests of which the candidate gets a copy, 0 to 1.
    #[serde(default)]
    pub shadow: f64,
    /// When the candidate is promoted, or dropped, without anybody's doing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub automatic: Option<Automatic>,
}

/// Conditions of a promotion. A candidate that cannot keep them any more is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Automatic {
    /// Copies of requests that it has to have run.
    pub runs: u64,
    /// Share of these that agree with the stable version's answers, at least. A run that fails does not agree.
    pub agreement: f64,
    /// How many times the time of the stable version's run its own may take on average.
    #[serde(default)]
    pub slower: Option<f64>,
    /// Population stability index of its inputs, outputs and confidence at most.
    #[serde(default)]
    pub drift: Option<f64>,
}

impl Aliases {
    /// The version that an alias stands for.
    pub fn version(&self, alias: &str) -> Option<&str> {
        self.aliases.get(alias).map(String::as_str)
    }

    /// No aliases where there is no file.
    pub(super) fn read(file: &Path) -> Result<Self, String> {
        let text = match fs::read(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("cannot read {}: {error}", file.display())),
        };
        let aliases: Self = serde_json::from_slice(&text)
            .map_err(|error| format!("{} is no list of aliases: {error}", file.display()))?;
        aliases.check().map_err(|reason| format!("{}: {reason}", file.display()))?;
        Ok(aliases)
    }

    fn check(&self) -> Result<(), String> {
        let names = self.aliases.iter().flat_map(|(alias, version)| [alias, version]);
        if let Some(name) = names.into_iter().find(|name| !is_name(name)) {
            return Err(format!("{name:?} is no name; names have letters, digits, '.', '_' and '-'"));
        }
        let shares = [self.split, self.shadow];
        if !shares.iter().all(|share| (0.0..=1.0).contains(share)) {
            return Err("shares are 0 to 1".into());
        }
        let Some(automatic) = &self.automatic else { return Ok(()) };
        let numbers = [automatic.slower, automatic.drift].into_iter().flatten();
        let are_sane = numbers.into_iter().all(|number| number > 0.0) && (0.0..=1.0).contains(&automatic.agreement);
        match automatic {
            _ if !are_sane => Err("automatic: agreement is 0 to 1, slower and drift are above 0".into()),
            Automatic { runs: 0, .. } => Err("automatic: runs is how many copies have to agree, at least 1".into()),
            _ if self.shadow == 0.0 => Err("automatic counts copies of requests: shadow is their share".into()),
            _ => Ok(()),
        }
    }

    /// Replaces the file, so that whoever reads it sees the old one or the new one.
    pub(super) fn write(&self, file: &Path) -> Result<(), String> {
        let failed = |error: std::io::Error| format!("cannot write {}: {error}", file.display());
        let beside = file.with_extension("json.new");
        let text = serde_json::to_vec_pretty(self).map_err(|error| error.to_string())?;
        let mut new = fs::File::create(&beside).map_err(failed)?;
        new.write_all(&text).and_then(|()| new.sync_all()).map_err(failed)?;
        fs::rename(&beside, file).map_err(failed)
    }

    /// The same with an alias for a version; none removes it.
    pub fn with(&self, alias: &str, version: Option<&str>) -> Result<Self, Failure> {
        let mut aliases = self.clone();
        match version {
            Some(version) => _ = aliases.aliases.insert(alias.to_owned(), version.to_owned()),
            None => _ = aliases.aliases.remove(alias),
        }
        aliases.check().map_err(Failure::invalid)?;
        Ok(aliases)
    }

    /// The same with other shares, and other conditions or none.
    pub fn with_shares(&self, split: f64, shadow: f64, automatic: Option<Automatic>) -> Result<Self, Failure> {
        let aliases = Aliases { split, shadow, automatic, ..self.clone() };
        aliases.check().map_err(Failure::invalid)?;
        Ok(aliases)
    }

    /// The candidate becomes stable; `stable` is what is stable now.
    pub fn promoted(&self, stable: &str) -> Result<Self, Failure> {
        let none = || Failure::new(Kind::Conflict, "there is no candidate to promote");
        let candidate = self.version(CANDIDATE).ok_or_else(none)?.to_owned();
        let moved = self.with(PREVIOUS, Some(stable))?.with(STABLE, Some(&candidate))?.with(CANDIDATE, None)?;
        moved.with_shares(0.0, 0.0, None)
    }

    /// Takes back the last step: a candidate is dropped; where there is none, what was stable before is so again.
    pub fn rolled_back(&self) -> Result<Self, Failure> {
        if self.version(CANDIDATE).is_some() {
            return self.with(CANDIDATE, None)?.with_shares(0.0, 0.0, None);
        }
        let none = || Failure::new(Kind::Conflict, "there is no previous version to go back to");
        let previous = self.version(PREVIOUS).ok_or_else(none)?.to_owned();
        let moved = self.with(STABLE, Some(&previous))?.with(PREVIOUS, None)?;
        moved.with_shares(0.0, 0.0, None)
    }
}

/// 2 before 10, and 1.9.0 before 1.10.0: runs of digits count as numbers.
pub(super) fn by_number(a: &str, b: &str) -> Ordering {
    let parts = |text: &str| -> Vec<(u64, String)> {
        let pieces = text.split(['.', '-', '_']);
        pieces.map(|piece| (piece.trim_start_matches('v').parse().unwrap_or(0), piece.to_owned())).collect()
    };
    parts(a).cmp(&parts(b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_count_as_numbers() {
        for (less, more) in [("2", "10"), ("1.9.0", "1.10.0"), ("v9", "v10"), ("1", "1.1")] {
            assert_eq!(by_number(less, more), Ordering::Less, "{less} {more}");
        }
    }

    #[test]
    fn a_promotion_can_be_taken_back() {
        let aliases = Aliases::default().with(CANDIDATE, Some("2")).unwrap().with_shares(0.1, 1.0, None).unwrap();
        let promoted = aliases.promoted("1").unwrap();
        assert_eq!((promoted.version(STABLE), promoted.version(CANDIDATE)), (Some("2"), None));
        assert_eq!((promoted.split, promoted.shadow), (0.0, 0.0));
        let back = promoted.rolled_back().unwrap();
        assert_eq!(back.version(STABLE), Some("1"));
        assert_eq!(back.rolled_back().unwrap_err().kind, Kind::Conflict);
        assert_eq!(back.promoted("1").unwrap_err().kind, Kind::Conflict);
        assert!(aliases.with("../x", Some("1")).is_err());
        assert!(aliases.with_shares(1.5, 0.0, None).is_err());
    }
}
