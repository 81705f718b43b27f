//! What floats need beyond the processor's own operations, exactly: floor and remainder.

/// From here on every float is an integer.
const ALL_INTEGERS: f32 = 8_388_608.0;

/// The largest integer that is not above `x`.
#[inline]
pub fn floor(x: f32) -> f32 {
    if x.abs() < ALL_INTEGERS {
        let near = x as i32 as f32;
        if near > x { near - 1.0 } else { near }
    } else {
        x
    }
}

/// What a division of `a` by `b` without fraction leaves, of the sign of `a`: exactly, by subtracting one bit of the
/// quotient after the other. NaN for an infinite `a` and a `b` of zero.
pub fn remainder(a: f32, b: f32) -> f32 {
    let (size, divisor) = (a.abs(), b.abs());
    if a.is_nan() || b.is_nan() || size == f32::INFINITY || divisor == 0.0 {
        return f32::NAN;
    }
    if size < divisor {
        return a;
    }
    let ((mut left, mut exponent), (divisor, last)) = (parts(size), parts(divisor));
    loop {
        // `left` is below twice the divisor here.
        if left >= divisor {
            left = left.wrapping_sub(divisor);
        }
        if exponent <= last || left == 0 {
            break;
        }
        left = left.wrapping_shl(1);
        exponent = exponent.wrapping_sub(1);
    }
    // No more than 24 bits, and a multiple of what `b` is a multiple of: both products are exact.
    let half = last >> 1;
    let value = left as f32 * power_of_two(half) * power_of_two(last.wrapping_sub(half));
    if a < 0.0 { -value } else { value }
}

/// `x = mantissa * 2^exponent` of a positive `x`, the mantissa with its 24th bit set.
fn parts(x: f32) -> (u32, i32) {
    let (bits, field) = (x.to_bits() & 0x7f_ffff, (x.to_bits() >> 23) as i32);
    let (mantissa, exponent) = if field == 0 { (bits, -149) } else { (bits | 0x80_0000, field.wrapping_sub(150)) };
    let shift = mantissa.leading_zeros().wrapping_sub(8);
    (mantissa.wrapping_shl(shift), exponent.wrapping_sub(shift as i32))
}

/// `2^exponent` for `exponent` in `-126..=127`.
#[inline]
pub(super) fn power_of_two(exponent: i32) -> f32 {
    f32::from_bits((exponent.wrapping_add(127) as u32).wrapping_shl(23))
}
