//! The planner against its verifier, and known optima.

use super::place::{BUDGET, Item, Pair, Problem, Rect, solve};
use super::*;
use crate::ir::{Activation, DType, Op, Padding, Quantization, Value, Window};
use crate::lower::lower;
use crate::op::{Add, Concat, Cut, MaxPool2D, Relu, Relu6, Reshape, Slice, Split};
use crate::program::Step;
use crate::sample::Lcg;
use crate::target::Target;

/// A graph of int8 values that is built operator by operator.
#[derive(Default)]
struct Builder(Graph);

impl Builder {
    fn value(&mut self, shape: &[usize]) -> ValueId {
        let quantization = Some(Quantization::per_tensor(0.5, 3));
        let name = format!("v{}", self.0.values.len());
        self.0.add_value(Value { name, dtype: DType::I8, shape: shape.to_vec(), quantization, elements: None })
    }

    fn input(&mut self, shape: &[usize]) -> ValueId {
        let value = self.value(shape);
        let name = format!("in{}", self.0.inputs.len());
        self.0.inputs.push(crate::ir::Port { value, name, source_shape: shape.to_vec(), permutation: None });
        value
    }

    fn output(&mut self, value: ValueId) {
        let (source_shape, name) = (self.0.value(value).shape.clone(), format!("out{}", self.0.outputs.len()));
        self.0.outputs.push(crate::ir::Port { value, name, source_shape, permutation: None });
    }

    fn op(&mut self, op: Op, inputs: &[ValueId], shape: &[usize]) -> ValueId {
        let output = self.value(shape);
        let name = format!("n{}", self.0.nodes.len());
        self.0.nodes.push(crate::ir::Node { name, op, inputs: inputs.to_vec(), outputs: vec![output] });
        output
    }

    fn max_pool(&mut self, x: ValueId, size: usize, stride: usize, pad: usize) -> ValueId {
        let shape = self.0.value(x).shape.clone();
        let extent = |axis: usize| (shape[axis] + 2 * pad - size) / stride + 1;
        let padding = Padding { top: pad, bottom: pad, left: pad, right: pad };
        let window = Window { size: [size; 2], stride: [stride; 2], padding };
        let output = [shape[0], extent(1), extent(2), shape[3]];
        self.op(Op::MaxPool2D(MaxPool2D { window, activation: Activation::None }), &[x], &output)
    }

    fn add(&mut self, a: ValueId, b: ValueId) -> ValueId {
        let shape = self.0.value(a).shape.clone();
        self.op(Op::Add(Add { activation: Activation::None }), &[a, b], &shape)
    }

    fn planned(&self) -> (Program, MemoryPlan) {
        self.0.verify().expect("a sound graph");
        let program = lower(&self.0, Target::Portable).expect("lowers");
        let plan = plan(&self.0, &program).expect("plans");
        (program, plan)
    }
}

#[test]
fn elementwise_operators_run_in_place() {
    let mut b = Builder::default();
    let x = b.input(&[1, 100]);
    let y = b.op(Op::Relu(Relu), &[x], &[1, 100]);
    let z = b.op(Op::Reshape(Reshape), &[y], &[10, 10]);
    let z = b.op(Op::Relu6(Relu6), &[z], &[10, 10]);
    b.output(z);
    let (program, plan) = b.planned();
    assert_eq!((program.steps.len(), plan.arena_bytes), (2, 112));
}

#[test]
fn a_residual_keeps_its_operand() {
    let mut b = Builder::default();
    let x = b.input(&[1, 8, 8, 4]);
    let y = b.max_pool(x, 3, 1, 1);
    let sum = b.add(x, y);
    b.output(sum);
    let (_, plan) = b.planned();
    // Both operands are 256 bytes, and the sum goes over the first.
    assert_eq!((plan.arena_bytes, plan.lower_bound_bytes), (512, 512));
}

#[test]
fn a_pool_runs_over_its_own_input() {
    let mut b = Builder::default();
    let x = b.input(&[1, 16, 16, 4]);
    let y = b.max_pool(x, 3, 1, 1);
    let y = b.max_pool(y, 3, 1, 1);
    b.output(y);
    let (_, plan) = b.planned();
    // 1024 bytes and twice the lead of a row and two pixels, 72 bytes; ports are 16-byte aligned.
    assert!(plan.arena_bytes <= 1024 + 2 * 72 + 16, "{}", plan.arena_bytes);
}

#[test]
fn operands_of_a_concat_are_computed_in_place() {
    let mut b = Builder::default();
    let x = b.input(&[1, 8, 8, 4]);
    let p = b.max_pool(x, 2, 2, 0);
    let q = b.max_pool(x, 3, 1, 1);
    let y = b.op(Op::Concat(Concat { axis: 1 }), &[p, p], &[1, 8, 4, 4]);
    let r = b.max_pool(q, 2, 2, 0);
    let z = b.op(Op::Concat(Concat { axis: 1 }), &[y, r], &[1, 12, 4, 4]);
    b.output(z);
    let (program, _) = b.planned();
    // `p` is used twice and must be copied, `y` and `r` are slices of `z`.
    let copies = program.steps.iter().filter(|step| step.opcode == kinglet_blob::OpCode::Copy).count();
    assert_eq!(copies, 2);
    assert_eq!(program.steps.len(), 5);
}

#[test]
fn random_graphs_are_planned_soundly() {
    for seed in 0..60 {
        let mut random = Lcg::new(seed);
        let mut b = Builder::default();
        let mut values = vec![b.input(&[1, 9, 9, 3]), b.input(&[1, 9, 9, 3])];
        for _ in 0..4 + random.below(12) {
            let x = values[random.below(values.len())];
            let y = values[random.below(values.len())];
            let shape = b.0.value(x).shape.clone();
            let value = match random.below(6) {
                0 => b.max_pool(x, 3, 1, 1),
                1 if shape[1] > 2 && shape[2] > 2 => b.max_pool(x, 2, 2, 0),
                2 => b.op(Op::Relu(Relu), &[x], &shape),
                3 if b.0.value(y).shape == shape => b.add(x, y),
                4 if b.0.value(y).shape[2..] == shape[2..] => {
                    let rows = shape[1] + b.0.value(y).shape[1];
                    b.op(Op::Concat(Concat { axis: 1 }), &[x, y], &[1, rows, shape[2], shape[3]])
                }
                _ => {
                    let flat = b.op(Op::Reshape(Reshape), &[x], &[shape.iter().product()]);
                    b.op(Op::Reshape(Reshape), &[flat], &shape)
                }
            };
            values.push(value);
        }
        // Whatever nobody reads is an output, so that nothing is dead.
        for id in values {
            if b.0.consumers(id).is_empty() {
                b.output(id);
            }
        }
        let (_, plan) = b.planned();
        assert!(plan.arena_bytes >= plan.lower_bound_bytes, "seed {seed}");
    }
}

#[test]
fn the_verifier_finds_every_shifted_buffer() {
    let mut b = Builder::default();
    let x = b.input(&[1, 8, 8, 4]);
    let y = b.max_pool(x, 3, 1, 1);
    let sum = b.add(x, y);
    let z = b.max_pool(sum, 3, 1, 1);
    b.output(z);
    let (program, plan) = b.planned();
    let arena = 4096;
    let check =
        |plan: &MemoryPlan| verify(&b.0, &program, &plan.place(&program), &|id| plan.offset(&program, id), arena);
    assert_eq!(check(&plan), Ok(()));
    let mut found = 0;
    for buffer in 0..plan.buffers.len() {
        for start in 0..600 {
            let mut moved = plan.clone();
            moved.buffers[buffer] = start;
            found += usize::from(check(&moved).is_err());
        }
    }
    assert!(found > 600, "only {found} of the moved plans were refused");
    let mut out = plan.clone();
    out.buffers[0] = arena - 255;
    assert!(matches!(check(&out), Err(VerifyError::OutOfArena { .. })));
}

#[test]
fn parts_stay_in_the_whole_when_nothing_else_reads_it() {
    let copies =
        |program: &Program| program.steps.iter().filter(|step| step.opcode == kinglet_blob::OpCode::Copy).count();
    let mut b = Builder::default();
    let x = b.input(&[1, 12]);
    let y = b.op(Op::Relu(Relu), &[x], &[1, 12]);
    let parts = [b.value(&[1, 4]), b.value(&[1, 4]), b.value(&[1, 4])];
    let op = Op::Split(Split { axis: 1, sizes: vec![4; 3] });
    b.0.nodes.push(crate::ir::Node { name: "split".into(), op, inputs: vec![y], outputs: parts.to_vec() });
    let sum = b.add(parts[0], parts[1]);
    let sum = b.add(sum, parts[2]);
    b.output(sum);
    let (program, plan) = b.planned();
    assert_eq!((copies(&program), program.steps.len()), (0, 3));
    // All of it runs in place.
    assert_eq!(plan.arena_bytes, 16);
    // Another reader of the whole, or a part at no word's address: copies.
    let mut other = Builder(b.0.clone());
    let all = other.op(Op::Relu(Relu), &[y], &[1, 12]);
    other.output(all);
    assert_eq!(copies(&other.planned().0), 3);
    let mut odd = Builder::default();
    let x = odd.input(&[2, 3, 4]);
    let tail =
        odd.op(Op::Slice(Slice { cuts: vec![Cut { begin: 1, ..Cut::ALL }, Cut::ALL, Cut::ALL] }), &[x], &[1, 3, 4]);
    let last = odd.op(
        Op::Slice(Slice {
            cuts: vec![Cut::ALL, Cut { begin: 1, end: Some(2), stride: 1 }, Cut { begin: 3, ..Cut::ALL }],
        }),
        &[tail],
        &[1, 1, 1],
    );
    let last = odd.op(Op::Relu(Relu), &[last], &[1, 1, 1]);
    odd.output(last);
    assert_eq!(copies(&odd.planned().0), 1);
}

#[test]
fn copies_of_the_wrong_bytes_are_found() {
    let mut b = Builder::default();
    let x = b.input(&[1, 5, 4, 3]);
    let cuts = vec![Cut::ALL, Cut { begin: 1, end: None, stride: 2 }, Cut { begin: 1, ..Cut::ALL }, Cut::ALL];
    let y = b.op(Op::Slice(Slice { cuts }), &[x], &[1, 2, 3, 3]);
    b.output(y);
    let (program, plan) = b.planned();
    let check = |program: &Program| {
        verify(&b.0, program, &plan.place(program), &|id| plan.offset(program, id), plan.arena_bytes)
    };
    assert_eq!(check(&program), Ok(()));
    assert_eq!(program.steps.len(), 1);
    let changed = |change: &dyn Fn(&mut Step)| {
        let mut program = program.clone();
        program.steps.iter_mut().for_each(change);
        check(&program)
    };
    let records: [fn(&mut kinglet_blob::records::Copy); 4] = [
        |copy| copy.blocks -= 1,
        |copy| copy.block_bytes -= 1,
        |copy| copy.input_stride -= 1,
        |copy| copy.output_stride += 1,
    ];
    for change in records {
        let found = changed(&|step| {
            if let Some(copy) = step.record.downcast_mut() {
                change(copy)
            }
        });
        assert!(found.is_err());
    }
    for offset in (0..30).filter(|&offset| offset != program.steps[0].input_offset) {
        assert!(changed(&|step| step.input_offset = offset).is_err(), "{offset}");
    }
    assert!(changed(&|step| step.output_offset += 3).is_err());
}

#[test]
fn the_search_finds_a_packing_that_no_simple_order_does() {
    // Two tall items of three steps each that must interleave with four short ones.
    let item = |first, last, bytes| Item { bytes, align: 1, rects: vec![Rect { first, last, offset: 0, bytes }] };
    let items = vec![item(0, 2, 4), item(1, 4, 3), item(3, 5, 4), item(0, 0, 3), item(5, 5, 3), item(2, 3, 1)];
    let problem = Problem::new(items, Vec::new(), 6);
    assert_eq!(solve(&problem, BUDGET).peak, problem.lower_bound().0);
}

#[test]
fn a_lead_is_kept_in_both_directions() {
    let rect = |first, last, bytes| Rect { first, last, offset: 0, bytes };
    let items = vec![
        Item { bytes: 100, align: 4, rects: vec![rect(0, 1, 100)] },
        Item { bytes: 100, align: 4, rects: vec![rect(1, 2, 100)] },
        Item { bytes: 100, align: 4, rects: vec![rect(2, 3, 100)] },
    ];
    let pairs = vec![
        Pair { dying: (0, 0), born: (1, 0), lead: 10, exact: false },
        Pair { dying: (1, 0), born: (2, 0), lead: 30, exact: false },
    ];
    let solution = solve(&Problem::new(items, pairs, 4), BUDGET);
    // 10 and 30 rounded up to the alignment.
    assert_eq!(solution.starts, [44, 32, 0]);
    assert_eq!(solution.peak, 144);
}
