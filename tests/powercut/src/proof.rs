//! Cuts at every step, and what they found.

use kinglet_slots::{Fault, Layout};

use crate::Random;
use crate::chip::{Chip, Style};
use crate::life::{Device, Finding, Part, Plan};

/// Where the power goes: so many steps after the beginning, or after the cut before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cut {
    /// Steps.
    pub after: u64,
    /// What the interrupted operation leaves.
    pub style: Style,
}

/// What to prove on a flash.
#[derive(Clone, Copy, Debug)]
pub struct Job {
    /// What the life, the chip and chance are made from.
    pub seed: u64,
    /// About how many single cuts; all there are when there are fewer.
    pub cuts: u64,
    /// How many of them are followed by a second cut, at about as many places.
    pub pairs: u64,
    /// The bug that is switched on.
    pub fault: Option<Fault>,
}

/// What a job has found.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    /// Cuts.
    pub cuts: u64,
    /// Of these, second ones.
    pub second_cuts: u64,
    /// The first finding, and the line that replays it.
    pub finding: Option<(Finding, String)>,
}

impl Tally {
    /// Adds what the ring's proof has found. Its cuts follow from the seed: the same command finds them again.
    pub(crate) fn add(&mut self, geometry: &str, ring: (u64, Option<Finding>), job: &Job) {
        let (cuts, finding) = ring;
        self.cuts += cuts;
        self.second_cuts += cuts / 2;
        let fault = job.fault.map_or_else(String::new, |fault| format!(" --fault {fault:?}"));
        let line = format!("--seed {}{fault} (the ring on {geometry})", job.seed);
        self.finding = self.finding.take().or(finding.map(|finding| (finding, line)));
    }
}

/// A device that can be cut.
pub trait Breakable: Part {
    /// Steps since the beginning.
    fn steps(&self) -> u64;
    /// The power goes at a step, counted from the beginning.
    fn cut_at(&mut self, step: u64, style: Style);
    /// True when it will still go.
    fn is_armed(&self) -> bool;
}

impl<const READ: usize, const WRITE: usize, const PAGE: usize, const ERASED: u8> Breakable
    for Chip<READ, WRITE, PAGE, ERASED>
{
    fn steps(&self) -> u64 {
        self.steps
    }
    fn cut_at(&mut self, step: u64, style: Style) {
        self.cut = Some((step, style));
    }
    fn is_armed(&self) -> bool {
        self.cut.is_some()
    }
}

/// The device at each of its starts in a life without a cut, and the steps of that life.
fn undisturbed<P: Breakable>(device: Device<P>, plan: &Plan) -> Result<(Vec<Device<P>>, u64), Finding> {
    let mut starts = Vec::new();
    let mut device = device;
    loop {
        starts.push(device.clone());
        if device.start(plan)? {
            return Ok((starts, device.chip.steps()));
        }
    }
}

/// Starts the device until the update that it was at is behind it and one start more, or until its life is over.
fn recover<P: Breakable>(device: &mut Device<P>, plan: &Plan) -> Result<(), Finding> {
    let goal = (device.progress() + 1).min(plan.len());
    let mut is_there = false;
    loop {
        let is_over = device.start(plan)?;
        if is_over || (is_there && !device.chip.is_armed()) {
            return Ok(());
        }
        is_there = device.progress() >= goal;
    }
}

/// Cuts a life at many places.
pub fn prove<P: Breakable>(name: &str, chip: P, layout: Layout, plan: &Plan, job: &Job) -> Tally {
    let mut tally = Tally::default();
    let line = |cuts: &[Cut]| {
        let cuts: Vec<String> = cuts.iter().map(|cut| format!("{}:{:?}", cut.after, cut.style)).collect();
        let fault = job.fault.map_or_else(String::new, |fault| format!(" --fault {fault:?}"));
        let cut = if cuts.is_empty() { String::new() } else { format!(" --cut {}", cuts.join(" --cut ")) };
        format!("--replay {name} --seed {}{cut}{fault}", job.seed)
    };
    let (starts, steps) = match undisturbed(Device::new(chip, layout, job.fault), plan) {
        Ok(life) => life,
        Err(finding) => {
            tally.finding = Some((finding, line(&[])));
            return tally;
        }
    };
    let mut random = Random::new(job.seed ^ 0x5EED);
    let all = steps * Style::ALL.len() as u64;
    let stride = (all / job.cuts.max(1)).max(1);
    let mut at = random.below(stride);
    while at < all {
        let style = Style::ALL[(at % Style::ALL.len() as u64) as usize];
        let first = Cut { after: at / Style::ALL.len() as u64, style };
        let from = starts.iter().rfind(|device| device.chip.steps() <= first.after).unwrap_or(&starts[0]);
        let mut device = from.clone();
        device.chip.cut_at(first.after, style);
        tally.cuts += 1;
        if let Err(finding) = recover(&mut device, plan) {
            tally.finding = Some((finding, line(&[first])));
            return tally;
        }
        let wants_pair = job.pairs > 0 && tally.cuts.is_multiple_of((job.cuts / job.pairs.min(job.cuts)).max(1));
        if wants_pair {
            let second = Cut { after: random.below(700), style: Style::ALL[random.below(4) as usize] };
            tally.cuts += 1;
            tally.second_cuts += 1;
            if let Err(finding) = twice(from, plan, first, second) {
                tally.finding = Some((finding, line(&[first, second])));
                return tally;
            }
        }
        at += if stride == 1 { 1 } else { 1 + random.below(2 * stride - 1) };
    }
    tally
}

/// A second cut, so many steps after the first.
fn twice<P: Breakable>(from: &Device<P>, plan: &Plan, first: Cut, second: Cut) -> Result<(), Finding> {
    let mut device = from.clone();
    device.chip.cut_at(first.after, first.style);
    while device.chip.is_armed() {
        if device.start(plan)? {
            return Ok(());
        }
    }
    let step = device.chip.steps() + second.after;
    device.chip.cut_at(step, second.style);
    recover(&mut device, plan)
}

/// Runs a life from its beginning with cuts at known places.
pub fn replay<P: Breakable>(
    chip: P,
    layout: Layout,
    plan: &Plan,
    fault: Option<Fault>,
    cuts: &[Cut],
) -> Result<(), Finding> {
    let mut device = Device::new(chip, layout, fault);
    let mut base = 0;
    for cut in cuts {
        device.chip.cut_at(base + cut.after, cut.style);
        while device.chip.is_armed() {
            if device.start(plan)? {
                return Ok(());
            }
        }
        base = device.chip.steps();
    }
    while !device.start(plan)? {}
    Ok(())
}

/// Single cuts and pairs of a geometry when a seeded bug is looked for.
const FAULT_CUTS: u64 = 5_000;

/// Looks for a seeded bug on geometry after geometry; the finding and its line, or nothing when it escapes.
pub fn catch(fault: Fault, seed: u64) -> Option<(Finding, String)> {
    let mut geometries = crate::geometry::ALL.to_vec();
    // Small flashes are fast, and most bugs are everywhere.
    geometries.sort_by_key(|geometry| geometry.page_bytes);
    geometries.iter().find_map(|geometry| {
        let job = Job { seed, cuts: FAULT_CUTS, pairs: FAULT_CUTS / 4, fault: Some(fault) };
        (geometry.prove)(geometry, &job).finding
    })
}
