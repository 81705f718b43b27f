//! Operators that only move elements against plain loops: random shapes of every type that can be copied, compiled and
//! run.

#[allow(dead_code, reason = "only its random numbers are wanted here")]
mod random_graph;

use kinglet_quantize::compile::{Options, compile_built};
use kinglet_quantize::host::{infer, with_session};
use kinglet_quantize::ir::{DType, Graph, Node, Op, Port, Quantization, Value, ValueId};
use kinglet_quantize::op::{Cut, Reshape, Slice, Split, Take, Transpose};
use random_graph::Random;

/// A graph of one operator.
struct One {
    graph: Graph,
    dtype: DType,
}

impl One {
    fn new(shape: &[usize], dtype: DType) -> Self {
        let mut one = One { graph: Graph { name: "one".into(), ..Graph::default() }, dtype };
        let value = one.value(shape);
        let port = Port { value, name: "x".into(), source_shape: shape.to_vec(), permutation: None };
        one.graph.inputs.push(port);
        one
    }

    fn value(&mut self, shape: &[usize]) -> ValueId {
        let quantization = (self.dtype != DType::F32).then(|| Quantization::per_tensor(0.5, 3));
        let (name, dtype) = (format!("v{}", self.graph.values.len()), self.dtype);
        self.graph.add_value(Value { name, dtype, shape: shape.to_vec(), quantization, elements: None })
    }

    /// The same with its operand and its result as flat tensors, which no change of layout can hide.
    fn run_flat(shape: &[usize], dtype: DType, op: Op, result: &[usize], input: &[u8]) -> Vec<u8> {
        let len = |shape: &[usize]| vec![shape.iter().product::<usize>()];
        let mut one = One::new(&len(shape), dtype);
        let node = |name: &str, op: Op, from: ValueId, to: ValueId| Node {
            name: name.into(),
            op,
            inputs: vec![from],
            outputs: vec![to],
        };
        let (x, moved) = (one.value(shape), one.value(result));
        one.graph.nodes.push(node("in", Op::Reshape(Reshape), ValueId(0), x));
        one.graph.nodes.push(node("op", op, x, moved));
        let flat = one.value(&len(result));
        one.graph.nodes.push(node("out", Op::Reshape(Reshape), moved, flat));
        one.graph.outputs.push(Port { value: flat, name: "y".into(), source_shape: len(result), permutation: None });
        one.outputs_of(input).remove(0)
    }

    fn outputs_of(self, input: &[u8]) -> Vec<Vec<u8>> {
        let compiled = compile_built(self.graph, &Options::default(), &mut |_| {});
        let compiled = compiled.unwrap_or_else(|error| panic!("{error}"));
        with_session(&compiled.blob, |session| infer(session, &[input.to_vec()])).expect("runs")
    }

    /// The bytes that `op` makes of `input`.
    fn run(mut self, op: Op, shapes: &[Vec<usize>], input: &[u8]) -> Vec<Vec<u8>> {
        let outputs: Vec<ValueId> = shapes.iter().map(|shape| self.value(shape)).collect();
        for (&value, shape) in outputs.iter().zip(shapes) {
            let name = format!("out{}", value.0);
            self.graph.outputs.push(Port { value, name, source_shape: shape.clone(), permutation: None });
        }
        self.graph.nodes.push(Node { name: "n".into(), op, inputs: vec![ValueId(0)], outputs });
        self.outputs_of(input)
    }
}

/// The elements of `x` at `begin + stride * index` along every axis, by plain loops over up to four axes.
fn taken(x: &[u8], size: usize, shape: &[usize], cuts: &[Cut]) -> (Vec<usize>, Vec<u8>) {
    let missing = 4 - shape.len();
    let mut extents = [1; 4];
    extents[missing..].copy_from_slice(shape);
    let mut all = [Cut::ALL; 4];
    all[missing..].copy_from_slice(cuts);
    let indices = |axis: usize| {
        let mut list = Vec::new();
        let mut index = all[axis].begin;
        while index < all[axis].end.unwrap_or(extents[axis]) {
            list.push(index);
            index += all[axis].stride;
        }
        list
    };
    let mut bytes = Vec::new();
    for i in indices(0) {
        for j in indices(1) {
            for k in indices(2) {
                for l in indices(3) {
                    let element = ((i * extents[1] + j) * extents[2] + k) * extents[3] + l;
                    bytes.extend_from_slice(&x[element * size..][..size]);
                }
            }
        }
    }
    ((missing..4).map(|axis| indices(axis).len()).collect(), bytes)
}

fn random_shape(random: &mut Random) -> Vec<usize> {
    (0..1 + random.below(4)).map(|_| 1 + random.below(7)).collect()
}

const TYPES: [(DType, usize); 3] = [(DType::I8, 1), (DType::U8, 1), (DType::F32, 4)];

fn random_bytes(random: &mut Random, shape: &[usize], size: usize) -> Vec<u8> {
    // Any bytes will do: nothing computes with them.
    (0..shape.iter().product::<usize>() * size).map(|_| random.int8() as u8).collect()
}

#[test]
fn random_slices_take_what_plain_loops_take() {
    for seed in 0..600 {
        let mut random = Random::new(seed);
        let (dtype, size) = TYPES[random.below(3)];
        let shape = random_shape(&mut random);
        let mut cut = |&extent: &usize| {
            let begin = random.below(extent);
            let end = begin + 1 + random.below(extent - begin);
            let stride = 1 + random.below(3);
            if random.chance(40) { Cut::ALL } else { Cut { begin, end: Some(end), stride } }
        };
        let cuts: Vec<Cut> = shape.iter().map(&mut cut).collect();
        let x = random_bytes(&mut random, &shape, size);
        let (result, expected) = taken(&x, size, &shape, &cuts);
        if result == shape {
            // Nothing is cut: such a node vanishes, and a graph of nothing cannot be run.
            continue;
        }
        let found = One::new(&shape, dtype).run(Op::Slice(Slice { cuts: cuts.clone() }), &[result], &x);
        assert_eq!(found, [expected], "seed {seed}: {dtype:?} {shape:?} {cuts:?}");
    }
}

#[test]
fn random_splits_take_what_plain_loops_take() {
    for seed in 0..300 {
        let mut random = Random::new(seed);
        let (dtype, size) = TYPES[random.below(3)];
        let mut shape = random_shape(&mut random);
        let axis = random.below(shape.len());
        let sizes: Vec<usize> = (0..2 + random.below(3)).map(|_| 1 + random.below(5)).collect();
        shape[axis] = sizes.iter().sum();
        let x = random_bytes(&mut random, &shape, size);
        let mut begin = 0;
        let parts = sizes.iter().map(|&size_here| {
            let mut cuts = vec![Cut::ALL; shape.len()];
            cuts[axis] = Cut { begin, end: Some(begin + size_here), stride: 1 };
            begin += size_here;
            taken(&x, size, &shape, &cuts)
        });
        let (shapes, expected): (Vec<_>, Vec<_>) = parts.unzip();
        let found = One::new(&shape, dtype).run(Op::Split(Split { axis, sizes: sizes.clone() }), &shapes, &x);
        assert_eq!(found, expected, "seed {seed}: {dtype:?} {shape:?} axis {axis} {sizes:?}");
    }
}

/// The index along each axis of element `flat`.
fn index_of(flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut rest = flat;
    let mut index: Vec<usize> = shape.iter().rev().map(|extent| (rest % extent, rest /= extent).0).collect();
    index.reverse();
    index
}

/// The bytes of a tensor of `shape` whose element at an index is that of `x` at `source(index)`.
fn gathered(
    x: &[u8],
    size: usize,
    x_shape: &[usize],
    shape: &[usize],
    source: impl Fn(&[usize]) -> Vec<usize>,
) -> Vec<u8> {
    let elements = (0..shape.iter().product()).map(|flat| source(&index_of(flat, shape)));
    let at = |index: Vec<usize>| index.iter().zip(x_shape).fold(0, |flat, (at, extent)| flat * extent + at);
    elements.flat_map(|index| x[at(index) * size..][..size].to_vec()).collect()
}

#[test]
fn random_transpositions_of_up_to_eight_axes() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let (dtype, size) = TYPES[random.below(3)];
        let rank = 2 + random.below(7);
        let shape: Vec<usize> = (0..rank).map(|_| 1 + random.below(4)).collect();
        let mut permutation: Vec<usize> = (0..rank).collect();
        (1..rank).for_each(|axis| permutation.swap(axis, random.below(axis + 1)));
        let result: Vec<usize> = permutation.iter().map(|&axis| shape[axis]).collect();
        let x = random_bytes(&mut random, &shape, size);
        let expected = gathered(&x, size, &shape, &result, |index| {
            let mut source = vec![0; rank];
            permutation.iter().zip(index).for_each(|(&axis, &at)| source[axis] = at);
            source
        });
        let op = Op::Transpose(Transpose { permutation: permutation.clone() });
        let found = One::run_flat(&shape, dtype, op, &result, &x);
        assert_eq!(found, expected, "seed {seed}: {dtype:?} {shape:?} {permutation:?}");
    }
}

#[test]
fn ports_of_any_rank() {
    // The outermost axes of what has more than four are one; a number is a vector of one element.
    let x: Vec<u8> = (0..48).collect();
    let one = One::new(&[2, 1, 3, 4, 2], DType::I8);
    let op = Op::Transpose(Transpose { permutation: vec![4, 0, 1, 2, 3] });
    let expected = gathered(&x, 1, &[2, 1, 3, 4, 2], &[2, 2, 1, 3, 4], |at| vec![at[1], at[2], at[3], at[4], at[0]]);
    assert_eq!(one.run(op, &[vec![2, 2, 1, 3, 4]], &x), [expected]);
    let one = One::new(&[1, 1], DType::I8);
    assert_eq!(one.run(Op::Reshape(Reshape), &[vec![]], &[7]), [[7]]);
}

#[test]
fn random_indices_take_what_plain_loops_take() {
    for seed in 0..400 {
        let mut random = Random::new(seed);
        let (dtype, size) = TYPES[random.below(3)];
        let shape = random_shape(&mut random);
        // Irregular indices of one axis, or regular ones of all: repeated, in turn, backwards.
        let irregular = random.chance(50).then(|| random.below(shape.len()));
        let mut list = |axis: usize, extent: usize| match irregular {
            Some(chosen) if chosen == axis => Some((0..1 + random.below(40)).map(|_| random.below(extent)).collect()),
            Some(_) => None,
            None => match random.below(4) {
                0 => None,
                1 => Some((0..extent).rev().collect()),
                2 => Some((0..2 * extent).map(|at| at / 2).collect()),
                _ => Some((0..3 * extent).map(|at| at % extent).collect::<Vec<usize>>()),
            },
        };
        let indices: Vec<Option<Vec<usize>>> =
            shape.iter().enumerate().map(|(axis, &extent)| list(axis, extent)).collect();
        let result: Vec<usize> =
            indices.iter().zip(&shape).map(|(list, &extent)| list.as_ref().map_or(extent, Vec::len)).collect();
        let x = random_bytes(&mut random, &shape, size);
        let expected = gathered(&x, size, &shape, &result, |at| {
            indices.iter().zip(at).map(|(list, &at)| list.as_ref().map_or(at, |list| list[at])).collect()
        });
        let found = One::run_flat(&shape, dtype, Op::Take(Take { indices: indices.clone() }), &result, &x);
        assert_eq!(found, expected, "seed {seed}: {dtype:?} {shape:?} {indices:?}");
    }
}
