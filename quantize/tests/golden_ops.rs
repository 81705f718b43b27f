//! The oracle's single-operator cases through the whole compiler: imported, rewritten, eliminated, packed for
//! two targets, planned, and run by the engine.

use std::path::PathBuf;

use kinglet_quantize::compile::{Compiled, Options, compile};
use kinglet_quantize::host::{infer, with_session};
use kinglet_quantize::import::Kind;
use kinglet_quantize::target::Target;

/// Inputs and the oracle's outputs.
struct Run {
    inputs: Vec<Vec<u8>>,
    outputs: Vec<Vec<u8>>,
}

/// One operator with its runs.
struct Case {
    name: String,
    model: Vec<u8>,
    runs: Vec<Run>,
}

/// Reads the format that `tests/golden/README.md` describes.
struct Reader<'b>(&'b [u8]);

impl Reader<'_> {
    fn bytes(&mut self, len: usize) -> Vec<u8> {
        let (head, rest) = self.0.split_at(len);
        self.0 = rest;
        head.to_vec()
    }

    fn number(&mut self, size: usize) -> usize {
        self.bytes(size).iter().rev().fold(0, |number, &byte| number << 8 | usize::from(byte))
    }

    fn sized(&mut self, size: usize) -> Vec<u8> {
        let len = self.number(size);
        self.bytes(len)
    }

    fn tensors(&mut self) -> Vec<Vec<u8>> {
        (0..self.number(1)).map(|_| self.sized(4)).collect()
    }

    fn cases(&mut self) -> Vec<Case> {
        assert_eq!(self.bytes(8), b"KGCASES1");
        let case = |reader: &mut Self| Case {
            name: String::from_utf8(reader.sized(2)).expect("UTF-8"),
            model: reader.sized(4),
            runs: (0..reader.number(1)).map(|_| Run { inputs: reader.tensors(), outputs: reader.tensors() }).collect(),
        };
        (0..self.number(4)).map(|_| case(self)).collect()
    }
}

/// All files of cases: family and cases.
fn families() -> Vec<(String, Vec<Case>)> {
    let dir = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/golden/ops"));
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(dir).expect("beside this package").map(|entry| entry.expect("an entry").path()).collect();
    paths.sort();
    let cases = |path: PathBuf| {
        let family = path.file_stem().expect("a name").to_string_lossy().into_owned();
        (family, Reader(&std::fs::read(&path).expect("readable")).cases())
    };
    paths.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "cases")).map(cases).collect()
}

fn run(case: &Case, options: &Options) -> Result<Vec<Vec<Vec<u8>>>, String> {
    let Compiled { blob, .. } =
        compile(&case.model, Kind::Tflite, &case.name, options, &mut |_| {}).map_err(|error| error.to_string())?;
    let outputs = with_session(&blob, |session| case.runs.iter().map(|run| infer(session, &run.inputs)).collect());
    outputs.map_err(|error| error.to_string())
}

/// Every combination of target and elimination.
fn options() -> impl Iterator<Item = Options> {
    let targets = [Target::Portable, Target::CortexM4, Target::CortexM0];
    targets
        .into_iter()
        .flat_map(|target| [false, true].map(|eliminate| Options { target, eliminate, ..Options::default() }))
}

/// Compiles and runs the cases of all families that `wanted` names, compares each run, and panics with all
/// that went wrong. Returns how many runs were right.
fn check(
    wanted: impl Fn(&str) -> bool,
    options: &[Options],
    compare: impl Fn(&[Vec<u8>], &[Vec<u8>]) -> Result<(), String>,
) -> usize {
    let (mut right, mut wrong) = (0, Vec::new());
    for (family, cases) in families().iter().filter(|(family, _)| wanted(family)) {
        for (case, options) in cases.iter().flat_map(|case| options.iter().map(move |options| (case, options))) {
            let outcome = match run(case, options) {
                Ok(results) => results.iter().zip(&case.runs).try_for_each(|(result, run)| {
                    compare(result, &run.outputs)?;
                    right += 1;
                    Ok(())
                }),
                Err(error) => Err(error),
            };
            if let Err(problem) = outcome {
                wrong.push(format!("{family}/{} for {}: {problem}", case.name, options.target.name()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(200)].join("\n"));
    right
}

#[test]
fn integer_operators_equal_the_oracle_to_the_bit() {
    let equal = |ours: &[Vec<u8>], oracle: &[Vec<u8>]| match ours == oracle {
        true => Ok(()),
        false => Err(format!("{ours:?}, the oracle has {oracle:?}")),
    };
    let options: Vec<Options> = options().collect();
    let right = check(|family| !family.ends_with("_f32"), &options, equal);
    assert!(right > 4_000, "only {right} runs were compared");
}

#[test]
fn float_operators_are_close_to_the_oracle() {
    let right = check(|family| family.ends_with("_f32"), &[Options::default()], close);
    assert!(right > 100, "only {right} runs were compared");
}

/// Relative to the largest element, as sums of products lose digits where they cancel.
fn close(ours: &[Vec<u8>], oracle: &[Vec<u8>]) -> Result<(), String> {
    let reals =
        |bytes: &[u8]| -> Vec<f32> { bytes.as_chunks::<4>().0.iter().map(|&word| f32::from_le_bytes(word)).collect() };
    let (ours, oracle) = (reals(&ours.concat()), reals(&oracle.concat()));
    if ours.len() != oracle.len() {
        return Err(format!("{} elements, the oracle has {}", ours.len(), oracle.len()));
    }
    let largest = oracle.iter().fold(0.0f32, |largest, x| largest.max(x.abs()));
    let near = |a: f32, b: f32| a == b || (a - b).abs() <= 1e-5 * largest.max(f32::MIN_POSITIVE);
    match ours.iter().zip(&oracle).position(|(&a, &b)| !near(a, b)) {
        None => Ok(()),
        Some(index) => Err(format!("element {index} is {}, the oracle's {}", ours[index], oracle[index])),
    }
}

#[test]
fn weights_of_four_bits_stay_in_four_bits() {
    let options: Vec<Options> = options().collect();
    let mut compiled = 0;
    for (family, cases) in families().iter().filter(|(family, _)| family.ends_with("_i4")) {
        for (case, options) in cases.iter().zip(options.iter().cycle()) {
            let Compiled { blob, .. } =
                compile(&case.model, Kind::Tflite, &case.name, options, &mut |_| {}).expect("a sound model");
            let model = kinglet::Model::from_bytes(&blob).expect("a sound blob");
            assert!(model.blob().features().any(|feature| feature == "int4"), "{family}/{}", case.name);
            compiled += 1;
        }
    }
    assert!(compiled > 60, "{compiled}");
}
