//! Distances of features from known points: an operator of onnxruntime's, and the loop that converters write without it.
//!
//! Differences are squared and added up as they are written: what is faster, by squares of lengths and a product, loses the
//! digits by which near points differ. Points are met some at a time, because each difference takes memory.

use kinglet_tract::{Attribute, OnnxGraph, OnnxNode, TensorData};

use super::super::attributes::Call;
use super::super::constant::{Constant, Numbers};
use super::super::{Entry, Importer};
use super::EXPORT_AGAIN;
use crate::import::build::{Convert, refuse};
use crate::ir::ValueId;
use crate::op::{Combine, Concat, Function, Map, MapFunction, Reduce, Reduction, Transpose};

/// Differences that are in memory at a time, where points are not larger.
const DIFFERENCES_MAX: usize = 1 << 12;

/// Most parts that points come in.
const PARTS_MAX: usize = 64;

/// What is added up over the features.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Metric {
    Squares,
    Magnitudes,
}

impl Importer<'_> {
    /// The squared distance of each row of `x` from each point, `[rows, points]`.
    pub(super) fn squared_distances(&mut self, call: &Call<'_>, x: ValueId, points: &[f32]) -> Convert<ValueId> {
        self.distances(call, x, points, Metric::Squares)
    }

    fn distances(&mut self, call: &Call<'_>, x: ValueId, points: &[f32], metric: Metric) -> Convert<ValueId> {
        let [rows, features] = *self.shape(x).as_slice() else {
            return refuse("its features are no table", "use [batch, features]");
        };
        let count = points.len() / features.max(1);
        if count == 0 || count * features != points.len() {
            return refuse(format!("has {} numbers for points of {features}", points.len()), EXPORT_AGAIN);
        }
        let x = self.builder.reshape(&format!("{}/rows", call.name), x, vec![rows, 1, features])?;
        let part = (DIFFERENCES_MAX / (rows * features)).max(count.div_ceil(PARTS_MAX)).max(1);
        let mut parts = Vec::new();
        for points in points.chunks(part * features) {
            parts.push(self.part_of_distances(call, x, points, metric)?);
        }
        match *parts.as_slice() {
            [one] => Ok(one),
            _ => self.apply(&format!("{}/distances", call.name), Concat { axis: 1 }.into(), parts),
        }
    }

    fn part_of_distances(&mut self, call: &Call<'_>, x: ValueId, points: &[f32], metric: Metric) -> Convert<ValueId> {
        let name = |part: &str| format!("{}/{part}", call.name);
        let features = self.shape(x)[2];
        let points = self.own_floats(call, "points", vec![1, points.len() / features, features], points.to_vec())?;
        let mut reduce = Reduce { kind: Reduction::Sum, axes: vec![2], keep_dims: false };
        let function = match metric {
            Metric::Squares => Function::SquaredDifference,
            Metric::Magnitudes => Function::Sub,
        };
        let differences = self.apply(&name("differences"), Combine::new(function).into(), vec![x, points])?;
        if metric == Metric::Magnitudes {
            reduce.kind = Reduction::L1;
        }
        self.apply(&name("sum"), reduce.into(), vec![differences])
    }
}

/// `CDist` of the domain `com.microsoft`.
pub(in super::super) fn microsoft(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Entry> {
    let (x, _) = importer.features(call, 0)?;
    let (_, points) = call.floats_of(1, "points")?;
    let metric = call.string("metric", "sqeuclidean")?;
    if !["sqeuclidean", "euclidean"].contains(&metric) {
        return refuse(format!("its metric is {metric}"), "use sqeuclidean or euclidean");
    }
    let y = importer.squared_distances(call, x, points)?;
    Ok(Entry::Value(match metric {
        "euclidean" => importer.apply(call.name, Map::plain(MapFunction::Sqrt).into(), vec![y])?,
        _ => y,
    }))
}

/// The `Scan` of converters: features stay, points come one after the other, and each gives its distances.
pub(in super::super) fn scan(importer: &mut Importer<'_>, call: &Call<'_>) -> Convert<Vec<Entry>> {
    const REMEDY: &str = "only the loop that computes distances from constant points is read";
    let body = call.graph("body")?;
    let Some(metric) = metric_of(body).filter(|_| call.int("num_scan_inputs", 1) == Ok(1)) else {
        return refuse("is a loop over a tensor", REMEDY);
    };
    let (x, [rows, features]) = importer.features(call, 0)?;
    let Some(Constant { numbers: Numbers::F32(points), shape, .. }) = call.constant(1, "points")? else {
        return refuse("its points are no floats", REMEDY);
    };
    if shape.len() != 2 || shape[1] != features {
        return refuse(format!("has points {shape:?} for {features} features"), EXPORT_AGAIN);
    }
    let distances = importer.distances(call, x, points, metric)?;
    let count = importer.shape(distances)[1];
    let name = format!("{}/by point", call.name);
    let by_point = match rows {
        1 => importer.builder.reshape(&name, distances, vec![count, 1])?,
        _ => importer.apply(&name, Transpose { permutation: vec![1, 0] }.into(), vec![distances])?,
    };
    Ok(vec![Entry::Value(x), Entry::Value(by_point)])
}

/// What a body adds up, when it is one that computes distances: the difference of what stays and what comes, its squares or
/// magnitudes, their sum over the features.
fn metric_of(body: &OnnxGraph) -> Option<Metric> {
    let [state, point] = body.inputs.as_slice() else { return None };
    let [kept, result] = body.outputs.as_slice() else { return None };
    let producer = |name: &str| body.nodes.iter().find(|node| node.outputs.iter().any(|output| output == name));
    // What stays is what came in, by way of Identity.
    let source = |name: &str| {
        let mut name = name.to_owned();
        for _ in 0..body.nodes.len() {
            match producer(&name).filter(|node| node.op_type == "Identity") {
                Some(node) => name.clone_from(node.inputs.first()?),
                None => break,
            }
        }
        Some(name)
    };
    if source(&kept.name)? != state.name {
        return None;
    }
    let sum = producer(&source(&result.name)?)?;
    let (metric, of) = match sum.op_type.as_str() {
        "ReduceSumSquare" => (Metric::Squares, sum.inputs.first()?.clone()),
        "ReduceSum" => {
            let inner = producer(sum.inputs.first()?).filter(|node| node.op_type == "Abs")?;
            (Metric::Magnitudes, inner.inputs.first()?.clone())
        }
        _ => return None,
    };
    let is_over_features = is_second_axis(body, sum) && flag(sum, "keepdims", 1) == 0;
    let difference = producer(&of).filter(|node| node.op_type == "Sub")?;
    let operands: Vec<String> = difference.inputs.iter().filter_map(|input| source(input)).collect();
    let is_both =
        operands == [state.name.clone(), point.name.clone()] || operands == [point.name.clone(), state.name.clone()];
    (is_over_features && is_both).then_some(metric)
}

fn flag(node: &OnnxNode, name: &str, default: i64) -> i64 {
    let found = node.attributes.iter().find(|(known, _)| known == name);
    match found {
        Some((_, Attribute::Int(flag))) => *flag,
        _ => default,
    }
}

/// Whether a node reduces axis 1 alone: by an attribute, or by a constant of the body.
fn is_second_axis(body: &OnnxGraph, node: &OnnxNode) -> bool {
    let attribute = node.attributes.iter().find(|(name, _)| name == "axes");
    if let Some((_, Attribute::Ints(axes))) = attribute {
        return *axes == [1];
    }
    let constant = node.inputs.get(1).and_then(|name| body.initializers.iter().find(|tensor| tensor.name == *name));
    constant.is_some_and(|tensor| tensor.data == TensorData::I64(vec![1]))
}
