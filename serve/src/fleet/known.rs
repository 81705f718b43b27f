//! Every device that has told something, as far as it has to be known to see what is new in its next message.

use std::collections::HashMap;

use kinglet_monitor::Record;

use crate::failure::{Failure, Kind};

/// Devices that are known at once.
const DEVICES_MAX: usize = 200_000;
/// Cohorts, each of which is a label of metrics.
const COHORTS_MAX: usize = 64;
/// Versions of which totals are kept.
const VERSIONS_MAX: usize = 4096;

/// Runs, slow runs, alarms.
type Counts = [u32; 3];

/// No model has this digest; devices that have only told of failures have it.
const NONE: [u8; 8] = [0; 8];

#[derive(Clone, Copy, Default)]
struct Device {
    model: [u8; 8],
    sequence: u32,
    counts: Counts,
    /// Has told of an alarm of this model.
    is_alarmed: bool,
    answered: [u8; 8],
    failed: [u8; 8],
}

/// What is known of a version.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Devices that have told of it.
    pub devices: u64,
    /// Of these, devices whose monitor has raised an alarm.
    pub alarmed: u64,
    /// Devices that refused it, did not keep it, or went back without a word.
    pub failed: u64,
    /// Its runs.
    pub runs: u64,
    /// Runs that took too long.
    pub slow: u64,
}

/// What is new in a record.
pub(super) struct New {
    pub(super) counts: Counts,
    /// The device has not told of this version before.
    pub(super) is_device: bool,
}

#[derive(Default)]
pub(super) struct Known {
    /// By cohort, then by device.
    devices: HashMap<String, HashMap<String, Device>>,
    count: usize,
    totals: HashMap<[u8; 8], Totals>,
    /// Devices that have told of the first version, then of the second, and not of a failure.
    moved: HashMap<[[u8; 8]; 2], u64>,
}

impl Known {
    /// The device, which is one more if it has told nothing yet.
    fn device(&mut self, cohort: &str, device: &str) -> Result<&mut Device, Failure> {
        let is_known = self.devices.get(cohort).is_some_and(|devices| devices.contains_key(device));
        if !is_known {
            if !self.devices.contains_key(cohort) && self.devices.len() >= COHORTS_MAX {
                return Err(Failure::new(Kind::Busy, format!("{COHORTS_MAX} cohorts are known, no more are taken")));
            }
            if self.count >= DEVICES_MAX {
                return Err(Failure::new(Kind::Busy, format!("{DEVICES_MAX} devices are known, no more are taken")));
            }
            self.count += 1;
        }
        let devices = if self.devices.contains_key(cohort) {
            self.devices.get_mut(cohort)
        } else {
            Some(self.devices.entry(cohort.to_owned()).or_default())
        };
        let internal = || Failure::new(Kind::Internal, "a cohort is gone");
        let devices = devices.ok_or_else(internal)?;
        if !is_known {
            devices.insert(device.to_owned(), Device::default());
        }
        devices.get_mut(device).ok_or_else(internal)
    }

    fn total(&mut self, model: [u8; 8]) -> Option<&mut Totals> {
        if self.totals.len() >= VERSIONS_MAX && !self.totals.contains_key(&model) {
            return None;
        }
        Some(self.totals.entry(model).or_default())
    }

    /// What is new in a record; none for one that has been seen.
    pub(super) fn telemetry(&mut self, cohort: &str, device: &str, record: &Record) -> Result<Option<New>, Failure> {
        let counts = [record.runs, record.slow, record.alarms];
        let device = self.device(cohort, device)?;
        let last = *device;
        let is_device = last.model != record.model;
        if !is_device && record.sequence <= last.sequence {
            return Ok(None);
        }
        // Fewer runs than before: the device has started again, and counts from zero.
        let goes_on = !is_device && record.runs >= last.counts[0];
        let before = if goes_on { last.counts } else { [0; 3] };
        let mut new = counts;
        new.iter_mut().zip(before).for_each(|(new, before)| *new = new.saturating_sub(before));
        let was_alarmed = last.is_alarmed && !is_device;
        let is_alarmed = was_alarmed || record.alarms > 0;
        *device = Device { model: record.model, sequence: record.sequence, counts, is_alarmed, ..last };
        let has_moved = is_device && last.model != NONE && last.failed != last.model;
        if has_moved && self.moved.len() < VERSIONS_MAX {
            *self.moved.entry([last.model, record.model]).or_default() += 1;
        }
        if let Some(total) = self.total(record.model) {
            total.devices += u64::from(is_device);
            total.alarmed += u64::from(is_alarmed && !was_alarmed);
            (total.runs, total.slow) = (total.runs + u64::from(new[0]), total.slow + u64::from(new[1]));
        }
        Ok(Some(New { counts: new, is_device }))
    }

    /// True when the device has not answered for this version before.
    pub(super) fn answers(&mut self, cohort: &str, device: &str, model: [u8; 8]) -> Result<bool, Failure> {
        let device = self.device(cohort, device)?;
        let is_new = device.answered != model;
        device.answered = model;
        Ok(is_new)
    }

    /// True when the device has not said so of this version before.
    pub(super) fn failed(&mut self, cohort: &str, device: &str, model: [u8; 8]) -> Result<bool, Failure> {
        let device = self.device(cohort, device)?;
        let is_new = device.failed != model && model != NONE;
        device.failed = model;
        if is_new && let Some(total) = self.total(model) {
            total.failed += 1;
        }
        Ok(is_new)
    }

    /// Of a version; who went from it to `base` did not keep it.
    pub(super) fn totals(&self, model: [u8; 8], base: [u8; 8]) -> Totals {
        let mut totals = self.totals.get(&model).copied().unwrap_or_default();
        totals.failed += self.moved.get(&[model, base]).copied().unwrap_or_default();
        totals
    }
}
