//! Archives as Java reads them (ZIP, [APPNOTE 6.3](https://pkware.cachefly.net/webdocs/casestudies/APPNOTE.TXT)): entries
//! as they are, without compression, and of one date, so that the bytes depend on nothing but the content.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// 1980-01-01, the first date that there is.
const DATE: u16 = 1 << 5 | 1;
/// The version that a reader has to know: 1.0.
const VERSION: u16 = 10;
/// Names are UTF-8.
const FLAGS: u16 = 1 << 11;

/// Names and contents, in the order of the names.
pub(super) type Entries = BTreeMap<String, Vec<u8>>;

/// The archive's bytes. A name that ends with a slash is a folder.
pub(super) fn bytes(entries: &Entries) -> Result<Vec<u8>> {
    let (mut archive, mut directory) = (Vec::new(), Vec::new());
    for (name, content) in entries {
        let offset = u32::try_from(archive.len()).context("an archive has less than 4 GB")?;
        let size = u32::try_from(content.len()).context("an entry has less than 4 GB")?;
        let crc = kinglet_blob::checksum::crc32(0, content);
        let mut entry = Vec::new();
        halves(&mut entry, &[VERSION, FLAGS, 0, 0, DATE]);
        words(&mut entry, &[crc, size, size]);
        halves(&mut entry, &[u16::try_from(name.len())?, 0]);
        archive.extend(b"PK\x03\x04");
        archive.extend(&entry);
        archive.extend(name.as_bytes());
        archive.extend(content);
        directory.extend(b"PK\x01\x02");
        halves(&mut directory, &[VERSION]);
        directory.extend(&entry);
        halves(&mut directory, &[0, 0, 0]);
        words(&mut directory, &[0, offset]);
        directory.extend(name.as_bytes());
    }
    let (start, size) = (u32::try_from(archive.len())?, u32::try_from(directory.len())?);
    let count = u16::try_from(entries.len()).context("an archive has less than 65,536 entries")?;
    archive.extend(directory);
    archive.extend(b"PK\x05\x06");
    halves(&mut archive, &[0, 0, count, count]);
    words(&mut archive, &[size, start]);
    halves(&mut archive, &[0]);
    Ok(archive)
}

fn halves(bytes: &mut Vec<u8>, numbers: &[u16]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

fn words(bytes: &mut Vec<u8>, numbers: &[u32]) {
    bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
}

/// Adds what is in a folder.
pub(super) fn add_folder(entries: &mut Entries, folder: &Path, prefix: &str) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))? {
        let path = entry.with_context(|| format!("cannot read {}", folder.display()))?.path();
        let name = format!("{prefix}{}", path.file_name().unwrap_or_default().to_string_lossy());
        if path.is_dir() {
            add_folder(entries, &path, &format!("{name}/"))?;
        } else {
            entries.insert(name, fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?);
        }
    }
    Ok(())
}
