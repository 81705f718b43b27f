//! The running counts, and what is written when a marker is executed.
//!
//! A single guest core runs, so a load and a store of the same atomic are enough: no two callbacks
//! overlap, and the compiler makes an ordinary increment of it.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::class::CLASS_COUNT;

pub(crate) static INSTRUCTIONS: AtomicU64 = AtomicU64::new(0);
pub(crate) static LOADS: AtomicU64 = AtomicU64::new(0);
pub(crate) static STORES: AtomicU64 = AtomicU64::new(0);
pub(crate) static VECTOR: AtomicU64 = AtomicU64::new(0);
/// Blocks that did not start where the one before ended.
pub(crate) static TAKEN: AtomicU64 = AtomicU64::new(0);
/// Registers moved by multiple loads and stores.
pub(crate) static MOVED: AtomicU64 = AtomicU64::new(0);
pub(crate) static FLASH_LOADS: AtomicU64 = AtomicU64::new(0);
/// Instructions by class; Helium ones are in none.
pub(crate) static CLASSES: [AtomicU64; CLASS_COUNT] = [const { AtomicU64::new(0) }; CLASS_COUNT];

static OUTPUT: OnceLock<Mutex<File>> = OnceLock::new();
static HISTOGRAM: OnceLock<Histogram> = OnceLock::new();
/// Windows open at the moment.
static DEPTH: AtomicU64 = AtomicU64::new(0);
/// Outermost windows opened so far.
static OUTERMOST: AtomicU64 = AtomicU64::new(0);

/// Code lives in the first 4 MB of its region on every board, and instructions start at even addresses.
const ADDRESS_MASK: u64 = 0x003F_FFFE;
const SLOT_COUNT: usize = (ADDRESS_MASK as usize >> 1) + 1;

struct Histogram {
    path: String,
    window: u64,
    /// The high bits that `ADDRESS_MASK` drops; the same for all code of an image.
    region: AtomicU64,
    /// Not zero while the chosen window is open.
    active: AtomicU64,
    slots: Vec<AtomicU64>,
}

#[inline(always)]
pub(crate) fn bump(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}

/// Opens what the arguments name. Returns a message for the user when they do not make sense.
pub(crate) fn start(arguments: &[String]) -> Result<(), String> {
    let mut out = None;
    let mut hist = None;
    let mut window = 0;
    for argument in arguments {
        match argument.split_once('=') {
            Some(("out", path)) => out = Some(path),
            Some(("hist", path)) => hist = Some(path.to_owned()),
            Some(("window", text)) => {
                window = text.parse().map_err(|_| format!("window={text}: a number was expected"))?;
            }
            _ => return Err(format!("unknown argument {argument}; out=FILE, hist=FILE and window=K exist")),
        }
    }
    let path = out.ok_or("out=FILE is missing")?;
    let file = File::options().create(true).append(true).open(path).map_err(|e| format!("{path}: {e}"))?;
    let _ = OUTPUT.set(Mutex::new(file));
    if let Some(path) = hist {
        let slots = (0..SLOT_COUNT).map(|_| AtomicU64::new(0)).collect();
        let _ = HISTOGRAM.set(Histogram { path, window, region: AtomicU64::new(0), active: AtomicU64::new(0), slots });
    }
    Ok(())
}

/// True when executions per address are wanted.
pub(crate) fn wants_addresses() -> bool {
    HISTOGRAM.get().is_some()
}

/// One more execution at `address`, if the chosen window is open.
pub(crate) fn executed_at(address: u64) {
    let Some(histogram) = HISTOGRAM.get() else { return };
    if histogram.active.load(Relaxed) == 0 {
        return;
    }
    histogram.region.store(address & !ADDRESS_MASK, Relaxed);
    if let Some(slot) = histogram.slots.get((address & ADDRESS_MASK) as usize >> 1) {
        bump(slot);
    }
}

pub(crate) fn begin() {
    write_line("begin");
    if DEPTH.load(Relaxed) == 0 {
        if let Some(histogram) = HISTOGRAM.get()
            && histogram.window == OUTERMOST.load(Relaxed)
        {
            histogram.active.store(1, Relaxed);
        }
        bump(&OUTERMOST);
    }
    bump(&DEPTH);
}

pub(crate) fn end() {
    write_line("end");
    let depth = DEPTH.load(Relaxed).saturating_sub(1);
    DEPTH.store(depth, Relaxed);
    if depth > 0 {
        return;
    }
    if let Some(histogram) = HISTOGRAM.get()
        && histogram.active.swap(0, Relaxed) != 0
        && let Err(error) = dump(histogram)
    {
        eprintln!("icount: {}: {error}", histogram.path);
    }
}

pub(crate) fn tick() {
    write_line("tick");
}

fn write_line(marker: &str) {
    let Some(output) = OUTPUT.get() else { return };
    let mut file = output.lock().unwrap_or_else(PoisonError::into_inner);
    let columns = [&INSTRUCTIONS, &LOADS, &STORES, &VECTOR, &TAKEN, &MOVED, &FLASH_LOADS].into_iter().chain(&CLASSES);
    let mut line = marker.to_owned();
    for column in columns {
        line.push(' ');
        line += &column.load(Relaxed).to_string();
    }
    line.push('\n');
    // A line that is lost would shift every later window, and the reader notices by pairing them.
    if let Err(error) = file.write_all(line.as_bytes()) {
        eprintln!("icount: cannot write the counts: {error}");
    }
}

fn dump(histogram: &Histogram) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(&histogram.path)?);
    let region = histogram.region.load(Relaxed);
    for (index, slot) in histogram.slots.iter().enumerate() {
        let count = slot.load(Relaxed);
        if count > 0 {
            writeln!(file, "{} {count}", region | (index as u64) << 1)?;
        }
    }
    file.flush()
}
