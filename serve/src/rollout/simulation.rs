//! A fleet that is not there, for a plan that is: how far a rollout comes, and how far a bad version.
//!
//! Devices are drawn by a seed. Each has a link of its own that loses messages in either direction; it polls, sometimes gets
//! what a cache still had, downloads, tries the version, tells of it, sends twice. Fleet, gates and decisions are the ones that
//! serve real devices; only time and links are made up. The same seed is the same run, to the message.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use ed25519_compact::{KeyPair, Seed};
use kinglet_monitor::audit::{Chain, Entry, Event};
use kinglet_monitor::{RECORD_BYTES_MAX, Record};
use kinglet_rollout::{Decision, Reason, Rollout, Seen};
use kinglet_trust::{KeyRing, Software};

use super::{Rollouts, signed};
use crate::fleet::{Fleet, Message};
use crate::metrics::{Metrics, ModelLabels};
use crate::repository::SignaturePolicy;

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The plan, as the owner writes it.
    pub plan: String,
    /// How many.
    pub devices: usize,
    /// Cohorts and which part of the devices each has.
    pub cohorts: Vec<(String, f64)>,
    /// Part of the messages that a link loses on average; single links lose up to twice that.
    pub loss: f64,
    /// Part of the devices on which the next version does not start.
    pub failing: f64,
    /// Part of the devices whose monitor raises alarms of the next version.
    pub alarming: f64,
    /// Minutes at most.
    pub minutes: u32,
    /// Draws.
    pub seed: u64,
}

/// What came of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Minutes until every device ran what it was to run, or all that there were.
    pub minutes: u32,
    /// The step at the end.
    pub step: u8,
    /// Why it is at this step.
    pub reason: Reason,
    /// For each cohort its devices, those that have ever run the next version, and those that run it at the end.
    pub cohorts: Vec<(String, [usize; 3])>,
    /// Devices that do not run what they are to run.
    pub behind: usize,
    /// Messages that were lost.
    pub lost: u64,
    /// Documents that were refused because a newer one was known.
    pub old: u64,
}

/// Minutes between two polls, and between two records, on average.
const POLL: u32 = 15;
const TELL: u32 = 30;
/// Messages that a blob takes.
const PIECES: u8 = 4;

#[derive(Clone)]
struct Device {
    cohort: usize,
    loss: f64,
    fails: bool,
    alarms: bool,
    seen: Seen,
    is_next: bool,
    was_next: bool,
    /// The version did not start: it is not tried again, and the record is sent until it arrives.
    has_failed: bool,
    owes_failure: bool,
    /// Of the next version's blob, as far as they have arrived.
    pieces: u8,
    sequence: u32,
    runs: u32,
}

/// SplitMix64.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    #[allow(clippy::cast_precision_loss, reason = "53 bits")]
    fn share(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn falls(&mut self, share: f64) -> bool {
        self.share() < share
    }

    fn once_in(&mut self, minutes: u32) -> bool {
        self.next().is_multiple_of(minutes.into())
    }
}

struct World {
    settings: Settings,
    model: String,
    keys: [[u8; 32]; 1],
    rollouts: Rollouts,
    fleet: Fleet,
    metrics: std::sync::Arc<Metrics>,
    devices: Vec<Device>,
    draw: Draw,
    lost: u64,
    old: u64,
}

/// Runs it.
pub fn simulate(settings: Settings) -> Result<Outcome> {
    let mut world = World::new(settings)?;
    // What caches may still have.
    let mut before = world.document()?;
    let mut minutes = 0;
    while minutes < world.settings.minutes {
        minutes += 1;
        let now = world.document()?;
        world.minute([&before, &now])?;
        if minutes % POLL == 0 {
            before = now;
        }
        let fleet = &world.fleet;
        let told = |[next, base]: [[u8; 8]; 2]| fleet.totals(next, base);
        for (_, _, moved) in world.rollouts.look(u64::from(minutes) * 60, told, |_| [0; 2]) {
            moved?;
        }
        if minutes % POLL == 0 && world.is_done()? {
            break;
        }
    }
    world.outcome(minutes)
}

impl World {
    fn new(settings: Settings) -> Result<Self> {
        let pair = |byte: u8| {
            let mut seed = [byte; 32];
            seed.iter_mut().zip(settings.seed.to_le_bytes()).for_each(|(to, from)| *to ^= from);
            KeyPair::from_seed(Seed::new(seed))
        };
        let (owner, operator) = (pair(1), pair(2));
        let plan = signed(&settings.plan, Path::new("."), &operator.pk, &owner)?;
        let written: serde_json::Value = serde_json::from_str(&settings.plan)?;
        let model = written["model"].as_str().context("the plan names no model")?.to_owned();
        let metrics = Metrics::new();
        let policy = SignaturePolicy::of_keys(&[*owner.pk]);
        let rollouts = Rollouts::new(None, &policy, Some(operator), std::sync::Arc::clone(&metrics), 0);
        let rollouts = rollouts.map_err(anyhow::Error::msg)?;
        rollouts.start_at(&model, &plan, 0)?;
        let mut draw = Draw(settings.seed);
        let total: f64 = settings.cohorts.iter().map(|(_, part)| part).sum();
        ensure!(total > 0.0, "cohorts have parts above zero");
        let devices = (0..settings.devices).map(|_| Device::draw(&settings, total, &mut draw)).collect();
        let (keys, fleet) = ([*owner.pk], Fleet::new(5));
        Ok(World { settings, model, keys, rollouts, fleet, metrics, devices, draw, lost: 0, old: 0 })
    }

    fn document(&self) -> Result<bytes::Bytes> {
        Ok(self.rollouts.published(&self.model).context("nothing is published")?.document)
    }

    fn verified<'d>(&self, document: &'d [u8]) -> Result<Rollout<'d>> {
        let ring = KeyRing::new(&self.keys, 0).context("there is a key")?;
        let verified = Rollout::verify(document, &self.model, Seen::default(), &ring, &mut Software);
        verified.map_err(|error| anyhow::anyhow!("the document is refused: {error:?}"))
    }

    /// Every device for a minute. A signature is checked once for all, not once for each.
    fn minute(&mut self, documents: [&bytes::Bytes; 2]) -> Result<()> {
        let documents = documents.map(|document| document.to_vec());
        let [cached, now] = [self.verified(&documents[0])?, self.verified(&documents[1])?];
        for index in 0..self.devices.len() {
            if self.draw.once_in(POLL) {
                // One of twenty polls is answered by a cache.
                let rollout = if self.draw.falls(0.05) { &cached } else { &now };
                self.poll(index, rollout);
            }
            if self.draw.once_in(TELL) || self.devices[index].owes_failure {
                self.tell(index, &now)?;
            }
        }
        Ok(())
    }

    fn is_lost(&mut self, index: usize) -> bool {
        let is_lost = self.draw.falls(self.devices[index].loss);
        self.lost += u64::from(is_lost);
        is_lost
    }

    fn poll(&mut self, index: usize, rollout: &Rollout<'_>) {
        // The question, and the answer.
        if self.is_lost(index) || self.is_lost(index) {
            return;
        }
        let name = index.to_string();
        let device = &mut self.devices[index];
        if rollout.seen() < device.seen {
            self.old += 1;
            return;
        }
        device.seen = rollout.seen();
        let cohort = &self.settings.cohorts[device.cohort].0;
        let is_next = matches!(rollout.decide(cohort, name.as_bytes(), &mut Software), Decision::Next(_));
        if !is_next && device.is_next {
            (device.is_next, device.sequence, device.runs) = (false, 0, 0);
        }
        if !is_next || device.is_next || device.has_failed {
            return;
        }
        // The blob: pieces, any of which may be lost; the next poll goes on where this one ended.
        while self.devices[index].pieces < PIECES {
            if self.is_lost(index) {
                return;
            }
            self.devices[index].pieces += 1;
        }
        let device = &mut self.devices[index];
        device.was_next = true;
        (device.has_failed, device.owes_failure) = (device.fails, device.fails);
        device.is_next = !device.fails;
        if device.is_next {
            (device.sequence, device.runs) = (0, 0);
        }
    }

    fn tell(&mut self, index: usize, rollout: &Rollout<'_>) -> Result<()> {
        let plan = &rollout.plan;
        let device = &mut self.devices[index];
        let model = if device.is_next { plan.next } else { plan.base };
        device.sequence += 1;
        device.runs += 60;
        let alarms = u32::from(device.is_next && device.alarms);
        let (sequence, runs) = (device.sequence, device.runs);
        let (most_ticks, mean_ticks, last_alarm) = (9, 5, u8::from(alarms > 0));
        let record =
            Record { model, sequence, runs, slow: 0, most_ticks, mean_ticks, alarms, last_alarm, confidence: [0; 16] };
        let mut bytes = [0; RECORD_BYTES_MAX];
        let len = record.encode(&mut bytes);
        if !self.is_lost(index) {
            // The answer may be lost: the device sends again then.
            let times = if self.is_lost(index) { 2 } else { 1 };
            for _ in 0..times {
                self.take(index, Message::Telemetry, &bytes[..len])?;
            }
        }
        if self.devices[index].owes_failure && !self.is_lost(index) {
            let entry = Entry {
                sequence: 0,
                event: Event::Reverted,
                reason: 1,
                model: plan.next,
                security_counter: 0,
                version: [0; 3],
                time: 0,
            };
            let record = Chain::default().add(&entry, &mut Software);
            self.take(index, Message::Audit, &record)?;
            self.devices[index].owes_failure = false;
        }
        Ok(())
    }

    fn take(&self, index: usize, message: Message, bytes: &[u8]) -> Result<()> {
        let cohort = &self.settings.cohorts[self.devices[index].cohort].0;
        let labels =
            |digest: [u8; 8]| Some(ModelLabels { model: self.model.clone(), version: crate::auth::shown(&digest) });
        let name = index.to_string();
        Ok(self.fleet.take(labels, &self.metrics, [cohort, &name], message, bytes)?)
    }

    /// What the device is to run, but for those where it does not start.
    fn is_right(&self, index: usize, rollout: &Rollout<'_>) -> bool {
        let device = &self.devices[index];
        let cohort = &self.settings.cohorts[device.cohort].0;
        let name = index.to_string();
        let is_next = matches!(rollout.decide(cohort, name.as_bytes(), &mut Software), Decision::Next(_));
        device.is_next == (is_next && !device.has_failed)
    }

    fn is_done(&self) -> Result<bool> {
        let document = self.document()?;
        let rollout = self.verified(&document)?;
        let is_last = rollout.step.step == 0 || rollout.step.step == rollout.plan.steps;
        Ok(is_last && (0..self.devices.len()).all(|index| self.is_right(index, &rollout)))
    }

    fn outcome(&self, minutes: u32) -> Result<Outcome> {
        let document = self.document()?;
        let rollout = self.verified(&document)?;
        let mut cohorts: Vec<(String, [usize; 3])> =
            self.settings.cohorts.iter().map(|(name, _)| (name.clone(), [0; 3])).collect();
        for device in &self.devices {
            let [all, ever, now] = &mut cohorts[device.cohort].1;
            *all += 1;
            *ever += usize::from(device.was_next);
            *now += usize::from(device.is_next);
        }
        let behind = (0..self.devices.len()).filter(|&index| !self.is_right(index, &rollout)).count();
        let (step, reason) = (rollout.step.step, rollout.step.reason);
        Ok(Outcome { minutes, step, reason, cohorts, behind, lost: self.lost, old: self.old })
    }
}

impl Device {
    fn draw(settings: &Settings, total: f64, draw: &mut Draw) -> Self {
        let mut place = draw.share() * total;
        let mut cohort = 0;
        for (index, (_, part)) in settings.cohorts.iter().enumerate() {
            cohort = index;
            place -= part;
            if place < 0.0 {
                break;
            }
        }
        Device {
            cohort,
            loss: (2.0 * settings.loss * draw.share()).min(0.95),
            fails: draw.falls(settings.failing),
            alarms: draw.falls(settings.alarming),
            seen: Seen::default(),
            is_next: false,
            was_next: false,
            has_failed: false,
            owes_failure: false,
            pieces: 0,
            sequence: 0,
            runs: 0,
        }
    }
}

impl core::fmt::Display for Outcome {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        let reason = super::reason_name(self.reason);
        writeln!(f, "after {} minutes at step {} ({reason})", self.minutes, self.step)?;
        for (cohort, [all, ever, now]) in &self.cohorts {
            writeln!(f, "{cohort}: {all} devices, {ever} have had the next version, {now} run it")?;
        }
        write!(f, "{} behind, {} messages lost, {} old documents refused", self.behind, self.lost, self.old)
    }
}
