//! The functions on models.

use core::ffi::{c_char, c_void};

use kinglet::{Model, Port};

use crate::Status;
use crate::handle::{self, MODEL_BYTES, ModelHandle};
use crate::pointer::{self, Extent};

/// `kinglet_tensor`.
#[repr(C)]
#[derive(Debug)]
pub struct Tensor {
    name: *const c_char,
    name_bytes: usize,
    len: usize,
    size_bytes: usize,
    dims: [u32; 4],
    scale: f32,
    zero_point: i32,
    rank: u8,
    dtype: u8,
    channels_moved: u8,
    reserved: u8,
}

impl Tensor {
    fn new(port: &Port<'_>) -> Self {
        let mut dims = [1; 4];
        dims.iter_mut().zip(port.shape()).for_each(|(to, from)| *to = *from);
        Tensor {
            name: port.name.as_ptr().cast(),
            name_bytes: port.name.len(),
            len: port.len(),
            size_bytes: port.len().saturating_mul(port.dtype.size_bytes()),
            dims,
            scale: port.scale,
            zero_point: port.zero_point,
            rank: port.shape().len() as u8,
            dtype: port.dtype as u8,
            channels_moved: port.channels_moved.into(),
            reserved: 0,
        }
    }
}

/// `kinglet_work`.
#[repr(C)]
#[derive(Debug)]
pub struct Work {
    macs: u64,
    taps: u64,
    elements: u64,
}

/// Verifies a blob.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_init(model: *mut ModelHandle, blob: *const c_void, blob_bytes: usize) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { init(model, blob, blob_bytes, None) }
}

/// Verifies a blob that has to have no more to do than `max_work`.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_init_within(
    model: *mut ModelHandle,
    blob: *const c_void,
    blob_bytes: usize,
    max_work: u64,
) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { init(model, blob, blob_bytes, Some(max_work)) }
}

/// Both of them.
///
/// # Safety
///
/// As the header says.
#[inline(always)]
unsafe fn init(model: *mut ModelHandle, blob: *const c_void, blob_bytes: usize, limit: Option<u64>) -> Status {
    let result = pointer::check(model).and_then(|()| {
        let place = Extent::new(model, MODEL_BYTES)?;
        // Null and impossible blobs are reported by the handle, which then remembers them.
        if Extent::new(blob, blob_bytes).is_ok_and(|blob| !blob.is_apart_from(place)) {
            return Err(Status::OVERLAP);
        }
        // SAFETY: the caller's promise is passed on.
        let (handle, result) = unsafe { ModelHandle::new(blob, blob_bytes, limit) };
        // SAFETY: checked above.
        unsafe { pointer::store(model, handle) };
        result
    });
    Status::of(result)
}

/// Reads something off a model into an out parameter.
///
/// # Safety
///
/// `model` and `out` are what the header says.
pub(crate) unsafe fn read<T>(
    model: *const ModelHandle,
    out: *mut T,
    read: impl FnOnce(&Model<'static>) -> Result<T, Status>,
) -> Status {
    // SAFETY: the caller's promise is passed on.
    let found = unsafe { ModelHandle::model(model) };
    let value = found.and_then(|found| {
        Extent::of(out)?.check_apart_from(&ModelHandle::memory_with(model, found)?)?;
        read(found)
    });
    // SAFETY: there is a value only if the pointer has been checked.
    Status::of(value.map(|value| unsafe { pointer::store(out, value) }))
}

/// How the last initialisation ended.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_error(model: *const ModelHandle, offset: *mut u32) -> Status {
    // SAFETY: the caller's promise is passed on.
    let outcome = unsafe { ModelHandle::outcome(model) };
    let apart = || Extent::of(offset)?.check_apart_from(&[Extent::new(model, MODEL_BYTES)?]);
    match outcome.and_then(|outcome| apart().map(|()| outcome)) {
        Ok((status, value)) => {
            // SAFETY: checked above.
            unsafe { pointer::store(offset, value) };
            status
        }
        Err(status) => status,
    }
}

/// Bytes that a session needs.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_arena_bytes(model: *const ModelHandle, arena_bytes: *mut usize) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { read(model, arena_bytes, |model| Ok(model.arena_bytes())) }
}

/// Steps of a run.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_operator_count(model: *const ModelHandle, count: *mut usize) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { read(model, count, |model| Ok(model.operator_count())) }
}

/// What a run has to do.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_work(model: *const ModelHandle, work: *mut Work) -> Status {
    let counted = |model: &Model<'_>| {
        let kinglet::Work { macs, taps, elements } = model.work();
        Ok(Work { macs, taps, elements })
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { read(model, work, counted) }
}

/// Number of inputs.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_input_count(model: *const ModelHandle, count: *mut usize) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { read(model, count, |model| Ok(model.input_count())) }
}

/// Number of outputs.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_output_count(model: *const ModelHandle, count: *mut usize) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { read(model, count, |model| Ok(model.output_count())) }
}

/// Describes an input.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_input(model: *const ModelHandle, index: usize, tensor: *mut Tensor) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        read(model, tensor, |model| model.input(index).map(|port| Tensor::new(&port)).ok_or(Status::NO_SUCH_TENSOR))
    }
}

/// Describes an output.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_output(model: *const ModelHandle, index: usize, tensor: *mut Tensor) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe {
        read(model, tensor, |model| model.output(index).map(|port| Tensor::new(&port)).ok_or(Status::NO_SUCH_TENSOR))
    }
}

/// Stores which of `ports` is called `name`, a string of C.
///
/// # Safety
///
/// `model` and `index` are what the header says, and `name` is null or a string that ends with a zero.
unsafe fn find<'m>(
    model: *const ModelHandle,
    name: *const c_char,
    index: *mut usize,
    port: impl Fn(&Model<'static>, usize) -> Option<Port<'m>>,
) -> Status {
    let found = |model: &Model<'static>| {
        pointer::check(name)?;
        let ports = (0..).map_while(|index| port(model, index));
        // SAFETY: checked, and the caller's promise is passed on.
        let mut named = ports.map(|port| unsafe { is_called(name, port.name) });
        named.position(|is| is).ok_or(Status::NO_SUCH_TENSOR)
    };
    // SAFETY: the caller's promise is passed on.
    unsafe { read(model, index, found) }
}

/// `name` has these characters and then a zero.
///
/// # Safety
///
/// `name` is a string that ends with a zero.
unsafe fn is_called(name: *const c_char, known: &str) -> bool {
    let mut place = name.cast::<u8>();
    for expected in known.bytes() {
        // SAFETY: the characters before this one were those of `known` and none was a zero: the string goes on.
        let byte = unsafe { place.read() };
        if byte != expected || byte == 0 {
            return false;
        }
        place = place.wrapping_add(1);
    }
    // SAFETY: likewise.
    let end = unsafe { place.read() };
    end == 0
}

/// Which input has a name.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_find_input(
    model: *const ModelHandle,
    name: *const c_char,
    index: *mut usize,
) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { find(model, name, index, |model, index| model.input(index)) }
}

/// Which output has a name.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_find_output(
    model: *const ModelHandle,
    name: *const c_char,
    index: *mut usize,
) -> Status {
    // SAFETY: the caller's promise is passed on.
    unsafe { find(model, name, index, |model, index| model.output(index)) }
}

/// Makes the handle unusable.
///
/// # Safety
///
/// As the header says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn kinglet_model_deinit(model: *mut ModelHandle) -> Status {
    // SAFETY: the caller's promise is passed on.
    let outcome = unsafe { ModelHandle::outcome(model) };
    // SAFETY: a handle with an outcome is there.
    Status::of(outcome.map(|_| unsafe { handle::forget(model) }))
}
