//! Convolutions with padding: rows of the image are copied with zeros around them, some at a time, and are images of their own
//! whose windows all lie inside. What is copied for a row of outputs is read once for each tap and channel.

use core::mem::MaybeUninit;

use super::Dense;
use super::wide::Wide;
use crate::conv2d::Geometry;
use crate::io::range;

/// Numbers of a band, 40 kB.
const BAND: usize = 10 << 10;

/// How an image is cut.
struct Bands {
    /// Output rows of a band.
    rows: usize,
    /// Columns with padding.
    columns: usize,
}

impl Bands {
    /// None where not even the rows for some output rows have room.
    fn new(geometry: &Geometry) -> Option<Bands> {
        let Geometry { input: [_, _, channels], output, kernel, stride, dilation, .. } = *geometry;
        let across = kernel[1].checked_sub(1)?.checked_mul(dilation[1])?.checked_add(1)?;
        let columns = output[1].checked_sub(1)?.checked_mul(stride[1])?.checked_add(across)?;
        let fitting = BAND.checked_div(columns.checked_mul(channels)?)?;
        let down = kernel[0].checked_sub(1)?.checked_mul(dilation[0])?.checked_add(1)?;
        let rows = fitting.checked_sub(down)?.checked_div(stride[0])?.checked_add(1)?.min(output[0]);
        // Of fewer rows, too many are copied more than once.
        (rows == output[0] || rows >= 4).then_some(Bands { rows, columns })
    }
}

/// True when the layer has been computed.
#[inline]
pub(super) fn runs<W: Wide<L, P>, const L: usize, const P: usize>(
    wide: W,
    layer: &Dense<'_>,
    input: &[f32],
    output: &mut [f32],
) -> bool {
    let geometry = &layer.geometry;
    let Some(bands) = Bands::new(geometry) else { return false };
    let [height, width, outputs] = geometry.output;
    let mut band = [MaybeUninit::<f32>::uninit(); BAND];
    let mut y = 0;
    while y < height {
        let rows = height.wrapping_sub(y).min(bands.rows);
        let below = geometry.kernel[0].wrapping_sub(1).wrapping_mul(geometry.dilation[0]).wrapping_add(1);
        let count = rows.wrapping_sub(1).wrapping_mul(geometry.stride[0]).wrapping_add(below);
        let row = bands.columns.wrapping_mul(geometry.input[2]);
        copy(geometry, input, (y, count), row, &mut band);
        let part = Geometry {
            input: [count, bands.columns, geometry.input[2]],
            output: [rows, width, outputs],
            pad: [0, 0],
            ..*geometry
        };
        let len = count.wrapping_mul(row);
        // SAFETY: so many numbers have just been written.
        let band = unsafe { band.get(..len).unwrap_or_default().assume_init_ref() };
        let at = y.wrapping_mul(width).wrapping_mul(outputs);
        let to = output.get_mut(at..at.wrapping_add(rows.wrapping_mul(width).wrapping_mul(outputs)));
        wide.tiles(&Dense { geometry: part, is_inside: true, ..*layer }, band, to.unwrap_or_default());
        y = y.wrapping_add(rows);
    }
    true
}

/// Writes `count` rows of `len` numbers, from the first that output row `y` needs on.
fn copy(
    geometry: &Geometry,
    input: &[f32],
    (y, count): (usize, usize),
    len: usize,
    band: &mut [MaybeUninit<f32>; BAND],
) {
    let Geometry { input: [height, width, channels], stride, pad, .. } = *geometry;
    let first = y.wrapping_mul(stride[0]).wrapping_sub(pad[0]);
    let line = width.wrapping_mul(channels);
    let zero = MaybeUninit::new(0.0);
    for (index, to) in band.chunks_exact_mut(len.max(1)).enumerate().take(count) {
        let row = first.wrapping_add(index);
        // Rows above the image have wrapped.
        if row >= height {
            to.fill(zero);
            continue;
        }
        let before = pad[1].saturating_mul(channels).min(to.len());
        let (before, rest) = to.split_at_mut(before);
        before.fill(zero);
        let from = range(input, row.wrapping_mul(line), line.min(rest.len()));
        // Never longer than the rest; only the compiler that proves the absence of panics does not know it.
        let Some((inside, after)) = rest.split_at_mut_checked(from.len()) else {
            rest.fill(zero);
            continue;
        };
        inside.write_copy_of_slice(from);
        after.fill(zero);
    }
}
