//! Four rows of int8 weights times one vector of int16 activations.
//!
//! `PKHBT` and `PKHTB` make of four activations the pairs that `SXTB16` makes of four weights: 26 instructions for sixteen
//! products.

/// Arguments of the assembly.
#[repr(C)]
struct Rows {
    x: *const i16,
    rows: [*const i8; 4],
    /// Elements, not 0.
    len: usize,
    sums: [i32; 4],
}

in_order! { Rows: x rows len sums }

unsafe extern "C" {
    fn kinglet_armv7em_rows(rows: *mut Rows);
}

assembly! {
    "rows.s",
    Rows {
        ROWS_SUMS = sums,
    }
}

/// The sums of the products of `x` and each row, over as many elements as the shortest slice has: so few that no sum
/// leaves 32 bits.
pub(crate) fn sums(x: &[i16], rows: [&[i8]; 4]) -> [i32; 4] {
    let len = rows.iter().fold(x.len(), |len, row| len.min(row.len()));
    let mut arguments = Rows { x: x.as_ptr(), rows: rows.map(<[i8]>::as_ptr), len, sums: [0; 4] };
    if len > 0 {
        // SAFETY: every slice has `len` elements.
        unsafe { kinglet_armv7em_rows(&mut arguments) };
    }
    arguments.sums
}
