//! Takes integers through a graph that quantizes, computes on reals, and quantizes again.
//!
//! ```text
//!   x: int8 -> Dequantize -> Conv2D (weights and bias on grids) -> Quantize -> y: int8
//!   x: int8 -> Conv2D (int8 weights, int32 bias) -> y: int8
//! ```
//!
//! That is how ONNX files say what is quantized; an importer reads them as they are written, weights as the reals that
//! their codes stand for. After the float passes have put biases, scales and activations into layers, this walk carries the
//! *codes* of values along wherever they are known, and computes with them:
//!
//! - operators that move elements, or choose among them, move codes ([`targets`] says where codes to come may be moved
//!   already);
//! - functions of one value's elements, however many in a row, become one table ([`Coded::reals`]);
//! - layers need weights on a grid ([`grid`]), other operators the quantization of their result;
//! - everything else stays on reals, between Dequantize and Quantize, and is reported.
//!
//! Rejected: patterns of nodes. Each exporter writes others.

mod emit;
pub(super) mod grid;
mod targets;

use std::rc::Rc;

use super::{PassError, PassReport};
use crate::ir::{DType, Graph, Node, Quantization, ValueId};
use crate::op::common::real::Real;
use crate::op::rule::layout::LayoutRule;
use crate::op::rule::quantization::Codes;
use crate::op::{Dequantize, Quantize, Table};

/// The pass's name in reports.
const NAME: &str = "integers";

/// Makes operators between Dequantize and Quantize integer ones. Of a graph that has none, nothing changes.
pub fn integers(graph: &mut Graph) -> Result<PassReport, PassError> {
    let mut report = PassReport::new(NAME);
    if !graph.nodes.iter().any(|node| crossing(graph, node) == Crossing::Decodes) {
        return Ok(report);
    }
    let nodes = core::mem::take(&mut graph.nodes);
    let old = Graph { nodes, ..graph.clone() };
    let mut walk = Walk {
        targets: targets::of(&old),
        coded: vec![None; old.values.len()],
        is_made: vec![false; old.values.len()],
        alias: (0..old.values.len()).map(|index| ValueId(index as u32)).collect(),
        graph: core::mem::take(graph),
        old: &old,
        report: &mut report,
    };
    old.nodes.iter().for_each(|node| walk.visit(node));
    walk.finish();
    *graph = walk.graph;
    graph.verify().map_err(|source| PassError::Broken { pass: NAME, source })?;
    Ok(report)
}

/// Between which types a node goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Crossing {
    /// Codes become reals.
    Decodes,
    /// Reals become codes.
    Encodes,
    /// Reals throughout.
    Real,
    /// Anything else.
    Other,
}

fn crossing(graph: &Graph, node: &Node) -> Crossing {
    let all = |ids: &[ValueId], dtype| ids.iter().all(|&id| graph.value(id).dtype == dtype);
    let (x, y, operator) = (&node.inputs[..], &node.outputs[..], node.op.operator());
    match (all(x, DType::F32), all(y, DType::F32)) {
        (true, true) => Crossing::Real,
        (false, true) if operator.decodes() && all(x, DType::I8) => Crossing::Decodes,
        (true, false) if operator.encodes() && all(y, DType::I8) => Crossing::Encodes,
        _ => Crossing::Other,
    }
}

/// A value on reals whose codes are there.
#[derive(Clone, Debug)]
struct Coded {
    /// An int8 value of its shape.
    codes: ValueId,
    /// What the codes −128 to 127 stand for, in order.
    reals: Rc<Vec<f32>>,
    /// Whether that is what the codes' quantization says, and no function of it.
    is_plain: bool,
}

struct Walk<'g> {
    old: &'g Graph,
    /// The new graph; values of the old one keep their numbers.
    graph: Graph,
    /// By the old graph's numbers, like all that follows.
    targets: Vec<Option<Quantization>>,
    coded: Vec<Option<Coded>>,
    /// Whether a value on reals is computed in the new graph.
    is_made: Vec<bool>,
    /// What stands for an int8 value.
    alias: Vec<ValueId>,
    report: &'g mut PassReport,
}

impl Walk<'_> {
    fn visit(&mut self, node: &Node) {
        match crossing(self.old, node) {
            Crossing::Decodes => {
                let coded = self.plain(self.alias[node.inputs[0].0 as usize]);
                self.coded[node.output().0 as usize] = coded;
                if self.coded[node.output().0 as usize].is_none() {
                    self.keep(node);
                }
            }
            Crossing::Encodes => self.encode(node),
            Crossing::Real => self.compute(node),
            Crossing::Other => self.keep(node),
        }
    }

    /// The values that codes of one quantization stand for.
    fn plain(&self, codes: ValueId) -> Option<Coded> {
        let quantization = self.graph.value(codes).quantization.as_ref().filter(|q| q.axis.is_none())?;
        let (scale, zero) = (quantization.scale(0), quantization.zero_point());
        let reals = (-128..=127).map(|code| scale * (code - zero) as f32).collect();
        Some(Coded { codes, reals: Rc::new(reals), is_plain: true })
    }

    /// Reals become codes, unless these are there.
    fn encode(&mut self, node: &Node) {
        let (x, y) = (node.inputs[0], node.output());
        let Some(coded) = self.coded[x.0 as usize].clone() else { return self.keep(node) };
        let wanted = self.old.value(y).quantization.clone();
        let is_there = coded.is_plain && self.graph.value(coded.codes).quantization == wanted;
        if is_there && !self.old.is_output(y) {
            self.alias[y.0 as usize] = coded.codes;
            return;
        }
        let Some(wanted) = wanted else { return self.keep(node) };
        let table = table(&coded.reals, &wanted);
        self.push(&node.name, if is_there { Quantize.into() } else { table.into() }, vec![coded.codes], y);
    }

    /// One operator on reals.
    fn compute(&mut self, node: &Node) {
        if self.as_function(node) {
            return;
        }
        match self.as_integer(node) {
            Ok(()) => self.report.change(&node.name, "computes on integers"),
            Err(why) => {
                let of_codes = node.inputs.iter().any(|id| self.coded[id.0 as usize].is_some());
                if of_codes {
                    self.report.miss(&node.name, &why);
                }
                self.keep(node);
            }
        }
    }

    /// Notes the node as a function of the codes of one value, when it is that: element by element, its other operands being
    /// single numbers.
    fn as_function(&mut self, node: &Node) -> bool {
        let &[y] = node.outputs.as_slice() else { return false };
        if !matches!(node.op.clone().operator_mut().layout(), LayoutRule::Elementwise | LayoutRule::Broadcast) {
            return false;
        }
        let mut source: Option<Coded> = None;
        let mut operands = Vec::with_capacity(node.inputs.len());
        for &id in &node.inputs {
            match (&self.coded[id.0 as usize], self.old.constant_f32(id)) {
                (Some(coded), _) if source.as_ref().is_none_or(|source| source.codes == coded.codes) => {
                    source = Some(coded.clone());
                    operands.push(Rc::clone(&coded.reals));
                }
                (None, Some(&[number])) => operands.push(Rc::new(vec![number; 256])),
                _ => return false,
            }
        }
        let Some(source) = source else { return false };
        if self.old.value(y).shape != self.graph.value(source.codes).shape {
            return false;
        }
        let all: Vec<Real<'_>> = operands.iter().map(|data| Real { shape: &[256], dtype: DType::F32, data }).collect();
        let Some([reals]) =
            node.op.operator().evaluate(&all, &[&[256]]).and_then(|reals| <[_; 1]>::try_from(reals).ok())
        else {
            return false;
        };
        self.coded[y.0 as usize] = Some(Coded { codes: source.codes, reals: Rc::new(reals), is_plain: false });
        true
    }

    /// Codes of an operand on reals, in a quantization that loses nothing.
    fn codes_of(&mut self, id: ValueId) -> Result<ValueId, String> {
        let name = || self.old.value(id).name.clone();
        let coded = self.coded[id.0 as usize].clone().ok_or_else(|| format!("`{}` is computed on reals", name()))?;
        if coded.is_plain {
            return Ok(coded.codes);
        }
        // A negation, for one, makes codes of codes.
        let found = grid::of_tensor(&coded.reals).ok_or_else(|| format!("`{}` is not quantized", name()))?;
        let table = Table::of(|code| found.codes[(i16::from(code) + 128) as usize]);
        let codes = self.coded_value(id, found.quantization);
        self.push(&format!("{}/codes", name()), table.into(), vec![coded.codes], codes);
        self.coded[id.0 as usize] = self.plain(codes);
        Ok(codes)
    }

    /// Computes the node on codes; or says why that cannot be.
    fn as_integer(&mut self, node: &Node) -> Result<(), String> {
        let operator = node.op.operator();
        if operator.layer().is_some() {
            return self.as_layer(node);
        }
        match operator.codes() {
            Codes::Joined => self.as_joined(node),
            Codes::Kept => self.with_operands_scale(node),
            Codes::Selected if operator.selects() => self.with_operands_scale(node),
            Codes::Selected => self.target(node).and_then(|target| self.as_mean(node, &target)),
            // Then rounded again, to the quantization that is wanted.
            Codes::Bound(quantization) => self.target(node).and_then(|_| self.on_codes(node, &quantization)),
            Codes::Rescaled | Codes::Usual(_) => {
                let target = self.target(node)?;
                self.on_codes(node, &target)
            }
        }
    }

    /// The quantization that every reader of the node's result wants.
    fn target(&self, node: &Node) -> Result<Quantization, String> {
        let target = match node.outputs.as_slice() {
            &[y] => self.targets[y.0 as usize].clone(),
            _ => None,
        };
        target.ok_or_else(|| "its result is not quantized".to_owned())
    }
}

/// The codes of a function's results.
fn table(reals: &[f32], wanted: &Quantization) -> Table {
    Table::of(|code| nearest(reals[(i16::from(code) + 128) as usize], wanted))
}

/// As ONNX rounds: halves to even.
fn nearest(real: f32, quantization: &Quantization) -> i8 {
    let code = (real / quantization.scale(0)).round_ties_even() + quantization.zero_point() as f32;
    code.clamp(-128.0, 127.0) as i8
}

/// Decodes a value.
fn dequantize() -> crate::ir::Op {
    Dequantize.into()
}
