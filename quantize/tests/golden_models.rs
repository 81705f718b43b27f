//! int8 models compiled and run: every output bit is the oracle's, so is every operator's, and no arena is larger
//! than it has been. The project's own models (`tests/golden/models`) always, those of the shared folder where it is.

mod shared;

use std::path::{Path, PathBuf};

use kinglet::{OpCode, Tracer};
use kinglet_quantize::compile::{Compiled, Options, compile_file};
use kinglet_quantize::emit::Assembly;
use kinglet_quantize::host::{AlignedBlob, infer, with_session};
use kinglet_quantize::ir::Graph;
use kinglet_quantize::target::Target;
use kinglet_quantize::{plan, sample};
use shared::shared;

const OWN_MODELS: [&str; 3] = ["digits", "tiny", "shapes"];
const SHARED_MODELS: [&str; 6] = ["kws", "vww", "ic", "ad", "sww", "hello"];
/// Targets whose arenas are pinned.
const TARGETS: [Target; 3] = [Target::Portable, Target::CortexM4, Target::CortexM0];
/// Every target that has kernels of its own, and so packings that the host emulates.
const PACKINGS: [Target; 5] =
    [Target::Portable, Target::CortexM0, Target::CortexM3, Target::CortexM4, Target::CortexM55];

/// A model and the folder of its golden vectors.
struct Subject {
    name: &'static str,
    model: PathBuf,
    golden: PathBuf,
}

fn subjects() -> Vec<Subject> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden/models");
    let mut subjects: Vec<Subject> = OWN_MODELS
        .into_iter()
        .map(|name| Subject { name, model: own.join(format!("{name}_int8.tflite")), golden: own.clone() })
        .collect();
    subjects.extend(SHARED_MODELS.into_iter().map_while(|name| {
        let model = shared(&format!("models/{name}_int8.tflite"))?;
        Some(Subject { name, model, golden: shared("models/golden")? })
    }));
    subjects
}

fn compile_at(path: &Path, target: Target, eliminate: bool) -> Compiled {
    let options = Options { target, eliminate, ..Options::default() };
    compile_file(path, &options, &mut |_| {}).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn compile(name: &str, target: Target, eliminate: bool) -> Option<Compiled> {
    Some(compile_at(&shared(&format!("models/{name}_int8.tflite"))?, target, eliminate))
}

/// The golden vectors' names and inputs.
fn vectors(graph: &Graph) -> [(&'static str, Vec<u8>); 3] {
    let len = graph.value(graph.inputs[0].value).len();
    let bytes = |codes: Vec<i8>| codes.into_iter().map(|code| code as u8).collect();
    [("ramp", bytes(sample::ramp(len))), ("lcg1", bytes(sample::lcg(1, len))), ("lcg2", bytes(sample::lcg(2, len)))]
}

#[test]
fn outputs_equal_the_oracle_to_the_bit() {
    for Subject { name, model, golden } in subjects() {
        for target in PACKINGS {
            for eliminate in [false, true] {
                let Compiled { blob, graph, .. } = compile_at(&model, target, eliminate);
                for (vector, input) in vectors(&graph) {
                    let outputs =
                        with_session(&blob, |session| infer(session, core::slice::from_ref(&input))).expect("runs");
                    let expected = std::fs::read(golden.join(format!("{name}.{vector}.out.bin"))).expect("readable");
                    let case = format!("{name} {vector} for {}, eliminate {eliminate}", target.name());
                    assert_eq!(outputs.concat(), expected, "{case}");
                }
            }
        }
    }
}

/// FNV-1a of every operator's output.
#[derive(Default)]
struct Hashes(Vec<u32>);

impl Tracer for Hashes {
    fn finished(&mut self, _: usize, _: OpCode, output: &[u8]) {
        self.0.push(output.iter().fold(2_166_136_261, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(16_777_619)));
    }
}

fn operator_hashes(blob: &AlignedBlob, input: &[u8]) -> Vec<u32> {
    let mut hashes = Hashes::default();
    let run = with_session(blob, |session| {
        session.input_raw(0)?.copy_from_slice(input);
        Ok(session.run_traced(&mut hashes)?)
    });
    run.expect("runs");
    hashes.0
}

/// The position in the source file that the importer puts before a node's name.
fn source_index(name: &str) -> Option<u64> {
    name.split_once(':')?.0.parse().ok()
}

#[test]
fn every_operator_equals_the_oracle() {
    let mut compared = 0;
    for Subject { name, model, golden } in subjects() {
        let text = std::fs::read_to_string(golden.join("hashes.json")).expect("readable");
        let golden: serde_json::Value = serde_json::from_str(&text).expect("JSON");
        for target in PACKINGS {
            let Compiled { blob, graph, .. } = compile_at(&model, target, false);
            let steps = Assembly::new(&graph, target).expect("assembles").program.steps;
            for (vector, input) in vectors(&graph) {
                let Some(rows) = golden[name][vector]["operators"].as_array() else {
                    panic!("no hashes for {name} {vector}")
                };
                let hashes = operator_hashes(&blob, &input);
                assert_eq!(hashes.len(), steps.len());
                for (step, hash) in steps.iter().zip(hashes) {
                    let node = &graph.nodes[step.node].name;
                    let index = source_index(node).unwrap_or_else(|| panic!("no position in `{node}`"));
                    // Operators that were fused into others are not in the blob; all others are in the list.
                    let row = rows.iter().find(|row| row[0] == index).unwrap_or_else(|| panic!("no hash for `{node}`"));
                    assert_eq!(format!("{hash:08x}"), row[2], "{name} {vector} `{node}` for {}", target.name());
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 400, "only {compared} operators were compared");
}

/// Arena bytes of TensorFlow Lite Micro for the same model, and of ours for each of [`TARGETS`]. Ours may
/// only fall.
const ARENAS: [(&str, usize, [usize; 3]); 6] = [
    ("kws", 22_820, [9_792, 9_824, 9_104]),
    ("vww", 100_708, [36_880, 40_640, 38_912]),
    ("ic", 54_996, [33_440, 34_848, 35_664]),
    ("ad", 2_580, [768, 1_376, 768]),
    ("sww", 16_596, [3_840, 6_144, 5_264]),
    ("hello", usize::MAX, [32, 64, 32]),
];

#[test]
fn arenas_stay_below_the_peer_and_do_not_grow() {
    for (name, peer, pinned) in ARENAS {
        for (target, pinned) in TARGETS.into_iter().zip(pinned) {
            let Some(Compiled { blob, graph, report, .. }) = compile(name, target, true) else { return };
            let target = target.name();
            assert!(report.arena_bytes <= pinned, "{name} for {target}: {} bytes, were {pinned}", report.arena_bytes);
            assert!(report.arena_bytes < peer, "{name} for {target}");
            assert!(report.arena_bytes >= report.arena_lower_bound_bytes);
            // Once more by hand: the compiler has had the plan verified, and the blob says the same.
            let assembly =
                Assembly::new(&graph, kinglet_quantize::target::parse(target).expect("known")).expect("plans");
            let offset = |id| assembly.plan.offset(&assembly.program, id);
            plan::verify(&graph, &assembly.program, &assembly.operators, &offset, report.arena_bytes).expect("sound");
            let model = kinglet::Model::from_bytes(&blob).expect("loads");
            assert_eq!(model.arena_bytes(), report.arena_bytes);
        }
    }
}

#[test]
fn a_plan_with_one_byte_less_is_refused() {
    let Some(Compiled { graph, .. }) = compile("kws", Target::Portable, true) else { return };
    let assembly = Assembly::new(&graph, Target::Portable).expect("plans");
    let offset = |id| assembly.plan.offset(&assembly.program, id);
    let verify = |arena| plan::verify(&graph, &assembly.program, &assembly.operators, &offset, arena);
    let needed = (0..=assembly.plan.arena_bytes).find(|&arena| verify(arena).is_ok()).expect("the plan's own size");
    assert!(assembly.plan.arena_bytes - needed < 16, "{needed} of {}", assembly.plan.arena_bytes);
}

#[test]
fn equal_inputs_give_equal_bytes() {
    let Some(first) = compile("ic", Target::CortexM4, true) else { return };
    let Some(second) = compile("ic", Target::CortexM4, true) else { return };
    assert_eq!(&*first.blob, &*second.blob);
}

#[test]
fn dead_work_of_visual_wake_words_goes() {
    let Some(Compiled { report, .. }) = compile("vww", Target::CortexM4, true) else { return };
    assert_eq!((report.macs, report.macs_eliminated), (3_733_073, 3_756_591));
    assert_eq!((report.weight_bytes, report.weight_bytes_eliminated), (29_286, 178_826));
}
