//! Products of two matrices, both of which may be computed.

use core::fmt;

use kinglet_blob::records::{MatMulF32, MatMulI8, MatMulI16, MatMulShape};
use kinglet_blob::{OpCode, records};
use kinglet_kernels::elementwise::MulI8;
use kinglet_kernels::numerics::{FixedPoint, LONG_SHIFTS};

use super::common::attributes::Activation;
use super::common::real::{Real, Reals, activated, shapes_of, unravel};
use super::common::{elementwise, fixed, operands, types};
use super::lowering::{Emission, Read, Reason, Site, narrow, no_kernel, refuse};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Record, Shapes};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// `a [..., M, K]` times `b [..., K, N]` -> `[..., M, N]`, with broadcasting of the leading axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MatMul {
    /// The first factor is stored as `[..., K, M]`.
    pub transpose_a: bool,
    /// The second factor is stored as `[..., N, K]`.
    pub transpose_b: bool,
    /// Fused activation.
    pub activation: Activation,
}

/// A factor: its leading axes, rows and columns, and the strides of these two.
#[derive(Clone, Copy)]
struct Factor<'s> {
    batch: &'s [usize],
    extents: [usize; 2],
    strides: [usize; 2],
}

impl<'s> Factor<'s> {
    /// The factor that is stored in `shape`.
    fn of(shape: &'s [usize], is_transposed: bool) -> Result<Self, ShapeError> {
        let Some((batch, &[rows, columns])) = shape.split_last_chunk::<2>() else {
            return fail(format!("operand {shape:?} is no matrix"));
        };
        Ok(if is_transposed {
            Factor { batch, extents: [columns, rows], strides: [1, columns] }
        } else {
            Factor { batch, extents: [rows, columns], strides: [columns, 1] }
        })
    }

    /// The stride along axis `axis` of a batch with `rank` axes; 0 where the factor is the same for all.
    fn batch_stride(&self, axis: usize, rank: usize) -> usize {
        let Some(own) = (axis + self.batch.len()).checked_sub(rank) else { return 0 };
        let inner: usize = self.batch[own + 1..].iter().chain(&self.extents).product();
        if self.batch[own] == 1 { 0 } else { inner }
    }
}

impl MatMul {
    fn factors<'s>(&self, inputs: &[&'s [usize]]) -> Result<[Factor<'s>; 2], ShapeError> {
        let [a, b] = operands::two(inputs)?;
        let (x, y) = (Factor::of(a, self.transpose_a)?, Factor::of(b, self.transpose_b)?);
        if x.extents[1] != y.extents[0] {
            return fail(format!("factors {a:?} and {b:?} differ in depth"));
        }
        Ok([x, y])
    }
}

impl Operator for MatMul {
    fn name(&self) -> &'static str {
        "MatMul"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = [(self.transpose_a, " a transposed"), (self.transpose_b, " b transposed")];
        shown.iter().filter(|(is_so, _)| *is_so).try_for_each(|(_, text)| f.write_str(text))?;
        write!(f, "{}", self.activation)
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        let [a, b] = self.factors(inputs)?;
        let mut shape = elementwise::broadcast(a.batch, b.batch)?;
        shape.extend([a.extents[0], b.extents[1]]);
        Ok(vec![shape])
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        types::rescaling_among(inputs, outputs, &[DType::F32, DType::I8, DType::I16])
    }

    fn evaluate(&self, inputs: &[Real<'_>], shapes: &[&[usize]]) -> Reals {
        let [a, b] = self.factors(&shapes_of(inputs)).ok()?;
        let (batch, rank) = (&shapes[0][..shapes[0].len() - 2], shapes[0].len() - 2);
        let [rows, depth, columns] = [a.extents[0], a.extents[1], b.extents[1]];
        let mut results = Vec::with_capacity(shapes[0].iter().product());
        for flat in 0..batch.iter().product() {
            let index = unravel(flat, batch);
            let start = |factor: Factor<'_>| -> usize {
                index.iter().enumerate().map(|(axis, at)| at * factor.batch_stride(axis, rank)).sum()
            };
            let (from_a, from_b) = (start(a), start(b));
            for element in 0..rows * columns {
                let (i, j) = (element / columns, element % columns);
                let product = |k: usize| {
                    let x = inputs[0].data[from_a + i * a.strides[0] + k * a.strides[1]];
                    let y = inputs[1].data[from_b + k * b.strides[0] + j * b.strides[1]];
                    f64::from(x) * f64::from(y)
                };
                results.push((0..depth).map(product).sum::<f64>() as f32);
            }
        }
        activated(results, self.activation)
    }

    fn activation_mut(&mut self) -> Option<&mut Activation> {
        Some(&mut self.activation)
    }

    fn clamp(&self) -> Activation {
        self.activation
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    /// Sums are never scaled up.
    fn scale_floors(&self, scaling: &dyn Scaling) -> Vec<(End, f32)> {
        vec![(End::Result, scaling.scale(0) * scaling.scale(1))]
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let shape = self.shape(site)?;
        let record: Record = match site.dtype() {
            DType::F32 => {
                let (min, max) = self.activation.bounds();
                MatMulF32 { shape, min, max }.into()
            }
            DType::I8 => self.record_i8(site, shape)?.into(),
            DType::I16 => self.record_i16(site, shape)?.into(),
            other => return no_kernel(other),
        };
        let mut reads = Vec::new();
        for position in 0..2 {
            let value = site.operand(position);
            reads.push(match &value.elements {
                Some(elements) => Read::Constant(value.dtype, site.store(elements.bytes())?),
                None => Read::Operand(position),
            });
        }
        site.emit(Emission { reads, ..Emission::new(OpCode::MatMul, record, Overlap::Never) });
        Ok(())
    }
}

impl MatMul {
    /// Sizes and strides, with as few axes of the batch as there can be.
    fn shape(&self, site: &Site<'_>) -> Result<MatMulShape, Reason> {
        let shapes = [site.operand(0).shape.as_slice(), site.operand(1).shape.as_slice()];
        let [a, b] = self.factors(&shapes).or_else(|error| refuse(error.0, "export the model again"))?;
        let output = &site.result().shape;
        let rank = output.len() - 2;
        // Extent, stride of a, stride of b.
        let mut axes: Vec<[usize; 3]> = Vec::new();
        for (axis, &extent) in output[..rank].iter().enumerate().filter(|(_, extent)| **extent > 1) {
            let own = [extent, a.batch_stride(axis, rank), b.batch_stride(axis, rank)];
            match axes.last_mut() {
                Some(last) if last[1] == own[1] * extent && last[2] == own[2] * extent => {
                    *last = [last[0] * extent, own[1], own[2]];
                }
                _ => axes.push(own),
            }
        }
        // Rows of matrices that all meet the same one are rows of one matrix.
        let mut rows = a.extents[0];
        if let Some(&[extent, of_a, 0]) = axes.last()
            && of_a == rows * a.strides[0]
        {
            rows *= extent;
            axes.pop();
        }
        if axes.len() > 3 {
            let reason = format!("{:?} times {:?} broadcasts along {} groups of axes", shapes[0], shapes[1], axes.len());
            return refuse(reason, "at most 3 are supported; expand one of the operands");
        }
        while axes.len() < 3 {
            axes.insert(0, [1, 0, 0]);
        }
        let extents = |index: usize| -> Result<[u32; 3], Reason> {
            let of = |axis: usize| narrow(axes[axis][index], "an extent of matrices");
            Ok([of(0)?, of(1)?, of(2)?])
        };
        let strides = |index: usize, factor: Factor<'_>| -> Result<[u32; 5], Reason> {
            let ([x, y, z], [i, j]) = (extents(index)?, factor.strides);
            Ok([x, y, z, narrow(i, "a stride")?, narrow(j, "a stride")?])
        };
        Ok(MatMulShape {
            batch: extents(0)?,
            rows: narrow(rows, "the number of rows")?,
            depth: narrow(a.extents[1], "the depth of a product")?,
            columns: narrow(b.extents[1], "the number of columns")?,
            a_strides: strides(1, a)?,
            b_strides: strides(2, b)?,
        })
    }

    fn record_i8(&self, site: &Site<'_>, shape: MatMulShape) -> Result<MatMulI8, Reason> {
        let [a, b, y] = [site.operand_quantization(0)?, site.operand_quantization(1)?, site.result_quantization()?];
        let MulI8 { a_zero_point, b_zero_point, factor, stage } = fixed::mul(a, b, y, self.activation);
        // A product is at most 255 squared.
        if u64::from(shape.depth) * 65025 >= 1 << (31 - factor.shift.clamp(0, 30)) {
            return refuse(
                format!("its sums of {} products scaled by 2^{} leave 32 bits", shape.depth, factor.shift),
                "recalibrate: its scales are unsound, or use a smaller depth",
            );
        }
        Ok(MatMulI8 {
            shape,
            multiplier: factor.multiplier,
            shift: factor.shift as i8,
            a_zero_point: a_zero_point as i8,
            b_zero_point: b_zero_point as i8,
            zero_point: stage.zero_point as i8,
            min: stage.min as i8,
            max: stage.max as i8,
            reserved: 0,
        })
    }

    fn record_i16(&self, site: &Site<'_>, shape: MatMulShape) -> Result<MatMulI16, Reason> {
        let [a, b, y] = [site.operand_quantization(0)?, site.operand_quantization(1)?, site.result_quantization()?];
        if [a, b, y].iter().any(|quantization| quantization.zero_point() != 0) {
            return refuse("an int16 factor or its result has a zero point", "int16 is symmetric: use zero point 0");
        }
        let FixedPoint { multiplier, shift } = fixed::mul(a, b, y, self.activation).factor;
        // Products are at most 2^30, and sums of them stay within 2^47.
        if shape.depth > 1 << 17 || !LONG_SHIFTS.contains(&shift) {
            return refuse(
                format!("it adds {} products and scales them by 2^{shift}", shape.depth),
                "at most 131,072 products scaled by at most 2^14 are supported",
            );
        }
        let (min, max) = fixed::clamp_i16(self.activation, y);
        Ok(MatMulI16 { shape, multiplier, shift: shift as i8, reserved: 0, min, max, padding: 0 })
    }
}

/// Extents of the first factor and of the result. The strides may skip elements or read them twice.
fn shapes(shape: &MatMulShape) -> Shapes {
    let [x, y, z] = shape.batch;
    Shapes::of(&[x, y, z, shape.rows, shape.depth], &[x, y, z, shape.rows, shape.columns])
}

macro_rules! records {
    ($($record:ident),*) => { $(
        impl Parameters for records::$record {
            fn shapes(&self) -> Shapes {
                shapes(&self.shape)
            }

            fn access(&self, _head: Head) -> Access<'_> {
                Access::Apart
            }
        }
    )* };
}
records!(MatMulF32, MatMulI8, MatMulI16);
