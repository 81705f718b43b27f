//! Arithmetic on sizes, the same on every machine.
//!
//! All sizes of a blob are less than 2^32, and a board's `usize` has 32 bits. A host whose `usize` has more must refuse
//! what a board refuses, by the same rule: so sizes that overflow 32 bits have no product and no sum here, however wide
//! the machine is. On a machine of 32 bits these are its own checked operations.

/// `a * b`; `None` from 2^32 on.
#[inline]
pub fn product(a: usize, b: usize) -> Option<usize> {
    narrow(a.checked_mul(b)?)
}

/// `a + b`; `None` from 2^32 on.
#[inline]
pub fn sum(a: usize, b: usize) -> Option<usize> {
    narrow(a.checked_add(b)?)
}

/// `a * b`, but 2^32 - 1 where that is more: longer than any blob and any arena.
#[inline]
pub fn saturating_product(a: usize, b: usize) -> usize {
    product(a, b).unwrap_or(u32::MAX as usize)
}

#[inline]
fn narrow(size: usize) -> Option<usize> {
    u32::try_from(size).is_ok().then_some(size)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_end_at_32_bits() {
        let most = u32::MAX as usize;
        assert_eq!((product(0xFFFF, 0x1_0001), product(0x1_0000, 0x1_0000)), (Some(most), None));
        assert_eq!((product(most, most), product(0, most)), (None, Some(0)));
        assert_eq!((sum(most, 0), sum(most, 1), sum(1 << 31, 1 << 31)), (Some(most), None, None));
        assert_eq!((saturating_product(3, 5), saturating_product(0x1_0000, 0x1_0000)), (15, most));
    }
}
