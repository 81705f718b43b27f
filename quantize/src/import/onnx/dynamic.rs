//! Activations that are quantized when the model runs: `DynamicQuantizeLinear`, `ConvInteger`, `MatMulInteger`.
//!
//! Scale and zero point are computed from the extremes of what is quantized, with the arithmetic that ONNX defines and
//! onnxruntime has. Codes are whole numbers in floats until something wants them as uint8, so that layers on them add
//! products of whole numbers: exact as long as a sum is below 2^24. Their weights stay integers ([`recode`]).
//!
//! Rejected: one record that quantizes, multiplies and scales. It would be faster on a device without floating point, where
//! nobody quantizes dynamically.
//!
//! [`recode`]: crate::pass::recode

use std::rc::Rc;

use super::attributes::Call;
use super::qoperator::{decoded, on_reals};
use super::{Entry, Importer};
use crate::import::build::{Convert, refuse};
use crate::ir::{DType, Elements, Quantization, ValueId};
use crate::op::{Clip, Function, Map, MapFunction, Reduce, Reduction, Select};

const EXPORT_AGAIN: &str = "quantize the float model again";

/// The largest uint8 code.
const CODE_MAX: f32 = 255.0;

impl Importer<'_> {
    fn number(&mut self, name: &str, number: f32) -> Convert<ValueId> {
        self.builder.constant(&format!("{name}/constant"), Vec::new(), Elements::F32(vec![number]))
    }

    /// The extreme of all elements and zero.
    fn extreme(&mut self, name: &str, x: ValueId, kind: Reduction) -> Convert<ValueId> {
        let axes = (0..self.shape(x).len()).collect();
        let extreme = self.apply(name, Reduce { kind, axes, keep_dims: false }.into(), vec![x])?;
        let (low, high) = if kind == Reduction::Max { (0.0, f32::INFINITY) } else { (f32::NEG_INFINITY, 0.0) };
        self.apply(&format!("{name}/with zero"), Clip { low, high }.into(), vec![extreme])
    }

    /// The nearest whole number that is a code.
    fn code(&mut self, name: &str, x: ValueId) -> Convert<ValueId> {
        let clipped = self.apply(&format!("{name}/clipped"), Clip { low: 0.0, high: CODE_MAX }.into(), vec![x])?;
        self.apply(name, Map::plain(MapFunction::Round).into(), vec![clipped])
    }

    /// Whole numbers in floats as uint8; who computes with them finds the floats again.
    fn as_bytes(&mut self, name: &str, x: ValueId) -> Convert<Entry> {
        let bytes = self.cast(name, x, DType::U8)?;
        self.whole.insert(bytes, x);
        Ok(Entry::Value(bytes))
    }

    /// The numbers that codes are, as floats.
    fn whole_numbers(&mut self, name: &str, codes: ValueId) -> Convert<ValueId> {
        match self.whole.get(&codes) {
            Some(&whole) => Ok(whole),
            None => self.cast(name, codes, DType::F32),
        }
    }

    /// Operand `at` less the zero point that is operand `zero`, as floats.
    fn less_zero_point(&mut self, call: &Call<'_>, at: usize, zero: usize) -> Convert<Entry> {
        let name = format!("{}/operand {at}", call.name);
        if let Some(Entry::Constant(codes)) = call.operand(at) {
            self.budget.charge(codes.numbers.len(), 4)?;
            let axis = if call.node.op_type.starts_with("Conv") { 0 } else { -1 };
            let constant = decoded(codes, &[1.0], call.constant(zero, "zero points")?, axis)?;
            return Ok(Entry::Constant(Rc::new(constant)));
        }
        let codes = call.value(at)?;
        let known = match call.operand(zero) {
            Some(Entry::Constant(constant)) => match constant.as_int() {
                Some(zero) => zero,
                None => return refuse("has several zero points for what is computed", "use one"),
            },
            _ => 0,
        };
        // Codes of the graph are less 128 where the file has uint8.
        let shift = if self.unsigned.contains(&codes) { 128 } else { 0 };
        let reals = if self.builder.graph.value(codes).dtype == DType::I8 {
            let Some(zero) = known.checked_sub(shift).and_then(|zero| i8::try_from(zero).ok()) else {
                return refuse(format!("zero point {known} is no code"), EXPORT_AGAIN);
            };
            self.dequantized(&name, codes, &Quantization::per_tensor(1.0, zero.into()))?
        } else {
            let whole = self.whole_numbers(&name, codes)?;
            if known == 0 {
                whole
            } else {
                let zero = self.number(&name, known as f32)?;
                self.combined(&format!("{name}/less zero point"), Function::Sub, [whole, zero])?
            }
        };
        let Some(&Entry::Value(zero)) = call.operand(zero) else { return Ok(Entry::Value(reals)) };
        let zero = self.whole_numbers(&format!("{name}/zero point"), zero)?;
        if self.shape(zero).iter().any(|&extent| extent != 1) {
            return refuse("has several zero points for what is computed", "use one");
        }
        Ok(Entry::Value(self.combined(&format!("{name}/less zero point"), Function::Sub, [reals, zero])?))
    }
}

/// `DynamicQuantizeLinear`: uint8 codes, their scale and their zero point.
pub(super) fn quantize(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    let (x, name) = (importer.float_operand(call, 0)?, call.name);
    let low = importer.extreme(&format!("{name}/low"), x, Reduction::Min)?;
    let high = importer.extreme(&format!("{name}/high"), x, Reduction::Max)?;
    let range = importer.combined(&format!("{name}/range"), Function::Sub, [high, low])?;
    let steps = importer.number(name, CODE_MAX)?;
    let step = importer.combined(&format!("{name}/step"), Function::Div, [range, steps])?;
    // Of zeros alone any scale is right.
    let [zero, one] = [importer.number(name, 0.0)?, importer.number(name, 1.0)?];
    let is_empty = importer.combined(&format!("{name}/is empty"), Function::Equal, [range, zero])?;
    let operands = vec![is_empty, one, step];
    let scale = importer.builder.apply_typed(&format!("{name}/scale"), Select.into(), operands, (DType::F32, None))?;
    let below = importer.combined(&format!("{name}/below"), Function::Div, [low, scale])?;
    let above = importer.combined(&format!("{name}/above"), Function::Sub, [zero, below])?;
    let zero_point = importer.code(&format!("{name}/zero point"), above)?;
    let steps = importer.combined(&format!("{name}/steps"), Function::Div, [x, scale])?;
    let round = Map::plain(MapFunction::Round);
    let rounded = importer.apply(&format!("{name}/rounded"), round.into(), vec![steps])?;
    let shifted = importer.combined(&format!("{name}/shifted"), Function::Add, [rounded, zero_point])?;
    let clip = Clip { low: 0.0, high: CODE_MAX };
    let codes = importer.apply(&format!("{name}/codes"), clip.into(), vec![shifted])?;
    let codes = importer.as_bytes(name, codes)?;
    let zero_point = importer.as_bytes(&format!("{name}/zero point/byte"), zero_point)?;
    Ok(vec![codes, Entry::Value(scale), zero_point])
}

/// `ConvInteger` and `MatMulInteger`: sums of products of differences from zero points.
pub(super) fn integer(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let operands = vec![Some(importer.less_zero_point(call, 0, 2)?), Some(importer.less_zero_point(call, 1, 3)?)];
    let name = if call.node.op_type == "ConvInteger" { "Conv" } else { "MatMul" };
    on_reals(importer, call, name, operands)
}
