//! Numbers of one type as numbers of another, and floats of 16 bits.
//!
//! Floats are computed in 32 bits whatever their type: at least as exact as the file asks. Where it shows they are rounded to
//! the type that the file says: by Cast, which means just that, and in outputs.

use std::collections::HashSet;
use std::rc::Rc;

use kinglet_tract::{type_code, type_name};

use super::attributes::Call;
use super::combine::{code_of, kept_as};
use super::types::rounding;
use super::{Entry, Importer, fold};
use crate::import::build::{Convert, refuse};
use crate::ir::{DType, ValueId};
use crate::op::Map;

const EXPORT_AGAIN: &str = "export the model again";
const CAST_TO: &str = "use FLOAT, BOOL, or integers of up to 32 bits";

impl Importer<'_> {
    /// `x` as numbers of an ONNX type; floats of 16 bits are rounded to it.
    fn cast_to(&mut self, name: &str, x: ValueId, code: i32) -> Convert<ValueId> {
        let Some(dtype) = kept_as(code) else { return refuse(format!("casts to {}", type_name(code)), CAST_TO) };
        let floats = self.cast(name, x, dtype)?;
        // From here on a value that was not rounded for this is of no narrow type, as far as anybody can tell.
        if rounding(code).is_none() {
            self.narrow.remove(&floats);
        }
        self.rounded(name, floats, code)
    }

    /// Floats as those of an ONNX type.
    pub(super) fn rounded(&mut self, name: &str, x: ValueId, code: i32) -> Convert<ValueId> {
        let Some((function, _)) = rounding(code).filter(|_| !self.is_narrow(x, code)) else { return Ok(x) };
        let rounded = self.apply(name, Map::plain(function).into(), vec![x])?;
        self.narrow.insert(rounded, code);
        Ok(rounded)
    }

    /// Whether what floats are computed of is known to be of a narrow type, and so they are meant to be.
    pub(super) fn rests_on(&self, x: ValueId, code: i32) -> bool {
        let graph = &self.builder.graph;
        let (mut waiting, mut seen) = (vec![x], HashSet::new());
        while let Some(id) = waiting.pop() {
            match self.narrow.get(&id) {
                Some(&narrow) if narrow == code => return true,
                _ if graph.value(id).dtype != DType::F32 || !seen.insert(id) => {}
                _ => waiting.extend(graph.producer(id).iter().flat_map(|&index| &graph.nodes[index].inputs)),
            }
        }
        false
    }

    /// The texts in which integers are places: found so, and only moved since.
    pub(super) fn texts_of(&self, mut x: ValueId) -> Option<Rc<[String]>> {
        let graph = &self.builder.graph;
        for _ in 0..=graph.nodes.len() {
            if let Some(texts) = self.texts.get(&x) {
                return Some(Rc::clone(texts));
            }
            let node = graph.producer(x).map(|index| &graph.nodes[index])?;
            node.moves(graph)?;
            x = *node.inputs.first()?;
        }
        None
    }

    /// Whether floats are known to be of a narrow type: given or rounded as such, and only moved since.
    fn is_narrow(&self, x: ValueId, code: i32) -> bool {
        let graph = &self.builder.graph;
        let (mut waiting, mut seen) = (vec![x], HashSet::new());
        while let Some(id) = waiting.pop() {
            if self.narrow.get(&id) == Some(&code) || !seen.insert(id) {
                continue;
            }
            let Some(node) = graph.producer(id).map(|index| &graph.nodes[index]) else { return false };
            if node.moves(graph).is_none() {
                return false;
            }
            waiting.extend(&node.inputs);
        }
        true
    }
}

/// The same numbers in the type that attribute `to` names.
pub(super) fn cast(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, to) = (call.value(0)?, call.int("to", 1)?);
    let code = i32::try_from(to).ok();
    match code {
        // A place in a list of texts stays one.
        Some(type_code::STRING) if importer.texts_of(x).is_some() => Ok(Entry::Value(x)),
        Some(code) => Ok(Entry::Value(importer.cast_to(call.name, x, code)?)),
        None => refuse("casts to an unknown type", CAST_TO),
    }
}

/// The same numbers in the type of the second operand.
pub(super) fn cast_like(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let code = match call.operand(1) {
        Some(&Entry::Value(like)) => {
            let dtype = importer.builder.graph.value(like).dtype;
            importer.narrow.get(&like).copied().unwrap_or(code_of(dtype))
        }
        Some(Entry::Constant(like)) => like.type_code,
        _ => return refuse("operand 1 is missing", EXPORT_AGAIN),
    };
    if let Some(Entry::Constant(constant)) = call.operand(0) {
        importer.budget.charge(constant.numbers.len(), 8)?;
        return Ok(Entry::Constant(Rc::new(fold::converted(constant, code))));
    }
    Ok(Entry::Value(importer.cast_to(call.name, call.value(0)?, code)?))
}
