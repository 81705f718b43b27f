//! Programs in stripes: every output bit stays, and the plan's verifier refuses stripes that are wrong.

mod random_graph;

use kinglet_blob::records::{Copy, Window};
use kinglet_quantize::emit::{Assembly, Manifest, Source, SourceKind};
use kinglet_quantize::host::{AlignedBlob, infer, with_session};
use kinglet_quantize::ir::Graph;
use kinglet_quantize::lower::lower;
use kinglet_quantize::plan::{self, VerifyError};
use kinglet_quantize::program::{Input, Program, Step as Operator};
use kinglet_quantize::record::RowsMut;
use kinglet_quantize::stripe::{Choice, Laps, Ram, Striped, fit, in_stripes};
use kinglet_quantize::target::Target;
use random_graph::{Random, Step, grow};

const TARGETS: [Target; 4] = [Target::Portable, Target::CortexM3, Target::CortexM4, Target::CortexM55];

fn blob(assembly: &Assembly<'_>, graph: &Graph) -> AlignedBlob {
    let manifest = Manifest::new(graph, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
    assembly.blob(&manifest, &[]).unwrap_or_else(|error| panic!("{error}\n{graph}"))
}

fn outputs(blob: &AlignedBlob, inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    with_session(blob, |session| infer(session, inputs)).expect("runs")
}

fn inputs(graph: &Graph, random: &mut Random) -> Vec<Vec<u8>> {
    let bytes = |len: usize, random: &mut Random| (0..len).map(|_| random.int8() as u8).collect();
    graph.inputs.iter().map(|port| bytes(graph.value(port.value).len(), random)).collect()
}

/// From this seed on graphs are taken apart, joined and widened as well, around which little can be striped.
const WITH_SLICES: u64 = 250;

/// Graphs of chains, branches and sums that lower for `target`.
fn graph(seed: u64, target: Target) -> Option<(Graph, Program)> {
    let mut random = Random::new(seed);
    // Kinds without those that nothing can be striped around.
    let kinds = [0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 15, 16, 17, 18];
    let kinds = if seed < WITH_SLICES { &kinds[..14] } else { &kinds };
    let count = 3 + random.below(8);
    let steps: Vec<Step> = (0..count).map(|_| (kinds[random.below(kinds.len())], random.next())).collect();
    let graph = grow(seed, &steps, 24);
    let program = lower(&graph, target).ok()?;
    Some((graph, program))
}

/// All segments of a program, each with some heights and ways to keep rows.
fn choices(program: &Program, random: &mut Random) -> Vec<Choice> {
    let mut choices = Vec::new();
    for from in 0..program.steps.len() {
        for to in from..program.steps.len() {
            for pull in [false, true] {
                let laps = [Laps::One, Laps::Room(1), Laps::Room(2)][random.below(3)];
                choices.push(Choice { range: (from, to), pull, rows: 1 + random.below(5), laps });
            }
        }
    }
    choices
}

/// The program in stripes, if it can be and if an engine would load so many operators beside so few weights.
fn striped(graph: &Graph, program: &Program, choice: &Choice) -> Option<Striped> {
    let mut program = program.clone();
    // Weights that nobody reads, for the engine's limit on the work of a load.
    program.weights.resize(program.weights.len() + 4096, 0);
    in_stripes(graph, &program, choice)
}

#[test]
fn random_graphs_keep_every_output_bit() {
    let (mut compared, mut stripes, mut copies) = (0, 0, 0);
    for seed in 0..WITH_SLICES + 60 {
        let target = TARGETS[seed as usize % 4];
        let Some((graph, program)) = graph(seed, target) else { continue };
        let mut random = Random::new(seed + 1000);
        let inputs = inputs(&graph, &mut random);
        let whole = Assembly::of_program(&graph, target, program.clone()).expect("plans");
        let expected = outputs(&blob(&whole, &graph), &inputs);
        let choices = choices(&program, &mut random);
        for _ in 0..8 {
            let choice = choices[random.below(choices.len())];
            let Some(striped) = striped(&graph, &program, &choice) else { continue };
            if striped.turns < 2 {
                continue;
            }
            let case = || format!("seed {seed}, {choice:?} of {}\n{graph}", program.steps.len());
            let assembly = Assembly::of_program(&graph, target, striped.program);
            let assembly = assembly.unwrap_or_else(|error| panic!("{error}: {}", case()));
            assert_eq!(outputs(&blob(&assembly, &graph), &inputs), expected, "{}", case());
            assert!(assembly.plan.arena_bytes >= assembly.plan.lower_bound_bytes, "{}", case());
            assert!(assembly.certificate().macs <= whole.certificate().macs, "{}", case());
            // Layers that nobody reads take no turns.
            assert!(assembly.certificate().weight_bytes <= whole.certificate().weight_bytes, "{}", case());
            compared += 1;
            stripes += striped.turns;
            copies += usize::from(striped.copied_bytes > 0);
        }
    }
    println!("{compared} programs, {stripes} turns, {copies} programs with copies");
    assert!(compared > 250 && copies > 30, "{compared} programs, {copies} with copies");
}

#[test]
fn random_graphs_fit_what_they_are_said_to_fit() {
    let mut smaller = 0;
    for seed in 0..60 {
        let target = TARGETS[seed as usize % 4];
        let Some((graph, program)) = graph(seed, target) else { continue };
        let whole = Assembly::of_program(&graph, target, program.clone()).expect("plans").plan.arena_bytes;
        let least = fit(&graph, &program, Ram::Least, &mut |_, _| {}).expect("plans");
        let arena = least.plan.arena_bytes;
        assert!(arena <= whole, "seed {seed}");
        assert_eq!(least.cost.is_some(), arena < whole, "seed {seed}");
        for limit in [arena, (arena + whole) / 2, whole, whole + 100] {
            let fitted = fit(&graph, &program, Ram::Bytes(limit), &mut |_, _| {}).expect("as small as that, it was");
            assert!(fitted.plan.arena_bytes <= limit, "seed {seed}, {limit} bytes");
            assert_eq!(fitted.cost.is_none(), limit >= whole, "seed {seed}, {limit} bytes");
        }
        if arena > 0 {
            let error = fit(&graph, &program, Ram::Bytes(0), &mut |_, _| {}).expect_err("no model fits nothing");
            assert!(error.to_string().contains(&format!("--ram {arena}")), "{error}");
        }
        smaller += usize::from(arena < whole);
    }
    println!("{smaller} of 60 graphs need less memory in stripes");
    assert!(smaller > 8, "only {smaller} of 60 graphs need less memory in stripes");
}

fn check(graph: &Graph, assembly: &Assembly<'_>) -> Result<(), VerifyError> {
    let records = assembly.plan.place(&assembly.program);
    let offset = |id| assembly.plan.offset(&assembly.program, id);
    plan::verify(graph, &assembly.program, &records, &offset, assembly.plan.arena_bytes)
}

/// True when the verifier refuses a changed program. What it accepts must compute the same: some rows are read by
/// nobody, and then it does not matter that they are missing.
fn is_refused(
    graph: &Graph,
    assembly: &mut Assembly<'_>,
    inputs: &[Vec<u8>],
    expected: &[Vec<u8>],
    case: &str,
) -> bool {
    if check(graph, assembly).is_err() {
        return true;
    }
    assembly.operators = assembly.plan.place(&assembly.program);
    let manifest = Manifest::new(graph, Source { kind: SourceKind::Graph, bytes: 0, crc32: 0 });
    if let Ok(blob) = assembly.blob(&manifest, &[]) {
        assert_eq!(outputs(&blob, inputs), expected, "{case}");
    }
    false
}

/// The window of an operator that slides one.
fn window(step: &mut Operator) -> Option<&mut Window> {
    match step.record.rows_mut() {
        Some(RowsMut::Window(window)) => Some(window),
        _ => None,
    }
}

/// Changes each stripe of a program by itself in each of the ways that `breaks` knows, and removes each.
#[test]
fn the_verifier_finds_every_wrong_stripe() {
    type Break = (&'static str, fn(&mut Operator) -> bool);
    let breaks: [Break; 7] = [
        ("reads other rows", |step| step.stripe.as_mut().is_some_and(|stripe| shift(&mut stripe.inputs[0].at))),
        ("reads other rows of its second operand", |step| {
            let has_second = step.inputs.get(1).and_then(Input::tensor).is_some();
            has_second && step.stripe.as_mut().is_some_and(|stripe| shift(&mut stripe.inputs[1].at))
        }),
        ("writes elsewhere", |step| step.stripe.as_mut().is_some_and(|stripe| shift(&mut stripe.output.at))),
        ("claims to write other rows", |step| shift(&mut step.output_offset)),
        ("is padded otherwise", |step| {
            window(step).is_some_and(|window| {
                window.pad[0] += 1;
                true
            })
        }),
        ("writes a row less", |step| {
            window(step).is_some_and(|window| {
                window.output[0] -= 1;
                true
            })
        }),
        ("moves a byte less", |step| {
            step.record.downcast_mut::<Copy>().is_some_and(|copy| {
                copy.block_bytes -= 1;
                true
            })
        }),
    ];
    let (mut found, mut changed) = ([0; 8], 0);
    for seed in 0..200 {
        let Some((graph, program)) = graph(seed, TARGETS[seed as usize % 4]) else { continue };
        let mut random = Random::new(seed);
        let choices = choices(&program, &mut random);
        let choice = choices[random.below(choices.len())];
        let Some(striped) = striped(&graph, &program, &choice).filter(|striped| striped.turns > 1) else { continue };
        let mut assembly = Assembly::of_program(&graph, Target::Portable, striped.program).expect("plans");
        assert_eq!(check(&graph, &assembly), Ok(()));
        let inputs = inputs(&graph, &mut random);
        let expected = outputs(&blob(&assembly, &graph), &inputs);
        for (index, (what, change)) in breaks.iter().enumerate() {
            for step in 0..assembly.program.steps.len() {
                let kept = assembly.program.steps[step].clone();
                if kept.stripe.is_some() && change(&mut assembly.program.steps[step]) {
                    let case = format!("seed {seed}, {choice:?}: step {step} {what}\n{kept:?}\n{graph}");
                    let refused = is_refused(&graph, &mut assembly, &inputs, &expected, &case);
                    (found[index], changed) = (found[index] + usize::from(refused), changed + 1);
                }
                assembly.program.steps[step] = kept;
            }
        }
        let is_striped = |&step: &usize| assembly.program.steps[step].stripe.is_some();
        for step in (0..assembly.program.steps.len()).filter(is_striped).collect::<Vec<_>>() {
            let removed = assembly.program.steps.remove(step);
            let scratch = assembly.plan.scratch.remove(step);
            let case = format!("seed {seed}, {choice:?}: without step {step}\n{graph}");
            let refused = is_refused(&graph, &mut assembly, &inputs, &expected, &case);
            (found[7], changed) = (found[7] + usize::from(refused), changed + 1);
            assembly.program.steps.insert(step, removed);
            assembly.plan.scratch.insert(step, scratch);
        }
    }
    println!("refused: {found:?} of {changed}");
    let all: usize = found.iter().sum();
    assert!(found.iter().all(|&count| count > 5) && all * 10 > changed * 9, "{found:?} of {changed}");
}

fn shift(at: &mut usize) -> bool {
    *at += 1;
    true
}
