//! Random int8 graphs with many dead channels.
//!
//! A graph is grown from a list of steps, each a kind of operator and a seed for its attributes; a step that does
//! not fit what is there grows nothing. Shorter lists give smaller graphs, so a failing case shrinks well.

use kinglet_kernels::packing::Storage;
use kinglet_quantize::ir::{
    Activation, DType, Elements, Graph, Node, Op, Padding, Port, Quantization, Value, ValueId, Window, infer_one,
};
use kinglet_quantize::op::{
    Add, AveragePool2D, Clip, Combine, Concat, Conv2D, Cut, DepthwiseConv2D, FullyConnected, Function, Logistic, Map,
    MapFunction, MatMul, MaxPool2D, Mean, Mul, Pad, Quantize, Reduce, Reduction, Relu, Relu6, Reshape, Slice, Softmax,
    Split, Take, Tanh, Transpose, TransposeConv2D,
};

/// A small reproducible generator (PCG without its cousins).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5851_f42d_4c95_7f2d)
    }

    pub(crate) fn next(&mut self) -> u32 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        let mixed = (self.0 >> 33) ^ self.0;
        (mixed.wrapping_mul(0xff51_afd7_ed55_8ccd) >> 32) as u32
    }

    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.next() as usize % bound
    }

    pub(crate) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn int8(&mut self) -> i8 {
        self.next() as i8
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

/// Kind of operator and seed of its attributes.
pub(crate) type Step = (u8, u32);

struct Grower {
    graph: Graph,
    random: Random,
    /// Values that may be read, newest last.
    open: Vec<ValueId>,
}

/// Grows a graph from an image of at most `rows` rows.
pub(crate) fn grow(seed: u64, steps: &[Step], rows: usize) -> Graph {
    let mut random = Random::new(seed);
    let shape = vec![1, 1 + random.below(rows), 1 + random.below(6), 1 + random.below(4)];
    let mut grower = Grower { graph: Graph { name: "random".into(), ..Graph::default() }, random, open: Vec::new() };
    let quantization = grower.quantization();
    let input = grower.value(shape.clone(), quantization);
    grower.graph.inputs.push(Port { value: input, name: "x".into(), source_shape: shape, permutation: None });
    grower.open.push(input);
    for &(kind, seed) in steps {
        grower.random = Random::new(u64::from(seed));
        grower.step(kind);
    }
    grower.finish()
}

impl Grower {
    fn finish(mut self) -> Graph {
        // A reader that mixes channels makes the channels before it removable.
        for id in self.open.clone() {
            let shape = self.shape(id);
            if self.graph.consumers(id).is_empty() && self.random.chance(80) {
                self.dense(id, &shape);
            }
        }
        // What nobody reads is an output most of the time; the last value always.
        let last = *self.open.last().unwrap();
        for &id in &self.open.clone() {
            let unread = self.graph.consumers(id).is_empty();
            if id == last || (unread && self.random.chance(70)) {
                let value = self.graph.value(id);
                let (name, source_shape) = (format!("out_{}", value.name), value.shape.clone());
                self.graph.outputs.push(Port { value: id, name, source_shape, permutation: None });
            }
        }
        self.graph.verify().expect("the generator grows valid graphs");
        self.graph
    }

    fn quantization(&mut self) -> Quantization {
        let scale = 2f32.powi(-(2 + self.random.below(6) as i32)) * (1.0 + self.random.below(100) as f32 / 100.0);
        let zero_point = match self.random.below(3) {
            0 => -128,
            1 => 0,
            _ => i32::from(self.random.int8()),
        };
        Quantization::per_tensor(scale, zero_point)
    }

    fn activation(&mut self) -> Activation {
        self.random.pick(&[Activation::None, Activation::Relu, Activation::Relu, Activation::Relu6])
    }

    fn value(&mut self, shape: Vec<usize>, quantization: Quantization) -> ValueId {
        let name = format!("v{}", self.graph.values.len());
        let quantization = Some(quantization);
        self.graph.add_value(Value { name, dtype: DType::I8, shape, quantization, elements: None })
    }

    fn constant(&mut self, shape: Vec<usize>, elements: Elements, quantization: Option<Quantization>) -> ValueId {
        let id = self.graph.add_constant("c", shape, elements);
        self.graph.value_mut(id).quantization = quantization;
        id
    }

    /// Appends a node if it fits and its result is small; says whether it did.
    fn node(&mut self, op: Op, inputs: Vec<ValueId>, quantization: Quantization) -> Option<ValueId> {
        let shape = infer_one(&self.graph, &op, &inputs).ok()?;
        if shape.iter().product::<usize>() > 2000 {
            return None;
        }
        Some(self.node_shaped(op, inputs, shape, quantization))
    }

    fn node_shaped(&mut self, op: Op, inputs: Vec<ValueId>, shape: Vec<usize>, quantization: Quantization) -> ValueId {
        let output = self.value(shape, quantization);
        let name = format!("n{}", self.graph.nodes.len());
        self.graph.nodes.push(Node { name, op, inputs, outputs: vec![output] });
        self.open.push(output);
        output
    }

    /// A value to read, mostly a new one.
    fn operand(&mut self) -> ValueId {
        let count = self.open.len();
        let recent = if self.random.chance(75) { 2.min(count) } else { count };
        self.open[count - 1 - self.random.below(recent)]
    }

    fn shape(&self, id: ValueId) -> Vec<usize> {
        self.graph.value(id).shape.clone()
    }

    fn quantization_of(&self, id: ValueId) -> Quantization {
        self.graph.value(id).quantization.clone().unwrap()
    }

    fn step(&mut self, kind: u8) {
        let x = self.operand();
        let shape = self.shape(x);
        let spatial = shape.len() == 4;
        let _ = match kind % 21 {
            0..=3 if spatial => self.conv(x, &shape),
            4..=6 if spatial => self.depthwise(x, &shape),
            0..=7 => self.dense(x, &shape),
            8 if spatial => self.pool(x),
            9 | 10 => self.elementwise(x, &shape),
            11 => self.reshape(x, &shape),
            12 => self.pad(x, &shape),
            13 => self.concat(x, &shape),
            14 => self.reduction(x, &shape),
            16 => self.slice(x, &shape),
            17 => self.split(x, &shape),
            20 => self.take(x, &shape),
            18 if spatial => self.transpose_conv(x, &shape),
            19 => self.product(x, &shape),
            _ => self.unary(x, &shape),
        };
    }

    /// Weights with dead outputs, dead inputs and sparse elements. `index` gives output and input channel.
    fn weights(&mut self, shape: Vec<usize>, index: impl Fn(usize) -> (usize, usize)) -> Vec<i8> {
        let dead_percent = self.random.pick(&[0, 30, 60, 80]);
        let (dead_outputs, dead_inputs): (Vec<bool>, Vec<bool>) =
            (0..256).map(|_| (self.random.chance(dead_percent), self.random.chance(20))).unzip();
        let sparse = self.random.pick(&[0, 0, 50, 90]);
        let of = |i: usize| {
            let (output, input) = index(i);
            let dead = dead_outputs[output % 256] || dead_inputs[input % 256] || self.random.chance(sparse);
            if dead { 0 } else { self.random.int8().max(-127) }
        };
        (0..shape.iter().product()).map(of).collect()
    }

    /// Adds weights, bias and the node; the output's scale lets sums of `fan_in` products use the int8 range.
    fn weighted(&mut self, op: Op, x: ValueId, shape: Vec<usize>, weights: Vec<i8>) -> Option<ValueId> {
        let axis = if matches!(op, Op::DepthwiseConv2D(_)) { 3 } else { 0 };
        let outputs = shape[axis];
        let count = if self.random.chance(70) { outputs } else { 1 };
        let scales: Vec<f32> = (0..count).map(|_| 0.001 * (1 + self.random.below(30)) as f32).collect();
        let mean_scale = scales.iter().sum::<f32>() / count as f32;
        let axis = (count == outputs && count > 1).then_some(axis);
        let fan_in = weights.len() / outputs;
        let mut weights = weights;
        let mut zero_points = vec![0; scales.len()];
        if !matches!(op, Op::TransposeConv2D(_)) && self.random.chance(15) {
            zero_points.iter_mut().for_each(|zero| *zero = i32::from(self.random.int8()));
            // What was zero is the zero point.
            for (flat, weight) in weights.iter_mut().enumerate() {
                let output = if axis == Some(3) { flat % outputs } else { flat / fan_in };
                let zero = zero_points[if axis.is_some() { output } else { 0 }];
                *weight = (i32::from(*weight) + zero).clamp(-128, 127) as i8;
            }
        }
        let q = Quantization { zero_points, scales, axis, storage: Storage::Bits8 };
        let mut inputs = vec![x, self.constant(shape, Elements::I8(weights), Some(q))];
        if self.random.chance(80) {
            let spread = self.random.pick(&[1, 1 << 8, 1 << 14, 1 << 20]);
            let bias = (0..outputs).map(|_| self.random.below(2 * spread) as i32 - spread as i32).collect();
            inputs.push(self.constant(vec![outputs], Elements::I32(bias), None));
        }
        let mut output = self.quantization();
        let wide = self.random.pick(&[20.0, 60.0, 200.0]);
        output.scales[0] = self.quantization_of(x).scale(0) * mean_scale * (fan_in as f32).sqrt() * wide;
        self.node(op, inputs, output)
    }

    fn sliding(&mut self) -> ([usize; 2], [usize; 2], [usize; 2], Padding) {
        let mut pair = |from: &[usize]| [self.random.pick(from), self.random.pick(from)];
        let (kernel, stride, dilation) = (pair(&[1, 1, 2, 3]), pair(&[1, 1, 2]), pair(&[1, 1, 1, 2]));
        let padding = if self.random.chance(50) {
            let mut up_to = |bound: usize| self.random.below(bound.max(1));
            let (top, bottom) = (up_to(kernel[0]), up_to(kernel[0]));
            Padding { top, bottom, left: up_to(kernel[1]), right: up_to(kernel[1]) }
        } else {
            Padding::default()
        };
        (kernel, stride, dilation, padding)
    }

    fn conv(&mut self, x: ValueId, input: &[usize]) -> Option<ValueId> {
        let ([kh, kw], stride, dilation, padding) = self.sliding();
        let groups = if self.random.chance(85) || !input[3].is_multiple_of(2) { 1 } else { 2 };
        let outputs = groups * (1 + self.random.below(6));
        let shape = vec![outputs, kh, kw, input[3] / groups];
        let inner = shape[3];
        let weights = self.weights(shape.clone(), |i| (i / (kh * kw * inner), i % inner));
        let activation = self.activation();
        self.weighted(Op::Conv2D(Conv2D { stride, dilation, padding, groups, activation }), x, shape, weights)
    }

    fn transpose_conv(&mut self, x: ValueId, input: &[usize]) -> Option<ValueId> {
        let ([kernel_h, kernel_w], stride, _, _) = self.sliding();
        let groups = if self.random.chance(70) || !input[3].is_multiple_of(2) { 1 } else { 2 };
        let outputs = groups * (1 + self.random.below(4));
        let shape = vec![outputs, kernel_h, kernel_w, input[3] / groups];
        let inner = shape[3];
        let weights = self.weights(shape.clone(), |i| (i / (kernel_h * kernel_w * inner), i % inner));
        let activation = self.activation();
        let pad = [kernel_h, kernel_w].map(|kernel| self.random.below(kernel));
        // Up to a row and a column less or more than the kernels reach.
        let mut size = |axis: usize, kernel: usize| {
            let reached = (input[axis + 1] - 1) * stride[axis] + kernel - pad[axis];
            (reached + self.random.below(3)).saturating_sub(1).max(1)
        };
        let size = [size(0, kernel_h), size(1, kernel_w)];
        self.weighted(Op::TransposeConv2D(TransposeConv2D { stride, pad, size, groups, activation }), x, shape, weights)
    }

    fn depthwise(&mut self, x: ValueId, input: &[usize]) -> Option<ValueId> {
        let ([kh, kw], stride, dilation, padding) = self.sliding();
        let multiplier = if self.random.chance(80) { 1 } else { 2 };
        let outputs = input[3] * multiplier;
        let shape = vec![1, kh, kw, outputs];
        let weights = self.weights(shape.clone(), |i| (i % outputs, 255));
        let activation = self.activation();
        self.weighted(
            Op::DepthwiseConv2D(DepthwiseConv2D { stride, dilation, padding, multiplier, activation }),
            x,
            shape,
            weights,
        )
    }

    fn dense(&mut self, x: ValueId, input: &[usize]) -> Option<ValueId> {
        let depth = *input.last()?;
        let shape = vec![1 + self.random.below(6), depth];
        let weights = self.weights(shape.clone(), |i| (i / depth, i % depth));
        let activation = self.activation();
        self.weighted(Op::FullyConnected(FullyConnected { activation }), x, shape, weights)
    }

    fn pool(&mut self, x: ValueId) -> Option<ValueId> {
        let (size, stride, _, padding) = self.sliding();
        let (window, activation) = (Window { size, stride, padding }, self.activation());
        let average = self.random.chance(50);
        let op = if average {
            Op::AveragePool2D(AveragePool2D { window, activation })
        } else {
            Op::MaxPool2D(MaxPool2D { window, activation })
        };
        self.node(op, vec![x], self.quantization_of(x))
    }

    fn elementwise(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let same: Vec<ValueId> = self.open.iter().copied().filter(|&id| self.shape(id) == shape).collect();
        let other = match self.random.below(4) {
            0 => {
                let shape = self.random.pick(&[&shape[shape.len() - 1..], &[1], shape]).to_vec();
                let elements = (0..shape.iter().product()).map(|_| self.random.int8()).collect();
                let quantization = self.quantization();
                self.constant(shape, Elements::I8(elements), Some(quantization))
            }
            _ => self.random.pick(&same),
        };
        let activation = self.activation();
        let multiply = self.random.chance(40);
        let mut quantization = self.quantization();
        // The factors of both operators have to be below 1.
        let (sx, so) = (self.quantization_of(x).scale(0), self.quantization_of(other).scale(0));
        quantization.scales[0] += if multiply { sx * so * 100.0 } else { sx.max(so) / 2.0 };
        let op = match (multiply, self.random.below(3)) {
            (true, 0) => Op::Combine(Combine { function: Function::PRelu, activation: Activation::None }),
            (true, _) => Op::Mul(Mul { activation }),
            (false, 0) => Op::Combine(Combine { function: Function::Sub, activation }),
            (false, _) => Op::Add(Add { activation }),
        };
        let inputs = if self.random.chance(50) { vec![x, other] } else { vec![other, x] };
        self.node(op, inputs, quantization)
    }

    fn reshape(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let len: usize = shape.iter().product();
        let extents: Vec<usize> = (1..=len).filter(|extent| len.is_multiple_of(*extent)).collect();
        let last = self.random.pick(&extents);
        let new = match self.random.below(4) {
            0 => vec![1, len],
            1 => vec![len / last, last],
            2 => vec![1, 1, len / last, last],
            _ => vec![1, len / last, 1, last],
        };
        let quantization = self.moved_quantization(x);
        Some(self.node_shaped(Op::Reshape(Reshape), vec![x], new, quantization))
    }

    /// The quantization of codes that were moved: mostly what it was, but any is allowed.
    fn moved_quantization(&mut self, x: ValueId) -> Quantization {
        if self.random.chance(80) { self.quantization_of(x) } else { self.quantization() }
    }

    fn pad(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let last = shape.len() - 1;
        let channels_too = self.random.chance(20);
        let mut amounts = || -> Vec<usize> {
            (0..=last)
                .map(|axis| if axis == 0 || (axis == last && !channels_too) { 0 } else { self.random.below(3) })
                .collect()
        };
        let (before, after) = (amounts(), amounts());
        let value = self.random.pick(&[0.0, 0.0, 0.5]);
        let quantization = self.moved_quantization(x);
        self.node(Op::Pad(Pad { before, after, value }), vec![x], quantization)
    }

    fn concat(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let same: Vec<ValueId> = self.open.iter().copied().filter(|&id| self.shape(id) == shape).collect();
        let quantization = self.quantization_of(x);
        let mut inputs = vec![x];
        for _ in 0..self.random.below(3) {
            let other = self.random.pick(&same);
            let requantized = self.quantization_of(other) == quantization;
            inputs.push(if requantized {
                other
            } else {
                self.node(Op::Quantize(Quantize), vec![other], quantization.clone())?
            });
        }
        let axis = if self.random.chance(60) { shape.len() - 1 } else { self.random.below(shape.len()) };
        self.node(Op::Concat(Concat { axis }), inputs, quantization)
    }

    fn slice(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let mut cuts = vec![Cut::ALL; shape.len()];
        for (cut, &extent) in cuts.iter_mut().zip(shape) {
            if self.random.chance(40) {
                let begin = self.random.below(extent);
                let end = begin + 1 + self.random.below(extent - begin);
                let stride = if self.random.chance(30) { 2 } else { 1 };
                *cut = Cut { begin, end: (end < extent).then_some(end), stride };
            }
        }
        self.node(Op::Slice(Slice { cuts }), vec![x], self.quantization_of(x))
    }

    fn take(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let axis = self.random.below(shape.len());
        let count = 1 + self.random.below(2 * shape[axis]).min(9);
        let list = (0..count).map(|_| self.random.below(shape[axis])).collect();
        let mut indices = vec![None; shape.len()];
        indices[axis] = Some(list);
        self.node(Op::Take(Take { indices }), vec![x], self.quantization_of(x))
    }

    fn split(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let axis = if self.random.chance(60) { shape.len() - 1 } else { self.random.below(shape.len()) };
        let mut sizes = Vec::new();
        let mut rest = shape[axis];
        while rest > 0 && sizes.len() < 4 {
            let size = if sizes.len() == 3 { rest } else { 1 + self.random.below(rest) };
            sizes.push(size);
            rest -= size;
        }
        let part = |&size: &usize| {
            let mut part = shape.to_vec();
            part[axis] = size;
            self.value(part, self.quantization_of(x))
        };
        let outputs: Vec<ValueId> = sizes.iter().map(part).collect();
        let name = format!("n{}", self.graph.nodes.len());
        self.open.extend(&outputs);
        let op = Op::Split(Split { axis, sizes });
        self.graph.nodes.push(Node { name, op, inputs: vec![x], outputs: outputs.clone() });
        outputs.first().copied()
    }

    fn reduction(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let keep_dims = self.random.chance(50);
        let spatial = shape.len() == 4 && self.random.chance(80);
        let mut axes = if spatial { vec![1, 2] } else { vec![self.random.below(shape.len())] };
        if shape.len() > 2 && self.random.chance(30) {
            // Axes that do not lie next to each other.
            axes = vec![0, 2];
        }
        if axes.len() == shape.len() && !keep_dims {
            return None;
        }
        let (same, other) = (self.quantization_of(x), self.quantization());
        let reduce = |kind, axes| Op::Reduce(Reduce { kind, axes, keep_dims });
        match self.random.below(7) {
            0 | 1 => self.node(reduce(Reduction::Max, axes), vec![x], same),
            2 => self.node(reduce(Reduction::Min, axes), vec![x], same),
            3 => self.node(reduce(Reduction::Sum, axes), vec![x], other),
            4 => self.node(Op::Mean(Mean { axes, keep_dims }), vec![x], same),
            _ => self.node(Op::Mean(Mean { axes, keep_dims }), vec![x], other),
        }
    }

    /// A matrix times another one of as many columns, which may be the same or a constant, transposed.
    fn product(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let &columns = shape.last().filter(|_| shape.len() > 1)?;
        let quantization = self.quantization();
        let b = if self.random.chance(50) {
            let elements = Elements::I8((0..3 * columns).map(|_| self.random.int8()).collect());
            let own = self.quantization();
            self.constant(vec![3, columns], elements, Some(own))
        } else {
            x
        };
        let activation = self.activation();
        let op = MatMul { transpose_a: false, transpose_b: true, activation };
        self.node(Op::MatMul(op), vec![x, b], quantization)
    }

    fn unary(&mut self, x: ValueId, shape: &[usize]) -> Option<ValueId> {
        let same = self.quantization_of(x);
        let other = self.quantization();
        let (op, quantization) = match self.random.below(11) {
            0 => (Op::Relu(Relu), other),
            1 => (Op::Relu6(Relu6), if self.random.below(2) == 0 { same } else { other }),
            2 => (Op::Logistic(Logistic), Quantization::per_tensor(1.0 / 256.0, -128)),
            3 => (Op::Tanh(Tanh), Quantization::per_tensor(1.0 / 128.0, 0)),
            4 => (Op::Softmax(Softmax { beta: 1.0 }), Quantization::per_tensor(1.0 / 256.0, -128)),
            5 if shape.len() == 4 => {
                let permutation = self.random.pick(&[[0, 2, 1, 3], [0, 3, 1, 2], [0, 1, 3, 2]]).to_vec();
                (Op::Transpose(Transpose { permutation }), same)
            }
            6 => {
                let [low, high] = self.random.pick(&[[-1.0, 1.0], [0.5, f32::INFINITY], [-40.0, 0.25]]);
                (Op::Clip(Clip { low, high }), if self.random.below(2) == 0 { same } else { other })
            }
            7 | 8 => {
                let (function, parameters) = self.random.pick(&[
                    (MapFunction::LeakyRelu, [0.125, 0.0]),
                    (MapFunction::Square, [0.0; 2]),
                    (MapFunction::HardSigmoid, [0.2, 0.5]),
                ]);
                (Op::Map(Map { function, parameters }), other)
            }
            _ => (Op::Quantize(Quantize), other),
        };
        self.node(op, vec![x], quantization)
    }
}
