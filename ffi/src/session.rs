//! The functions on sessions.

use core::ffi::c_void;

use kinglet::{DType, Position, Session, Step};

use crate::Status;
use crate::handle::{self, MODEL_BYTES, ModelHandle, SESSION_BYTES, SessionHandle};
use crate::pointer::{self, Extent};

/// Binds a model to an arena.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_init(
    session: *mut SessionHandle,
    model: *const ModelHandle,
    arena: *mut c_void,
    arena_bytes: usize,
) -> Status {
    let result = pointer::check(session).and_then(|()| {
        let place = Extent::new(session, SESSION_BYTES)?;
        // SAFETY: the caller's promise is passed on.
        let found = unsafe { ModelHandle::model(model) };
        // Before anything is written: a handle that lies over what it is made from destroys nothing.
        if let Ok(memory) = Extent::new(model, MODEL_BYTES) {
            place.check_apart_from(&[memory])?;
        }
        if let Ok(found) = found {
            place.check_apart_from(&ModelHandle::memory_with(model, found)?)?;
            if let Ok(arena) = Extent::new(arena, found.arena_bytes().min(arena_bytes)) {
                place.check_apart_from(&[arena])?;
            }
        }
        // A session that was here is gone, also when the new one cannot be.
        // SAFETY: checked, and the caller promises the memory.
        unsafe { handle::forget(session) };
        found?;
        Extent::new(arena, arena_bytes)?;
        let handle = SessionHandle::new(model, arena, arena_bytes);
        // SAFETY: model and arena are those that the caller has just given.
        unsafe { handle.open() }?.reset();
        // SAFETY: checked above.
        unsafe { pointer::store(session, handle) };
        Ok(())
    });
    Status::of(result)
}

/// Which tensors a function gives out.
#[derive(Clone, Copy)]
enum Side {
    Input,
    Output,
}

/// Address and bytes of a tensor; of any type when `dtype` is none.
///
/// # Safety
///
/// `session` is what the header says.
unsafe fn locate(
    session: *const SessionHandle,
    side: Side,
    index: usize,
    dtype: Option<DType>,
) -> Result<(*mut c_void, usize), Status> {
    // SAFETY: the caller's promise is passed on.
    let handle = unsafe { SessionHandle::at(session) }?;
    // SAFETY: likewise.
    let mut session = unsafe { handle.open() }?;
    match (side, dtype) {
        (Side::Input, Some(DType::I8)) => session.input_i8(index).map(drop)?,
        (Side::Input, Some(DType::F32)) => session.input_f32(index).map(drop)?,
        (Side::Output, Some(DType::I8)) => session.output_i8(index).map(drop)?,
        (Side::Output, Some(DType::F32)) => session.output_f32(index).map(drop)?,
        _ => {}
    }
    let bytes = match side {
        Side::Input => session.input_raw(index)?,
        Side::Output => session.output_raw(index)?,
    };
    Ok((handle.pointer_to(bytes), bytes.len()))
}

/// Out parameters lie apart from all that the session is made of.
///
/// # Safety
///
/// `session` is what the header says.
pub(crate) unsafe fn may_store(session: *const SessionHandle, places: &[Extent]) -> Result<(), Status> {
    // SAFETY: the caller's promise is passed on.
    let handle = unsafe { SessionHandle::at(session) }?;
    // SAFETY: likewise.
    let memory = unsafe { handle.memory() }?;
    places.iter().try_for_each(|place| place.check_apart_from(&memory))
}

/// Gives C a tensor's address and how many `T` it has.
///
/// # Safety
///
/// All pointers are what the header says.
unsafe fn give<T>(
    session: *const SessionHandle,
    tensor: (Side, usize, Option<DType>),
    out: *mut *mut T,
    out_len: *mut usize,
) -> Status {
    let (side, index, dtype) = tensor;
    // SAFETY: the caller's promise is passed on.
    let found = unsafe { locate(session, side, index, dtype) };
    let found = found.and_then(|found| {
        let (place, len_place) = (Extent::of(out)?, Extent::of(out_len)?);
        place.check_apart_from(&[len_place])?;
        // SAFETY: the caller's promise is passed on.
        unsafe { may_store(session, &[place, len_place]) }?;
        Ok(found)
    });
    Status::of(found.map(|(address, bytes)| {
        let len = bytes.checked_div(size_of::<T>()).unwrap_or(bytes);
        // SAFETY: there is an address only if the pointers have been checked.
        unsafe { pointer::store(out, address.cast()) };
        // SAFETY: likewise.
        unsafe { pointer::store(out_len, len) };
    }))
}

/// An input of quantized integers.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_input_i8(
    session: *mut SessionHandle,
    index: usize,
    elements: *mut *mut i8,
    len: *mut usize,
) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { give(session, (Side::Input, index, Some(DType::I8)), elements, len) }
}

/// An input of floats.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_input_f32(
    session: *mut SessionHandle,
    index: usize,
    elements: *mut *mut f32,
    len: *mut usize,
) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { give(session, (Side::Input, index, Some(DType::F32)), elements, len) }
}

/// An input as bytes.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_input(
    session: *mut SessionHandle,
    index: usize,
    bytes: *mut *mut c_void,
    size_bytes: *mut usize,
) -> Status {
    // SAFETY: the caller's promise is passed on; an address is an address.
    unsafe { give(session, (Side::Input, index, None), bytes.cast::<*mut u8>(), size_bytes) }
}

/// An output of quantized integers.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_output_i8(
    session: *const SessionHandle,
    index: usize,
    elements: *mut *const i8,
    len: *mut usize,
) -> Status {
    // SAFETY: the caller's promise is passed on; an address is an address.
    unsafe { give(session, (Side::Output, index, Some(DType::I8)), elements.cast::<*mut i8>(), len) }
}

/// An output of floats.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_output_f32(
    session: *const SessionHandle,
    index: usize,
    elements: *mut *const f32,
    len: *mut usize,
) -> Status {
    // SAFETY: the caller's promise is passed on; an address is an address.
    unsafe { give(session, (Side::Output, index, Some(DType::F32)), elements.cast::<*mut f32>(), len) }
}

/// An output as bytes.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_output(
    session: *const SessionHandle,
    index: usize,
    bytes: *mut *const c_void,
    size_bytes: *mut usize,
) -> Status {
    // SAFETY: the caller's promise is passed on; an address is an address.
    unsafe { give(session, (Side::Output, index, None), bytes.cast::<*mut u8>(), size_bytes) }
}

/// The caller's `len` floats, which lie apart from all that the session is made of.
///
/// # Safety
///
/// `session` is what the header says.
unsafe fn check_reals(session: *const SessionHandle, reals: *const f32, len: usize) -> Result<(), Status> {
    pointer::check(reals)?;
    let bytes = len.checked_mul(size_of::<f32>()).ok_or(Status::LENGTH)?;
    // SAFETY: the caller's promise is passed on.
    unsafe { may_store(session, &[Extent::new(reals, bytes)?]) }
}

/// Quantizes real numbers into an input.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_write_input(
    session: *mut SessionHandle,
    index: usize,
    reals: *const f32,
    len: usize,
) -> Status {
    // SAFETY: the caller's promise is passed on.
    let result = unsafe { check_reals(session, reals, len) }.and_then(|()| {
        // SAFETY: checked; the caller promises the memory, and nobody writes to it meanwhile.
        let reals = unsafe { core::slice::from_raw_parts(reals, len) };
        // SAFETY: the caller's promise is passed on.
        let handle = unsafe { SessionHandle::at(session) }?;
        // SAFETY: likewise.
        Ok(unsafe { handle.open() }?.write_input(index, reals)?)
    });
    Status::of(result)
}

/// Reads an output as real numbers.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_read_output(
    session: *const SessionHandle,
    index: usize,
    reals: *mut f32,
    len: usize,
) -> Status {
    // SAFETY: the caller's promise is passed on.
    let result = unsafe { check_reals(session, reals, len) }.and_then(|()| {
        // SAFETY: checked; the caller promises memory that holds floats already or takes any, for floats have no
        // bytes that are none.
        let reals = unsafe { core::slice::from_raw_parts_mut(reals, len) };
        // SAFETY: the caller's promise is passed on.
        let handle = unsafe { SessionHandle::at(session) }?;
        // SAFETY: likewise.
        Ok(unsafe { handle.open() }?.read_output(index, reals)?)
    });
    Status::of(result)
}

/// Lets `work` use the session and remembers where the session then stands; after an error, at the start.
///
/// # Safety
///
/// `session` is what the header says.
pub(crate) unsafe fn advance<R>(
    session: *mut SessionHandle,
    work: impl FnOnce(&mut Session<'_, '_>) -> Result<R, Status>,
) -> Result<R, Status> {
    // SAFETY: the caller's promise is passed on.
    let handle = unsafe { SessionHandle::at(session) }?;
    // SAFETY: likewise.
    let mut opened = unsafe { handle.open() }?;
    let result = work(&mut opened);
    let next = if result.is_ok() { opened.position() } else { Position::START };
    // SAFETY: `at` has found a session here, and the borrow of it has ended.
    unsafe { SessionHandle::set_next(session, next) };
    result
}

/// Runs all operators.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_run(session: *mut SessionHandle) -> Status {
    // SAFETY: the caller's promise is passed on.
    Status::of(unsafe { advance(session, |session| Ok(session.run()?)) })
}

/// Runs one operator.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_step(session: *mut SessionHandle, finished: *mut u8) -> Status {
    // Before anything runs: an error leaves the session where it stands.
    // SAFETY: the caller's promise is passed on.
    let place = unsafe { SessionHandle::at(session) }.and_then(|_| Extent::of(finished));
    // SAFETY: likewise.
    if let Err(status) = place.and_then(|place| unsafe { may_store(session, &[place]) }) {
        return status;
    }
    // SAFETY: the caller's promise is passed on.
    let step = unsafe { advance(session, |session| Ok(session.step()?)) };
    // SAFETY: checked above.
    Status::of(step.map(|step| unsafe { pointer::store(finished, u8::from(step == Step::Finished)) }))
}

/// Goes back to the first operator.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_restart(session: *mut SessionHandle) -> Status {
    // SAFETY: the caller's promise is passed on.
    Status::of(unsafe {
        advance(session, |session| {
            session.restart();
            Ok(())
        })
    })
}

/// Makes what the model keeps from run to run what it was at first.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_reset(session: *mut SessionHandle) -> Status {
    // SAFETY: the caller's promise is passed on.
    Status::of(unsafe {
        advance(session, |session| {
            session.reset();
            Ok(())
        })
    })
}

/// Replays the blob's test vectors.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_self_test(session: *mut SessionHandle, vectors: *mut u32) -> Status {
    // SAFETY: the caller's promise is passed on.
    let place = unsafe { SessionHandle::at(session) }.and_then(|_| Extent::of(vectors));
    // SAFETY: likewise.
    if let Err(status) = place.and_then(|place| unsafe { may_store(session, &[place]) }) {
        return status;
    }
    // SAFETY: the caller's promise is passed on.
    let report = unsafe { advance(session, |session| Ok(session.self_test()?)) };
    // SAFETY: checked above.
    Status::of(report.map(|report| unsafe { pointer::store(vectors, report.vectors) }))
}

/// Makes the handle unusable.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_session_deinit(session: *mut SessionHandle) -> Status {
    // The reference ends here: an argument of a closure would live while the closure writes behind it.
    // SAFETY: the caller's promise is passed on.
    let found = unsafe { SessionHandle::at(session) }.map(|_| ());
    // SAFETY: a session is there, and nothing borrows it any more.
    Status::of(found.map(|()| unsafe { handle::forget(session) }))
}
