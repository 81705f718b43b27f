//! `kinglet audit`

use std::path::PathBuf;

use clap::Args;
use kinglet_monitor::audit::{Broken, Chain, Entry, RECORD_BYTES};
use kinglet_trust::Software;
use serde::Serialize;

use super::text::table;
use super::{Failure, Outcome, print, print_json};
use crate::file;

/// The largest log that is read.
const FILE_SIZE_BYTES_MAX: u64 = 1 << 26;

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The log as it was read from a device: records of 64 bytes, the oldest first
    log: PathBuf,
    /// Print the result as one JSON object
    #[arg(long)]
    json: bool,
}

/// A log whose chain is whole.
#[derive(Debug, Serialize)]
struct Audit {
    /// Always true: what fails is an error.
    ok: bool,
    /// True when the log begins with its first record; otherwise what was before is gone, and not checked.
    is_complete: bool,
    /// The newest digest, to be compared with one that is known from elsewhere.
    digest: String,
    /// The records.
    records: Vec<Line>,
}

#[derive(Debug, Serialize)]
struct Line {
    sequence: u32,
    event: String,
    reason: u8,
    model: String,
    version: [u16; 3],
    security_counter: u32,
    time: u64,
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    let named = |problem: String| Failure::Other(format!("{}: {problem}", arguments.log.display()));
    let bytes = file::read(&arguments.log, FILE_SIZE_BYTES_MAX).map_err(|error| named(error.to_string()))?;
    let audit = audit(&bytes).map_err(named)?;
    if arguments.json { print_json(&audit) } else { print(&text(&audit)) }
}

fn audit(bytes: &[u8]) -> Result<Audit, String> {
    let (records, rest) = bytes.as_chunks::<RECORD_BYTES>();
    let (Some(first), []) = (records.first(), rest) else {
        return Err(format!("a log is one or more records of {RECORD_BYTES} bytes; it has {} bytes", bytes.len()));
    };
    let mut chain = Chain::default();
    let is_complete = chain.check(first, &mut Software).is_ok();
    if !is_complete {
        chain = Chain::behind(first).ok_or("record 1 is no record of an audit log")?;
    }
    let mut lines = vec![line(&Entry::read(first).ok_or("record 1 is no record of an audit log")?)];
    for (index, record) in records.iter().enumerate().skip(1) {
        let entry = chain.check(record, &mut Software);
        lines.push(line(&entry.map_err(|broken| format!("record {} {}", index + 1, explain(broken)))?));
    }
    Ok(Audit { ok: true, is_complete, digest: hex(chain.digest()), records: lines })
}

fn explain(broken: Broken) -> &'static str {
    match broken {
        Broken::Form => "is no record of an audit log",
        Broken::Sequence => "does not have the next number: records are missing, or in another order",
        Broken::Digest => "does not continue the chain: it or a record before it was changed",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn line(entry: &Entry) -> Line {
    Line {
        sequence: entry.sequence,
        event: format!("{:?}", entry.event),
        reason: entry.reason,
        model: hex(&entry.model),
        version: entry.version,
        security_counter: entry.security_counter,
        time: entry.time,
    }
}

fn text(audit: &Audit) -> String {
    let header = ["#", "event", "reason", "model", "version", "counter", "time"];
    let right = [true, false, true, false, false, true, true];
    let row = |line: &Line| {
        let version = line.version.map(|part| part.to_string()).join(".");
        let numbers = [line.reason.to_string(), line.security_counter.to_string(), line.time.to_string()];
        let [reason, counter, time] = numbers;
        vec![line.sequence.to_string(), line.event.clone(), reason, line.model.clone(), version, counter, time]
    };
    let rows: Vec<_> = audit.records.iter().map(row).collect();
    let beginning = if audit.is_complete { "from its first record on" } else { "whose beginning is gone" };
    let records = audit.records.len();
    format!("{}\n\n{records} records, {beginning}; digest {}", table(&header, &right, &rows), audit.digest)
}
