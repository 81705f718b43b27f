//! Every opcode computes what its reference kernel computes, however it is run.
#![cfg(feature = "all-operators")]

use kinglet::{Model, OpCode, Position, SelfTestReport, Session, Step, Tracer};
use kinglet_blob::{MapFunction, Operators};
use kinglet_test_blobs::programs::{every_opcode, in_place, network_f32, network_i8};
use kinglet_test_blobs::{Guarded, Program};

fn all_programs() -> Vec<Program> {
    every_opcode().into_iter().chain(in_place()).chain([network_i8(), network_f32()]).collect()
}

/// Runs `program` on sample `seed` by way of `run` and returns the outputs.
fn outputs(program: &Program, seed: u32, run: impl FnOnce(&mut Session<'_, '_>)) -> Vec<Vec<u8>> {
    let blob = program.blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap_or_else(|error| panic!("{}: {error}", program.name()));
    let mut memory = Guarded::new(model.arena_bytes());
    let mut session = Session::new(&model, memory.arena()).unwrap();
    for (index, bytes) in program.sample(seed).iter().enumerate() {
        session.input_raw(index).unwrap().copy_from_slice(bytes);
    }
    run(&mut session);
    let outputs = (0..model.output_count()).map(|index| session.output_raw(index).unwrap().to_vec()).collect();
    assert!(memory.is_intact(), "{} wrote outside its arena", program.name());
    outputs
}

#[test]
fn the_programs_have_every_opcode() {
    let mut seen = Vec::new();
    for program in every_opcode() {
        let blob = program.writer().operators.concat();
        seen.extend(Operators::new(&blob, 0).flat_map(|operator| operator.features()));
    }
    for (_, _, feature) in OpCode::KNOWN {
        assert!(seen.contains(feature), "no program has {feature}");
    }
    for function in MapFunction::ALL {
        assert!(seen.contains(&function.feature()), "no program has {}", function.feature());
    }
}

#[test]
fn run_equals_the_reference_kernels() {
    for program in all_programs() {
        for seed in 0..if cfg!(miri) { 1 } else { 8 } {
            let expected = program.expected(&program.sample(seed));
            let actual = outputs(&program, seed, |session| session.run().unwrap());
            assert_eq!(actual, expected, "{}, sample {seed}", program.name());
        }
    }
}

#[test]
fn outputs_depend_on_inputs() {
    // A program whose output were constant would prove nothing.
    for program in all_programs() {
        assert_ne!(
            program.expected(&program.sample(0)),
            program.expected(&program.sample(1)),
            "{} computes a constant",
            program.name()
        );
    }
}

#[test]
fn stepping_equals_running() {
    for program in all_programs() {
        let whole = outputs(&program, 3, |session| session.run().unwrap());
        let count = program.writer().operators.len();
        let stepped = outputs(&program, 3, |session| {
            for operator in 0..count - 1 {
                assert_eq!(session.next_operator(), operator);
                assert_eq!(session.step().unwrap(), Step::Ran { operator });
            }
            assert_eq!(session.step().unwrap(), Step::Finished);
            assert_eq!(session.next_operator(), 0, "the next step starts a new run");
        });
        assert_eq!(whole, stepped, "{}", program.name());
    }
}

#[test]
fn a_run_begun_by_steps_is_forgotten_by_run_and_restart() {
    let program = network_i8();
    let whole = outputs(&program, 5, |session| session.run().unwrap());
    let input = program.sample(5).remove(0);
    let interrupted = outputs(&program, 5, |session| {
        for _ in 0..4 {
            session.step().unwrap();
        }
        session.input_raw(0).unwrap().copy_from_slice(&input);
        session.run().unwrap();
    });
    assert_eq!(whole, interrupted);
    let restarted = outputs(&program, 5, |session| {
        session.step().unwrap();
        session.restart();
        session.input_raw(0).unwrap().copy_from_slice(&input);
        while session.step().unwrap() != Step::Finished {}
    });
    assert_eq!(whole, restarted);
}

#[test]
fn seek_goes_on_where_another_session_stood() {
    let program = network_i8();
    let whole = outputs(&program, 6, |session| session.run().unwrap());
    let blob = program.blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap();
    let mut memory = Guarded::new(model.arena_bytes());
    Session::new(&model, memory.arena()).unwrap().input_raw(0).unwrap().copy_from_slice(&program.sample(6)[0]);
    let mut position = Position::START;
    for operator in 0..model.operator_count() {
        let mut session = Session::new(&model, memory.arena()).unwrap();
        session.seek(position);
        assert_eq!((session.next_operator(), position.operator()), (operator, operator));
        let last = operator + 1 == model.operator_count();
        assert_eq!(session.step().unwrap() == Step::Finished, last);
        position = session.position();
    }
    assert_eq!(position, Position::START, "the next step starts a new run");
    let session = Session::new(&model, memory.arena()).unwrap();
    assert_eq!(session.output_raw(0).unwrap(), whole[0]);
}

#[test]
fn positions_of_another_model_do_no_harm() {
    let (program, other) = (network_i8(), network_f32());
    let (blob, other) = (program.blob_without_golden(), other.blob_without_golden());
    let (model, other) = (Model::from_bytes(&blob).unwrap(), Model::from_bytes(&other).unwrap());
    let mut positions = vec![Position::START];
    let mut memory = Guarded::new(model.arena_bytes().max(other.arena_bytes()));
    let mut session = Session::new(&model, memory.arena()).unwrap();
    while session.step().unwrap() != Step::Finished {
        positions.push(session.position());
    }
    for position in positions {
        let mut session = Session::new(&other, memory.arena()).unwrap();
        session.seek(position);
        while !matches!(session.step(), Ok(Step::Finished) | Err(_)) {}
    }
    assert!(memory.is_intact());
}

/// Writes down what it is told.
#[derive(Default)]
struct Log {
    started: Vec<(usize, OpCode)>,
    finished: Vec<(usize, OpCode, Vec<u8>)>,
}

impl Tracer for Log {
    fn started(&mut self, index: usize, opcode: OpCode) {
        self.started.push((index, opcode));
    }

    fn finished(&mut self, index: usize, opcode: OpCode, output: &[u8]) {
        assert_eq!(self.started.last(), Some(&(index, opcode)), "an operator finished that had not started");
        self.finished.push((index, opcode, output.to_vec()));
    }
}

#[test]
fn the_tracer_sees_every_operator_and_its_output() {
    for program in all_programs() {
        let mut log = Log::default();
        let outputs = outputs(&program, 2, |session| session.run_traced(&mut log).unwrap());
        let operators = program.writer().operators.concat();
        let expected: Vec<_> = Operators::new(&operators, 0)
            .enumerate()
            .map(|(index, operator)| (index, OpCode::from_tag(operator.opcode).unwrap()))
            .collect();
        assert_eq!(log.started, expected, "{}", program.name());
        assert_eq!(log.finished.len(), expected.len(), "{}", program.name());
        if expected.len() == 1 {
            assert_eq!(log.finished[0].2, outputs[0], "{}", program.name());
        }
    }
}

#[test]
fn self_test_passes() {
    for program in all_programs() {
        let blob = program.blob(3);
        let model = Model::from_bytes(&blob).unwrap_or_else(|error| panic!("{}: {error}", program.name()));
        let mut memory = Guarded::new(model.arena_bytes());
        let mut session = Session::new(&model, memory.arena()).unwrap();
        assert_eq!(session.self_test(), Ok(SelfTestReport { vectors: 3 }), "{}", program.name());
        assert!(memory.is_intact());
    }
}
