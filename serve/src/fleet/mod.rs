//! What devices tell of the models that they run, added up by version and cohort.
//!
//! | a device tells | in | what is kept of it |
//! |---|---|---|
//! | `telemetry` | the record of `runtime/monitor`: counts since its model started | its last counts, to know what is new in the next |
//! | `facts` | yes or no, each answered by a coin in half of the cases | that it has answered |
//! | `audit` | a record of its audit log that says that a version was refused or not kept | which version |
//!
//! Of a cohort nothing is shown before enough devices have told of a version ([`Fleet::new`]), and then all of it at once.
//! Messages may come twice or late, by HTTP or by MQTT: they change nothing then.

mod known;

use std::collections::HashMap;
use std::sync::Mutex;

use kinglet_monitor::audit::{Entry, Event, RECORD_BYTES};
use kinglet_monitor::{FACTS, Facts, Record};

use self::known::Known;
pub use self::known::Totals;
use crate::failure::{Failure, Kind};
use crate::lock;
use crate::metrics::{Metrics, ModelLabels};
use crate::repository::is_name;

/// Answers to a question before a share of them is shown: it is off by 0.1 at most, in two of three cases.
const ANSWERS_MIN: u64 = 100;

/// What a message is about; its name is the end of its path and of its topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message {
    /// Counts.
    Telemetry,
    /// Yes or no.
    Facts,
    /// A record of the audit log.
    Audit,
}

impl Message {
    /// The message of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        match name {
            "telemetry" => Some(Message::Telemetry),
            "facts" => Some(Message::Facts),
            "audit" => Some(Message::Audit),
            _ => None,
        }
    }
}

/// Of a version in a cohort.
#[derive(Default)]
struct Sum {
    devices: usize,
    /// Not shown yet: runs, slow runs, alarms, failures.
    held: [u64; 4],
    answered: u64,
    yes: [u64; FACTS as usize],
}

#[derive(Default)]
struct State {
    known: Known,
    sums: HashMap<(String, ModelLabels), Sum>,
}

/// All devices.
pub struct Fleet {
    state: Mutex<State>,
    devices_min: usize,
}

impl Fleet {
    /// Nothing is shown of fewer than `devices_min` devices.
    pub fn new(devices_min: usize) -> Self {
        Fleet { state: Mutex::default(), devices_min: devices_min.max(1) }
    }

    /// Takes a message of a device; `labels` knows the versions by the starts of their digests.
    pub fn take(
        &self,
        labels: impl Fn([u8; 8]) -> Option<ModelLabels>,
        metrics: &Metrics,
        [cohort, device]: [&str; 2],
        message: Message,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        if !is_name(cohort) || !is_name(device) {
            return Err(Failure::invalid("cohorts and devices have names of letters, digits, '.', '_' and '-'"));
        }
        let labels = |model: [u8; 8]| {
            labels(model).ok_or_else(|| {
                let model = crate::auth::shown(&model);
                Failure::new(Kind::NotFound, format!("no version in the repository has the digest {model}..."))
            })
        };
        let mut state = lock(&self.state);
        match message {
            Message::Telemetry => {
                let record = Record::decode(bytes);
                let record = record.ok_or_else(|| Failure::invalid("the body is no telemetry record of version 1"))?;
                let labels = labels(record.model)?;
                let Some(new) = state.known.telemetry(cohort, device, &record)? else { return Ok(()) };
                let sum = state.sum(cohort, &labels);
                sum.devices += usize::from(new.is_device);
                sum.add(&new.counts.map(u64::from));
                self.show(sum, metrics, &labels, cohort);
            }
            Message::Facts => {
                let facts = Facts::decode(bytes).ok_or_else(|| Failure::invalid("the body is no record of facts"))?;
                let labels = labels(facts.model)?;
                if state.known.answers(cohort, device, facts.model)? {
                    state.sum(cohort, &labels).answer(&facts);
                    let sum = state.sum(cohort, &labels);
                    self.show(sum, metrics, &labels, cohort);
                }
            }
            Message::Audit => {
                for (model, labels) in failures(bytes)?.into_iter().map(|model| (model, labels(model))) {
                    let labels = labels?;
                    if state.known.failed(cohort, device, model)? {
                        let sum = state.sum(cohort, &labels);
                        sum.add(&[0, 0, 0, 1]);
                        self.show(sum, metrics, &labels, cohort);
                    }
                }
            }
        }
        Ok(())
    }

    fn show(&self, sum: &mut Sum, metrics: &Metrics, labels: &ModelLabels, cohort: &str) {
        if sum.devices >= self.devices_min {
            metrics.told(labels, cohort, sum.devices, core::mem::take(&mut sum.held));
        }
        if sum.answered >= ANSWERS_MIN.max(self.devices_min as u64) {
            for (fact, &yes) in sum.yes.iter().enumerate() {
                metrics.fact(labels, cohort, fact, Facts::share(yes, sum.answered));
            }
        }
    }

    /// What all devices have told of the version with this digest, whatever their cohort; for gates. Who went from it to
    /// `base` did not keep it.
    pub fn totals(&self, model: [u8; 8], base: [u8; 8]) -> Totals {
        lock(&self.state).known.totals(model, base)
    }
}

impl State {
    fn sum(&mut self, cohort: &str, labels: &ModelLabels) -> &mut Sum {
        self.sums.entry((cohort.to_owned(), labels.clone())).or_default()
    }
}

impl Sum {
    fn add(&mut self, new: &[u64]) {
        self.held.iter_mut().zip(new).for_each(|(held, new)| *held += new);
    }

    fn answer(&mut self, facts: &Facts) {
        self.answered += 1;
        let bits = (0..).map(|bit| facts.answers >> bit & 1);
        self.yes.iter_mut().zip(bits).for_each(|(yes, bit)| *yes += u64::from(bit));
    }
}

/// The versions that did not work, of a message of audit records.
fn failures(bytes: &[u8]) -> Result<Vec<[u8; 8]>, Failure> {
    let (records, rest) = bytes.as_chunks::<RECORD_BYTES>();
    let entries: Option<Vec<Entry>> = records.iter().map(|record| Entry::read(record)).collect();
    let entries = entries.filter(|entries| !entries.is_empty() && rest.is_empty());
    let entries = entries.ok_or_else(|| {
        Failure::invalid(format!("the body is no list of records of an audit log, {RECORD_BYTES} bytes each"))
    })?;
    let failed = entries.iter().filter(|entry| matches!(entry.event, Event::Refused | Event::Reverted));
    Ok(failed.map(|entry| entry.model).collect())
}
