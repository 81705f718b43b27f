//! Sizes near and beyond 2^32: refused by the same rule on machines of 64 bits as on those of 32.
//!
//! `cargo xtask test --only i686` runs these tests on a machine of 32 bits, where the sizes that they are about overflow
//! the machine's own words. What is expected here is said once, for all machines.

use kinglet_test_blobs::Random;
use kinglet_test_blobs::damage::{fix_checksums, mutate};

use super::*;

/// A rule by the number of elements that a product of extents says: more than 32 bits count, or more than an arena has.
fn rule_of(elements: u64) -> LoadRule {
    if elements > u64::from(u32::MAX) { LoadRule::Shape } else { LoadRule::ArenaRange }
}

/// [`parameter`] with a `u32` for each of `fields`.
fn extents(name: &str, fields: &[(usize, u32)]) -> LoadRule {
    let mut program = program(name);
    let start = parameters(&program.operators[0]);
    for (at, value) in fields {
        program.operators[0][start + at..][..4].copy_from_slice(&value.to_le_bytes());
    }
    broken(&program).0
}

#[test]
fn images() {
    // A pool's window stands first in its record, a convolution's behind its constants.
    let windows = CONVOLUTIONS.map(|name| (name, 4));
    for (name, window) in windows.into_iter().chain([("average-pool-i8", 0), ("max-pool-f32", 0)]) {
        let program = program(name);
        let record = &program.operators[0];
        let window = parameters(record) + window;
        let channels = u64::from(u16::from_le_bytes([record[window + 4], record[window + 5]]));
        for extents in [[0xFFFF, 0xFFFF], [0x8000, 0x4000], [0xFFFF, 1]] {
            let mut changed = program.clone();
            for (axis, extent) in extents.into_iter().enumerate() {
                let at = window + 2 * axis;
                changed.operators[0][at..at + 2].copy_from_slice(&(extent as u16).to_le_bytes());
            }
            let elements = extents[0] as u64 * extents[1] as u64 * channels;
            assert_eq!(broken(&changed).0, rule_of(elements), "{name}: {extents:?} by {channels}");
        }
    }
}

#[test]
fn batches_of_images() {
    for name in CONVOLUTIONS {
        // Images that 32 bits count, so many of them that nothing counts their bytes.
        let mut program = program(name);
        let record = &mut program.operators[0];
        let start = parameters(record);
        record[start + conv::BATCH..][..2].copy_from_slice(&u16::MAX.to_le_bytes());
        record[start + conv::INPUT_DIMS[0]..][..2].copy_from_slice(&0x4000_u16.to_le_bytes());
        assert_eq!(broken(&program).0, LoadRule::ArenaRange, "{name}");
    }
}

#[test]
fn vectors() {
    for name in ["fully-connected-i8", "fully-connected-f32", "fully-connected-i16"] {
        let record = &program(name).operators[0];
        let taps = u32::from_le_bytes(*record[parameters(record) + 8..].first_chunk().unwrap());
        assert!(taps > 1, "{name}");
        for rows in [1 << 31, u32::MAX / taps, u32::MAX / taps + 1, u32::MAX] {
            assert_eq!(extents(name, &[(4, rows)]), rule_of(u64::from(rows) * u64::from(taps)), "{name}: {rows} rows");
        }
    }
}

#[test]
fn second_operands() {
    for name in ["add-i8", "mul-i8", "add-f32", "mul-f32", "add-i16", "mul-i16", "add-f32 constant", "mul-i8 constant"]
    {
        for [inner, b_len] in [[1 << 16, 1 << 16], [u32::MAX, 2], [2, u32::MAX], [1 << 31, 2]] {
            assert_eq!(extents(name, &[(4, inner), (8, b_len)]), LoadRule::Shape, "{name}: {inner} times {b_len}");
        }
        // As far as 32 bits count; one element is there whatever the operator had before.
        let mut largest = program(name);
        let start = parameters(&largest.operators[0]);
        largest.operators[0][start + 4..][..8].copy_from_slice(&[[255; 4], [1, 0, 0, 0]].concat());
        assert!(is_sound(&largest), "{name}");
    }
}

#[test]
fn reductions_and_rows() {
    for name in ["mean-i8", "mean-f32", "reduce-max-i8", "reduce-max-f32"] {
        for extent in [[1 << 11, 1 << 11, 1 << 10], [1 << 10, 1 << 11, 1 << 10], [u32::MAX, 1, 1], [u32::MAX; 3]] {
            let elements = extent.iter().fold(1_u64, |all, &extent| all.saturating_mul(extent.into()));
            let fields = [(0, extent[0]), (4, extent[1]), (8, extent[2])];
            assert_eq!(extents(name, &fields), rule_of(elements), "{name}: {extent:?}");
        }
    }
    for name in ["reduce-i8 Sum", "reduce-f32 Sum"] {
        for extent in [[1 << 11, 1 << 11, 1 << 10], [1 << 10, 1 << 11, 1 << 10], [u32::MAX, 1, 1], [u32::MAX; 3]] {
            let elements = extent.iter().fold(1_u64, |all, &extent| all.saturating_mul(extent.into()));
            let fields = [(0, 1), (4, extent[0]), (8, 1), (12, 1), (16, 1), (20, extent[1]), (24, extent[2])];
            assert_eq!(extents(name, &fields), rule_of(elements), "{name}: {extent:?}");
        }
    }
    for name in ["softmax-i8", "softmax-f32"] {
        for extent in [[1 << 16, 1 << 16], [1 << 15, 1 << 16], [u32::MAX, 1], [u32::MAX, u32::MAX]] {
            let elements = u64::from(extent[0]) * u64::from(extent[1]);
            assert_eq!(extents(name, &[(0, extent[0]), (4, extent[1])]), rule_of(elements), "{name}: {extent:?}");
        }
    }
    for name in ["lookup-i8", "tanh-f32", "map-f32 exp", "quantize", "dequantize", "dequantize-i16", "requantize"] {
        assert_eq!(extents(name, &[(0, u32::MAX)]), LoadRule::ArenaRange, "{name}");
    }
}

#[test]
fn grids() {
    for name in ["combine-f32", "combine-i32", "combine-bool", "select"] {
        for extent in [[1 << 11, 1 << 11, 1 << 8], [1 << 10, 1 << 8, 1 << 9], [u32::MAX, 1, 1], [u32::MAX; 3]] {
            let elements = extent.iter().fold(24_u64, |all, &extent| all.saturating_mul(extent.into()));
            let fields = [(4, extent[0]), (8, extent[1]), (12, extent[2])];
            assert_eq!(extents(name, &fields), rule_of(elements), "{name}: {extent:?}");
        }
    }
    assert_eq!(extents("cast", &[(0, u32::MAX)]), LoadRule::ArenaRange);
}

#[test]
fn padded_tensors() {
    for name in ["pad-i8", "pad-f32", "pad-i16"] {
        for first in [0, 16] {
            let largest = [[0xFF; 2]; 4].concat();
            assert_eq!(parameter(name, first, &largest), LoadRule::Shape, "{name}");
            let large = [[0, 0x80], [0, 0x80], [1, 0], [1, 0]].concat();
            assert_eq!(parameter(name, first, &large), LoadRule::ArenaRange, "{name}");
        }
    }
}

#[test]
fn copies() {
    // Blocks, bytes of a block, strides of input and output.
    let copy = |[blocks, bytes, from, to]: [u32; 4]| extents("copy", &[(0, blocks), (4, bytes), (8, from), (12, to)]);
    assert_eq!(copy([1 << 16, 1 << 16, 1, 1 << 16]), LoadRule::Shape);
    assert_eq!(copy([1 << 16, 1, 1 << 17, 1]), LoadRule::Shape, "the input's last run");
    assert_eq!(copy([3, 1, 1, 1 << 31]), LoadRule::Shape, "the output's last run");
    assert_eq!(copy([2, 2, u32::MAX, 2]), LoadRule::Shape, "the end of the last run");
    assert_eq!(copy([2, 1, u32::MAX - 1, 1]), LoadRule::ArenaRange);
    assert_eq!(copy([1, u32::MAX, 0, 0]), LoadRule::ArenaRange);
}

#[test]
fn tables() {
    let fields = |name: &str, numbers: &[(usize, u32)]| extents(name, numbers);
    for name in ["take-i8", "take-f32", "resample-i8", "resample-f32"] {
        assert_eq!(fields(name, &[(4, 1 << 16), (12, 1 << 16)]), LoadRule::Shape, "{name}");
        assert_eq!(fields(name, &[(16, 1 << 31)]), LoadRule::Shape, "{name}");
        assert_eq!(fields(name, &[(16, 1 << 28)]), LoadRule::ConstantRange, "{name}");
        assert_eq!(fields(name, &[(4, 1 << 24)]), LoadRule::ArenaRange, "{name}");
    }
    assert_eq!(fields("resample-i8", &[(16, 1 << 16), (20, 1 << 16)]), LoadRule::Shape);
    assert_eq!(fields("resize-bilinear-i8", &[(12, 1 << 16), (16, 1 << 16)]), LoadRule::Shape);
    assert_eq!(fields("resize-bilinear-i8", &[(20, 1 << 24)]), LoadRule::ConstantRange);
    assert_eq!(fields("resize-bilinear-i8", &[(8, 1 << 24)]), LoadRule::ArenaRange);
}

#[test]
fn rearranged_elements() {
    let fields = |numbers: &[(usize, u32)]| extents("rearrange-i8", numbers);
    // The outermost axis that is there: extent at 12, strides at 36 and 60.
    assert_eq!(fields(&[(0, 1 << 16), (4, 1 << 16)]), LoadRule::Shape);
    assert_eq!(fields(&[(12, u32::MAX), (36, 0)]), LoadRule::Shape, "the output's last element");
    assert_eq!(fields(&[(36, i32::MIN.cast_unsigned())]), LoadRule::Shape, "three times the stride");
    assert_eq!(fields(&[(36, i32::MAX.cast_unsigned())]), LoadRule::Shape);
    assert_eq!(fields(&[(36, 1 << 24)]), LoadRule::ArenaRange);
    assert_eq!(fields(&[(60, 1 << 31)]), LoadRule::Shape);
    assert_eq!(fields(&[(60, 1 << 24)]), LoadRule::ArenaRange);
    assert_eq!(fields(&[(12, 2), (36, u32::MAX - 200), (60, 1 << 30)]), LoadRule::ArenaRange);
}

#[test]
fn ports() {
    for (dims, rule) in [
        ([1 << 16, 1 << 16, 1, 1], LoadRule::Port),
        ([u32::MAX, 2, 1, 1], LoadRule::Port),
        ([1 << 15, 1 << 16, 1, 1], LoadRule::ArenaRange),
        ([u32::MAX, 1, 1, 1], LoadRule::ArenaRange),
    ] {
        let mut program = program("network-i8");
        program.inputs[0].dims = dims;
        program.inputs[0].rank = 4;
        assert_eq!(broken(&program).0, rule, "{dims:?}");
    }
}

/// Where a run on a machine of 64 bits leaves its verdicts on damage for one on a machine of 32 bits to compare with.
const VERDICTS: &str = "KINGLET_VERDICTS";

/// Records with random damage, of which many say sizes at the limits of 16 and 32 bits. What becomes of each of them is
/// the same on every machine.
#[test]
fn verdicts_on_damage() {
    let per_program = if cfg!(miri) { 1 } else { 1500 };
    let verdicts: Vec<(String, u8, u32)> =
        names().into_iter().flat_map(|name| (0..per_program).map(move |seed| verdict(&name, seed))).collect();
    let sound = verdicts.iter().filter(|(_, code, _)| *code == 0).count();
    println!("{} refused, {sound} sound", verdicts.len() - sound);
    assert!(cfg!(miri) || (sound > 5_000 && verdicts.len() - sound > 50_000), "damage must reach both sides");
    let Some(path) = std::env::var_os(VERDICTS) else { return };
    let lines = verdicts.iter().map(|(case, code, offset)| format!("{case}: rule {code} at {offset}\n"));
    if cfg!(target_pointer_width = "64") {
        std::fs::write(path, lines.collect::<String>()).unwrap();
    } else {
        let there = std::fs::read_to_string(path).expect("a machine of 64 bits has left its verdicts");
        assert_eq!(there.lines().count(), verdicts.len());
        for (here, there) in lines.zip(there.lines()) {
            assert_eq!(here.trim_end(), there, "on 32 bits, and on 64");
        }
    }
}

/// What becomes of a program's first record with the damage of `seed`: its name, the rule or 0, and where.
fn verdict(name: &str, seed: u32) -> (String, u8, u32) {
    let writer = program(name);
    let mut damaged = blob(&writer);
    let records = section_offset(&writer, SectionKind::Operators) as usize;
    let record = &writer.operators[0];
    // Behind the head and the types, which say what the record is.
    let start = records + counts(record).offsets_start();
    mutate(&mut damaged[start..records + record.len()], &mut Random::new(seed));
    fix_checksums(&mut damaged);
    let verdict = Model::from_bytes(&damaged).map_or_else(|error| (error.code(), error.offset()), |_| (0, 0));
    (format!("{name}, seed {seed}"), verdict.0, verdict.1)
}
