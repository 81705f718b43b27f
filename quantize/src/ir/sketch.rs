//! Small graphs and data for tests.

use crate::op::{Combine, Reshape, Select, Split};
use std::io::Write;

use super::{DType, Elements, Graph, Node, Op, Port, Value, ValueId, infer, infer_one};

/// Numbers that look random and are the same in every run (a linear congruential generator).
pub(crate) struct Numbers(u32);

impl Numbers {
    pub(crate) fn new(seed: u32) -> Self {
        // Spreads small seeds: neighbouring ones would start alike.
        Numbers(seed.wrapping_mul(0x9E37_79B9) ^ 0x5DEE_CE66)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        self.0 >> 8
    }

    /// Below `bound`, which is not zero.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }

    /// Between -1 and 1.
    pub(crate) fn float(&mut self) -> f32 {
        self.next() as f32 / 8_388_608.0 - 1.0
    }

    pub(crate) fn floats(&mut self, len: usize) -> Vec<f32> {
        (0..len).map(|_| self.float()).collect()
    }
}

/// A graph under construction, with names made up from positions.
pub(crate) struct Sketch {
    pub(crate) graph: Graph,
    pub(crate) numbers: Numbers,
}

impl Sketch {
    pub(crate) fn new(seed: u32) -> Self {
        Sketch { graph: Graph { name: "sketch".into(), ..Graph::default() }, numbers: Numbers::new(seed) }
    }

    pub(crate) fn input(&mut self, shape: &[usize]) -> ValueId {
        let value = self.graph.add_intermediate("input", shape.to_vec());
        let name = self.graph.value(value).name.clone();
        self.graph.inputs.push(Port { value, name, source_shape: shape.to_vec(), permutation: None });
        value
    }

    /// A float constant of random numbers.
    pub(crate) fn random(&mut self, shape: &[usize]) -> ValueId {
        let floats = self.numbers.floats(shape.iter().product());
        self.floats(shape, floats)
    }

    pub(crate) fn floats(&mut self, shape: &[usize], floats: Vec<f32>) -> ValueId {
        self.graph.add_constant("constant", shape.to_vec(), Elements::F32(floats))
    }

    /// A node whose result has the shape the operator gives it.
    pub(crate) fn node(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        let shape = infer_one(&self.graph, &op, inputs).expect("the sketch fits");
        self.node_of(op, inputs, shape)
    }

    /// A function that makes truth values.
    pub(crate) fn truths(&mut self, op: Combine, inputs: [ValueId; 2]) -> ValueId {
        let truths = self.node(op.into(), &inputs);
        self.graph.value_mut(truths).dtype = DType::Bool;
        truths
    }

    /// A selection, which has the type of what it selects from.
    pub(crate) fn select(&mut self, inputs: [ValueId; 3]) -> ValueId {
        let selected = self.node(Op::Select(Select), &inputs);
        let Value { dtype, quantization, .. } = self.graph.value(inputs[1]).clone();
        let value = self.graph.value_mut(selected);
        (value.dtype, value.quantization) = (dtype, quantization);
        selected
    }

    pub(crate) fn reshape(&mut self, input: ValueId, shape: &[usize]) -> ValueId {
        self.node_of(Op::Reshape(Reshape), &[input], shape.to_vec())
    }

    fn node_of(&mut self, op: Op, inputs: &[ValueId], shape: Vec<usize>) -> ValueId {
        let name = format!("{}{}", op.name(), self.graph.nodes.len());
        let output = self.graph.add_intermediate(&name, shape);
        let quantization = self.graph.value(inputs[0]).quantization.clone();
        let dtype = self.graph.value(inputs[0]).dtype;
        let value = self.graph.value_mut(output);
        (value.quantization, value.dtype) = (quantization, dtype);
        self.graph.nodes.push(Node { name, op, inputs: inputs.to_vec(), outputs: vec![output] });
        output
    }

    /// The results of a node that takes `x` apart.
    pub(crate) fn parts(&mut self, split: Split, x: ValueId) -> Vec<ValueId> {
        let op = Op::Split(split);
        let shapes = infer(&self.graph, &op, &[x]).expect("the sketch fits");
        let Value { dtype, quantization, .. } = self.graph.value(x).clone();
        let part = |shape| {
            let id = self.graph.add_intermediate("part", shape);
            let value = self.graph.value_mut(id);
            (value.quantization, value.dtype) = (quantization.clone(), dtype);
            id
        };
        let outputs: Vec<ValueId> = shapes.into_iter().map(part).collect();
        let name = format!("Split{}", self.graph.nodes.len());
        self.graph.nodes.push(Node { name, op, inputs: vec![x], outputs: outputs.clone() });
        outputs
    }

    pub(crate) fn value(&mut self, value: Value) -> ValueId {
        self.graph.add_value(value)
    }

    pub(crate) fn output(&mut self, value: ValueId) {
        let (name, source_shape) = (self.graph.value(value).name.clone(), self.graph.value(value).shape.clone());
        self.graph.outputs.push(Port { value, name, source_shape, permutation: None });
    }

    /// The finished graph.
    pub(crate) fn finish(mut self, outputs: &[ValueId]) -> Graph {
        outputs.iter().for_each(|&value| self.output(value));
        self.graph.verify().expect("the sketch is well-formed");
        self.graph
    }
}

impl Graph {
    /// Random data for each input.
    pub(crate) fn sample(&self, seed: u32) -> Vec<Vec<f32>> {
        let mut numbers = Numbers::new(seed);
        self.inputs.iter().map(|port| numbers.floats(port.source_shape.iter().product())).collect()
    }

    /// Names of the operators in order.
    pub(crate) fn operators(&self) -> Vec<&'static str> {
        self.nodes.iter().map(|node| node.op.name()).collect()
    }
}

/// Fails when two results differ by more than `tolerance` of their largest number.
pub(crate) fn assert_close(found: &[Vec<f32>], expected: &[Vec<f32>], tolerance: f32, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}: number of outputs");
    for (output, (found, expected)) in found.iter().zip(expected).enumerate() {
        assert_eq!(found.len(), expected.len(), "{what}: length of output {output}");
        let scale = expected.iter().fold(1.0f32, |scale, value| scale.max(value.abs()));
        for (index, (a, b)) in found.iter().zip(expected).enumerate() {
            let close = (a - b).abs() <= tolerance * scale || (a.is_nan() && b.is_nan());
            assert!(close, "{what}: output {output}[{index}] is {a}, expected {b}");
        }
    }
}

/// The path of a file of the shared models, when they are there; says so when they are not.
pub(crate) fn shared(file: &str) -> Option<std::path::PathBuf> {
    let root = std::env::var_os("KINGLET_SHARED")
        .map(std::path::PathBuf::from)
        .unwrap_or_else(|| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared"));
    let path = root.join(file);
    if path.exists() {
        return Some(path);
    }
    // Not `eprintln!`, whose text the test harness keeps to itself when a test passes.
    let _ = writeln!(std::io::stderr(), "skipped: {} does not exist (set KINGLET_SHARED)", path.display());
    None
}

/// An int8 activation's value.
pub(crate) fn int8(name: &str, shape: &[usize], scale: f32, zero_point: i32) -> Value {
    Value {
        name: name.into(),
        dtype: DType::I8,
        shape: shape.to_vec(),
        quantization: Some(super::Quantization::per_tensor(scale, zero_point)),
        elements: None,
    }
}
