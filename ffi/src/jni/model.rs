//! Models.

use core::ffi::c_void;

use jni_sys::{JNIEnv, jboolean, jclass, jfloat, jint, jlong, jobject};
use kinglet::{Model, Port};
use kinglet_blob::SectionKind;

use super::environment::Environment;
use super::number;
use crate::Status;
use crate::handle::ModelHandle;
use crate::model::{kinglet_model_error, kinglet_model_init, kinglet_model_init_within};

/// The model in a buffer.
///
/// # Safety
///
/// `place` is an argument of this call, and null or a `ByteBuffer` that only these functions write to.
unsafe fn loaded<'m>(environment: Environment, place: jobject) -> Result<&'m Model<'static>, Status> {
    // SAFETY: the caller's promise is passed on.
    let place = unsafe { environment.place::<ModelHandle>(place) }?;
    // SAFETY: likewise; models do not change once they are loaded.
    unsafe { ModelHandle::model(place) }
}

/// Input or output `index`, counted from 0.
fn port(model: &Model<'static>, is_output: bool, index: jint) -> Result<Port<'static>, Status> {
    let index = usize::try_from(index).map_err(|_| Status::NO_SUCH_TENSOR)?;
    let port = if is_output { model.output(index) } else { model.input(index) };
    port.ok_or(Status::NO_SUCH_TENSOR)
}

/// Verifies a blob; with a limit that is not negative, one that has no more to do than that in a run.
///
/// # Safety
///
/// The JVM calls, with byte buffers; the blob's does not change any more.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_modelInit(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    blob: jobject,
    max_work: jlong,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: the JVM has given this buffer.
    let found = unsafe { environment.place::<ModelHandle>(place) };
    let found = found.and_then(|place| {
        // SAFETY: the JVM has given this buffer.
        let (blob, bytes) = unsafe { environment.memory(blob) }?;
        Ok((place, blob.cast_const(), bytes))
    });
    let status = found.map(|(place, blob, bytes): (_, *const c_void, usize)| match u64::try_from(max_work) {
        // SAFETY: the memory is that of buffers, whose lengths are known.
        Err(_) => unsafe { kinglet_model_init(place, blob, bytes) },
        // SAFETY: likewise.
        Ok(most) => unsafe { kinglet_model_init_within(place, blob, bytes, most) },
    });
    status.unwrap_or_else(|status| status).number()
}

/// The byte offset of what the last [`Java_org_kinglet_Native_modelInit`] found wrong; 0 where nothing was.
///
/// # Safety
///
/// The JVM calls, with a byte buffer.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_modelErrorOffset(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
) -> jlong {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    let mut offset = 0;
    // SAFETY: the JVM has given this buffer.
    if let Ok(place) = unsafe { environment.place::<ModelHandle>(place) } {
        // SAFETY: the place is that of a handle.
        unsafe { kinglet_model_error(place, &mut offset) };
    }
    offset.into()
}

/// Writes arena bytes, operators, inputs, outputs, the three numbers of the work, whether there is state, and where the
/// manifest lies in the blob and how long it is.
///
/// # Safety
///
/// The JVM calls, with byte buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_modelFacts(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    out: jobject,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: the JVM has given this buffer.
    let model = unsafe { loaded(environment, place) };
    let written = model.and_then(|model| {
        let work = model.work();
        let manifest =
            (model.blob().section_offset(SectionKind::Manifest), model.blob().section(SectionKind::Manifest).len());
        let facts = [
            model.arena_bytes() as i64,
            model.operator_count() as i64,
            model.input_count() as i64,
            model.output_count() as i64,
            work.macs.cast_signed(),
            work.taps.cast_signed(),
            work.elements.cast_signed(),
            model.has_state().into(),
            manifest.0 as i64,
            manifest.1 as i64,
        ];
        // SAFETY: the JVM has given this buffer.
        unsafe { environment.write(out, facts) }
    });
    number(written)
}

/// Writes what an input or output is: where its name lies in the blob and how long it is, rank, four extents, the bits
/// of the scale, zero point, element type, whether channels were moved, elements and bytes.
///
/// # Safety
///
/// The JVM calls, with byte buffers.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_modelTensor(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    is_output: jboolean,
    index: jint,
    out: jobject,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: the JVM has given this buffer.
    let model = unsafe { loaded(environment, place) };
    let written = model.and_then(|model| {
        let port = port(model, is_output, index)?;
        let extent = |axis: usize| i64::from(port.shape().get(axis).copied().unwrap_or(1));
        let blob = model.blob().bytes().as_ptr().addr();
        let facts = [
            port.name.as_ptr().addr().wrapping_sub(blob) as i64,
            port.name.len() as i64,
            port.shape().len() as i64,
            extent(0),
            extent(1),
            extent(2),
            extent(3),
            port.scale.to_bits().into(),
            port.zero_point.into(),
            port.dtype as i64,
            port.channels_moved.into(),
            port.len() as i64,
            port.len().saturating_mul(port.dtype.size_bytes()) as i64,
        ];
        // SAFETY: the JVM has given this buffer.
        unsafe { environment.write(out, facts) }
    });
    number(written)
}

/// The integer that stands for a real number in a tensor; the zero point of a tensor that is not there.
///
/// # Safety
///
/// The JVM calls, with a byte buffer.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_quantize(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    is_output: jboolean,
    index: jint,
    real: jfloat,
) -> jint {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: the JVM has given this buffer.
    let model = unsafe { loaded(environment, place) };
    model.and_then(|model| port(model, is_output, index)).map_or(0, |port| port.quantize(real))
}

/// The real number that an integer of a tensor stands for; not a number for a tensor that is not there.
///
/// # Safety
///
/// The JVM calls, with a byte buffer.
#[unsafe(no_mangle)]
pub unsafe extern "system" fn Java_org_kinglet_Native_dequantize(
    env: *mut JNIEnv,
    _class: jclass,
    place: jobject,
    is_output: jboolean,
    index: jint,
    code: jint,
) -> jfloat {
    // SAFETY: the JVM has given this environment.
    let environment = unsafe { Environment::new(env) };
    // SAFETY: the JVM has given this buffer.
    let model = unsafe { loaded(environment, place) };
    model.and_then(|model| port(model, is_output, index)).map_or(f32::NAN, |port| port.dequantize(code))
}
