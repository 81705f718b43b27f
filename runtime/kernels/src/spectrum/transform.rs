//! The transform of real points: half as many complex ones, and a step that takes two transforms apart.
//!
//! Real points `x[2 i]` and `x[2 i + 1]` are a complex point. The transform of these is left in place, in natural order;
//! [`power`] then computes a bin when it is asked for, so that bins in no band cost nothing.

/// The product of a number with one in units of 2^-15, rounded.
fn times(a: i32, turn: i16) -> i64 {
    i64::from(a).wrapping_mul(turn.into())
}

/// The sum of products, in the unit of the first factors.
fn rounded(sum: i64) -> i32 {
    sum.wrapping_add(1 << 14).wrapping_shr(15) as i32
}

/// A complex point times a turn.
fn turned([re, im]: [i32; 2], [cos, sin]: [i16; 2]) -> [i32; 2] {
    let real = times(re, cos).wrapping_sub(times(im, sin));
    let imaginary = times(re, sin).wrapping_add(times(im, cos));
    [rounded(real), rounded(imaginary)]
}

/// Transforms complex points `[re, im]` in place, a power of two of them; `turns` are those of twice as many points.
pub(super) fn transform(points: &mut [i32], turns: &[[i16; 2]]) {
    let (points, _) = points.as_chunks_mut::<2>();
    reverse_bits(points);
    let count = points.len();
    let mut half = 1;
    while half < count {
        let step = count.checked_div(half).unwrap_or(0);
        for block in points.chunks_exact_mut(half.wrapping_mul(2)) {
            let (low, high) = block.split_at_mut(half);
            for ((a, b), turn) in low.iter_mut().zip(high).zip(turns.iter().step_by(step.max(1))) {
                let [re, im] = turned(*b, *turn);
                *b = [a[0].wrapping_sub(re), a[1].wrapping_sub(im)];
                *a = [a[0].wrapping_add(re), a[1].wrapping_add(im)];
            }
        }
        half = half.wrapping_mul(2);
    }
}

/// Brings points into the order in which the loops above find them.
fn reverse_bits(points: &mut [[i32; 2]]) {
    let shift = usize::BITS.wrapping_sub(points.len().max(2).ilog2());
    for index in 0..points.len() {
        let other = index.reverse_bits().wrapping_shr(shift);
        if index < other && other < points.len() {
            points.swap(index, other);
        }
    }
}

/// Twice the transform of the real points at `bin`, squared; `points` is what [`transform`] has left.
pub(super) fn power(points: &[i32], turns: &[[i16; 2]], bin: usize) -> u64 {
    let (points, _) = points.as_chunks::<2>();
    let count = points.len();
    let at = |index: usize| points.get(index).copied().unwrap_or_default();
    // Bin `count` is that of half the rate of samples; its turn is -1.
    let index = if bin >= count { 0 } else { bin };
    let mirrored = if index == 0 { 0 } else { count.wrapping_sub(index) };
    let ([re, im], [other_re, other_im]) = (at(index), at(mirrored));
    let even = [re.wrapping_add(other_re), im.wrapping_sub(other_im)];
    let odd = [im.wrapping_add(other_im), other_re.wrapping_sub(re)];
    let odd = match turns.get(bin) {
        Some(&turn) => turned(odd, turn),
        None => [odd[0].wrapping_neg(), odd[1].wrapping_neg()],
    };
    let square = |x: i32| u64::from(x.unsigned_abs()).wrapping_mul(x.unsigned_abs().into());
    square(even[0].wrapping_add(odd[0])).wrapping_add(square(even[1].wrapping_add(odd[1])))
}
