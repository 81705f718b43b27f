//! What devices tell of the models that they run, added up by version and cohort.
//!
//! A device sends the record of `runtime/monitor` ([`Record`]): counts since its model started, nothing of a single run. Of each
//! device only its last counts are kept, to know what is new in the next record; of a cohort nothing is shown before
//! enough devices have told of a version ([`Fleet::new`]), and then all of it at once. Records may come twice or late: the
//! sequence number says so, and they change nothing.

use std::collections::HashMap;
use std::sync::Mutex;

use kinglet_monitor::Record;

use crate::failure::{Failure, Kind};
use crate::lock;
use crate::metrics::{Metrics, ModelLabels};
use crate::repository::{Catalog, is_name};

/// Devices that are known at once.
const DEVICES_MAX: usize = 200_000;
/// Cohorts, each of which is a label of metrics.
const COHORTS_MAX: usize = 64;

/// Runs, slow runs, alarms.
type Counts = [u32; 3];

struct Device {
    model: [u8; 8],
    sequence: u32,
    counts: Counts,
}

/// Of a version in a cohort.
#[derive(Default)]
struct Sum {
    devices: usize,
    /// Not shown yet.
    held: [u64; 3],
}

#[derive(Default)]
struct Known {
    /// By cohort, then by device.
    devices: HashMap<String, HashMap<String, Device>>,
    count: usize,
    sums: HashMap<(String, ModelLabels), Sum>,
}

/// All devices.
pub struct Fleet {
    known: Mutex<Known>,
    devices_min: usize,
}

impl Fleet {
    /// Nothing is shown of fewer than `devices_min` devices.
    pub fn new(devices_min: usize) -> Self {
        Fleet { known: Mutex::default(), devices_min: devices_min.max(1) }
    }

    /// Takes a record of a device.
    pub fn take(
        &self,
        catalog: &Catalog,
        metrics: &Metrics,
        cohort: &str,
        device: &str,
        bytes: &[u8],
    ) -> Result<(), Failure> {
        if !is_name(cohort) || !is_name(device) {
            return Err(Failure::invalid("cohorts and devices have names of letters, digits, '.', '_' and '-'"));
        }
        let record = Record::decode(bytes);
        let record = record.ok_or_else(|| Failure::invalid("the body is no telemetry record of version 1"))?;
        let served = catalog.served().find(|served| served.digest() == record.model);
        let labels = served.map(|served| served.labels()).ok_or_else(|| {
            let model = crate::auth::shown(&record.model);
            Failure::new(Kind::NotFound, format!("no version in the repository has the digest {model}..."))
        })?;
        let known = &mut *lock(&self.known);
        let Some((new, is_new)) = known.note(cohort, device, &record)? else { return Ok(()) };
        let sum = known.sums.entry((cohort.to_owned(), labels.clone())).or_default();
        sum.devices += usize::from(is_new);
        sum.held.iter_mut().zip(new).for_each(|(held, new)| *held += u64::from(new));
        if sum.devices >= self.devices_min {
            metrics.told(&labels, cohort, sum.devices, core::mem::take(&mut sum.held));
        }
        Ok(())
    }
}

impl Known {
    /// What is new in a record, and whether the device has not told of this model before; none for a record that has been
    /// seen.
    fn note(&mut self, cohort: &str, device: &str, record: &Record) -> Result<Option<(Counts, bool)>, Failure> {
        let counts = [record.runs, record.slow, record.alarms];
        let next = Device { model: record.model, sequence: record.sequence, counts };
        if let Some(last) = self.devices.get_mut(cohort).and_then(|devices| devices.get_mut(device)) {
            if last.model != record.model {
                *last = next;
                return Ok(Some((counts, true)));
            }
            if record.sequence <= last.sequence {
                return Ok(None);
            }
            // Fewer runs than before: the device has started again, and counts from zero.
            let is_restart = record.runs < last.counts[0];
            let before = if is_restart { [0; 3] } else { last.counts };
            let mut new = counts;
            new.iter_mut().zip(before).for_each(|(new, before)| *new = new.saturating_sub(before));
            *last = next;
            return Ok(Some((new, false)));
        }
        if !self.devices.contains_key(cohort) && self.devices.len() >= COHORTS_MAX {
            return Err(Failure::new(Kind::Busy, format!("{COHORTS_MAX} cohorts are known, no more are taken")));
        }
        if self.count >= DEVICES_MAX {
            return Err(Failure::new(Kind::Busy, format!("{DEVICES_MAX} devices are known, no more are taken")));
        }
        self.count += 1;
        self.devices.entry(cohort.to_owned()).or_default().insert(device.to_owned(), next);
        Ok(Some((counts, true)))
    }
}
