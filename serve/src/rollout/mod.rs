//! The operator's part of rollouts: which step each is at, by what devices tell, for devices to fetch.
//!
//! The format and what devices decide by are in `runtime/rollout`. A document (plan and step) is a file of the folder
//! `--rollouts`; the server signs steps with the key `--operator`, which the owner has named in the plan.

mod author;
mod conductor;
pub mod simulation;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use ed25519_compact::KeyPair;
use kinglet_rollout::{Plan, Reason, Rollout, STEP_BYTES, Seen, Step, name_digest, step_message};
use kinglet_trust::{KeyRing, Software};
use serde_json::{Value, json};

pub use self::author::{plan, private_key, signed};
pub use self::conductor::{Verdict, judge};
use crate::failure::{Failure, Kind};
use crate::fleet::Totals;
use crate::lock;
use crate::metrics::Metrics;
use crate::repository::{SignaturePolicy, is_name};

const ENDING: &str = "kgr";

/// What devices get.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// Plan and step.
    pub document: Bytes,
    /// Changes with it.
    pub etag: String,
}

struct Running {
    plan: Vec<u8>,
    step: Step,
    /// When the step began, in seconds of whatever clock the caller has.
    since: u64,
    published: Published,
}

/// What is rolled out of each model.
pub struct Rollouts {
    folder: Option<PathBuf>,
    keys: Vec<[u8; 32]>,
    operator: Option<KeyPair>,
    running: Mutex<BTreeMap<String, Running>>,
    metrics: Arc<Metrics>,
}

/// The digest of the version that a plan rolls out, for the audit log; the plan is checked elsewhere.
pub fn next_of(plan: &[u8]) -> [u8; 8] {
    plan.get(28..36).and_then(|digest| digest.try_into().ok()).unwrap_or_default()
}

impl Rollouts {
    /// None without a key of an operator. With a folder, what is in it goes on where it was.
    pub fn new(
        folder: Option<&Path>,
        policy: &SignaturePolicy,
        operator: Option<KeyPair>,
        metrics: Arc<Metrics>,
        now: u64,
    ) -> Result<Self, String> {
        if operator.is_some() && policy.keys().is_empty() {
            return Err("rollouts are for signed models: give --key too".into());
        }
        let (keys, running) = (policy.keys().to_vec(), Mutex::default());
        let rollouts = Rollouts { folder: folder.map(Path::to_owned), keys, operator, running, metrics };
        let Some(folder) = folder else { return Ok(rollouts) };
        let failed = |error| format!("cannot read the folder {}: {error}", folder.display());
        for entry in fs::read_dir(folder).map_err(failed)?.filter_map(Result::ok) {
            let file = entry.path();
            let model = file.file_stem().and_then(|name| name.to_str()).filter(|name| is_name(name));
            let Some(model) = model.filter(|_| file.extension().is_some_and(|ending| ending == ENDING)) else {
                continue;
            };
            let document = fs::read(&file).map_err(|error| format!("cannot read {}: {error}", file.display()))?;
            rollouts.restore(model, &document, now).map_err(|failure| format!("{}: {failure}", file.display()))?;
        }
        Ok(rollouts)
    }

    fn verified<'b>(&self, model: &str, document: &'b [u8]) -> Result<Rollout<'b>, Failure> {
        let none = || {
            Failure::new(
                Kind::Forbidden,
                "there are no rollouts: start the server with --key, --operator and --rollouts",
            )
        };
        let ring = KeyRing::new(&self.keys, 0).filter(|_| self.operator.is_some()).ok_or_else(none)?;
        Rollout::verify(document, model, Seen::default(), &ring, &mut Software)
            .map_err(|error| Failure::invalid(format!("the rollout is not taken: {error:?}")))
    }

    fn restore(&self, model: &str, document: &[u8], now: u64) -> Result<(), Failure> {
        let step = self.verified(model, document)?.step;
        let plan = document[..document.len() - STEP_BYTES].to_vec();
        self.metrics.rollout_step(model, step.step);
        let running = Running { plan, step, since: now, published: published(document) };
        lock(&self.running).insert(model.to_owned(), running);
        Ok(())
    }

    fn sign(&self, plan: &[u8], step: &Step) -> Result<Vec<u8>, Failure> {
        let none = || Failure::new(Kind::Forbidden, "there is no operator: start the server with --operator");
        let operator = self.operator.as_ref().ok_or_else(none)?;
        let unsigned = step.unsigned();
        let signature = operator.sk.sign(step_message(&unsigned), None);
        Ok([plan, &unsigned, &*signature].concat())
    }

    /// The first step of a plan: its document, and the step.
    fn first(&self, model: &str, plan: &[u8]) -> Result<(Vec<u8>, Step), Failure> {
        if !is_name(model) {
            return Err(Failure::invalid(format!("{model:?} is no name of a model")));
        }
        let none = || {
            Failure::new(
                Kind::Forbidden,
                "there are no rollouts: start the server with --key, --operator and --rollouts",
            )
        };
        let ring = KeyRing::new(&self.keys, 0).ok_or_else(none)?;
        let refused = |error| Failure::invalid(format!("the plan is not taken: {error:?}"));
        let (read, rest) = Plan::verify(plan, &ring, &mut Software).map_err(refused)?;
        if !rest.is_empty() || read.model != name_digest(model, &mut Software) {
            return Err(Failure::invalid(format!("this is not a plan for model {model} alone")));
        }
        let step = Step { plan: read.digest, sequence: 1, step: 1, reason: Reason::Plan };
        let document = self.sign(plan, &step)?;
        self.verified(model, &document).map_err(|failure| {
            Failure::invalid(format!("the plan names another operator than this server's key: {failure}"))
        })?;
        let running = lock(&self.running);
        if let Some(running) = running.get(model) {
            let there = self.verified(model, &running.published.document)?.plan.number;
            if read.number <= there {
                let what = format!(
                    "the plan has number {}, number {there} is there: a newer one has a higher number",
                    read.number
                );
                return Err(Failure::new(Kind::Conflict, what));
            }
        }
        Ok((document, step))
    }

    /// Whether a plan could start.
    pub fn check(&self, model: &str, plan: &[u8]) -> Result<(), Failure> {
        self.first(model, plan).map(|_| ())
    }

    /// Starts a plan with its first step.
    pub fn start(&self, model: &str, plan: &[u8]) -> Result<(), Failure> {
        self.start_at(model, plan, seconds())
    }

    /// The same at some time of the caller's.
    pub fn start_at(&self, model: &str, plan: &[u8], now: u64) -> Result<(), Failure> {
        let (document, step) = self.first(model, plan)?;
        self.put(model, plan.to_vec(), document, step, now)
    }

    /// Writes it first; it is in force then.
    fn put(&self, model: &str, plan: Vec<u8>, document: Vec<u8>, step: Step, now: u64) -> Result<(), Failure> {
        if let Some(folder) = &self.folder {
            let file = folder.join(format!("{model}.{ENDING}"));
            write(&file, &document)
                .map_err(|error| Failure::new(Kind::Internal, format!("cannot write {}: {error}", file.display())))?;
        }
        self.metrics.rollout_step(model, step.step);
        let running = Running { plan, step, since: now, published: published(&document) };
        lock(&self.running).insert(model.to_owned(), running);
        Ok(())
    }

    fn move_to(&self, model: &str, step: u8, reason: Reason, now: u64) -> Result<(), Failure> {
        let (plan, before) = {
            let running = lock(&self.running);
            let running = running.get(model).ok_or_else(|| none(model))?;
            (running.plan.clone(), running.step)
        };
        let step = Step { sequence: before.sequence.saturating_add(1), step, reason, ..before };
        let document = self.sign(&plan, &step)?;
        self.put(model, plan, document, step, now)?;
        if step.step == 0 {
            self.metrics.rollout_reversed(model, reason_name(reason));
        }
        tracing::info!(model, step = step.step, reason = reason_name(reason), "the rollout is at another step");
        Ok(())
    }

    /// Everybody back to the base, because somebody says so.
    pub fn stop(&self, model: &str) -> Result<(), Failure> {
        self.move_to(model, 0, Reason::Operator, seconds())
    }

    /// Looks at the gates of each rollout; `told` knows what devices have told of the versions `[next, base]`, `agrees` how
    /// many copies of requests ran on the next one, and how many of them agreed. Models that are at another step now, and
    /// why.
    pub fn look(
        &self,
        now: u64,
        told: impl Fn([[u8; 8]; 2]) -> Totals,
        agrees: impl Fn([u8; 8]) -> [u64; 2],
    ) -> Vec<(String, [u8; 8], Result<Reason, Failure>)> {
        let verdicts: Vec<(String, [u8; 8], u8, Verdict)> = {
            let running = lock(&self.running);
            let verdict = |(model, running): (&String, &Running)| {
                let rollout = self.verified(model, &running.published.document).ok()?;
                let plan = rollout.plan;
                let held = now.saturating_sub(running.since);
                let step = running.step.step;
                let verdict = judge(&plan, step, held, &told([plan.next, plan.base]), agrees(plan.next));
                Some((model.clone(), plan.next, step, verdict))
            };
            running.iter().filter_map(verdict).collect()
        };
        let mut moved = Vec::new();
        for (model, next, step, verdict) in verdicts {
            let (to, reason) = match verdict {
                Verdict::Stay => continue,
                Verdict::Go => (step.saturating_add(1), Reason::Plan),
                Verdict::Back(reason) => (0, reason),
            };
            let result = self.move_to(&model, to, reason, now).map(|()| reason);
            moved.push((model, next, result));
        }
        moved
    }

    /// What devices get.
    pub fn published(&self, model: &str) -> Option<Published> {
        lock(&self.running).get(model).map(|running| running.published.clone())
    }

    /// Models of which something is rolled out.
    pub fn models(&self) -> Vec<String> {
        lock(&self.running).keys().cloned().collect()
    }

    /// For people.
    pub fn shown(&self, model: &str) -> Result<Value, Failure> {
        let running = lock(&self.running);
        let running = running.get(model).ok_or_else(|| none(model))?;
        let Rollout { plan, step } = self.verified(model, &running.published.document)?;
        let shown = crate::auth::shown;
        Ok(json!({
            "model": model, "number": plan.number, "base": shown(&plan.base), "next": shown(&plan.next),
            "step": step.step, "steps": plan.steps, "reason": reason_name(step.reason), "sequence": step.sequence,
        }))
    }
}

fn none(model: &str) -> Failure {
    Failure::new(Kind::NotFound, format!("nothing is rolled out of model {model:?}"))
}

fn published(document: &[u8]) -> Published {
    use sha2::{Digest, Sha256};
    let digest = Sha256::digest(document);
    let etag = format!("\"{}\"", crate::auth::shown(&digest[..16]));
    Published { document: Bytes::copy_from_slice(document), etag }
}

/// Reasons to go back.
pub(crate) const REASONS: [&str; 5] = ["failures", "alarms", "slow", "agreement", "operator"];

/// In metrics and answers.
fn reason_name(reason: Reason) -> &'static str {
    match reason {
        Reason::Plan => "plan",
        Reason::Failures => "failures",
        Reason::Alarms => "alarms",
        Reason::Slow => "slow",
        Reason::Agreement => "agreement",
        Reason::Operator => "operator",
    }
}

/// Of the system's clock.
pub(crate) fn seconds() -> u64 {
    let since = std::time::SystemTime::now().duration_since(std::time::SystemTime::UNIX_EPOCH);
    since.unwrap_or_default().as_secs()
}

/// Whoever reads the file sees the old one or the new one.
fn write(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let beside = file.with_extension("new");
    let mut new = fs::File::create(&beside)?;
    new.write_all(bytes)?;
    new.sync_all()?;
    fs::rename(&beside, file)
}
