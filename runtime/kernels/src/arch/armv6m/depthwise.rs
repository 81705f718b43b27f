//! DepthwiseConv2D over [`DepthwisePacking::OnePairPlane`](crate::packing::DepthwisePacking::OnePairPlane).

use crate::Io;
use crate::depthwise::DepthwiseI8;
use crate::packing::depthwise::one_pair_plane::{self, Plane, PlaneKernel, Rows, Task};

/// Bits that the product of an accumulator and a multiplier still has to be shifted by, see `requant.s`.
const PRODUCT: i32 = 10;

/// Arguments of the kernels that fill rows.
#[repr(C)]
pub(super) struct Fill {
    pub(super) source: *const i8,
    pub(super) target: *mut i32,
    /// Pixels of a row, not zero.
    pub(super) count: usize,
    /// Bytes from a pixel to the next.
    pub(super) pixel: usize,
    pub(super) padding: i32,
    /// Not zero.
    pub(super) rows: usize,
    /// Bytes from behind the last pixel of a row to the next row.
    pub(super) source_step: isize,
    /// Bytes from behind the last word of a row to the next row.
    pub(super) target_step: isize,
}

/// What the output stage loads at once.
#[repr(C)]
pub(super) struct Factor {
    /// To the right.
    shift: i32,
    /// The multiplier's lower 10, next 11 and upper 10 bits.
    digits: [i32; 3],
    /// With the zero point.
    rounding: i32,
    /// The lower clamp.
    min: i32,
}

in_order! { Factor: shift digits rounding min }

/// Arguments of the kernels that convolve.
#[repr(C)]
pub(super) struct Sums {
    /// First row of the window of the first output.
    pub(super) input: *const i32,
    /// Output rows, not zero.
    pub(super) rows: usize,
    /// Outputs in a row, not zero.
    pub(super) width: usize,
    pub(super) weights: *const i32,
    pub(super) weights_end: *const i32,
    /// Bytes of a kernel row's weights.
    pub(super) kernel_row: usize,
    /// Bytes from the first sum's words of a kernel row to the second's; 3x3: from behind them.
    pub(super) second: isize,
    /// Bytes from behind the words of a kernel row to the next one's.
    pub(super) next: isize,
    /// Bytes from the window of an output to that of the third after it.
    pub(super) triple: usize,
    /// Bytes from the window of an output row to the next row's.
    pub(super) row: usize,
    /// The bias in both lanes.
    pub(super) start: i32,
    pub(super) factor: Factor,
    pub(super) max: i32,
    /// What makes halves of negative numbers round away from zero.
    pub(super) negative: i32,
    pub(super) output: *mut i8,
    /// Bytes from an output to the next.
    pub(super) pixel: usize,
    /// Not zero when the lower clamp is the zero point.
    pub(super) relu: usize,
    /// Not zero for a 3x3 kernel.
    pub(super) small: usize,
}

unsafe extern "C" {
    /// Words of elements and the next ones, for strides of 1. Both read `count` elements of `rows` rows and write
    /// `count` words and as many more as the stride.
    fn kinglet_armv6m_fill1(fill: *const Fill);
    /// Words of elements and the next but one, for strides of 2.
    fn kinglet_armv6m_fill2(fill: *const Fill);
    /// Reads the words under whole groups of three outputs and writes `rows * width` outputs.
    fn kinglet_armv6m_plane(sums: *const Sums);
}

/// See [`crate::depthwise::depthwise_i8`].
pub(crate) fn depthwise_i8(layer: &DepthwiseI8, io: &mut Io<i8>, scratch: &mut [i8]) {
    one_pair_plane::depthwise_i8(layer, io, scratch, &Assembly);
}

/// The assembly behind the plane.
struct Assembly;

impl PlaneKernel for Assembly {
    #[inline(never)]
    fn fill(&self, plane: &Plane, words: &mut [i32], source: &[i8], rows: &Rows, padding: i8) {
        let stride = plane.geometry().stride[1];
        let written = rows.width.wrapping_add(stride);
        let last_row = rows.count.wrapping_sub(1);
        let read =
            last_row.saturating_mul(rows.row).saturating_add(rows.width.wrapping_sub(1).saturating_mul(rows.pixel));
        let Some(target) = words.get_mut(rows.first..) else { return };
        let room = last_row.saturating_mul(plane.row_words()).saturating_add(written);
        if rows.count == 0 || rows.width == 0 || source.len() <= read || target.len() < room {
            return;
        }
        let fill = Fill {
            source: source.as_ptr(),
            target: target.as_mut_ptr(),
            count: rows.width,
            pixel: rows.pixel,
            padding: i32::from(padding),
            rows: rows.count,
            source_step: rows.row.wrapping_sub(rows.width.wrapping_mul(rows.pixel)) as isize,
            target_step: plane.row_words().wrapping_sub(written).wrapping_mul(4) as isize,
        };
        let kernel = if stride == 1 { kinglet_armv6m_fill1 } else { kinglet_armv6m_fill2 };
        // SAFETY: the last element read is in `source`, and the last word written in `target`; no count is zero.
        unsafe { kernel(&fill) }
    }

    #[inline(never)]
    fn convolve(&self, layer: &DepthwiseI8, plane: &Plane, task: &Task, words: &[i32], output: &mut [i8]) {
        let geometry = plane.geometry();
        let [_, width, outputs] = geometry.output;
        let [kernel_rows, kernel_width] = geometry.kernel;
        let row_bytes = plane.row_words().wrapping_mul(4);
        let stride_bytes = geometry.stride[1].wrapping_mul(4);
        let kernel_row = kernel_width.wrapping_mul(4);
        let last = task.rows.wrapping_mul(width).wrapping_sub(1).saturating_mul(outputs);
        let Some(input) = words.get(plane.word(0, 0)..) else { return };
        let read = plane.input_rows(task.rows).saturating_mul(plane.row_words());
        let sound = task.rows > 0 && width > 0 && kernel_rows > 0 && kernel_width > 0;
        if !sound || input.len() < read || output.len() <= last {
            return;
        }
        let small = geometry.kernel == [3, 3];
        let (second, next) = if small {
            (stride_bytes.wrapping_sub(12), row_bytes.wrapping_sub(12).wrapping_sub(stride_bytes))
        } else {
            (stride_bytes, row_bytes.wrapping_sub(kernel_row))
        };
        let stage = layer.stage;
        let factor = task.factor;
        let shift = factor.shift.wrapping_neg().wrapping_add(PRODUCT);
        let rounding = stage.zero_point.wrapping_mul(2).wrapping_add(1);
        let sums = Sums {
            input: input.as_ptr(),
            rows: task.rows,
            width,
            weights: words.as_ptr(),
            weights_end: words.as_ptr().wrapping_add(plane.weight_words()),
            kernel_row,
            second: second as isize,
            next: next as isize,
            triple: stride_bytes.wrapping_mul(3),
            row: row_bytes.wrapping_mul(geometry.stride[0]),
            start: task.bias.wrapping_mul((1 << 11) + 1),
            factor: Factor {
                shift,
                digits: [factor.multiplier & 0x3ff, factor.multiplier >> 10 & 0x7ff, factor.multiplier >> 21],
                rounding: rounding.wrapping_shl(shift.wrapping_sub(1) as u32).wrapping_add(1 << (PRODUCT - 1)),
                min: stage.min,
            },
            max: stage.max,
            negative: -1 << PRODUCT,
            output: output.as_mut_ptr(),
            pixel: outputs,
            relu: usize::from(stage.min == stage.zero_point),
            small: usize::from(small),
        };
        // SAFETY: the plane holds the rows that `task.rows` output rows read; the last output was checked. No count is
        // zero.
        unsafe { kinglet_armv6m_plane(&sums) }
    }
}
