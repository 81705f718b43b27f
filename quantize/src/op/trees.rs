//! Trees: what their leaves say about each row of features, put together.

use core::fmt;
use std::sync::Arc;

use kinglet_blob::{OpCode, records};
use kinglet_kernels::trees::{self, Aggregate, Node};

use super::common::real::{Real, Reals};
use super::common::{operands, types};
use super::lowering::{Emission, Reason, Site, narrow, no_kernel};
use super::operator::Operator;
use super::rule::layout::LayoutRule;
use super::rule::quantization::{Codes, End, Scaling};
use crate::record::{Access, Head, Overlap, Parameters, Shapes};
use crate::value::{DType, Shape, ShapeError, Value, fail};

/// `x [rows, features]` -> `[rows, targets]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Trees {
    /// Shared, because graphs are copied, and forests are large.
    pub ensemble: Arc<Ensemble>,
}

/// Trees, in the order in which a device goes through them ([`kinglet_kernels::trees`]).
#[derive(Clone, Debug, PartialEq)]
pub struct Ensemble {
    /// Features of a row.
    pub features: usize,
    /// Numbers of a result.
    pub targets: usize,
    /// The first node of each tree.
    pub starts: Vec<usize>,
    /// The nodes of all trees, without leaves.
    pub nodes: Vec<Node>,
    /// What leaves say.
    pub leaves: Leaves,
    /// How it is put together.
    pub aggregate: Aggregate,
}

/// What leaves say.
#[derive(Clone, Debug, PartialEq)]
pub enum Leaves {
    /// One number each, and the target of each tree.
    Numbers {
        /// A number for each leaf.
        numbers: Vec<f32>,
        /// A target for each tree.
        targets: Vec<u16>,
    },
    /// Rows of numbers, which leaves share.
    Rows {
        /// `[rows, targets]`.
        rows: Vec<f32>,
        /// A row for each leaf.
        places: Vec<u16>,
    },
}

impl Ensemble {
    /// The nodes of a tree, and its first leaf.
    pub fn tree(&self, tree: usize) -> (&[Node], usize) {
        let start = self.starts[tree];
        let end = self.starts.get(tree + 1).copied().unwrap_or(self.nodes.len());
        (&self.nodes[start..end], start + tree)
    }

    /// Why no device could go through it.
    fn problem(&self) -> Option<String> {
        let leaves = self.nodes.len() + self.starts.len();
        let (count, names, bound) = match &self.leaves {
            Leaves::Numbers { numbers, targets } if targets.len() == self.starts.len() => {
                (numbers.len(), targets, self.targets)
            }
            Leaves::Numbers { .. } => return Some("has not a target for each tree".into()),
            Leaves::Rows { rows, places } => (places.len(), places, rows.len() / self.targets.max(1)),
        };
        let is_ordered = self.starts.first() == Some(&0)
            && self.starts.windows(2).all(|pair| pair[0] <= pair[1])
            && self.starts.last().is_some_and(|&last| last <= self.nodes.len());
        if !is_ordered || self.targets == 0 || count != leaves || names.iter().any(|&name| usize::from(name) >= bound) {
            return Some("has trees and leaves that do not fit each other".into());
        }
        let words = |nodes: &[Node]| nodes.iter().map(Node::words).collect::<Vec<_>>();
        let is_tree = |tree: usize| trees::is_tree(&words(self.tree(tree).0), self.features);
        (0..self.starts.len()).find(|&tree| !is_tree(tree)).map(|tree| format!("has a hole in tree {tree}"))
    }

    /// The leaf that a row of features comes to.
    fn leaf(&self, tree: usize, x: &[f32]) -> usize {
        let (nodes, first) = self.tree(tree);
        let (mut at, mut leaf) = (0, first);
        while at < nodes.len() {
            let node = &nodes[at];
            let x = trees::key(x[node.feature]);
            let passes = node.question.holds(x, node.key) != (node.turns_nan && x == trees::NAN);
            let ends = if passes { node.skip == 1 } else { node.is_last };
            let step = if passes { 1 } else { node.skip };
            leaf += if passes { 0 } else { node.skip };
            if ends {
                return leaf;
            }
            at += step;
        }
        leaf
    }

    /// Adds what the leaves say about a row.
    fn add(&self, x: &[f32], y: &mut [f64]) {
        let mut put = |target: usize, number: f32| {
            let number = f64::from(number);
            y[target] = match self.aggregate {
                Aggregate::Sum => y[target] + number,
                Aggregate::Min => y[target].min(number),
                Aggregate::Max => y[target].max(number),
            };
        };
        for tree in 0..self.starts.len() {
            let leaf = self.leaf(tree, x);
            match &self.leaves {
                Leaves::Numbers { numbers, targets } => put(targets[tree].into(), numbers[leaf]),
                Leaves::Rows { rows, places } => {
                    let row = &rows[usize::from(places[leaf]) * self.targets..][..self.targets];
                    row.iter().enumerate().for_each(|(target, &number)| put(target, number));
                }
            }
        }
    }

    /// What a device reads, and how many different rows leaves name.
    fn bytes(&self) -> Result<(Vec<u8>, u32), Reason> {
        let mut bytes = Vec::new();
        for &start in &self.starts {
            bytes.extend(narrow::<u32>(start, "the number of nodes")?.to_le_bytes());
        }
        bytes.extend(self.nodes.iter().flat_map(Node::words).flat_map(u32::to_le_bytes));
        let (numbers, names, rows) = match &self.leaves {
            Leaves::Numbers { numbers, targets } => (numbers, targets, 0),
            Leaves::Rows { rows, places } => (rows, places, narrow(rows.len() / self.targets, "the number of rows")?),
        };
        bytes.extend(numbers.iter().flat_map(|number| number.to_le_bytes()));
        bytes.extend(names.iter().flat_map(|name| name.to_le_bytes()));
        Ok((bytes, rows))
    }
}

impl Operator for Trees {
    fn name(&self) -> &'static str {
        "Trees"
    }

    fn write_attributes(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, " {} of {} nodes", self.ensemble.starts.len(), self.ensemble.nodes.len())?;
        match self.ensemble.aggregate {
            Aggregate::Sum => Ok(()),
            Aggregate::Min => write!(f, " least"),
            Aggregate::Max => write!(f, " greatest"),
        }
    }

    fn infer(&self, inputs: &[&[usize]]) -> Result<Vec<Shape>, ShapeError> {
        match *operands::one(inputs)? {
            [rows, features] if features == self.ensemble.features => Ok(vec![vec![rows, self.ensemble.targets]]),
            ref shape => fail(format!("takes {} features, is given {shape:?}", self.ensemble.features)),
        }
    }

    fn check_types(&self, inputs: &[&Value], outputs: &[&Value]) -> Result<(), String> {
        inputs.iter().chain(outputs).try_for_each(|value| types::expect(value, &[DType::F32]))?;
        self.ensemble.problem().map_or(Ok(()), Err)
    }

    fn evaluate(&self, inputs: &[Real<'_>], _shapes: &[&[usize]]) -> Reals {
        let x = inputs.first()?;
        let neutral = match self.ensemble.aggregate {
            Aggregate::Sum => 0.0,
            Aggregate::Min => f64::INFINITY,
            Aggregate::Max => f64::NEG_INFINITY,
        };
        let mut results = Vec::new();
        for row in x.data.chunks_exact(self.ensemble.features) {
            let mut y = vec![neutral; self.ensemble.targets];
            self.ensemble.add(row, &mut y);
            results.extend(y.into_iter().map(|number| number as f32));
        }
        Some(vec![results])
    }

    fn layout(&mut self) -> LayoutRule<'_> {
        LayoutRule::Fixed
    }

    fn ensemble(&self) -> Option<&Ensemble> {
        Some(&self.ensemble)
    }

    /// All features of a tensor have one scale, and codes of 8 bits lose what thresholds tell apart. Trees on a model's own
    /// input have a form of their own (`forest`).
    fn stays_on_floats(&self) -> bool {
        true
    }

    fn codes(&self) -> Codes {
        Codes::Rescaled
    }

    fn scale_floors(&self, _scaling: &dyn Scaling) -> Vec<(End, f32)> {
        Vec::new()
    }

    fn lower(&self, site: &mut Site<'_>) -> Result<(), Reason> {
        if site.operand(0).dtype != DType::F32 {
            return no_kernel(site.operand(0).dtype);
        }
        let [rows, features] = site.axes::<2>(0)?;
        let (bytes, leaf_rows) = self.ensemble.bytes()?;
        let record = records::TreesF32 {
            constants: site.store(bytes)?,
            rows: narrow(rows, "the number of rows")?,
            features: narrow(features, "the number of features")?,
            targets: narrow(self.ensemble.targets, "the number of targets")?,
            trees: narrow(self.ensemble.starts.len(), "the number of trees")?,
            nodes: narrow(self.ensemble.nodes.len(), "the number of nodes")?,
            leaf_rows,
            aggregate: self.ensemble.aggregate as u8,
            reserved: [0; 3],
        };
        site.emit(Emission::new(OpCode::Trees, record, Overlap::Never));
        Ok(())
    }
}

impl Parameters for records::TreesF32 {
    fn shapes(&self) -> Shapes {
        Shapes::of(&[self.rows, self.features], &[self.rows, self.targets])
    }

    fn access(&self, _head: Head) -> Access<'_> {
        Access::Apart
    }
}
