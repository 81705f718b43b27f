//! Functions of each int16 element, in the integers of TensorFlow Lite. Inputs and outputs have zero point 0.
//!
//! `*` is a [`FixedPoint`] multiplication that rounds twice.
//!
//! - Rescale: `x * f` with one factor for `x >= 0` and one for those below, clamped: ReLU, ReLU6, LeakyReLU.
//! - Abs: `|x| * f`, clamped. Rsqrt: `1 / sqrt(x)` from five Newton steps, times a factor; 0 gives the largest code.
//! - Logistic, Tanh: `x` times a multiplier, shifted right, is the place between entries of a table of 256 halves of the
//!   logistic function, one for each 24th; in units of `2^-15`.
//! - Table: one of 513 entries, 128 codes apart, between which a line is drawn.
//! - Overlapping input and output: the output may start at the input's first element or before it; in place is fine.

use crate::Io;
use crate::fixed_math::inverse_root;
use crate::numerics::FixedPoint;

/// Declares [`FunctionI16`] with its tags.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $table_len:literal,)*) => {
        /// A function of an int16 element.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum FunctionI16 {
            $($(#[$doc])* $name = $tag,)*
        }

        impl FunctionI16 {
            /// Every function, in the order of its tag.
            pub const ALL: &'static [FunctionI16] = &[$(FunctionI16::$name),*];

            /// The function with tag `tag`.
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(FunctionI16::$name),)*
                    _ => None,
                }
            }

            /// Entries of its table; 0 when it has none.
            pub const fn table_len(self) -> usize {
                match self { $(FunctionI16::$name => $table_len,)* }
            }
        }
    };
}

functions! {
    /// Times one of two factors, by the sign.
    Rescale = 0 0,
    /// The magnitude times a factor.
    Abs = 1 0,
    /// The inverse of the square root, times a factor.
    Rsqrt = 2 0,
    /// The logistic function.
    Logistic = 3 256,
    /// The hyperbolic tangent.
    Tanh = 4 256,
    /// What a table says.
    Table = 5 513,
}

/// A function of int16 elements.
#[derive(Clone, Copy, Debug)]
pub struct MapI16<'a> {
    /// Which.
    pub function: FunctionI16,
    /// For elements that are not negative, and for those that are. Logistic and Tanh: `multiplier >> -shift` of the first.
    pub factors: [FixedPoint; 2],
    /// Lower clamp.
    pub min: i16,
    /// Upper clamp.
    pub max: i16,
    /// As many entries as [`FunctionI16::table_len`]; those of Logistic and Tanh are unsigned.
    pub table: &'a [i16],
}

/// Computes the function. No scratch.
pub fn map_i16(layer: &MapI16<'_>, io: &mut Io<i16>) {
    if layer.table.len() < layer.function.table_len() {
        return io.refuse();
    }
    let [positive, negative] = layer.factors;
    let clamped = |value: i32| value.max(layer.min.into()).min(layer.max.into()) as i16;
    let of = |x: i16| {
        let wide = i32::from(x);
        match layer.function {
            FunctionI16::Rescale => clamped(if x >= 0 { positive.apply(wide) } else { negative.apply(wide) }),
            FunctionI16::Abs => clamped(positive.apply(wide.abs())),
            FunctionI16::Rsqrt => clamped(rsqrt(wide, positive)),
            FunctionI16::Logistic => logistic(layer.table, place(wide, positive)),
            FunctionI16::Tanh => tanh(layer.table, place(wide, positive)),
            FunctionI16::Table => interpolate(layer.table, x),
        }
    };
    io.map_parts(|part| part.iter_mut().for_each(|x| *x = of(*x)));
}

/// What keeps the inverse of a root whole.
const ROOT_SHIFT: i32 = 20;

fn rsqrt(x: i32, factor: FixedPoint) -> i32 {
    if x <= 0 {
        return i16::MAX.into();
    }
    let root = inverse_root(x);
    let root = FixedPoint { shift: root.shift.wrapping_add(ROOT_SHIFT), ..root }.apply(1);
    FixedPoint { shift: factor.shift.wrapping_sub(ROOT_SHIFT), ..factor }.apply(root)
}

/// `x` in units of the table: a 24th is 2^9 of the logistic function's.
fn place(x: i32, factor: FixedPoint) -> i32 {
    let right = factor.shift.unsigned_abs();
    let half = if right > 0 { 1_i32.wrapping_shl(right.wrapping_sub(1)) } else { 0 };
    x.wrapping_mul(factor.multiplier).wrapping_add(half).wrapping_shr(right)
}

/// The table's value at `place`, whose lowest `bits` are the way to the next entry; in units of `2^(-16 - bits)`.
fn between(table: &[i16], place: i32, bits: u32) -> u32 {
    let place = place.unsigned_abs();
    let index = place.wrapping_shr(bits) as usize;
    let entry = |index: usize| table.get(index).map_or(0, |&entry| u32::from(entry as u16));
    if index >= 255 {
        return u32::MAX;
    }
    let (low, way) = (entry(index), place & 1_u32.wrapping_shl(bits).wrapping_sub(1));
    low.wrapping_shl(bits).wrapping_add(way.wrapping_mul(entry(index.wrapping_add(1)).wrapping_sub(low)))
}

/// The logistic function at a place of its table.
pub(crate) fn logistic(table: &[i16], place: i32) -> i16 {
    let found = between(table, place, 9);
    let found = if found == u32::MAX { 0x7fff << 10 } else { found };
    let half = 1_u32 << 9;
    let result = if place >= 0 {
        found.wrapping_add(half)
    } else {
        (1_u32 << 25).wrapping_sub(found).wrapping_add(half).wrapping_sub(1)
    };
    (result >> 10) as i16
}

/// The hyperbolic tangent at a place of the logistic function's table.
pub(crate) fn tanh(table: &[i16], place: i32) -> i16 {
    let found = between(table, place, 8);
    let found = if found == u32::MAX { 0xffff << 8 } else { found as i32 };
    let half = 1 << 7;
    let result = if place >= 0 {
        found.wrapping_sub(1 << 23).wrapping_add(half)
    } else {
        (1_i32 << 23).wrapping_sub(found).wrapping_add(half).wrapping_sub(1)
    };
    (result >> 8) as i16
}

/// The entry of 128 codes, and 128ths of the way to the next.
pub(crate) fn interpolate(table: &[i16], x: i16) -> i16 {
    let wide = i32::from(x);
    let index = (wide >> 7).wrapping_add(256) as usize;
    let entry = |index: usize| table.get(index).copied().unwrap_or(0);
    let (low, high) = (entry(index), entry(index.wrapping_add(1)));
    // The oracle's slope has 16 bits.
    let slope = i32::from(high.wrapping_sub(low));
    let step = slope.wrapping_mul(wide & 0x7f).wrapping_add(64) >> 7;
    i32::from(low).wrapping_add(step) as i16
}
