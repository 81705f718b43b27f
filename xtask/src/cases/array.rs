//! NumPy's `.npy` files, as far as cases have them: little-endian numbers in C order.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail, ensure};

/// An array's numbers. 64-bit integers of cases are small, so that `f64` holds every element exactly.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Array {
    /// NumPy's code of the element type, for example `<f4`.
    pub(crate) element_type: String,
    /// In row-major order.
    pub(crate) numbers: Vec<f64>,
}

impl Array {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> Result<Array> {
        let bytes = fs::read(path).with_context(|| format!("cannot read {}", path.display()))?;
        Array::from_bytes(&bytes).with_context(|| format!("cannot use {}", path.display()))
    }

    /// Whether its elements are of an integer type.
    pub(super) fn is_integer(&self) -> bool {
        !self.element_type.contains('f')
    }

    fn from_bytes(bytes: &[u8]) -> Result<Array> {
        let rest = bytes.strip_prefix(b"\x93NUMPY").context("no .npy file")?;
        let (version, rest) = rest.split_first_chunk::<2>().context("cut off")?;
        let (len, rest) = match version[0] {
            1 => {
                let (len, rest) = rest.split_first_chunk::<2>().context("cut off")?;
                (usize::from(u16::from_le_bytes(*len)), rest)
            }
            _ => {
                let (len, rest) = rest.split_first_chunk::<4>().context("cut off")?;
                (u32::from_le_bytes(*len) as usize, rest)
            }
        };
        ensure!(rest.len() >= len, "cut off");
        let (header, data) = rest.split_at(len);
        let header = core::str::from_utf8(header).context("a header that is no text")?;
        ensure!(header.contains("'fortran_order': False"), "columns come first in it");
        let after = header.split("'descr': '").nth(1).context("no element type")?;
        let element_type = after.split('\'').next().unwrap_or_default().to_owned();
        let numbers = numbers(&element_type, data)?;
        Ok(Array { element_type, numbers })
    }
}

fn numbers(element_type: &str, data: &[u8]) -> Result<Vec<f64>> {
    macro_rules! read {
        ($type:ty, $number:expr) => {{
            let (chunks, rest) = data.as_chunks::<{ size_of::<$type>() }>();
            ensure!(rest.is_empty(), "a part of an element at its end");
            chunks.iter().map(|chunk| $number(<$type>::from_le_bytes(*chunk))).collect()
        }};
    }
    Ok(match element_type {
        "|i1" => read!(i8, f64::from),
        "|u1" | "|b1" => read!(u8, f64::from),
        "<i2" => read!(i16, f64::from),
        "<i4" => read!(i32, f64::from),
        "<u2" => read!(u16, f64::from),
        "<u4" => read!(u32, f64::from),
        "<u8" => read!(u64, |number| number as f64),
        "<i8" => read!(i64, |number| number as f64),
        "<f4" => read!(f32, f64::from),
        "<f8" => read!(f64, |number| number),
        other => bail!("elements of type {other}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(element_type: &str, fortran: &str, data: &[u8]) -> Vec<u8> {
        let header = format!("{{'descr': '{element_type}', 'fortran_order': {fortran}, 'shape': (2,), }}\n");
        let len = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), data].concat()
    }

    #[test]
    fn numbers_are_read_by_their_type() {
        let read = |element_type, data: &[u8]| Array::from_bytes(&file(element_type, "False", data)).unwrap().numbers;
        assert_eq!(read("|i1", &[0xff, 3]), [-1.0, 3.0]);
        assert_eq!(read("|u1", &[0xff, 3]), [255.0, 3.0]);
        assert_eq!(read("<i2", &[0, 1, 0xff, 0xff]), [256.0, -1.0]);
        assert_eq!(read("<f4", &[1.5f32.to_le_bytes(), (-2f32).to_le_bytes()].concat()), [1.5, -2.0]);
        assert_eq!(read("<i8", &(-9i64).to_le_bytes()), [-9.0]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        assert!(Array::from_bytes(&file(">f4", "False", &[0; 8])).is_err(), "big-endian");
        assert!(Array::from_bytes(&file("<f4", "True", &[0; 8])).is_err(), "columns first");
        assert!(Array::from_bytes(&file("<f4", "False", &[0; 7])).is_err(), "a part of an element");
        assert!(Array::from_bytes(b"PK\x03\x04").is_err(), "an archive");
    }
}
