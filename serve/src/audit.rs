//! The log of what admins did: records that are chained by their digests, the same as on devices (`kinglet audit` reads it).

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::path::Path;
use std::sync::Mutex;
use std::time::SystemTime;

use kinglet_monitor::audit::{Chain, Entry, Event, RECORD_BYTES};
use kinglet_trust::Software;

use crate::failure::{Failure, Kind};
use crate::lock;

/// A log that is being written.
#[derive(Debug)]
pub struct AuditLog {
    state: Mutex<(Chain, File)>,
}

impl AuditLog {
    /// Opens a log, whose records must be whole and chained.
    pub fn open(path: &Path) -> Result<Self, String> {
        let shown = path.display();
        let failed = |error| format!("cannot open the audit log {shown}: {error}");
        let mut file = OpenOptions::new().read(true).append(true).create(true).open(path).map_err(failed)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(failed)?;
        let (records, rest) = bytes.as_chunks::<RECORD_BYTES>();
        let mut chain = Chain::default();
        for (index, record) in records.iter().enumerate() {
            chain
                .check(record, &mut Software)
                .map_err(|broken| format!("{shown}: record {} breaks the chain: {broken:?}", index + 1))?;
        }
        if !rest.is_empty() {
            return Err(format!("{shown}: {} bytes behind the last whole record", rest.len()));
        }
        Ok(AuditLog { state: Mutex::new((chain, file)) })
    }

    /// Writes a record and waits until it is stored: nothing is done of which there is none.
    pub fn add(&self, event: Event, reason: u8, model: [u8; 8]) -> Result<(), Failure> {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let entry =
            Entry { sequence: 0, event, reason, model, security_counter: 0, version: [0; 3], time: since.as_secs() };
        let (chain, file) = &mut *lock(&self.state);
        let mut next = *chain;
        let record = next.add(&entry, &mut Software);
        file.write_all(&record).and_then(|()| file.sync_data()).map_err(|error| {
            Failure::new(Kind::Internal, format!("nothing was done, because the audit log cannot be written: {error}"))
        })?;
        *chain = next;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_goes_on_where_it_ended_and_a_changed_one_does_not() {
        let path = std::env::temp_dir().join(format!("kinglet-audit-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        for round in 0..3u8 {
            let log = AuditLog::open(&path).unwrap();
            log.add(Event::Activated, round, [round; 8]).unwrap();
            log.add(Event::Reverted, round, [round; 8]).unwrap();
        }
        let mut bytes = std::fs::read(&path).unwrap();
        assert_eq!(bytes.len(), 6 * RECORD_BYTES);
        bytes[RECORD_BYTES + 5] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(AuditLog::open(&path).unwrap_err().contains("record 2"));
        std::fs::remove_file(&path).unwrap();
    }
}
