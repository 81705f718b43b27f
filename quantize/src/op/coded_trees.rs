//! Trees on integer codes, of which each feature has its own.

use core::fmt;
use std::sync::Arc;

use kinglet_blob::{OpCode, records};
use kinglet_kernels::trees::codes::{Node, SHARED_BITS, is_tree};
use serde::{Deserialize, Serialize};

use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Emission, Reason, Site, narrow, refuse};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, QUANTIZED_ALREADY, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// Most rows that leaves name with a byte.
const BYTE_ROWS: usize = 256;

/// Codes `x [rows, features]` -> int32 sums `[rows, targets]`.
#[derive(Clone, Debug, PartialEq)]
pub struct CodedTrees {
    /// Shared, because graphs are copied, and forests are large.
    pub forest: Arc<CodedForest>,
}

/// How the reals of a feature become codes: the nearest one to `(real - offset) / scale`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureCode {
    /// The real between two codes.
    pub scale: f32,
    /// The real of code 0.
    pub offset: f32,
    /// The code of NaN.
    pub missing: i16,
}

impl FeatureCode {
    /// The least and the greatest code of a number. Those beyond mean a missing one.
    pub const ENDS: [i16; 2] = [i16::MIN + 1, i16::MAX - 1];

    /// The number that is the code itself.
    pub const ITSELF: FeatureCode = FeatureCode { scale: 1.0, offset: 0.0, missing: i16::MAX };

    /// Codes of a real before they are rounded.
    pub fn place(&self, real: f32) -> f64 {
        (f64::from(real) - f64::from(self.offset)) / f64::from(self.scale)
    }

    /// The code of a real.
    pub fn code(&self, real: f32) -> i16 {
        let [low, high] = Self::ENDS.map(f64::from);
        if real.is_nan() { self.missing } else { self.place(real).round().clamp(low, high) as i16 }
    }

    /// The code of a threshold: reals up to it have codes up to this one, as near as codes can tell.
    pub fn threshold(&self, real: f32) -> i16 {
        let [low, high] = Self::ENDS.map(f64::from);
        self.place(real).floor().clamp(low - 1.0, high) as i16
    }

    /// The real of a code.
    pub fn real(&self, code: i16) -> f32 {
        if code == self.missing { f32::NAN } else { self.scale * f32::from(code) + self.offset }
    }

    /// Whether reals can be converted by it.
    pub fn is_sound(&self) -> bool {
        self.scale.is_finite() && self.scale > 0.0 && self.offset.is_finite()
    }
}

/// Trees in the order in which a device goes through them ([`kinglet_kernels::trees::codes`]).
#[derive(Clone, Debug, PartialEq)]
pub struct CodedForest {
    /// How the reals of each feature become codes.
    pub features: Vec<FeatureCode>,
    /// The first node of each tree.
    pub starts: Vec<usize>,
    /// The nodes of all trees, without leaves.
    pub nodes: Vec<Node>,
    /// What the sum of each target starts at.
    pub base: Vec<i32>,
    /// What leaves say.
    pub leaves: CodedLeaves,
}

/// What leaves say.
#[derive(Clone, Debug, PartialEq)]
pub enum CodedLeaves {
    /// One number each, and the target of each tree.
    Numbers {
        /// A number for each leaf.
        numbers: Vec<i16>,
        /// A target for each tree.
        targets: Vec<u16>,
    },
    /// Rows of numbers, which leaves share.
    Rows {
        /// `[rows, targets]`.
        rows: Vec<i16>,
        /// A row for each leaf.
        places: Vec<u16>,
    },
}

impl CodedForest {
    /// Bits of a node that are its feature.
    pub fn feature_bits(&self) -> u32 {
        self.features.len().next_power_of_two().trailing_zeros()
    }

    /// The nodes of each tree.
    fn trees(&self) -> impl Iterator<Item = Option<&[Node]>> {
        let ends = self.starts.iter().skip(1).copied().chain([self.nodes.len()]);
        self.starts.iter().zip(ends).map(|(&start, end)| self.nodes.get(start..end))
    }

    /// A bound of the magnitude of all sums.
    pub fn sum_max(&self) -> i64 {
        let targets = self.base.len();
        let magnitude = |number: i16| i64::from(number).abs();
        let mut sums: Vec<i64> = self.base.iter().map(|&base| i64::from(base).abs()).collect();
        let ends = self.starts.iter().skip(1).copied().chain([self.nodes.len()]);
        for (tree, (&start, end)) in self.starts.iter().zip(ends).enumerate() {
            let leaves = start + tree..end + tree + 1;
            match &self.leaves {
                CodedLeaves::Numbers { numbers, targets } => {
                    let most = numbers[leaves].iter().map(|&number| magnitude(number)).max();
                    sums[usize::from(targets[tree])] += most.unwrap_or(0);
                }
                CodedLeaves::Rows { rows, places } => {
                    for (target, sum) in sums.iter_mut().enumerate() {
                        let of = |&place: &u16| magnitude(rows[usize::from(place) * targets + target]);
                        *sum += places[leaves.clone()].iter().map(of).max().unwrap_or(0);
                    }
                }
            }
        }
        sums.into_iter().max().unwrap_or(0)
    }

    /// Why no device could go through it.
    pub fn problem(&self) -> Option<String> {
        let (bits, features, targets) = (self.feature_bits(), self.features.len(), self.base.len());
        if bits > SHARED_BITS {
            return Some(format!("asks about one of {features} features, and has room for {}", 1 << SHARED_BITS));
        }
        let leaves = self.nodes.len() + self.starts.len();
        let (count, names, bound) = match &self.leaves {
            CodedLeaves::Numbers { targets: names, .. } if names.len() != self.starts.len() => {
                return Some("has not a target for each tree".into());
            }
            CodedLeaves::Numbers { numbers, targets: names } => (numbers.len(), names, targets),
            CodedLeaves::Rows { rows, places } => (places.len(), places, rows.len() / targets.max(1)),
        };
        if targets == 0 || count != leaves || names.iter().any(|&name| usize::from(name) >= bound) {
            return Some("has trees and leaves that do not fit each other".into());
        }
        for nodes in self.trees() {
            let Some(nodes) = nodes else { return Some("has trees that overlap".into()) };
            let Some(words) = nodes.iter().map(|node| node.word(bits)).collect::<Option<Vec<u32>>>() else {
                let most = 1 << (SHARED_BITS - bits);
                return Some(format!("has a tree with more than {most} nodes on the side of a node's yes"));
            };
            if !is_tree(&words, bits, features) {
                return Some("has a tree with a hole".into());
            }
        }
        let is_small = i32::try_from(self.sum_max()).is_ok();
        (!is_small).then(|| "has sums of more than 32 bits".into())
    }

    /// What a device reads, and how many different rows leaves name.
    fn bytes(&self) -> Result<(Vec<u8>, u32), Reason> {
        let mut bytes = Vec::new();
        for &start in &self.starts {
            bytes.extend(narrow::<u32>(start, "the number of nodes")?.to_le_bytes());
        }
        for node in &self.nodes {
            match node.word(self.feature_bits()) {
                Some(word) => bytes.extend(word.to_le_bytes()),
                None => return refuse("has a node that fits no word", "compile it without --calib"),
            }
        }
        bytes.extend(self.base.iter().flat_map(|number| number.to_le_bytes()));
        let (numbers, names, rows) = match &self.leaves {
            CodedLeaves::Numbers { numbers, targets } => (numbers, targets, 0),
            CodedLeaves::Rows { rows, places } => (rows, places, rows.len() / self.base.len()),
        };
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        let name_bytes = if (1..=BYTE_ROWS).contains(&rows) { 1 } else { 2 };
        bytes.extend(names.iter().flat_map(|name| name.to_le_bytes().into_iter().take(name_bytes)));
        Ok((bytes, narrow(rows, "the number of rows")?))
    }
}

impl Operator for CodedTrees {
    fn name(&self) -> &'static str {
        "CodedTrees"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} of {} nodes", self.forest.starts.len(), self.forest.nodes.len())
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        match *operands::one(inputs)? {
            [rows, features] if features == self.forest.features.len() => Ok(vec![vec![rows, self.forest.base.len()]]),
            ref shape => fail(format!("takes {} features, is given {shape:?}", self.forest.features.len())),
        }
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        inputs.iter().try_for_each(|value| types::activation(value, DType::I16))?;
        outputs.iter().try_for_each(|value| types::activation(value, DType::I32))?;
        self.forest.problem().map_or(Ok(()), Err)
    }

    fn evaluate(&self, _inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        None
    }

    fn coded_forest(&self) -> Option<&CodedForest> {
        Some(&self.forest)
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn no_int8_form(&self) -> Option<&'static str> {
        Some(QUANTIZED_ALREADY)
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        let [rows, features] = site.axes::<2>(0)?;
        let (bytes, leaf_rows) = self.forest.bytes()?;
        let record = records::TreesI16 {
            constants: site.store(bytes)?,
            rows: narrow(rows, "the number of rows")?,
            features: narrow(features, "the number of features")?,
            targets: narrow(self.forest.base.len(), "the number of targets")?,
            trees: narrow(self.forest.starts.len(), "the number of trees")?,
            nodes: narrow(self.forest.nodes.len(), "the number of nodes")?,
            leaf_rows,
            feature_bits: self.forest.feature_bits() as u8,
            reserved: [0; 3],
        };
        site.emit(Emission::new(OpCode::Trees, record, Overlap::Never));
        Ok(())
    }
}

impl Parameters for records::TreesI16 {
    fn shapes(&self) -> Shapes {
        Shapes::of(&[self.rows, self.features], &[self.rows, self.targets])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_their_own_codes() {
        let code = FeatureCode::ITSELF;
        for number in [-300, 0, 17, 32_766] {
            assert_eq!(code.code(number as f32), number);
            assert_eq!(code.threshold(number as f32 + 0.5), number);
            assert_eq!(code.threshold(number as f32), number);
        }
        assert_eq!([code.code(f32::NAN), code.code(1e9), code.code(-1e9)], [i16::MAX, 32_766, -32_767]);
        assert_eq!([code.threshold(1e9), code.threshold(-1e9)], [32_766, i16::MIN]);
    }

    #[test]
    fn reals_come_back_within_half_a_step() {
        let code = FeatureCode { scale: 0.25, offset: 1000.0, missing: i16::MIN };
        for real in [998.0, 1000.1, 1003.9] {
            assert!((code.real(code.code(real)) - real).abs() <= 0.125);
        }
        assert!(code.real(i16::MIN).is_nan());
    }
}
