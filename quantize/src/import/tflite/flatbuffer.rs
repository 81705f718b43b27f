//! The flatbuffer encoding, as far as a TensorFlow Lite file uses it, read with every offset checked.
//!
//! ```text
//!   table at t:  [i32: t - vtable] [fields ...]
//!   vtable:      [u16 vtable bytes] [u16 table bytes] [u16 field offset from t, 0 = absent] ...
//!   vector:      [u32 count] [elements]          string: a vector of bytes and a NUL
//!   a field that is a table, vector or string holds the u32 distance from itself to it
//! ```
//!
//! Distances are forward only (vtables excepted), and nothing is followed recursively, so no file can send
//! the reader in circles. But tables and vectors may overlap and be shared: a kilobyte can describe a
//! terabyte of copies. Whoever copies charges a [`Budget`] first.
//!
//! Written by hand instead of generated: the generated reader is 25,000 lines with a thousand `unsafe`, and
//! its verifier knows nothing of indices, so every access would have to be checked again.

use crate::import::budget::{Budget, OverBudget};
use crate::plain;

/// What is wrong with the bytes, and at which offset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Damage {
    pub(super) offset: usize,
    pub(super) problem: String,
}

pub(super) type Read<T> = Result<T, Damage>;

fn damage<T>(offset: usize, problem: &str) -> Read<T> {
    Err(Damage { offset, problem: problem.into() })
}

/// Charges a copy of `count` elements that starts at `offset`.
pub(super) fn charge(budget: &Budget, count: usize, size_bytes: usize, offset: usize) -> Read<()> {
    budget.charge(count, size_bytes).or_else(|_| damage(offset, OverBudget::PROBLEM))
}

/// A file's bytes with bounds-checked little-endian reads.
#[derive(Clone, Copy)]
pub(super) struct Bytes<'b>(pub(super) &'b [u8]);

impl<'b> Bytes<'b> {
    fn array<const N: usize>(self, offset: usize) -> Read<[u8; N]> {
        let end = offset.checked_add(N);
        match end.and_then(|end| self.0.get(offset..end)).and_then(|slice| slice.try_into().ok()) {
            Some(array) => Ok(array),
            None => damage(offset, "the file ends inside a number"),
        }
    }

    fn u16(self, offset: usize) -> Read<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    fn u32(self, offset: usize) -> Read<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    fn i32(self, offset: usize) -> Read<i32> {
        self.array(offset).map(i32::from_le_bytes)
    }

    /// The position a distance stored at `offset` points to.
    fn follow(self, offset: usize) -> Read<usize> {
        let distance = self.u32(offset)? as usize;
        match offset.checked_add(distance) {
            Some(target) if distance >= 4 && target < self.0.len() => Ok(target),
            _ => damage(offset, "a reference leaves the file"),
        }
    }

    /// The root table of a file with the identifier `TFL3`.
    pub(super) fn root(self) -> Read<Table<'b>> {
        if self.0.get(4..8) != Some(b"TFL3") {
            return damage(4, "the identifier TFL3 is missing");
        }
        self.follow(0).and_then(|start| Table::at(self, start))
    }
}

/// A table whose vtable lies within the file.
#[derive(Clone, Copy)]
pub(super) struct Table<'b> {
    bytes: Bytes<'b>,
    start: usize,
    size_bytes: usize,
    vtable: usize,
    field_count: usize,
}

impl<'b> Table<'b> {
    fn at(bytes: Bytes<'b>, start: usize) -> Read<Self> {
        let distance = bytes.i32(start)?;
        let vtable = (start as i64).checked_sub(i64::from(distance)).and_then(|at| usize::try_from(at).ok());
        let Some(vtable) = vtable else {
            return damage(start, "a table's field list lies outside the file");
        };
        let vtable_size = usize::from(bytes.u16(vtable)?);
        let size_bytes = usize::from(bytes.u16(vtable.saturating_add(2))?);
        let ends = (vtable.checked_add(vtable_size), start.checked_add(size_bytes));
        match ends {
            (Some(a), Some(b)) if a <= bytes.0.len() && b <= bytes.0.len() && vtable_size >= 4 && size_bytes >= 4 => {
                Ok(Table { bytes, start, size_bytes, vtable, field_count: (vtable_size - 4) / 2 })
            }
            _ => damage(start, "a table does not fit into the file"),
        }
    }

    /// Where the table is, for messages.
    pub(super) fn offset(&self) -> usize {
        self.start
    }

    /// Position of field `slot` of `size_bytes` bytes, when it is present.
    fn field(&self, slot: usize, size_bytes: usize) -> Read<Option<usize>> {
        if slot >= self.field_count {
            return Ok(None);
        }
        let offset = usize::from(self.bytes.u16(self.vtable + 4 + 2 * slot)?);
        if offset == 0 {
            return Ok(None);
        }
        if offset < 4 || offset + size_bytes > self.size_bytes {
            return damage(self.vtable, "a field lies outside its table");
        }
        Ok(Some(self.start + offset))
    }

    pub(super) fn i8(&self, slot: usize) -> Read<i8> {
        self.field(slot, 1)?.map_or(Ok(0), |at| self.bytes.array::<1>(at).map(|[byte]| byte as i8))
    }

    pub(super) fn bool(&self, slot: usize) -> Read<bool> {
        Ok(self.i8(slot)? != 0)
    }

    pub(super) fn i32(&self, slot: usize, default: i32) -> Read<i32> {
        self.field(slot, 4)?.map_or(Ok(default), |at| self.bytes.i32(at))
    }

    pub(super) fn u32(&self, slot: usize) -> Read<u32> {
        self.field(slot, 4)?.map_or(Ok(0), |at| self.bytes.u32(at))
    }

    pub(super) fn f32(&self, slot: usize) -> Read<f32> {
        self.field(slot, 4)?.map_or(Ok(0.0), |at| self.bytes.u32(at).map(f32::from_bits))
    }

    pub(super) fn u64(&self, slot: usize) -> Read<u64> {
        self.field(slot, 8)?.map_or(Ok(0), |at| self.bytes.array(at).map(u64::from_le_bytes))
    }

    pub(super) fn table(&self, slot: usize) -> Read<Option<Table<'b>>> {
        let Some(at) = self.field(slot, 4)? else { return Ok(None) };
        let start = self.bytes.follow(at)?;
        Table::at(self.bytes, start).map(Some)
    }

    /// A vector of `element_size`-byte elements; an absent one is empty.
    pub(super) fn vector(&self, slot: usize, element_size: usize) -> Read<Vector<'b>> {
        let Some(at) = self.field(slot, 4)? else {
            return Ok(Vector { bytes: self.bytes, start: self.start, count: 0, element_size });
        };
        let head = self.bytes.follow(at)?;
        let count = self.bytes.u32(head)? as usize;
        let start = head + 4;
        let end = count.checked_mul(element_size).and_then(|size| size.checked_add(start));
        match end {
            Some(end) if end <= self.bytes.0.len() => Ok(Vector { bytes: self.bytes, start, count, element_size }),
            _ => damage(head, "a vector is longer than the file"),
        }
    }

    /// A string, with what is not UTF-8 replaced and made plain; at most `size_bytes_max` bytes of it.
    pub(super) fn string(&self, slot: usize, size_bytes_max: usize) -> Read<String> {
        let raw = self.vector(slot, 1)?.raw();
        Ok(plain::name(&String::from_utf8_lossy(&raw[..raw.len().min(size_bytes_max)])))
    }
}

/// A vector that lies within the file.
#[derive(Clone, Copy)]
pub(super) struct Vector<'b> {
    bytes: Bytes<'b>,
    start: usize,
    count: usize,
    element_size: usize,
}

impl<'b> Vector<'b> {
    pub(super) fn len(&self) -> usize {
        self.count
    }

    /// All its bytes.
    pub(super) fn raw(&self) -> &'b [u8] {
        self.bytes.0.get(self.start..self.start + self.count * self.element_size).unwrap_or(&[])
    }

    /// The table its element `index` refers to.
    pub(super) fn table(&self, index: usize) -> Read<Table<'b>> {
        if index >= self.count {
            return damage(self.start, "an index is outside its list");
        }
        let start = self.bytes.follow(self.start + 4 * index)?;
        Table::at(self.bytes, start)
    }

    /// A copy of its 32-bit integers.
    pub(super) fn to_i32(self, budget: &Budget) -> Read<Vec<i32>> {
        charge(budget, self.count, 4, self.start)?;
        Ok(i32s(self.raw()))
    }

    /// A copy of its floats.
    pub(super) fn to_f32(self, budget: &Budget) -> Read<Vec<f32>> {
        charge(budget, self.count, 4, self.start)?;
        Ok(f32s(self.raw()))
    }

    /// A copy of its 64-bit integers.
    pub(super) fn to_i64(self, budget: &Budget) -> Read<Vec<i64>> {
        charge(budget, self.count, 8, self.start)?;
        Ok(i64s(self.raw()))
    }
}

/// Little-endian 32-bit integers.
pub(super) fn i32s(raw: &[u8]) -> Vec<i32> {
    raw.as_chunks().0.iter().map(|chunk| i32::from_le_bytes(*chunk)).collect()
}

/// Little-endian floats.
pub(super) fn f32s(raw: &[u8]) -> Vec<f32> {
    raw.as_chunks().0.iter().map(|chunk| f32::from_le_bytes(*chunk)).collect()
}

/// Little-endian 64-bit integers.
pub(super) fn i64s(raw: &[u8]) -> Vec<i64> {
    raw.as_chunks().0.iter().map(|chunk| i64::from_le_bytes(*chunk)).collect()
}
