//! What a caller can do with a model and a session, and what he is told when he does it wrong.
#![cfg(feature = "all-operators")]

use kinglet::{
    Arena, DType, Error, FormatError, FormatRule, KernelSet, LoadError, Model, SelfTestError, Session, SessionError,
    TensorError,
};
use kinglet_test_blobs::damage::fix_checksums;
use kinglet_test_blobs::programs::{every_opcode, network_f32, network_i8};
use kinglet_test_blobs::{AlignedBlob, Guarded, Program};

fn program(name: &str) -> Program {
    every_opcode().into_iter().find(|program| program.name() == name).expect("a program of this name")
}

/// With the names of this crate alone, which is all that a user depends on.
#[test]
fn a_load_error_can_be_taken_apart() {
    let blob = network_i8().blob_without_golden();
    let mut damaged = AlignedBlob::copy_of(&blob);
    damaged[0] ^= 1;
    let Err(LoadError::Format(FormatError { rule, offset, .. })) = Model::from_bytes(&damaged) else {
        panic!("the magic number is wrong");
    };
    assert_eq!((rule, offset), (FormatRule::Magic, 0));
}

#[test]
fn a_model_tells_what_it_is() {
    let program = network_i8();
    let blob = program.blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap();
    assert_eq!((model.input_count(), model.output_count(), model.operator_count()), (1, 2, 15));
    assert_eq!(model.arena_bytes(), program.writer().arena_bytes as usize);
    assert_eq!(model.kernel_set(), Some(KernelSet::Portable));
    let input = model.input(0).unwrap();
    assert_eq!((input.name, input.dtype, input.shape(), input.len()), ("in0", DType::F32, &[1, 4, 4, 3][..], 48));
    assert_eq!((input.scale, input.zero_point, input.channels_moved, input.is_empty()), (1.0, 0, false, false));
    let output = model.output(1).unwrap();
    assert_eq!((output.name, output.dtype, output.shape()), ("out1", DType::I8, &[1, 5][..]));
    assert_eq!((output.scale, output.zero_point), (0.5, -3));
    assert!(model.input(1).is_none() && model.output(2).is_none() && model.output(usize::MAX).is_none());
}

#[test]
fn a_kernel_set_that_is_not_known_is_no_fault() {
    let mut blob = network_f32().blob_without_golden();
    blob[28..30].copy_from_slice(&999u16.to_le_bytes());
    fix_checksums(&mut blob);
    assert_eq!(Model::from_bytes(&blob).unwrap().kernel_set(), None);
}

#[test]
fn every_arena_that_is_too_small_is_refused() {
    let program = network_i8();
    let blob = program.blob(1);
    let model = Model::from_bytes(&blob).unwrap();
    let needed = model.arena_bytes();
    for given in (0..needed).step_by(if cfg!(miri) { 61 } else { 1 }) {
        let mut memory = Guarded::new(given);
        let error = Session::new(&model, memory.arena()).err();
        assert_eq!(error, Some(SessionError::ArenaTooSmall { needed, given }));
    }
    // From here on any size will do, and what is beyond the need stays as it is.
    for given in needed..needed + if cfg!(miri) { 2 } else { 33 } {
        let mut memory = Guarded::new(given);
        memory.arena()[needed..].fill(0x5A);
        Session::new(&model, memory.arena()).unwrap().self_test().unwrap();
        assert!(memory.is_intact() && memory.arena()[needed..].iter().all(|&byte| byte == 0x5A));
    }
}

#[test]
fn an_arena_at_a_wrong_address_is_refused() {
    let blob = network_i8().blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap();
    let mut memory = AlignedBlob::filled(model.arena_bytes() + 16, 0);
    for start in 0..=16 {
        let error = Session::new(&model, &mut memory[start..]).err();
        assert_eq!(error, if start % 16 == 0 { None } else { Some(SessionError::ArenaMisaligned) }, "at {start}");
    }
}

#[test]
fn a_static_arena_is_aligned() {
    let blob = program("add-i8").blob(1);
    let model = Model::from_bytes(&blob).unwrap();
    let mut arena = Arena::<4096>::default();
    Session::new(&model, arena.as_mut_slice()).unwrap().self_test().unwrap();
}

#[test]
fn wrong_types_and_indices_are_errors() {
    let blob = network_i8().blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap();
    let mut memory = Guarded::new(model.arena_bytes());
    let mut session = Session::new(&model, memory.arena()).unwrap();
    assert_eq!(session.input_i8(0).err(), Some(TensorError::WrongType));
    assert_eq!(session.input_f32(0).unwrap().len(), 48);
    assert_eq!(session.output_i8(0).err(), Some(TensorError::WrongType));
    assert_eq!(session.output_f32(0).unwrap().len(), 5);
    assert_eq!(session.output_i8(1).unwrap().len(), 5);
    assert_eq!(session.output_f32(1).err(), Some(TensorError::WrongType));
    for index in [1, 2, usize::MAX] {
        assert_eq!(session.input_raw(index).err(), Some(TensorError::NoSuchTensor));
        assert_eq!(session.input_f32(index).err(), Some(TensorError::NoSuchTensor));
    }
    for index in [2, 3, usize::MAX] {
        assert_eq!(session.output_raw(index).err(), Some(TensorError::NoSuchTensor));
        assert_eq!(session.output_i8(index).err(), Some(TensorError::NoSuchTensor));
    }
}

#[test]
fn outputs_stay_until_the_next_run() {
    let program = program("conv2d-i8");
    let blob = program.blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap();
    let mut memory = Guarded::new(model.arena_bytes());
    let mut session = Session::new(&model, memory.arena()).unwrap();
    let (first, second) = (program.sample(0), program.sample(1));
    session.input_raw(0).unwrap().copy_from_slice(&first[0]);
    session.run().unwrap();
    session.input_raw(0).unwrap().copy_from_slice(&second[0]);
    assert_eq!(session.output_raw(0).unwrap(), program.expected(&first)[0], "writing an input is not running");
    session.run().unwrap();
    assert_eq!(session.output_raw(0).unwrap(), program.expected(&second)[0]);
}

#[test]
fn models_share_an_arena_one_after_the_other() {
    let programs = [network_i8(), network_f32(), program("depthwise-i8 four-halfword-planes")];
    let blobs = programs.each_ref().map(|program| program.blob(2));
    let models = blobs.each_ref().map(|blob| Model::from_bytes(blob).unwrap());
    let largest = models.iter().map(Model::arena_bytes).max().unwrap();
    let mut memory = Guarded::new(largest);
    for round in 0..3 {
        for model in &models {
            Session::new(model, memory.arena()).unwrap().self_test().unwrap_or_else(|error| panic!("{round}: {error}"));
        }
    }
    assert!(memory.is_intact());
}

#[test]
fn sessions_share_a_model_each_with_its_arena() {
    let program = network_i8();
    let blob = program.blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap();
    let (mut first, mut second) = (Guarded::new(model.arena_bytes()), Guarded::new(model.arena_bytes()));
    let mut a = Session::new(&model, first.arena()).unwrap();
    let mut b = Session::new(&model, second.arena()).unwrap();
    a.input_raw(0).unwrap().copy_from_slice(&program.sample(0)[0]);
    b.input_raw(0).unwrap().copy_from_slice(&program.sample(1)[0]);
    for _ in 0..model.operator_count() {
        a.step().unwrap();
        b.step().unwrap();
    }
    assert_eq!(a.output_raw(0).unwrap(), program.expected(&program.sample(0))[0]);
    assert_eq!(b.output_raw(0).unwrap(), program.expected(&program.sample(1))[0]);
}

#[test]
fn what_the_arena_held_before_does_not_matter() {
    for program in [network_i8(), network_f32()] {
        let blob = program.blob_without_golden();
        let model = Model::from_bytes(&blob).unwrap();
        let mut memory = Guarded::new(model.arena_bytes());
        memory.arena().fill(0xC3);
        let mut session = Session::new(&model, memory.arena()).unwrap();
        session.input_raw(0).unwrap().copy_from_slice(&program.sample(9)[0]);
        session.run().unwrap();
        assert_eq!(session.output_raw(0).unwrap(), program.expected(&program.sample(9))[0], "{}", program.name());
    }
}

#[test]
fn self_test_finds_the_output_that_differs() {
    let program = network_i8();
    let clean = program.blob(3);
    let section = clean.len() - 3 * (4 * 48 + 4 * 5 + 8);
    // Vector 1: its input, then five floats, then five bytes with padding.
    let vector = section + (4 * 48 + 4 * 5 + 8);
    for (at, output) in [(vector + 4 * 48, 0), (vector + 4 * 48 + 19, 0), (vector + 4 * 48 + 20, 1)] {
        let mut blob = clean.clone();
        blob[at] ^= 0x40;
        fix_checksums(&mut blob);
        let model = Model::from_bytes(&blob).unwrap();
        let mut memory = Guarded::new(model.arena_bytes());
        let outcome = Session::new(&model, memory.arena()).unwrap().self_test();
        assert_eq!(outcome, Err(SelfTestError::Mismatch { vector: 1, output }), "byte {at}");
    }
}

#[test]
fn self_test_without_vectors_is_an_error() {
    let blob = network_i8().blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap();
    let mut memory = Guarded::new(model.arena_bytes());
    let outcome = Session::new(&model, memory.arena()).unwrap().self_test();
    assert_eq!(outcome, Err(SelfTestError::NoVectors));
}

#[test]
fn a_model_without_operators_runs() {
    let mut program = Program::new("empty");
    let at = program.memory(4);
    program.input(DType::I8, &[4], at);
    program.output(DType::I8, &[4], at);
    let blob = program.blob(1);
    let model = Model::from_bytes(&blob).unwrap();
    let mut memory = Guarded::new(model.arena_bytes());
    let mut session = Session::new(&model, memory.arena()).unwrap();
    session.self_test().unwrap();
    session.input_i8(0).unwrap().copy_from_slice(&[1, -2, 3, -4]);
    session.run().unwrap();
    assert_eq!(session.output_i8(0).unwrap(), [1, -2, 3, -4]);
}

#[test]
fn errors_of_every_stage_become_one() {
    fn stages(arena: &mut [u8], stage: u8) -> Result<(), Error> {
        let blob = if stage == 0 { AlignedBlob::filled(0, 0) } else { network_i8().blob_without_golden() };
        let model = Model::from_bytes(&blob)?;
        let mut session = Session::new(&model, if stage == 1 { &mut [] } else { arena })?;
        session.input_i8(if stage == 2 { 7 } else { 0 }).map(|_| ()).or_else(|error| match stage {
            2 => Err(error),
            _ => Ok(()),
        })?;
        session.self_test()?;
        Ok(())
    }
    let mut arena = Arena::<8192>::new();
    let outcomes: Vec<_> = (0..4).map(|stage| stages(arena.as_mut_slice(), stage).unwrap_err()).collect();
    assert!(matches!(outcomes[0], Error::Load(error) if error.code() == 2 && error.offset() == 0));
    assert!(matches!(outcomes[1], Error::Session(_)));
    assert_eq!(outcomes[2], Error::Tensor(TensorError::NoSuchTensor));
    assert_eq!(outcomes[3], Error::SelfTest(SelfTestError::NoVectors));
    assert!(outcomes.iter().all(|error| !error.to_string().is_empty()));
}
