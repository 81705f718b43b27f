//! Inputs and outputs as real numbers, of every element type, against the formula in 64 bits.
#![cfg(feature = "all-operators")]

use kinglet::{DType, Model, Port, Session, TensorError};
use kinglet_test_blobs::Guarded;
use kinglet_test_blobs::programs::{every_opcode, network_i8};

/// Real numbers that meet every branch: halves of both signs, both ends, beyond them, and what is no number.
fn reals(port: &Port<'_>) -> Vec<f32> {
    let special = [0.0, f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -0.0, 1e-30];
    let number = |index: usize| match special.get(index) {
        Some(special) => *special,
        None => (index as f32 - port.len() as f32 / 2.0) / 2.0 * port.scale,
    };
    (0..port.len()).map(number).collect()
}

/// `round(real / scale) + zero_point`, halves away from zero, within the type.
fn formula(port: &Port<'_>, real: f32) -> i64 {
    let (least, most) = match port.dtype {
        DType::I8 => (-128, 127),
        DType::I16 => (-32768, 32767),
        DType::U8 => (0, 255),
        DType::Bool => (0, 1),
        _ => (i64::from(i32::MIN), i64::from(i32::MAX)),
    };
    // The quotient is one of 32 bits; from there on all is exact.
    let rounded = f64::from(real / port.scale).round();
    let nearest = if rounded.is_nan() { 0 } else { rounded.clamp(f64::from(i32::MIN), f64::from(i32::MAX)) as i64 };
    (nearest + i64::from(port.zero_point)).clamp(least, most)
}

/// The integers in a tensor's memory; none for floats.
fn codes(dtype: DType, bytes: &[u8]) -> Vec<i64> {
    let code = |chunk: &[u8]| match *chunk {
        [byte] if dtype == DType::I8 => i64::from(byte as i8),
        [byte] => i64::from(byte),
        [low, high] => i64::from(i16::from_le_bytes([low, high])),
        [a, b, c, d] => i64::from(i32::from_le_bytes([a, b, c, d])),
        _ => unreachable!("no element has another size"),
    };
    if dtype == DType::F32 { Vec::new() } else { bytes.chunks(dtype.size_bytes()).map(code).collect() }
}

#[test]
fn every_type_follows_the_formula() {
    let mut seen = [0; 6];
    for program in every_opcode() {
        let blob = program.blob_without_golden();
        let model = Model::from_bytes(&blob).unwrap();
        let mut memory = Guarded::new(model.arena_bytes());
        let mut session = Session::new(&model, memory.arena()).unwrap();
        for index in 0..model.input_count() {
            let port = model.input(index).unwrap();
            let reals = reals(&port);
            session.write_input(index, &reals).unwrap();
            let bytes = session.input_raw(index).unwrap();
            if port.dtype == DType::F32 {
                assert!(bytes.chunks(4).zip(&reals).all(|(bytes, real)| bytes == real.to_le_bytes()));
            } else {
                let expected: Vec<i64> = reals.iter().map(|real| formula(&port, *real)).collect();
                assert_eq!(codes(port.dtype, bytes), expected, "{} input {index}", program.name());
                assert!(reals.iter().zip(expected).all(|(real, code)| i64::from(port.quantize(*real)) == code));
            }
            seen[port.dtype as usize] += 1;
        }
        let samples = program.sample(1);
        samples
            .iter()
            .enumerate()
            .for_each(|(index, sample)| session.input_raw(index).unwrap().copy_from_slice(sample));
        session.run().unwrap();
        for index in 0..model.output_count() {
            let port = model.output(index).unwrap();
            let mut reals = vec![f32::NAN; port.len()];
            session.read_output(index, &mut reals).unwrap();
            if port.dtype == DType::F32 {
                let floats = session.output_f32(index).unwrap();
                assert!(floats.iter().zip(&reals).all(|(a, b)| a.to_bits() == b.to_bits()));
            } else {
                let codes = codes(port.dtype, session.output_raw(index).unwrap());
                let value = |code: i64| port.scale * (code - i64::from(port.zero_point)) as f32;
                assert!(codes.iter().zip(&reals).all(|(code, real)| value(*code) == *real), "{}", program.name());
                assert!(codes.iter().zip(&reals).all(|(code, real)| port.dequantize(*code as i32) == *real));
            }
        }
    }
    assert!(seen.iter().all(|count| *count > 0), "a type has no program: {seen:?}");
}

#[test]
fn wrong_lengths_and_indices_write_nothing() {
    let blob = network_i8().blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap();
    let mut memory = Guarded::new(model.arena_bytes());
    let mut session = Session::new(&model, memory.arena()).unwrap();
    let before = session.input_raw(0).unwrap().to_vec();
    for given in [0, 47, 49] {
        let error = session.write_input(0, &vec![1.0; given]).err();
        assert_eq!(error, Some(TensorError::WrongLength { needed: 48, given }));
    }
    assert_eq!(session.write_input(1, &[1.0; 48]).err(), Some(TensorError::NoSuchTensor));
    assert_eq!(session.input_raw(0).unwrap(), before);
    let mut reals = [7.0; 6];
    let error = session.read_output(1, &mut reals).err();
    assert_eq!((error, reals), (Some(TensorError::WrongLength { needed: 5, given: 6 }), [7.0; 6]));
    assert_eq!(session.read_output(2, &mut reals[..5]).err(), Some(TensorError::NoSuchTensor));
}
