//! One node being converted: its operands and attributes, with ONNX's defaults.

use kinglet_tract::{Attribute, OnnxGraph, OnnxNode, OnnxTensor};

use super::Entry;
use super::constant::{Constant, Numbers};
use crate::import::build::{Convert, refuse};
use crate::import::finite;
use crate::ir::{ValueId, is_permutation};

const EXPORT_AGAIN: &str = "export the model again";

/// A node with its operands looked up.
pub(super) struct Call<'a> {
    pub(super) node: &'a OnnxNode,
    /// Its name in messages and in the graph.
    pub(super) name: &'a str,
    /// `None` for an omitted optional operand.
    pub(super) operands: Vec<Option<Entry>>,
    /// Version of the operator set.
    pub(super) opset: i64,
}

impl Call<'_> {
    fn attribute(&self, name: &str) -> Option<&Attribute> {
        self.node.attributes.iter().find(|(found, _)| found == name).map(|(_, attribute)| attribute)
    }

    fn mistyped<T>(&self, name: &str) -> Convert<T> {
        refuse(format!("attribute `{name}` has the wrong type"), EXPORT_AGAIN)
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.attribute(name).is_some()
    }

    pub(super) fn int(&self, name: &str, default: i64) -> Convert<i64> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Int(value)) => Ok(*value),
            Some(_) => self.mistyped(name),
        }
    }

    pub(super) fn float(&self, name: &str, default: f32) -> Convert<f32> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::Float(value)) => Ok(*value),
            Some(_) => self.mistyped(name),
        }
    }

    pub(super) fn string(&self, name: &str, default: &'static str) -> Convert<&str> {
        match self.attribute(name) {
            None => Ok(default),
            Some(Attribute::String(value)) => Ok(value),
            Some(_) => self.mistyped(name),
        }
    }

    pub(super) fn ints(&self, name: &str) -> Convert<Option<&[i64]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Ints(values)) => Ok(Some(values)),
            Some(_) => self.mistyped(name),
        }
    }

    pub(super) fn strings(&self, name: &str) -> Convert<Option<&[String]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Strings(values)) => Ok(Some(values)),
            Some(_) => self.mistyped(name),
        }
    }

    pub(super) fn floats(&self, name: &str) -> Convert<Option<&[f32]>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Floats(values)) => Ok(Some(values)),
            Some(_) => self.mistyped(name),
        }
    }

    pub(super) fn tensor(&self, name: &str) -> Convert<Option<&OnnxTensor>> {
        match self.attribute(name) {
            None => Ok(None),
            Some(Attribute::Tensor(tensor)) => Ok(Some(tensor)),
            Some(_) => self.mistyped(name),
        }
    }

    /// A branch or body, which must be given.
    pub(super) fn graph(&self, name: &str) -> Convert<&OnnxGraph> {
        match self.attribute(name) {
            None => refuse(format!("attribute `{name}` is missing"), EXPORT_AGAIN),
            Some(Attribute::Graph(graph)) => Ok(graph),
            Some(_) => self.mistyped(name),
        }
    }

    /// The order of axes that attribute `perm` gives for an operand of `rank` axes; all backwards when it is absent.
    pub(super) fn permutation(&self, rank: usize) -> Convert<Vec<usize>> {
        let Some(axes) = self.ints("perm")? else { return Ok((0..rank).rev().collect()) };
        let permutation: Option<Vec<usize>> = axes.iter().map(|&axis| usize::try_from(axis).ok()).collect();
        match permutation.filter(|permutation| is_permutation(permutation, rank)) {
            Some(permutation) => Ok(permutation),
            None => {
                let problem = format!("attribute `perm` is {axes:?}, which is no permutation of {rank} axes");
                refuse(problem, format!("name each axis from 0 to {} once", rank.saturating_sub(1)))
            }
        }
    }

    /// `count` extents such as strides or a kernel, 1 each when absent.
    pub(super) fn extents(&self, name: &str, count: usize) -> Convert<Vec<usize>> {
        let Some(values) = self.ints(name)? else { return Ok(vec![1; count]) };
        let extents: Option<Vec<usize>> =
            values.iter().map(|&value| usize::try_from(value).ok().filter(|&extent| extent > 0)).collect();
        match extents {
            Some(extents) if extents.len() == count => Ok(extents),
            _ => {
                refuse(format!("attribute `{name}` is {values:?}, {count} extents above zero are needed"), EXPORT_AGAIN)
            }
        }
    }

    /// Checks that `kernel_shape`, when it is given, is that of the weights: `kernel`, behind the channels.
    pub(super) fn check_kernel_shape(&self, kernel: &[usize]) -> Convert<()> {
        if self.has("kernel_shape") && self.extents("kernel_shape", kernel.len())? != kernel {
            let given = self.ints("kernel_shape")?.unwrap_or_default();
            let name = self.node.inputs.get(1).map_or("", String::as_str);
            let problem =
                format!("attribute `kernel_shape` is {given:?}, but the kernel of weights `{name}` is {kernel:?}");
            return refuse(problem, "export the model again, or leave the attribute out");
        }
        Ok(())
    }

    /// One extent, 1 when absent.
    pub(super) fn extent(&self, name: &str) -> Convert<usize> {
        let value = self.int(name, 1)?;
        match usize::try_from(value) {
            Ok(extent) if extent > 0 => Ok(extent),
            _ => refuse(format!("attribute `{name}` is {value}"), EXPORT_AGAIN),
        }
    }

    /// Operand `index`, when it is given.
    pub(super) fn operand(&self, index: usize) -> Option<&Entry> {
        self.operands.get(index).and_then(Option::as_ref)
    }

    /// Operand `index`, which must be computed from the model's inputs.
    pub(super) fn value(&self, index: usize) -> Convert<ValueId> {
        match self.operand(index) {
            Some(&Entry::Value(id)) => Ok(id),
            Some(_) => refuse(
                format!("operand {index} is a constant"),
                "let it depend on the model's input, or fold it away on export",
            ),
            None => refuse(format!("operand {index} is missing"), EXPORT_AGAIN),
        }
    }

    /// Operand `index` when it is given, which must be a constant; `what` names it in the error.
    pub(super) fn constant(&self, index: usize, what: &str) -> Convert<Option<&Constant>> {
        match self.operand(index) {
            None => Ok(None),
            Some(Entry::Constant(constant)) => Ok(Some(constant)),
            Some(_) => refuse(format!("{what} are computed at run time"), "they must be constants in the model"),
        }
    }

    /// The floats of a constant operand, which must be given, and finite.
    pub(super) fn floats_of(&self, index: usize, what: &str) -> Convert<(&[usize], &[f32])> {
        match self.constant(index, what)? {
            Some(Constant { shape, numbers: Numbers::F32(floats), .. }) => {
                // The graph's constants have other names than the file's tensors.
                let name = self.node.inputs.get(index).map_or("", String::as_str);
                match finite::refusal(&format!("`{name}`"), floats) {
                    None => Ok((shape, floats)),
                    Some(refusal) => Err(refusal),
                }
            }
            Some(_) => refuse(format!("{what} are integers"), "FLOAT is needed"),
            None => refuse(format!("{what} are missing"), EXPORT_AGAIN),
        }
    }

    /// Integers that were an attribute in older operator sets and are operand `index` in newer ones.
    pub(super) fn integers(&self, attribute: &str, index: usize) -> Convert<Option<Vec<i64>>> {
        if let Some(values) = self.ints(attribute)? {
            return Ok(Some(values.to_vec()));
        }
        match self.constant(index, attribute)? {
            None => Ok(None),
            Some(Constant { numbers: Numbers::I64(values), .. }) => Ok(Some(values.clone())),
            Some(_) => refuse(format!("{attribute} are floats"), "INT64 is needed"),
        }
    }
}

/// An axis counted from the front, from one that may count from the back.
pub(super) fn normal_axis(axis: i64, rank: usize) -> Convert<usize> {
    let counted = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
    match counted.and_then(|axis| usize::try_from(axis).ok()).filter(|&axis| axis < rank) {
        Some(axis) => Ok(axis),
        None => refuse(format!("axis {axis} of an operand with {rank} axes"), EXPORT_AGAIN),
    }
}

/// Axes counted from the front, ascending, each once.
pub(super) fn normal_axes(axes: &[i64], rank: usize) -> Convert<Vec<usize>> {
    let mut normal = axes.iter().map(|&axis| normal_axis(axis, rank)).collect::<Convert<Vec<_>>>()?;
    normal.sort_unstable();
    normal.dedup();
    Ok(normal)
}
