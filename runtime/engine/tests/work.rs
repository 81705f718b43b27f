//! What a model has to do, and the limit on it.

use kinglet::{DType, LoadError, LoadRule, Model, OpCode, Work};
use kinglet_blob::records::{PoolI8, Window};
use kinglet_blob::{Operands, SectionKind, WeightForm, Writer, operator_bytes};
use kinglet_test_blobs::AlignedBlob;
use kinglet_test_blobs::programs::{every_opcode, network_i8};

#[test]
fn every_operator_is_counted() {
    for program in every_opcode() {
        let blob = program.blob_without_golden();
        let model = Model::from_bytes(&blob).unwrap_or_else(|error| panic!("{}: {error}", program.name()));
        let work = model.work();
        let ports = (0..model.output_count()).filter_map(|index| model.output(index));
        let written = ports.map(|port| port.len() as u64).sum::<u64>();
        assert!(work.elements > written, "{}: {work:?}", program.name());
        let has_products = ["conv", "depthwise", "fully", "mat-mul", "recurrent", "resample", "resize"]
            .iter()
            .any(|word| program.name().contains(word));
        assert_eq!(work.macs > 0, has_products, "{}: {work:?}", program.name());
    }
}

/// The error of a blob that has more to do than `most`.
fn refused(blob: &[u8], most: u64) -> u32 {
    match Model::from_bytes_within(blob, most) {
        Err(LoadError::Record { rule: LoadRule::Work, offset }) => offset,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_limit_is_for_the_sum_and_names_the_operator_that_crosses_it() {
    let blob = network_i8().blob_without_golden();
    let model = Model::from_bytes(&blob).unwrap();
    let all = model.work().total();
    assert_eq!(Model::from_bytes_within(&blob, all).unwrap().work(), model.work());
    let base = model.blob().section_offset(SectionKind::Operators);
    let offsets: Vec<u32> = model.blob().operators().map(|operator| (base + operator.offset) as u32).collect();
    assert_eq!((refused(&blob, 0), refused(&blob, all - 1)), (offsets[0], *offsets.last().unwrap()));
}

/// Sound blobs of a few hundred bytes, with an arena of 128 kB, that run for hours.
#[test]
fn a_small_blob_with_much_to_do_is_refused() {
    let window = Window {
        input: [250, 250, 1],
        output: [250, 250, 1],
        kernel: [255, 255],
        stride: [1, 1],
        dilation: [1, 1],
        pad: [127, 127],
        batch: 1,
        groups: 1,
    };
    let record = PoolI8 { window, min: -128, max: 127, reserved: 0 };
    let operands = Operands::unary((DType::I8, 0), (DType::I8, 65536));
    let operator = operator_bytes(OpCode::MaxPool, WeightForm::default(), &operands, &record);
    let writer = Writer { operators: vec![operator; 1000], arena_bytes: 131_072, ..Writer::default() };
    let blob = AlignedBlob::copy_of(&writer.finish().unwrap());
    let model = Model::from_bytes(&blob).unwrap();
    let taps = 1000 * 250 * 250 * 255 * 255;
    assert_eq!(model.work(), Work { macs: 0, taps, elements: 1000 * 2 * 250 * 250 });
    refused(&blob, 1_000_000_000);
}
