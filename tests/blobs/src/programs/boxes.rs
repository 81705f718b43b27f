//! Suppress, Detect.

use kinglet_blob::DType;
use kinglet_blob::records::{Detect, Suppress};

use crate::program::Program;

/// A program with float inputs of these lengths.
fn program(
    name: &str,
    lens: [u32; 2],
    (output, len): (DType, u32),
    build: impl FnOnce(&mut Program, [u32; 2], u32),
) -> Program {
    let mut program = Program::new(name);
    let places = lens.map(|len| program.memory(4 * len as usize));
    lens.iter().zip(places).for_each(|(&len, place)| program.input(DType::F32, &[len], place));
    let place = program.memory(4 * len as usize);
    program.output(output, &[len], place);
    build(&mut program, places, place);
    program
}

pub(super) fn all() -> Vec<Program> {
    let suppress = |name: &str, is_centered: u8, score_min: f32| {
        let (batches, classes, count, limit) = (2, 3, 12, 4);
        let record =
            Suppress { batches, classes, count, limit, likeness_max: 0.25, score_min, is_centered, reserved: [0; 3] };
        let lens = [batches * count * 4, batches * classes * count];
        program(name, lens, (DType::I32, batches * classes * limit * 3), |p, at, o| p.suppress(at, o, record))
    };
    let detect = |name: &str, is_by_class: u8, per_box: u32| {
        let (count, columns, classes, limit, per_class) = (20, 4, 3, 6, 3);
        let record = Detect {
            count,
            columns,
            classes,
            limit,
            per_box,
            per_class,
            score_min: 0.5,
            likeness_max: 0.5,
            scales: [10.0, 10.0, 5.0, 5.0],
            is_by_class,
            reserved: [0; 3],
        };
        program(name, [4 * count, count * columns], (DType::F32, 6 * limit * per_box + 1), |p, at, o| {
            p.detect(at, o, record);
        })
    };
    vec![
        suppress("suppress", 0, f32::NEG_INFINITY),
        suppress("suppress centered", 1, 0.5),
        detect("detect", 0, 1),
        detect("detect: two classes", 0, 2),
        detect("detect: by class", 1, 1),
    ]
}
