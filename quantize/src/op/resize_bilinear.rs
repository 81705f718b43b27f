//! Images of another size, between the four nearest pixels, as TensorFlow Lite's int8 kernel computes them.

use core::fmt;

use kinglet_blob::OpCode;
use kinglet_blob::records;
use kinglet_kernels::resize_bilinear::WEIGHT_BITS;

use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Emission, Reason, Site, narrow, no_kernel};
use super::operator::Operator;
use super::rule::channels::{ChannelTies, Channels, Known};
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{DType, Shape, ShapeError, Value, checked_len, fail};

/// The plane of `x [N, H, W, C]` in another size. Floats are resized by [`super::Resample`] instead.
#[derive(Clone, Debug, PartialEq)]
pub struct ResizeBilinear {
    /// Height and width of the result.
    pub size: [usize; 2],
    /// The outermost pixels lie on each other, not the edges of the images.
    pub align_corners: bool,
    /// Pixels are where their centers are.
    pub half_pixel: bool,
}

impl Operator for ResizeBilinear {
    fn name(&self) -> &'static str {
        "ResizeBilinear"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " to {:?}", self.size)?;
        f.write_str(if self.align_corners { " align_corners" } else { "" })?;
        f.write_str(if self.half_pixel { " half_pixel" } else { "" })
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let &[n, h, w, c] = operands::one(inputs)? else { return fail("needs an operand with 4 axes".into()) };
        if self.align_corners && self.half_pixel {
            return fail("aligns corners and takes half pixels".into());
        }
        let [rows, columns] = self.size;
        let shape = vec![n, rows, columns, c];
        checked_len(&shape)?;
        if [h, w, rows, columns].iter().any(|&extent| extent > 1 << 16) {
            return fail("resizes an image with more than 65536 rows or columns".into());
        }
        Ok(vec![shape])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::copying(inputs, outputs, &[DType::I8])?;
        types::activation(outputs[0], outputs[0].dtype)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let x = inputs.first()?;
        let &[n, h, w, c] = x.shape else { return None };
        let tables = [self.steps(0, h), self.steps(1, w)];
        let one = f64::from(1 << WEIGHT_BITS);
        let ends = |step: &[i32; 3]| [(step[0] as usize, one - f64::from(step[2])), (step[1] as usize, f64::from(step[2]))];
        let mut result = Vec::new();
        for image in 0..n {
            for y in &tables[0] {
                for x_step in &tables[1] {
                    for channel in 0..c {
                        let mut sum = 0.0;
                        for (row, wy) in ends(y) {
                            for (column, wx) in ends(x_step) {
                                let element = x.data[((image * h + row) * w + column) * c + channel];
                                sum += f64::from(element) * wy * wx;
                            }
                        }
                        result.push((sum / (one * one)) as f32);
                    }
                }
            }
        }
        Some(vec![result])
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn codes(&self) -> Codes {
        Codes::Kept
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    /// Between equal codes lies the same code.
    fn constant_channels(&self, known: &Known<'_>) -> Option<Channels> {
        known.each(|q| q)
    }

    fn channel_ties(&self, _shapes: &[&[usize]]) -> ChannelTies {
        ChannelTies::InStep
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let [n, h, w, c] = site.axes(0)?;
        if site.dtype() != DType::I8 {
            return no_kernel(site.dtype());
        }
        let table = |steps: Vec<[i32; 3]>| steps.into_iter().flatten().flat_map(i32::to_le_bytes).collect::<Vec<u8>>();
        let rows = site.store(table(self.steps(0, h)))?;
        let columns = site.store(table(self.steps(1, w)))?;
        let field = |extent: usize| narrow(extent, "an extent");
        let record = records::ResizeBilinear {
            rows,
            columns,
            batch: field(n)?,
            input: [field(h)?, field(w)?],
            output: [field(self.size[0])?, field(self.size[1])?],
            channels: field(c)?,
        };
        site.emit(Emission::new(OpCode::ResizeBilinear, record, Overlap::Never));
        Ok(())
    }
}

impl ResizeBilinear {
    /// Lower and upper index and the weight between them, for each index along the plane's axis 0 or 1, in the integers of
    /// TensorFlow Lite's kernel.
    fn steps(&self, axis: usize, input: usize) -> Vec<[i32; 3]> {
        let (input, output) = (input as i64, self.size[axis] as i64);
        let one = 1i64 << WEIGHT_BITS;
        let (from, to) = if self.align_corners && output > 1 { (input - 1, output - 1) } else { (input, output) };
        let scale = (one * from + to / 2) / to;
        let step = |at: i64| {
            let place = if self.half_pixel { at * scale + scale / 2 - one / 2 } else { at * scale };
            // Divisions go towards zero.
            let lower = (place / one).max(0);
            let upper = ((place + one - 1) / one).min(input - 1).max(0);
            // Where rounding has led beyond the last pixel there is nothing to read.
            let inside = lower.min(input - 1);
            [inside as i32, upper as i32, (place - one * lower).clamp(-one, 2 * one) as i32]
        };
        (0..output).map(step).collect()
    }
}

impl Parameters for records::ResizeBilinear {
    fn shapes(&self) -> Shapes {
        let of = |[height, width]: [u32; 2]| vec![height as usize, width as usize, self.channels as usize];
        Shapes { input: of(self.input), output: of(self.output), batch: self.batch as usize, in_bytes: false }
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }
}
