//! Inputs that the monitor has marked, kept for another training: opt-in, bounded, in memory only, and read by admins.
//!
//! Of all that was marked, each has the same chance to be among those that are kept, however many come (reservoir sampling).

use std::io::{Cursor, Write};

use kinglet::Model;
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipWriter};

use super::convert;
use crate::protocol::Datatype;

/// What is kept of a version.
#[derive(Default)]
pub(super) struct Samples {
    most: usize,
    /// For each sample the bytes of all inputs.
    kept: Vec<Vec<Vec<u8>>>,
    marked: u64,
    state: u64,
}

impl Samples {
    pub(super) fn new(most: usize) -> Self {
        Samples { most, kept: Vec::new(), marked: 0, state: 0x9e37_79b9_7f4a_7c15 }
    }

    /// Whether anything is kept at all.
    pub(super) fn is_on(&self) -> bool {
        self.most > 0
    }

    pub(super) fn len(&self) -> usize {
        self.kept.len()
    }

    pub(super) fn forget(&mut self) {
        (self.kept, self.marked) = (Vec::new(), 0);
    }

    /// Takes a sample, perhaps.
    pub(super) fn take(&mut self, inputs: impl FnOnce() -> Vec<Vec<u8>>) {
        self.marked += 1;
        if self.kept.len() < self.most {
            self.kept.push(inputs());
            return;
        }
        // xorshift64*: nobody's secret hangs on it.
        self.state ^= self.state >> 12;
        self.state ^= self.state << 25;
        self.state ^= self.state >> 27;
        let place = self.state.wrapping_mul(0x2545_f491_4f6c_dd1d) % self.marked;
        if let Some(kept) = usize::try_from(place).ok().and_then(|place| self.kept.get_mut(place)) {
            *kept = inputs();
        }
    }

    /// The samples as `.npz`: an array for each input, real numbers where it is quantized.
    pub(super) fn npz(&self, model: &Model<'_>) -> Result<Vec<u8>, String> {
        let failed = |error: &dyn core::fmt::Display| format!("the samples cannot be written: {error}");
        let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
        let options = SimpleFileOptions::default().compression_method(CompressionMethod::Stored);
        for (index, port) in convert::inputs(model).enumerate() {
            let mut shape: Vec<usize> = port.shape().iter().map(|&dim| dim as usize).collect();
            if shape.first() == Some(&1) && shape.len() > 1 {
                shape.remove(0);
            }
            shape.insert(0, self.kept.len());
            let mut content = Vec::new();
            let mut kind = "";
            for sample in &self.kept {
                let bytes = sample.get(index).ok_or_else(|| failed(&"an input is missing"))?;
                let (datatype, reals) = convert::content(&port, bytes, false).map_err(|failure| failed(&failure))?;
                kind = numpy(datatype);
                content.extend_from_slice(&reals);
            }
            if kind.is_empty() {
                kind = "<f4";
            }
            archive.start_file(format!("{}.npy", port.name), options).map_err(|error| failed(&error))?;
            let written = archive.write_all(&head(kind, &shape)).and_then(|()| archive.write_all(&content));
            written.map_err(|error| failed(&error))?;
        }
        Ok(archive.finish().map_err(|error| failed(&error))?.into_inner())
    }
}

/// As NumPy calls a type.
fn numpy(datatype: Datatype) -> &'static str {
    match datatype {
        Datatype::Bool => "|b1",
        Datatype::Int8 => "|i1",
        Datatype::Uint8 => "|u1",
        Datatype::Int16 => "<i2",
        Datatype::Int32 => "<i4",
        Datatype::Int64 => "<i8",
        Datatype::Fp32 => "<f4",
    }
}

/// How an `.npy` file begins: magic, version 1.0, the length of what follows, a dictionary, spaces up to a multiple of 64.
fn head(kind: &str, shape: &[usize]) -> Vec<u8> {
    let dims: Vec<String> = shape.iter().map(|dim| format!("{dim},")).collect();
    let mut text = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({}), }}", dims.concat());
    while !(10 + text.len() + 1).is_multiple_of(64) {
        text.push(' ');
    }
    text.push('\n');
    let len = u16::try_from(text.len()).unwrap_or(u16::MAX);
    [b"\x93NUMPY\x01\x00", &len.to_le_bytes()[..], text.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_that_was_marked_has_the_same_chance() {
        let mut counts = [0u32; 4];
        for round in 0..200u64 {
            let mut samples = Samples::new(10);
            samples.state ^= round.wrapping_mul(0x1234_5678_9abc_def1);
            for index in 0..100u8 {
                samples.take(|| vec![vec![index]]);
            }
            assert_eq!(samples.len(), 10);
            samples.kept.iter().for_each(|sample| counts[usize::from(sample[0][0]) / 25] += 1);
        }
        // Two thousand in four quarters.
        assert!(counts.iter().all(|count| (420..=580).contains(count)), "{counts:?}");
        let head = head("<f4", &[3, 2]);
        assert!(head.len().is_multiple_of(64) && head.ends_with(b"\n"));
    }
}
