//! What is asked of the JVM: where a direct buffer's memory is, and the elements of an array of floats.

use core::ffi::{c_char, c_void};
use core::ptr;

use jni_sys::{JNIEnv, JNINativeInterface__1_4, jarray, jint, jobject, jstring};

use crate::Status;
use crate::pointer;

/// Gives an array back without copying anything into it.
const UNCHANGED: jint = 2;

/// The environment of a call.
#[derive(Clone, Copy)]
pub(super) struct Environment(*mut JNIEnv);

impl Environment {
    /// # Safety
    ///
    /// The JVM has given `env` to the call in which this value is used.
    pub(super) unsafe fn new(env: *mut JNIEnv) -> Self {
        Environment(env)
    }

    /// The functions of Java 1.4, which every JVM and every Android has.
    fn functions(self) -> &'static JNINativeInterface__1_4 {
        // SAFETY: `new` was promised an environment, which is a pointer to a pointer to the table.
        let table = unsafe { *self.0 };
        // SAFETY: the table outlives all calls.
        let table = unsafe { &*table };
        // SAFETY: and has the layout of this version, which all later ones begin with.
        unsafe { &table.v1_4 }
    }

    /// A string of the JVM.
    ///
    /// # Safety
    ///
    /// `text` is ASCII and ends with a zero.
    pub(super) unsafe fn string(self, text: *const c_char) -> jstring {
        // SAFETY: the caller promises the text, `new` the environment.
        unsafe { (self.functions().NewStringUTF)(self.0, text) }
    }

    /// Address and capacity, in the buffer's elements, of a direct buffer.
    ///
    /// # Safety
    ///
    /// `buffer` is an argument of this call, and null or a `java.nio.Buffer`.
    pub(super) unsafe fn memory(self, buffer: jobject) -> Result<(*mut c_void, usize), Status> {
        if buffer.is_null() {
            return Err(Status::NULL_POINTER);
        }
        // SAFETY: the caller promises the buffer, `new` the environment.
        let start = unsafe { (self.functions().GetDirectBufferAddress)(self.0, buffer) };
        // SAFETY: likewise.
        let capacity = unsafe { (self.functions().GetDirectBufferCapacity)(self.0, buffer) };
        if start.is_null() {
            return Err(Status::NULL_POINTER);
        }
        Ok((start, usize::try_from(capacity).map_err(|_| Status::NULL_POINTER)?))
    }

    /// The buffer's memory as the place of a `T`.
    ///
    /// # Safety
    ///
    /// `buffer` is an argument of this call, and null or a `java.nio.ByteBuffer`.
    pub(super) unsafe fn place<T>(self, buffer: jobject) -> Result<*mut T, Status> {
        // SAFETY: the caller's promise is passed on.
        let (start, bytes) = unsafe { self.memory(buffer) }?;
        pointer::check(start.cast::<T>())?;
        if bytes < size_of::<T>() { Err(Status::LENGTH) } else { Ok(start.cast()) }
    }

    /// Writes numbers into a byte buffer.
    ///
    /// # Safety
    ///
    /// `buffer` is an argument of this call, and null or a `java.nio.ByteBuffer` that nobody else uses.
    pub(super) unsafe fn write<const N: usize>(self, buffer: jobject, numbers: [i64; N]) -> Result<(), Status> {
        // SAFETY: the caller's promise is passed on.
        let place = unsafe { self.place::<[i64; N]>(buffer) }?;
        // SAFETY: the place is aligned and large enough, and the caller promises that nobody else uses it.
        unsafe { pointer::store(place, numbers) };
        Ok(())
    }

    /// Lets `work` use the elements of an array of floats; `keep`: what it writes is for the program to see.
    ///
    /// Between the two calls of the JVM nothing is asked of it, as it wants.
    ///
    /// # Safety
    ///
    /// `array` is an argument of this call, and null or a `float[]`.
    pub(super) unsafe fn floats(
        self,
        array: jarray,
        keep: bool,
        work: impl FnOnce(*mut f32, usize) -> Status,
    ) -> Status {
        if array.is_null() {
            return Status::NULL_POINTER;
        }
        // SAFETY: the caller promises the array, `new` the environment.
        let len = unsafe { (self.functions().GetArrayLength)(self.0, array) };
        let Ok(len) = usize::try_from(len) else { return Status::LENGTH };
        // SAFETY: likewise.
        let start = unsafe { (self.functions().GetPrimitiveArrayCritical)(self.0, array, ptr::null_mut()) };
        if start.is_null() {
            return Status::NULL_POINTER;
        }
        let status = work(start.cast(), len);
        let mode = if keep { 0 } else { UNCHANGED };
        // SAFETY: `start` is what the function before gave for this array.
        unsafe { (self.functions().ReleasePrimitiveArrayCritical)(self.0, array, start, mode) };
        status
    }
}
