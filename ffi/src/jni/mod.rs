//! What the JVM calls (feature `jni`): the native half of `ffi/jvm`, on Android and on desktops.
//!
//! Nothing is allocated here either. Handles, arenas and blobs lie in direct byte buffers that belong to Kotlin; the
//! garbage collector takes them back when nobody refers to them any more. So there is no pointer that could outlive its
//! memory, whatever a program does after `close()`: each call gets the buffers themselves, and a buffer that is an
//! argument of a call lives until the call returns.
//!
//! ```text
//! Kotlin                 here                      as in C
//! ByteBuffer (model) --> address, capacity    -->  kinglet_model
//! ByteBuffer (session)-> the same, and a turn -->  kinglet_session
//! Int            <-----  Status
//! ```
//!
//! Each function is an export of the name that the JVM looks for. It converts and checks arguments, calls the C
//! interface, and returns a status or a number; no exception is thrown here, and no panic can be reached: the library
//! is packaged with the feature `panic-proof`.
//!
//! The alternative, pointers from `malloc` as numbers in Kotlin objects, was rejected: memory that `close()` frees is
//! gone under the buffers that a program still holds.
#![allow(non_snake_case, reason = "the JVM finds functions by these names")]

mod environment;
pub mod model;
pub mod session;

use core::ffi::c_char;

use jni_sys::{JNIEnv, jclass, jint, jlong, jobject, jstring};

use self::environment::Environment;
use crate::Status;
use crate::handle::MODEL_BYTES;

/// The number that Kotlin gets.
fn number(result: Result<(), Status>) -> jint {
    Status::of(result).number()
}

/// The version of the library, which must be that of the Kotlin classes.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_kinglet_Native_version(_env: *mut JNIEnv, _class: jclass) -> jint {
    crate::kinglet_version().cast_signed()
}

/// The word for a status.
///
/// # Safety
///
/// The JVM calls.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_statusName(
    env: *mut JNIEnv,
    _class: jclass,
    status: jint,
) -> jstring {
    let word: *const c_char = crate::status::kinglet_status_name(Status::from_number(status));
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: a word is a string of ASCII that ends with a zero.
    unsafe { environment.string(word) }
}

/// The address of a direct buffer, so that Kotlin can cut an aligned one out of it; 0 for any other buffer.
///
/// # Safety
///
/// The JVM calls.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_address(
    env: *mut JNIEnv,
    _class: jclass,
    buffer: jobject,
) -> jlong {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: the buffer is an argument of this call.
    let memory = unsafe { environment.memory(buffer) };
    memory.map_or(0, |(start, _)| start.addr() as jlong)
}

/// Bytes that a model's handle needs, at an address that is a multiple of 16.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_kinglet_Native_modelBytes(_env: *mut JNIEnv, _class: jclass) -> jint {
    const { MODEL_BYTES as jint }
}

/// Bytes that a session's handle needs, at an address that is a multiple of 16.
#[unsafe(no_mangle)]
pub extern "system" fn Java_org_kinglet_Native_sessionBytes(_env: *mut JNIEnv, _class: jclass) -> jint {
    const { size_of::<session::Place>() as jint }
}
