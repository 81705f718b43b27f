//! Blobs of plausible records, which are then run.

use arbitrary::{Arbitrary, Unstructured};
use kinglet::{LoadError, Model, Session};
use kinglet_blob::state::StateRecord;
use kinglet_blob::{DType, Operand, PortRecord, Writer};
use kinglet_test_blobs::{AlignedBlob, Random};

use crate::plan::{Plan, Port};
use crate::record::Memory;

/// Records taken from a plan.
const OPERATOR_COUNT_MAX: usize = 8;

/// Ports taken from a plan.
const PORT_COUNT_MAX: usize = 6;

/// Words of constants: more than the largest layer of a plan needs.
const WEIGHT_WORDS: usize = 3 * 1024;

/// Arena behind the tensors, for scratch.
const SCRATCH_BYTES: u32 = 4096;

/// Reads `data` as a plan, writes its blob, and runs it twice; tells why the blob was refused if it was.
pub fn structured(data: &[u8]) -> Option<LoadError> {
    let plan = Plan::arbitrary(&mut Unstructured::new(data)).ok()?;
    let blob = AlignedBlob::copy_of(&write(&plan).finish()?);
    let model = match Model::from_bytes(&blob) {
        Ok(model) => model,
        Err(error) => return Some(error),
    };
    let (first, second) = (run(&model, plan.noise), run(&model, plan.noise));
    assert!(*first == *second, "two runs of one model differ");
    None
}

/// The arena after a run.
fn run(model: &Model<'_>, noise: u32) -> AlignedBlob {
    let mut random = Random::new(noise);
    let mut arena = AlignedBlob::filled(model.arena_bytes(), 0);
    let mut session = Session::new(model, &mut arena).expect("the arena is as large as the model asked for");
    for index in 0..model.input_count() {
        let input = session.input_raw(index).expect("a verified model has the inputs it counts");
        input.iter_mut().for_each(|byte| *byte = random.next() as u8);
    }
    session.run().expect("a verified model runs");
    arena
}

fn write(plan: &Plan) -> Writer {
    let tensor_bytes = 16 + 16 * u32::from(plan.arena);
    let memory = Memory { tensor_bytes, scratch_bytes: SCRATCH_BYTES };
    let mut random = Random::new(!plan.noise);
    let mut operators: Vec<Vec<u8>> =
        plan.operators.iter().take(OPERATOR_COUNT_MAX).map(|operator| memory.record(operator)).collect();
    for &(record, at, value) in plan.patches.iter().take(2) {
        let count = operators.len().max(1);
        if let Some(record) = operators.get_mut(usize::from(record) % count) {
            let at = usize::from(at) % record.len();
            record[at] = value;
        }
    }
    let ports = || plan.ports.iter().take(PORT_COUNT_MAX);
    Writer {
        arena_bytes: tensor_bytes + SCRATCH_BYTES,
        inputs: ports().filter(|port| !port.is_output).map(|each| port(&memory, each)).collect(),
        outputs: ports().filter(|port| port.is_output).map(|each| port(&memory, each)).collect(),
        operators,
        names: b"port".to_vec(),
        weights: (0..WEIGHT_WORDS).flat_map(|_| random.next().to_le_bytes()).collect(),
        state: state(&memory, plan),
        ..Writer::default()
    }
}

/// A tensor that is kept from run to run, in some of the blobs, over whatever else is there.
fn state(memory: &Memory, plan: &Plan) -> Vec<u8> {
    if plan.noise.is_multiple_of(3) {
        return Vec::new();
    }
    let bytes = 4 + plan.noise % 29;
    let record = StateRecord {
        arena_offset: memory.fit(plan.noise as u16, bytes, 4),
        bytes,
        dtype: DType::I8 as u8,
        region: Operand::ARENA,
        flags: 0,
        reserved: 0,
    };
    kinglet_blob::state::section(&[(record, (0..bytes).map(|at| (at as u8).wrapping_mul(plan.arena)).collect())])
}

fn port(memory: &Memory, port: &Port) -> PortRecord {
    let rank = 1 + port.rank % 4;
    let mut dims = [1; 4];
    dims.iter_mut().zip(port.dims).take(rank.into()).for_each(|(dim, extent)| *dim = 1 + u32::from(extent % 6));
    let dtype = if port.is_float { DType::F32 } else { DType::I8 };
    let bytes = dims.iter().product::<u32>() * dtype.size_bytes() as u32;
    PortRecord {
        arena_offset: memory.fit(port.at, bytes, dtype.size_bytes() as u32),
        dims,
        scale: 0.25,
        zero_point: 3,
        region: Operand::ARENA,
        dtype: dtype as u8,
        rank,
        channels_moved: 0,
        name_offset: 0,
        name_bytes: 4,
    }
}
