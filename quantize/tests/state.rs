//! Models that keep tensors from run to run: a sequence computes what the same graph computes whose states are inputs
//! and outputs that the caller carries over.

mod random_graph;

use kinglet_quantize::compile::{Options, compile_built};
use kinglet_quantize::emit::{Assembly, Manifest, Source, SourceKind};
use kinglet_quantize::host::{AlignedBlob, infer, with_session};
use kinglet_quantize::ir::{Activation, DType, Elements, Graph, Node, Op, Port, Quantization, State, Value, ValueId};
use kinglet_quantize::lower::lower;
use kinglet_quantize::op::{Add, Reshape};
use kinglet_quantize::plan::{self, VerifyError};
use kinglet_quantize::stripe::Ram;
use kinglet_quantize::target::Target;
use random_graph::{Random, Step, grow};

const STEPS: usize = 5;

/// A random int8 graph in which sums with some computed values come out.
struct Case {
    graph: Graph,
    /// For each sum: the computed value, and the value that the sum reads beside it, which nothing computes yet.
    kept: Vec<(ValueId, ValueId)>,
}

fn port(graph: &Graph, value: ValueId, name: String) -> Port {
    Port { value, name, source_shape: graph.value(value).shape.clone(), permutation: None }
}

fn case(seed: u64) -> Case {
    let mut random = Random::new(seed);
    let kinds = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 15, 18];
    let steps: Vec<Step> =
        (0..2 + random.below(7)).map(|_| (kinds[random.below(kinds.len())], random.next())).collect();
    let mut graph = grow(seed, &steps, 12);
    let computed: Vec<ValueId> = graph.nodes.iter().flat_map(|node| node.outputs.clone()).collect();
    let mut kept = Vec::new();
    for index in 0..(1 + random.below(2)).min(computed.len()) {
        let value = computed[random.below(computed.len())];
        let like = graph.value(value).clone();
        if kept.iter().any(|(other, _)| *other == value) {
            continue;
        }
        let before = graph.add_value(Value { name: format!("before{index}"), ..like.clone() });
        let quantization = Some(Quantization::per_tensor(like.quantization.as_ref().unwrap().scale(0) * 2.0, 3));
        let sum = graph.add_value(Value { name: format!("sum{index}"), quantization, ..like });
        let op = Op::Add(Add { activation: Activation::None });
        graph.nodes.push(Node { name: format!("sum{index}"), op, inputs: vec![value, before], outputs: vec![sum] });
        let output = port(&graph, sum, format!("sum{index}"));
        graph.outputs.push(output);
        kept.push((value, before));
    }
    Case { graph, kept }
}

impl Case {
    fn initial(&self, index: usize) -> Vec<i8> {
        let len = self.graph.value(self.kept[index].0).len();
        // One with a pattern, one that is the same everywhere.
        (0..len).map(|at| if index == 0 { (at * 7) as i8 } else { -128 }).collect()
    }

    fn with_states(&self) -> Graph {
        let mut graph = self.graph.clone();
        for (index, &(next, value)) in self.kept.iter().enumerate() {
            let initial = Elements::I8(self.initial(index));
            graph.states.push(State { name: format!("state{index}"), value, next, initial });
        }
        graph.verify().unwrap_or_else(|error| panic!("{error}\n{graph}"));
        graph
    }

    fn with_ports(&self) -> Graph {
        let mut graph = self.graph.clone();
        for (index, &(next, value)) in self.kept.iter().enumerate() {
            let input = port(&graph, value, format!("before{index}"));
            graph.inputs.push(input);
            let output = port(&graph, next, format!("next{index}"));
            graph.outputs.push(output);
        }
        graph.verify().unwrap_or_else(|error| panic!("{error}\n{graph}"));
        graph
    }
}

fn blob(assembly: &Assembly<'_>, graph: &Graph) -> AlignedBlob {
    let manifest = Manifest::new(graph, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
    assembly.blob(&manifest, &[]).unwrap_or_else(|error| panic!("{error}\n{graph}"))
}

fn samples(seed: u64, len: usize) -> Vec<Vec<u8>> {
    let mut random = Random::new(seed);
    (0..STEPS).map(|_| (0..len).map(|_| random.int8() as u8).collect()).collect()
}

/// The outputs of each step, the states being carried by the caller.
fn carried(case: &Case, target: Target, samples: &[Vec<u8>]) -> Option<Vec<Vec<Vec<u8>>>> {
    let graph = case.with_ports();
    let assembly = Assembly::new(&graph, target).ok()?;
    let blob = blob(&assembly, &graph);
    let outputs = case.graph.outputs.len();
    let mut states: Vec<Vec<u8>> =
        (0..case.kept.len()).map(|index| case.initial(index).iter().map(|&code| code as u8).collect()).collect();
    let steps = samples.iter().map(|sample| {
        let inputs: Vec<Vec<u8>> = core::iter::once(sample.clone()).chain(states.clone()).collect();
        let mut all = with_session(&blob, |session| infer(session, &inputs)).expect("runs");
        states = all.split_off(outputs);
        all
    });
    Some(steps.collect())
}

#[test]
fn a_sequence_is_what_carrying_the_states_over_gives() {
    let mut compared = 0;
    for seed in 0..150 {
        let case = case(seed);
        let target = [Target::Portable, Target::CortexM4, Target::CortexM55][seed as usize % 3];
        let samples = samples(seed, case.graph.value(case.graph.inputs[0].value).len());
        let Some(expected) = carried(&case, target, &samples) else { continue };
        let graph = case.with_states();
        let whole = Assembly::new(&graph, target).expect("lowers as it does with ports");
        let least = Assembly::within(&graph, target, Ram::Least, &mut |_, _| {}).expect("fits what it needs");
        for assembly in [whole, least] {
            let blob = blob(&assembly, &graph);
            with_session(&blob, |session| {
                assert!(session.model().has_state());
                for round in 0..2 {
                    for (step, sample) in samples.iter().enumerate() {
                        let found = infer(session, core::slice::from_ref(sample))?;
                        assert_eq!(found, expected[step], "seed {seed}, round {round}, step {step}\n{graph}");
                    }
                    session.reset();
                }
                Ok(())
            })
            .expect("runs");
        }
        compared += 1;
    }
    assert!(compared > 60, "only {compared} graphs were compared");
}

/// `a` becomes the input and `b` what `a` was, under another shape; out come `a + x`, and what `a` and `b` were.
fn delay_line() -> Graph {
    let mut graph = Graph { name: "delay".into(), ..Graph::default() };
    let quantization = Quantization::per_tensor(0.5, 0);
    let mut value = |name: &str, shape: &[usize]| {
        let quantization = Some(quantization.clone());
        graph.add_value(Value {
            name: name.into(),
            dtype: DType::I8,
            shape: shape.to_vec(),
            quantization,
            elements: None,
        })
    };
    let [x, a, sum] = ["x", "a", "sum"].map(|name| value(name, &[1, 2, 3]));
    let [b, flat, shown] = ["b", "flat", "shown"].map(|name| value(name, &[1, 6]));
    let mut node = |name: &str, op: Op, inputs: Vec<ValueId>, output: ValueId| {
        graph.nodes.push(Node { name: name.into(), op, inputs, outputs: vec![output] });
    };
    node("flat", Reshape.into(), vec![a], flat);
    node("shown", Reshape.into(), vec![b], shown);
    node("sum", Add { activation: Activation::None }.into(), vec![a, x], sum);
    graph.inputs.push(port(&graph, x, "x".into()));
    for (value, name) in [(sum, "sum"), (a, "a"), (shown, "b"), (a, "a again")] {
        graph.outputs.push(port(&graph, value, name.into()));
    }
    for (name, value, next, first) in [("b", b, flat, 20), ("a", a, x, 40)] {
        graph.states.push(State { name: name.into(), value, next, initial: Elements::I8(vec![first; 6]) });
    }
    graph.verify().expect("a graph");
    graph
}

#[test]
fn what_a_state_was_comes_out_and_becomes_another_state() {
    let samples = samples(1, 6);
    // What `a` and `b` are before the first step, and from then on.
    let line: Vec<Vec<u8>> = [vec![20; 6], vec![40; 6]].into_iter().chain(samples.clone()).collect();
    for target in [Target::Portable, Target::CortexM4] {
        for ram in [None, Some(Ram::Least)] {
            let options = Options { target, ram, ..Options::default() };
            let compiled = compile_built(delay_line(), &options, &mut |_| {}).unwrap_or_else(|error| panic!("{error}"));
            with_session(&compiled.blob, |session| {
                for (step, sample) in samples.iter().enumerate() {
                    let (b, a) = (&line[step], &line[step + 1]);
                    let found = infer(session, core::slice::from_ref(sample))?;
                    assert_eq!(found[1..], [a.clone(), b.clone(), a.clone()], "step {step}");
                }
                Ok(())
            })
            .expect("runs");
        }
    }
}

#[test]
fn what_a_run_keeps_outlives_sessions_that_resume() {
    let case = case(3);
    let graph = case.with_states();
    let assembly = Assembly::new(&graph, Target::Portable).unwrap();
    let blob = blob(&assembly, &graph);
    let samples = samples(9, case.graph.value(case.graph.inputs[0].value).len());
    let expected = carried(&case, Target::Portable, &samples).unwrap();
    let model = kinglet::Model::from_bytes(&blob).unwrap();
    let mut arena = AlignedBlob::zeroed(model.arena_bytes());
    for (step, sample) in samples.iter().enumerate() {
        let session = match step {
            0 => kinglet::Session::new(&model, &mut arena),
            _ => kinglet::Session::resume(&model, &mut arena),
        };
        assert_eq!(infer(&mut session.unwrap(), core::slice::from_ref(sample)).unwrap(), expected[step], "step {step}");
    }
}

#[test]
fn test_vectors_are_one_sequence() {
    let graph = case(4).with_states();
    let options = Options { golden: 4, ..Options::default() };
    let compiled = compile_built(graph, &options, &mut |_| {}).expect("compiles");
    with_session(&compiled.blob, |session| {
        // Whatever ran before: the self-test starts afresh.
        session.run()?;
        for _ in 0..2 {
            assert_eq!(session.self_test()?.vectors, 4);
        }
        Ok(())
    })
    .expect("passes");
}

#[test]
fn the_verifier_finds_states_that_are_read_too_late_or_not_kept() {
    let graph = case(5).with_states();
    let program = lower(&graph, Target::Portable).expect("lowers");
    let sound = plan::plan(&graph, &program).expect("plans");
    let verify = |program: &kinglet_quantize::program::Program| {
        let offset = |id: ValueId| sound.offset(program, id);
        plan::verify(&graph, program, &sound.place(program), &offset, sound.arena_bytes)
    };
    verify(&program).expect("sound");
    let is_keeping = |step: &kinglet_quantize::program::Step| step.node == graph.nodes.len();
    let mut forgetful = program.clone();
    forgetful.steps.retain(|step| !is_keeping(step));
    assert!(matches!(verify(&forgetful), Err(VerifyError::Overwritten { .. })));
    let mut hasty = program.clone();
    let sum = hasty.steps.iter().position(|step| graph.nodes.get(step.node).is_some_and(|node| node.name == "sum0"));
    let keeping = hasty.steps.iter().position(is_keeping).unwrap();
    let moved = hasty.steps.remove(keeping);
    hasty.steps.insert(sum.unwrap(), moved);
    assert!(verify(&hasty).is_err(), "the sum reads what the next run is to read");
}

#[test]
fn graphs_whose_states_make_no_sense_are_refused() {
    let sound = case(6).with_states();
    let broken = |change: fn(&mut Graph)| {
        let mut graph = sound.clone();
        change(&mut graph);
        graph.verify().expect_err("does not verify").to_string()
    };
    assert!(broken(|graph| graph.states[0].initial = Elements::I8(vec![0])).contains("initial value"));
    assert!(broken(|graph| graph.states[0].next = graph.inputs[0].value).contains("state0"));
    assert!(broken(|graph| graph.states[0].value = graph.inputs[0].value).contains("a graph input"));
    assert!(broken(|graph| graph.states[0].value = ValueId(9999)).contains("state0"));
}
