//! The folder of models, and what of it is served.
//!
//! ```text
//! models/NAME/VERSION/model.kgl
//! models/NAME/aliases.json        {"aliases": {"stable": "1", "candidate": "2"}, "split": 0.1, "shadow": 1.0}
//! ```
//!
//! What is served is a [`Catalog`] that is never changed: a new one takes its place at once, and requests that have begun
//! keep what they have. A blob that is refused leaves the one before it in its place, with the reason beside it.

mod aliases;
mod policy;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::time::SystemTime;

pub use self::aliases::{Aliases, Automatic, CANDIDATE, PREVIOUS, STABLE};
pub use self::policy::{SignaturePolicy, public_key};
use crate::failure::{Failure, Kind};
use crate::lock;
use crate::metrics::{Metrics, ModelLabels};
use crate::model::{Gate, Limits, Served};
use crate::protocol::grpc::ModelIndex;

/// The file of a version.
const BLOB: &str = "model.kgl";
/// Bytes of a blob at most.
const BLOB_BYTES_MAX: u64 = 1 << 30;

/// Tells a file that was replaced from one that was not.
type Fingerprint = (u64, Option<SystemTime>);

/// What is served of a version, and what was wrong with its file.
#[derive(Clone, Default)]
struct Slot {
    served: Option<Arc<Served>>,
    seen: Option<Fingerprint>,
    reason: Option<String>,
}

/// A model.
#[derive(Clone, Default)]
pub struct Entry {
    versions: BTreeMap<String, Slot>,
    aliases: Aliases,
    aliases_seen: Option<Fingerprint>,
    aliases_reason: Option<String>,
    /// Somebody has said so; loading it again takes that back.
    is_unloaded: bool,
}

/// All models at a moment.
#[derive(Clone, Default)]
pub struct Catalog {
    models: BTreeMap<String, Entry>,
}

/// The folder.
pub struct Repository {
    root: PathBuf,
    policy: SignaturePolicy,
    limits: Limits,
    gate: Gate,
    metrics: Arc<Metrics>,
    catalog: RwLock<Arc<Catalog>>,
    /// Held by whoever makes the next catalog.
    writer: Mutex<()>,
    /// Models appear without being asked for.
    is_automatic: bool,
}

/// Names of models, versions and aliases: nothing that could be a path.
pub fn is_name(name: &str) -> bool {
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=128).contains(&name.len()) && name.bytes().all(is_character) && !name.starts_with('.')
}

impl Entry {
    /// The versions that are served, in their order.
    pub fn versions(&self) -> impl Iterator<Item = &str> {
        self.versions.iter().filter(|(_, slot)| slot.served.is_some()).map(|(name, _)| name.as_str())
    }

    /// What its aliases say.
    pub fn aliases(&self) -> &Aliases {
        &self.aliases
    }

    /// The version that an alias stands for, or that has this name.
    pub fn version(&self, name: &str) -> Option<&Arc<Served>> {
        let version = self.aliases.version(name).unwrap_or(name);
        self.versions.get(version)?.served.as_ref()
    }

    /// The version that answers who names none: the alias `stable`, or the newest one where there is no such alias.
    pub fn stable(&self) -> Option<&Arc<Served>> {
        if self.aliases.version(STABLE).is_some() {
            return self.version(STABLE);
        }
        let served = self.versions.iter().filter(|(_, slot)| slot.served.is_some());
        served.max_by(|(a, _), (b, _)| aliases::by_number(a, b)).and_then(|(_, slot)| slot.served.as_ref())
    }

    /// The version that is tried beside it.
    pub fn candidate(&self) -> Option<&Arc<Served>> {
        self.aliases.version(CANDIDATE).and_then(|_| self.version(CANDIDATE))
    }
}

impl Catalog {
    /// A model.
    pub fn model(&self, name: &str) -> Result<&Entry, Failure> {
        let entry = self.models.get(name).filter(|entry| !entry.is_unloaded);
        entry.ok_or_else(|| Failure::new(Kind::NotFound, format!("there is no model {name:?}")))
    }

    /// A version of a model: one of this name or alias, or else the stable one.
    pub fn version(&self, name: &str, version: &str) -> Result<&Arc<Served>, Failure> {
        let entry = self.model(name)?;
        if version.is_empty() {
            let none = || Failure::new(Kind::Unavailable, format!("no version of model {name} can be served"));
            return entry.stable().ok_or_else(none);
        }
        let none = || Failure::new(Kind::NotFound, format!("there is no version {version:?} of model {name}"));
        entry.version(version).ok_or_else(none)
    }

    /// The labels of the version whose digest begins so, as devices name it.
    pub fn of_digest(&self, digest: [u8; 8]) -> Option<ModelLabels> {
        self.served().find(|served| served.digest() == digest).map(|served| served.labels())
    }

    /// Names of the models.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.models.keys().map(String::as_str)
    }

    /// Everything that is served.
    pub fn served(&self) -> impl Iterator<Item = &Arc<Served>> {
        self.models.values().flat_map(|entry| entry.versions.values()).filter_map(|slot| slot.served.as_ref())
    }

    /// Every version, with its state, as the protocol has it.
    pub fn index(&self, ready_only: bool) -> Vec<ModelIndex> {
        let mut index = Vec::new();
        for (name, entry) in &self.models {
            for (version, slot) in &entry.versions {
                let is_ready = slot.served.is_some();
                let reason = slot.reason.clone().or_else(|| entry.aliases_reason.clone());
                let reason = reason.or_else(|| entry.is_unloaded.then(|| "unloaded".to_owned())).unwrap_or_default();
                let state = if is_ready { "READY" } else { "UNAVAILABLE" }.to_owned();
                if is_ready || !ready_only {
                    index.push(ModelIndex { name: name.clone(), version: version.clone(), state, reason });
                }
            }
        }
        index
    }
}

impl Repository {
    /// A folder of which nothing has been read yet.
    pub fn new(
        root: PathBuf,
        policy: SignaturePolicy,
        limits: Limits,
        gate: Gate,
        metrics: Arc<Metrics>,
        is_automatic: bool,
    ) -> Self {
        let (catalog, writer) = (RwLock::default(), Mutex::default());
        Repository { root, policy, limits, gate, metrics, catalog, writer, is_automatic }
    }

    /// What is served at this moment.
    pub fn catalog(&self) -> Arc<Catalog> {
        Arc::clone(&self.catalog.read().unwrap_or_else(std::sync::PoisonError::into_inner))
    }

    /// What is counted.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    fn replace(&self, catalog: Catalog) {
        let before = self.catalog();
        let after = Arc::new(catalog);
        *self.catalog.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Arc::clone(&after);
        let stays: std::collections::HashSet<ModelLabels> = after.served().map(|served| served.labels()).collect();
        let gone = before.served().map(|served| served.labels()).filter(|labels| !stays.contains(labels));
        gone.for_each(|labels| self.metrics.forget(&labels));
    }

    /// Looks at the folder again: what is new is loaded, what was replaced is replaced, what is gone goes.
    pub fn scan(&self) -> Result<(), Failure> {
        let _writer = lock(&self.writer);
        let mut catalog = Catalog::clone(&self.catalog());
        let names = folders(&self.root)?;
        catalog.models.retain(|name, _| names.contains(name));
        for name in names {
            let known = catalog.models.contains_key(&name);
            let entry = catalog
                .models
                .entry(name.clone())
                .or_insert_with(|| Entry { is_unloaded: !self.is_automatic, ..Entry::default() });
            if !entry.is_unloaded {
                self.read_model(&name, entry);
            } else if !known {
                for version in folders(&self.root.join(&name)).unwrap_or_default() {
                    entry.versions.insert(version, Slot::default());
                }
            }
        }
        self.replace(catalog);
        Ok(())
    }

    fn read_model(&self, name: &str, entry: &mut Entry) {
        let folder = self.root.join(name);
        let versions = folders(&folder).unwrap_or_default();
        entry.versions.retain(|version, _| versions.contains(version));
        for version in versions {
            let slot = entry.versions.entry(version.clone()).or_default();
            self.read_version(name, &version, &folder.join(&version).join(BLOB), slot);
        }
        let file = folder.join(aliases::FILE);
        let seen = fingerprint(&file);
        if seen != entry.aliases_seen {
            entry.aliases_seen = seen;
            match Aliases::read(&file) {
                Ok(aliases) => (entry.aliases, entry.aliases_reason) = (aliases, None),
                Err(reason) => {
                    tracing::error!(model = name, reason, "aliases are not taken");
                    entry.aliases_reason = Some(reason);
                }
            }
        }
    }

    fn read_version(&self, name: &str, version: &str, file: &Path, slot: &mut Slot) {
        let seen = fingerprint(file);
        if slot.seen.is_some() && seen == slot.seen {
            return;
        }
        slot.seen = seen;
        match self.load_file(name, version, file) {
            Ok(served) => {
                tracing::info!(model = name, version, arena_bytes = served.model().arena_bytes(), "loaded");
                *slot = Slot { served: Some(Arc::new(served)), seen, reason: None };
            }
            Err(reason) => {
                self.metrics.load_failed();
                tracing::error!(model = name, version, reason, "not taken");
                slot.reason = Some(reason);
            }
        }
    }

    fn load_file(&self, name: &str, version: &str, file: &Path) -> Result<Served, String> {
        let bytes = read_file(file)?;
        self.policy.check(&bytes)?;
        let labels = ModelLabels { model: name.to_owned(), version: version.to_owned() };
        let metrics = self.metrics.of(labels);
        Served::load(name, version, &bytes, Arc::clone(&self.gate), self.limits, metrics)
    }

    /// Loads a model, or loads again what of it has changed. Fails when nothing of it can be served.
    pub fn load(&self, name: &str) -> Result<(), Failure> {
        let _writer = lock(&self.writer);
        if !is_name(name) || !self.root.join(name).is_dir() {
            return Err(Failure::new(Kind::NotFound, format!("the repository has no folder {name:?}")));
        }
        let mut catalog = Catalog::clone(&self.catalog());
        let entry = catalog.models.entry(name.to_owned()).or_default();
        entry.is_unloaded = false;
        // What was refused is looked at again, whether or not its file has changed.
        entry.versions.values_mut().filter(|slot| slot.reason.is_some()).for_each(|slot| slot.seen = None);
        self.read_model(name, entry);
        let reasons: Vec<String> = entry
            .versions
            .iter()
            .filter_map(|(version, slot)| Some(format!("version {version}: {}", slot.reason.as_ref()?)))
            .collect();
        let is_served = entry.stable().is_some();
        self.replace(catalog);
        if is_served {
            return Ok(());
        }
        Err(Failure::new(Kind::Conflict, format!("model {name} cannot be served: {}", reasons.join("; "))))
    }

    /// Serves a model no longer, until it is loaded.
    pub fn unload(&self, name: &str) -> Result<(), Failure> {
        let _writer = lock(&self.writer);
        let mut catalog = Catalog::clone(&self.catalog());
        let none = || Failure::new(Kind::NotFound, format!("there is no model {name:?}"));
        let entry = catalog.models.get_mut(name).ok_or_else(none)?;
        entry.is_unloaded = true;
        entry.versions.values_mut().for_each(|slot| *slot = Slot::default());
        (entry.aliases_seen, entry.aliases) = (None, Aliases::default());
        self.replace(catalog);
        Ok(())
    }

    /// Changes a model's aliases: what `change` makes of them is written first and is in force then.
    pub fn change(&self, name: &str, change: impl FnOnce(&Entry) -> Result<Aliases, Failure>) -> Result<(), Failure> {
        let _writer = lock(&self.writer);
        let mut catalog = Catalog::clone(&self.catalog());
        let aliases = change(catalog.model(name)?)?;
        let file = self.root.join(name).join(aliases::FILE);
        aliases.write(&file).map_err(|reason| Failure::new(Kind::Internal, reason))?;
        if let Some(entry) = catalog.models.get_mut(name) {
            (entry.aliases, entry.aliases_seen, entry.aliases_reason) = (aliases, fingerprint(&file), None);
        }
        self.replace(catalog);
        Ok(())
    }
}

/// Names of the folders in a folder, of those that may be names.
fn folders(folder: &Path) -> Result<Vec<String>, Failure> {
    let failed = |error| Failure::new(Kind::Internal, format!("cannot read the folder {}: {error}", folder.display()));
    let entries = fs::read_dir(folder).map_err(failed)?.filter_map(Result::ok);
    let names = entries.filter(|entry| entry.path().is_dir()).filter_map(|entry| entry.file_name().into_string().ok());
    Ok(names.filter(|name| is_name(name)).collect())
}

fn fingerprint(file: &Path) -> Option<Fingerprint> {
    let metadata = fs::metadata(file).ok()?;
    Some((metadata.len(), metadata.modified().ok()))
}

fn read_file(file: &Path) -> Result<Vec<u8>, String> {
    let failed = |error| format!("cannot read {}: {error}", file.display());
    let bytes = fs::metadata(file).map_err(failed)?.len();
    if bytes > BLOB_BYTES_MAX {
        return Err(format!("{} has {bytes} bytes, {BLOB_BYTES_MAX} are the most", file.display()));
    }
    fs::read(file).map_err(failed)
}
