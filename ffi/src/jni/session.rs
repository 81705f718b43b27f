//! Sessions. One thread at a time has a session: a call takes its turn or is told that it is busy.
//!
//! Each function gets, beside the session's handle, the buffers that the session is made of. They are not looked at: as
//! arguments they cannot be collected while the call runs.

use core::cell::UnsafeCell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr;
use core::sync::atomic::{AtomicU32, Ordering};

use jni_sys::{JNIEnv, jarray, jboolean, jclass, jint, jlong, jobject};

use super::environment::Environment;
use super::number;
use crate::Status;
use crate::handle::{ModelHandle, SESSION_BYTES, SessionHandle};
use crate::session::*;

/// What a session's buffer holds. All zeros are a session that was not initialized and that nobody uses.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Place {
    session: UnsafeCell<MaybeUninit<[u64; SESSION_BYTES / 8]>>,
    /// 1 while a call uses the session.
    taken: AtomicU32,
}

/// The turn of a call.
struct Turn<'p>(&'p AtomicU32);

impl<'p> Turn<'p> {
    fn take(taken: &'p AtomicU32) -> Result<Self, Status> {
        match taken.compare_exchange(0, 1, Ordering::Acquire, Ordering::Relaxed) {
            Ok(_) => Ok(Turn(taken)),
            Err(_) => Err(Status::BUSY),
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(0, Ordering::Release);
    }
}

/// Lets `work` use the session in a buffer, if no other thread does.
///
/// # Safety
///
/// `place` is an argument of this call, and null or a `ByteBuffer` that only these functions write to, once it was
/// zeroed.
unsafe fn in_turn<R>(
    environment: Environment,
    place: jobject,
    work: impl FnOnce(*mut SessionHandle) -> Result<R, Status>,
) -> Result<R, Status> {
    // SAFETY: the caller's promise is passed on.
    let place = unsafe { environment.place::<Place>(place) }?;
    // SAFETY: the place is large enough and aligned, and all bytes are fine for it; other threads come no further than
    // the next line.
    let place = unsafe { &*place };
    let _turn = Turn::take(&place.taken)?;
    work(place.session.get().cast())
}

/// An error, or nothing.
fn checked(status: Status) -> Result<(), Status> {
    if status == Status::OK { Ok(()) } else { Err(status) }
}

/// Binds a model to an arena.
///
/// # Safety
///
/// The JVM calls, with byte buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_sessionInit(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    model: jobject,
    arena: jobject,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    let work = |session| {
        // SAFETY: the JVM has given this buffer.
        let model = unsafe { environment.place::<ModelHandle>(model) }?;
        // SAFETY: likewise.
        let (arena, bytes) = unsafe { environment.memory(arena) }?;
        // SAFETY: the memory is that of buffers, whose lengths are known.
        checked(unsafe { kinglet_session_init(session, model, arena, bytes) })
    };
    // SAFETY: the JVM has given this buffer.
    number(unsafe { in_turn(environment, place, work) })
}

/// Writes where an input or output lies in the arena, and its bytes.
///
/// # Safety
///
/// The JVM calls, with byte buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_sessionTensor(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    arena: jobject,
    is_output: jboolean,
    index: jint,
    out: jobject,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    let work = |session: *mut SessionHandle| {
        let index = usize::try_from(index).map_err(|_| Status::NO_SUCH_TENSOR)?;
        // SAFETY: the JVM has given this buffer.
        let (arena, _) = unsafe { environment.memory(arena) }?;
        let (mut start, mut size): (*mut c_void, usize) = (ptr::null_mut(), 0);
        let status = if is_output {
            // SAFETY: the session is this call's; out parameters are on the stack.
            unsafe { kinglet_session_output(session, index, (&raw mut start).cast(), &mut size) }
        } else {
            // SAFETY: likewise.
            unsafe { kinglet_session_input(session, index, &mut start, &mut size) }
        };
        checked(status)?;
        let offset = start.addr().wrapping_sub(arena.addr());
        // SAFETY: the JVM has given this buffer.
        unsafe { environment.write(out, [offset as i64, size as i64]) }
    };
    // SAFETY: the JVM has given this buffer.
    number(unsafe { in_turn(environment, place, work) })
}

/// Runs all operators.
///
/// # Safety
///
/// The JVM calls, with byte buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_sessionRun(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    _memory: jobject,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: the session is this call's.
    let work = |session| checked(unsafe { kinglet_session_run(session) });
    // SAFETY: the JVM has given this buffer.
    number(unsafe { in_turn(environment, place, work) })
}

/// Runs the next operator: -1 when it was the last one, 0 when there are more, else a status.
///
/// # Safety
///
/// The JVM calls, with byte buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_sessionStep(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    _memory: jobject,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    let work = |session| {
        let mut finished = 0;
        // SAFETY: the session is this call's.
        checked(unsafe { kinglet_session_step(session, &mut finished) })?;
        Ok(finished != 0)
    };
    // SAFETY: the JVM has given this buffer.
    match unsafe { in_turn(environment, place, work) } {
        Ok(true) => -1,
        Ok(false) => 0,
        Err(status) => status.number(),
    }
}

/// Forgets a run that was begun with steps.
///
/// # Safety
///
/// The JVM calls, with byte buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_sessionRestart(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    _memory: jobject,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: the session is this call's.
    let work = |session| checked(unsafe { kinglet_session_restart(session) });
    // SAFETY: the JVM has given this buffer.
    number(unsafe { in_turn(environment, place, work) })
}

/// Makes what the model keeps from run to run what it was at first.
///
/// # Safety
///
/// The JVM calls, with byte buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_sessionReset(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    _memory: jobject,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: the session is this call's.
    let work = |session| checked(unsafe { kinglet_session_reset(session) });
    // SAFETY: the JVM has given this buffer.
    number(unsafe { in_turn(environment, place, work) })
}

/// Replays the blob's test vectors: minus their number, or a status.
///
/// # Safety
///
/// The JVM calls, with byte buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_sessionSelfTest(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    _memory: jobject,
) -> jlong {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    let work = |session| {
        let mut vectors = 0u32;
        // SAFETY: the session is this call's.
        checked(unsafe { kinglet_session_self_test(session, &mut vectors) })?;
        Ok(vectors)
    };
    // SAFETY: the JVM has given this buffer.
    match unsafe { in_turn(environment, place, work) } {
        Ok(vectors) => jlong::from(vectors).wrapping_neg(),
        Err(status) => status.number().into(),
    }
}

/// Writes real numbers into an input, or reads an output as real numbers; `start` has `len` of them.
///
/// # Safety
///
/// The session is this call's, and the floats are there.
unsafe fn convert(session: *mut SessionHandle, is_output: bool, index: jint, start: *mut f32, len: usize) -> Status {
    let Ok(index) = usize::try_from(index) else { return Status::NO_SUCH_TENSOR };
    if is_output {
        // SAFETY: the caller's promise is passed on.
        unsafe { kinglet_session_read_output(session, index, start, len) }
    } else {
        // SAFETY: likewise.
        unsafe { kinglet_session_write_input(session, index, start, len) }
    }
}

/// Quantizes an array into an input, or dequantizes an output into an array.
///
/// # Safety
///
/// The JVM calls, with byte buffers and an array of floats.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_sessionArray(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    _memory: jobject,
    is_output: jboolean,
    index: jint,
    reals: jarray,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    let work = |session| {
        // SAFETY: the session is this call's, and so are the array's elements.
        let convert = |start, len| unsafe { convert(session, is_output, index, start, len) };
        // SAFETY: the JVM has given this array.
        checked(unsafe { environment.floats(reals, is_output, convert) })
    };
    // SAFETY: the JVM has given this buffer.
    number(unsafe { in_turn(environment, place, work) })
}

/// The same with a direct `FloatBuffer` of this machine's byte order.
///
/// # Safety
///
/// The JVM calls, with buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_sessionBuffer(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    _memory: jobject,
    is_output: jboolean,
    index: jint,
    reals: jobject,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    let work = |session| {
        // SAFETY: the JVM has given this buffer, whose capacity counts floats.
        let (start, len) = unsafe { environment.memory(reals) }?;
        // SAFETY: the session is this call's, and the buffer has these floats.
        checked(unsafe { convert(session, is_output, index, start.cast(), len) })
    };
    // SAFETY: the JVM has given this buffer.
    number(unsafe { in_turn(environment, place, work) })
}
