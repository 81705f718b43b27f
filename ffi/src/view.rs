//! What the viewer of the WebAssembly package shows beyond what `kinglet.h` tells: operators and their operands.
//!
//! Not part of the C interface: only builds with the feature `view` have it, and it changes with its one user,
//! `ffi/wasm/kinglet.js`.

use kinglet::{OpCode, Tracer};

use crate::Status;
use crate::handle::{ModelHandle, SessionHandle};
use crate::model::read;
use crate::pointer::{self, Extent};
use crate::session::{advance, may_store};

/// Most operands that an operator is shown with: inputs, outputs and states, and scratch.
const OPERANDS_MAX: usize = 32;

/// An operator. All numbers are words, so that it is read as an array of them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct OperatorView {
    /// The name, UTF-8; lies in the library.
    name: *const u8,
    name_bytes: usize,
    /// Order of the weights, and how they are stored: tags of the blob.
    packing: u32,
    storage: u32,
    /// What there is to do, low word first.
    macs: [u32; 2],
    taps: [u32; 2],
    elements: [u32; 2],
    inputs: u32,
    outputs: u32,
    states: u32,
    /// 1: the last operand is scratch.
    has_scratch: u32,
    /// Element type, region and offset of each operand.
    operands: [[u32; 3]; OPERANDS_MAX],
}

/// Describes operator `index` of a model, counted from 0 in the order of a run.
///
/// # Safety
///
/// `model` and `view` are what the header says of handles and of out parameters.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_view_operator(
    model: *const ModelHandle,
    index: usize,
    view: *mut OperatorView,
) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { read(model, view, |model| described(model, index).ok_or(Status::NO_SUCH_TENSOR)) }
}

fn described(model: &kinglet::Model<'_>, index: usize) -> Option<OperatorView> {
    let operator = model.blob().operators().nth(index)?;
    let name = OpCode::from_tag(operator.opcode)?.name();
    let (list, _) = operator.split()?;
    let counts = list.counts();
    let work = operator.work()?;
    let words = |number: u64| [number as u32, (number >> 32) as u32];
    let mut operands = [[0; 3]; OPERANDS_MAX];
    let typed = (0..counts.typed()).map_while(|index| list.get(index));
    let placed = typed.map(|operand| [operand.dtype as u32, operand.region.into(), operand.offset]);
    let scratch = list.scratch().map(|offset| [0, 0, offset]);
    operands.iter_mut().zip(placed.chain(scratch)).for_each(|(to, from)| *to = from);
    Some(OperatorView {
        name: name.as_ptr(),
        name_bytes: name.len(),
        packing: operator.packing.into(),
        storage: operator.storage.into(),
        macs: words(work.macs),
        taps: words(work.taps),
        elements: words(work.elements),
        inputs: counts.inputs.into(),
        outputs: counts.outputs.into(),
        states: counts.states.into(),
        has_scratch: counts.has_scratch.into(),
        operands,
    })
}

/// Keeps how many bytes each operator has written.
struct Written<'s> {
    bytes: &'s mut [u32],
}

impl Tracer for Written<'_> {
    fn finished(&mut self, index: usize, _: OpCode, output: &[u8]) {
        if let Some(place) = self.bytes.get_mut(index) {
            *place = output.len() as u32;
        }
    }
}

/// Runs a session from the first operator on, and stores for each operator how many bytes of its first output it has
/// written: `bytes[0 .. len]`, apart from all that the session is made of.
///
/// # Safety
///
/// `session` is what the header says, and `bytes` points to `len` words.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_view_run(session: *mut SessionHandle, bytes: *mut u32, len: usize) -> Status {
    let checked = pointer::check(bytes).and_then(|()| {
        let size = len.checked_mul(size_of::<u32>()).ok_or(Status::LENGTH)?;
        // SAFETY: the caller's promise is passed on.
        unsafe { may_store(session, &[Extent::new(bytes, size)?]) }
    });
    if let Err(status) = checked {
        return status;
    }
    // SAFETY: checked; the caller promises the memory.
    let bytes = unsafe { core::slice::from_raw_parts_mut(bytes, len) };
    bytes.fill(0);
    // SAFETY: the caller's promise is passed on.
    Status::of(unsafe { advance(session, |session| Ok(session.run_traced(&mut Written { bytes })?)) })
}
