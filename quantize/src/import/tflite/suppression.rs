//! `NON_MAX_SUPPRESSION_V4` and `V5`: the best of boxes that overlap, of one class.
//!
//! ```text
//!   rows    = Suppress(boxes, scores)        behind the last box of -1
//!   index   = max(the last column, 0)
//!   score   = 0 <= the last column ? scores[index] : 0
//!   count   = the sum of 0 <= the last column
//! ```
//!
//! TensorFlow Lite drops a box that shares exactly the threshold with a better one, ONNX and the record only one that shares
//! more: so the record has the next lower threshold.

use super::Importer;
use super::call::{Call, EXPORT_AGAIN};
use crate::import::build::{Convert, refuse};
use crate::import::{padding, rows};
use crate::ir::{DType, Elements, ValueId};
use crate::op::{Cast, Combine, Cut, Function, Pad, Reduce, Reduction, Reshape, Select, Slice, Suppress};

/// Operands: boxes, scores, the most boxes, and two thresholds; of V5 also the width of a soft suppression.
const SIGMA: usize = 5;

pub(super) fn suppress(importer: &mut Importer<'_, '_>, call: &Call<'_, '_>) -> Convert<()> {
    let (boxes, scores) = (importer.operand(call, 0)?, importer.operand(call, 1)?);
    let &[count] = importer.shape_of(scores).as_slice() else {
        return refuse("its scores are no list", EXPORT_AGAIN);
    };
    if call.given(SIGMA).map(|tensor| importer.real(tensor)).transpose()?.is_some_and(|sigma| sigma != 0.0) {
        return refuse("lowers scores of boxes that overlap (soft suppression)", "export it with a sigma of 0");
    }
    let wanted = match importer.integers(call.tensor(2), "the number of boxes")?.as_slice() {
        &[wanted] => usize::try_from(wanted).unwrap_or(0),
        _ => 0,
    };
    let limit = wanted.min(count);
    let (likeness, score_min) = (importer.real(call.tensor(3))?, importer.real(call.tensor(4))?);
    // NaN is no threshold either.
    if limit == 0 || likeness.is_nan() || likeness <= 0.0 {
        return refuse(
            format!("takes {wanted} boxes that share less than {likeness}"),
            "use at least one box, and a threshold above 0",
        );
    }
    importer.model.budget.charge(wanted, 16)?;
    let op = Suppress { limit, likeness_max: likeness.next_down(), score_min, is_centered: false };
    let name = call.name;
    let builder = &mut importer.builder;
    let boxes = builder.reshape(&format!("{name}/boxes"), boxes, vec![1, count, 4])?;
    let lines = builder.reshape(&format!("{name}/scores"), scores, vec![1, 1, count])?;
    let operands = vec![boxes, lines];
    let found = builder.apply_typed(&format!("{name}/rows"), op.into(), operands, (DType::I32, None))?;
    let cuts = vec![Cut::ALL, Cut { begin: 2, end: Some(3), stride: 1 }];
    let column = builder.apply(&format!("{name}/column"), Slice { cuts }.into(), vec![found])?;
    let numbers = builder.reshape(&format!("{name}/numbers"), column, vec![limit])?;
    let zero = builder.constant(&format!("{name}/zero"), vec![1], Elements::I32(vec![0]))?;
    let less = Combine::new(Function::LessEqual).into();
    let is_box = builder.apply_typed(&format!("{name}/is box"), less, vec![zero, numbers], (DType::Bool, None))?;
    let max = Combine::new(Function::Max).into();
    let index = builder.apply(&format!("{name}/index"), max, vec![numbers, zero])?;
    let indices = padding::of_integers(builder, &format!("{name}/indices"), index, ([&[0], &[wanted - limit]], 0))?;
    let mut made = vec![indices];
    if call.operator.outputs.len() == 3 {
        made.push(importer.scores_of(call, scores, (index, is_box), [limit, wanted])?);
    }
    made.push(importer.count_of(call, is_box)?);
    if made.len() != call.operator.outputs.len() {
        return refuse(format!("has {} results", call.operator.outputs.len()), EXPORT_AGAIN);
    }
    for (&tensor, made) in call.operator.outputs.iter().zip(made) {
        let result = importer.value(tensor)?;
        importer.builder.node(call.name, Reshape.into(), vec![made], result)?;
    }
    Ok(())
}

impl Importer<'_, '_> {
    /// The scores of the boxes, and zeros.
    fn scores_of(
        &mut self,
        call: &Call<'_, '_>,
        scores: ValueId,
        (index, is_box): (ValueId, ValueId),
        [limit, wanted]: [usize; 2],
    ) -> Convert<ValueId> {
        let (name, builder) = (format!("{}/scores", call.name), &mut self.builder);
        let own = rows::gathered(builder, &format!("{name}/own"), [scores, index], [0, 0])?;
        let zero = builder.constant(&format!("{name}/zero"), vec![1], Elements::F32(vec![0.0]))?;
        let operands = vec![is_box, own, zero];
        let chosen = builder.apply_typed(&format!("{name}/chosen"), Select.into(), operands, (DType::F32, None))?;
        if limit == wanted {
            return Ok(chosen);
        }
        let pad = Pad { before: vec![0], after: vec![wanted - limit], value: 0.0 };
        builder.apply(&format!("{name}/all"), pad.into(), vec![chosen])
    }

    /// How many there are: a sum of ones, exact in floats as long as there are fewer than 2^24.
    fn count_of(&mut self, call: &Call<'_, '_>, is_box: ValueId) -> Convert<ValueId> {
        let (name, builder) = (format!("{}/count", call.name), &mut self.builder);
        let ones = Cast { to: DType::F32 }.into();
        let ones = builder.apply_typed(&format!("{name}/ones"), ones, vec![is_box], (DType::F32, None))?;
        let sum = Reduce { kind: Reduction::Sum, axes: vec![0], keep_dims: false };
        let sum = builder.apply(&format!("{name}/sum"), sum.into(), vec![ones])?;
        builder.apply_typed(&name, Cast { to: DType::I32 }.into(), vec![sum], (DType::I32, None))
    }
}
