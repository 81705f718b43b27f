//! Classes: their labels, the label of a score, and scores as probabilities.

use std::rc::Rc;

use super::super::attributes::Call;
use super::super::{Entry, Importer};
use super::EXPORT_AGAIN;
use crate::import::build::{Convert, refuse};
use crate::import::rows;
use crate::ir::{DType, Elements, ValueId};
use crate::op::{Concat, Function, Logistic, Map, MapFunction, Rank, Reduce, Reduction, Select, Softmax};
use crate::plain;

/// What a classifier calls its classes.
pub(super) enum Labels {
    Integers(Vec<i64>),
    Texts(Rc<[String]>),
}

impl Labels {
    /// Those that one of two attributes names.
    pub(super) fn of(call: &Call<'_>, integers: &str, texts: &str) -> Convert<Self> {
        if let Some(texts) = call.strings(texts)?.filter(|texts| !texts.is_empty()) {
            return Ok(Labels::Texts(texts.iter().map(|text| plain::name(text)).collect()));
        }
        match call.ints(integers)?.filter(|integers| !integers.is_empty()) {
            Some(integers) => Ok(Labels::Integers(integers.to_vec())),
            None => refuse("has no classes", EXPORT_AGAIN),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Labels::Integers(integers) => integers.len(),
            Labels::Texts(texts) => texts.len(),
        }
    }

    pub(super) fn expect(&self, count: usize) -> Convert<()> {
        match self.len() == count {
            true => Ok(()),
            false => refuse(format!("has {} classes and {count} scores", self.len()), EXPORT_AGAIN),
        }
    }

    /// What people read; nothing where classes are called as they are counted.
    pub(super) fn names(&self) -> Vec<String> {
        match self {
            Labels::Texts(texts) => texts.to_vec(),
            Labels::Integers(integers) if is_count(integers) => Vec::new(),
            Labels::Integers(integers) => integers.iter().map(i64::to_string).collect(),
        }
    }
}

fn is_count(integers: &[i64]) -> bool {
    integers.iter().copied().eq(0..integers.len() as i64)
}

/// What scores become.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Transform {
    None,
    Logistic,
    Softmax,
    SoftmaxZero,
}

impl Transform {
    pub(super) fn of(call: &Call<'_>) -> Convert<Self> {
        Ok(match call.string("post_transform", "NONE")? {
            "NONE" => Transform::None,
            "LOGISTIC" => Transform::Logistic,
            "SOFTMAX" => Transform::Softmax,
            "SOFTMAX_ZERO" => Transform::SoftmaxZero,
            other => return refuse(format!("its post_transform is {other}"), "use NONE, LOGISTIC or SOFTMAX"),
        })
    }
}

/// How the one score of two classes becomes two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Pair {
    /// It is the probability of the second.
    Complement,
    /// It is above zero for the second.
    Opposite,
}

impl Importer<'_> {
    /// The label at each index, `[rows]`.
    pub(super) fn label(&mut self, call: &Call<'_>, index: ValueId, labels: &Labels) -> Convert<Entry> {
        self.name_classes(labels.names());
        let name = format!("{}/label", call.name);
        let integers = match labels {
            Labels::Texts(texts) => {
                self.texts.insert(index, Rc::clone(texts));
                return Ok(Entry::Value(index));
            }
            Labels::Integers(integers) if is_count(integers) => return Ok(Entry::Value(index)),
            Labels::Integers(integers) => integers,
        };
        let table: Option<Vec<i32>> = integers.iter().map(|&label| i32::try_from(label).ok()).collect();
        let Some(table) = table else {
            return refuse("has a label of more than 32 bits", "number the classes from 0 on");
        };
        self.budget.charge(table.len(), 4)?;
        let table = self.builder.constant(&format!("{name}/table"), vec![table.len()], Elements::I32(table))?;
        Ok(Entry::Value(rows::gathered(&mut self.builder, &name, [table, index], [0, 0])?))
    }

    /// The names of the model's classes, unless it has some.
    pub(super) fn name_classes(&mut self, names: Vec<String>) {
        if self.builder.graph.labels.is_empty() {
            self.builder.graph.labels = names;
        }
    }

    /// The index of the greatest score of each row, `[rows]`.
    pub(super) fn greatest(&mut self, call: &Call<'_>, scores: ValueId) -> Convert<ValueId> {
        let rank = Rank { axis: 1, count: 1, is_least: false, is_last: false };
        rows::extreme(&mut self.builder, &format!("{}/class", call.name), scores, (rank, false))
    }

    /// 1 where the one score of a row is above a threshold, else 0, `[rows]`.
    pub(super) fn above(&mut self, call: &Call<'_>, score: ValueId, threshold: f32) -> Convert<ValueId> {
        let name = format!("{}/class", call.name);
        let threshold = self.own_floats(call, "threshold", vec![1, 1], vec![threshold])?;
        let is_above = self.combined(&format!("{name}/above"), Function::Less, [threshold, score])?;
        let index = self.cast(&name, is_above, DType::I32)?;
        let rows = self.shape(score)[0];
        self.builder.reshape(&format!("{name}/rows"), index, vec![rows])
    }

    /// Two scores of each row's one.
    pub(super) fn paired(
        &mut self,
        call: &Call<'_>,
        score: ValueId,
        pair: Pair,
        transform: Transform,
    ) -> Convert<ValueId> {
        let name = format!("{}/scores", call.name);
        let opposite = self.with_number(call, Function::Mul, score, -1.0)?;
        let (first, second) = match (pair, transform) {
            (_, Transform::Logistic) => {
                let of = |importer: &mut Self, part: &str, x| {
                    importer.apply(&format!("{name}/{part}"), Logistic.into(), vec![x])
                };
                (of(self, "first", opposite)?, of(self, "second", score)?)
            }
            (Pair::Complement, _) => (self.with_number(call, Function::Add, opposite, 1.0)?, score),
            (Pair::Opposite, _) => (opposite, score),
        };
        self.apply(&name, Concat { axis: 1 }.into(), vec![first, second])
    }

    /// What scores `[rows, classes]` become.
    pub(super) fn transformed(&mut self, call: &Call<'_>, scores: ValueId, transform: Transform) -> Convert<ValueId> {
        let name = format!("{}/probabilities", call.name);
        match transform {
            Transform::None => Ok(scores),
            Transform::Logistic => self.apply(&name, Logistic.into(), vec![scores]),
            Transform::Softmax => self.apply(&name, Softmax { beta: 1.0 }.into(), vec![scores]),
            Transform::SoftmaxZero => self.softmax_zero(call, scores),
        }
    }

    /// Softmax in which zeros stay zeros and do not count.
    fn softmax_zero(&mut self, call: &Call<'_>, scores: ValueId) -> Convert<ValueId> {
        let name = |part: &str| format!("{}/{part}", call.name);
        let reduce = |kind| Reduce { kind, axes: vec![1], keep_dims: true };
        let largest = self.apply(&name("largest"), reduce(Reduction::Max).into(), vec![scores])?;
        let below = self.combined(&name("below"), Function::Sub, [scores, largest])?;
        let powers = self.apply(&name("powers"), Map::plain(MapFunction::Exp).into(), vec![below])?;
        let size = self.apply(&name("size"), Map::plain(MapFunction::Abs).into(), vec![scores])?;
        let least = self.own_floats(call, "least", vec![1, 1], vec![1e-7])?;
        let counts = self.combined(&name("counts"), Function::Less, [least, size])?;
        let zero = self.own_floats(call, "zero", vec![1, 1], vec![0.0])?;
        let kept = (DType::F32, None);
        let powers = self.builder.apply_typed(&name("kept"), Select.into(), vec![counts, powers, zero], kept)?;
        let sum = self.apply(&name("sum"), reduce(Reduction::Sum).into(), vec![powers])?;
        self.combined(&name("probabilities"), Function::Div, [powers, sum])
    }
}
