//! `tests/golden/README.md`, "Building blocks", as it is written there.

/// Multiplier and shift of a real factor.
pub(crate) type Factor = (i32, i32);

pub(crate) fn srdhm(a: i32, b: i32) -> i32 {
    if a == i32::MIN && b == i32::MIN {
        return i32::MAX;
    }
    ((i128::from(a) * i128::from(b) + (1 << 30)) >> 31) as i32
}

pub(crate) fn rdpot(x: i32, e: i32) -> i32 {
    // Nearest, ties away from zero, by whole numbers that cannot overflow.
    let (x, divisor) = (i128::from(x), 1i128 << e);
    let magnitude = (x.abs() * 2 + divisor) / (divisor * 2);
    (magnitude * x.signum()) as i32
}

pub(crate) fn mbqm(x: i32, (m, s): Factor) -> i32 {
    let shifted = (i64::from(x) << s.max(0)) as i32;
    rdpot(srdhm(shifted, m), (-s).max(0))
}

pub(crate) fn quantize_multiplier(d: f64) -> Factor {
    if d == 0.0 {
        return (0, 0);
    }
    let (mut q, mut s) = (d, 0);
    while q >= 1.0 {
        (q, s) = (q / 2.0, s + 1);
    }
    while q < 0.5 {
        (q, s) = (q * 2.0, s - 1);
    }
    let mut m = (q * 2147483648.0).round() as i64;
    if m == 2147483648 {
        (m, s) = (m / 2, s + 1);
    }
    if s < -31 { (0, 0) } else { (m as i32, s) }
}

pub(crate) fn sat_shl(v: i32, k: u32) -> i32 {
    let bound = 2i64.pow(31 - k) - 1;
    match i64::from(v) {
        v if v > bound => i32::MAX,
        v if v < -bound => i32::MIN,
        v => (v << k) as i32,
    }
}

pub(crate) fn exp_interval(a: i32) -> i32 {
    let x = a.wrapping_add(1 << 28);
    let x2 = srdhm(x, x);
    let (x3, x4) = (srdhm(x2, x), srdhm(x2, x2));
    let t = rdpot(srdhm(rdpot(x4, 2) + x3, 715827883) + x2, 1);
    1895147668i32.wrapping_add(srdhm(1895147668, x + t))
}

pub(crate) fn exp_negative(a: i32, integer_bits: i32) -> i32 {
    if a == 0 {
        return i32::MAX;
    }
    let fraction_bits = 31 - integer_bits;
    let u = (a & ((1 << (fraction_bits - 2)) - 1)) - (1 << (fraction_bits - 2));
    let mut r = exp_interval(sat_shl(u, integer_bits as u32));
    let rem = u.wrapping_sub(a);
    let steps =
        [(-2, 1672461947), (-1, 1302514674), (0, 790015084), (1, 290630308), (2, 39332535), (3, 720401), (4, 242)];
    for (e, c) in steps {
        if e < integer_bits && rem & (1 << (fraction_bits + e)) != 0 {
            r = srdhm(r, c);
        }
    }
    r
}

pub(crate) fn newton(a: i32) -> i32 {
    let h = ((i64::from(a) + i64::from(i32::MAX) + 1) / 2) as i32;
    let mut x = 1515870810i32.wrapping_add(srdhm(h, -1010580540));
    for _ in 0..3 {
        x = x.wrapping_add(sat_shl(srdhm(x, (1 << 29) - srdhm(h, x)), 2));
    }
    x
}

pub(crate) fn recip_one_plus(a: i32) -> i32 {
    sat_shl(newton(a), 1)
}

pub(crate) fn logistic_q4(v: i32) -> i32 {
    let positive = |v: i32| recip_one_plus(exp_negative(-v, 4));
    match v {
        0 => 1 << 30,
        v if v > 0 => positive(v),
        v => i32::MAX - positive(-v),
    }
}

pub(crate) fn tanh_q4(v: i32) -> i32 {
    let positive = |v: i32| sat_shl(newton(exp_negative(-v, 5)) - (1 << 29), 2);
    match v {
        0 => 0,
        v if v > 0 => positive(v),
        v => -positive(-v),
    }
}
