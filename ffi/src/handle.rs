//! What the opaque handles hold, and how a handle from C becomes a model or a session.
//!
//! A handle starts with a mark that says what it is. A handle that was never initialised has the mark only by
//! chance (1 in 2^32); one whose initialisation failed, or that was given back, has another one.
//!
//! A session handle does not hold a [`Session`]. A session borrows its arena exclusively, while C programs write
//! inputs and read outputs between calls through pointers of their own. So the handle keeps where the session
//! stands, and each call makes a session from the caller's original pointers and drops it before it returns.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::{ptr, slice};

use kinglet::{LoadError, Model, Position, Session};

use crate::Status;
use crate::pointer::{self, Extent};

/// Words of `kinglet_model` in the header: more than the handle has, so that it may grow.
const MODEL_WORDS: usize = 16 + 2 * size_of::<*const c_void>();
/// Words of `kinglet_session` in the header.
const SESSION_WORDS: usize = 2 + size_of::<*const c_void>() / 2;

const _: () = assert!(size_of::<ModelHandle>() <= MODEL_BYTES && align_of::<ModelHandle>() <= align_of::<u64>());
const _: () = assert!(size_of::<SessionHandle>() <= SESSION_BYTES && align_of::<SessionHandle>() <= align_of::<u64>());

/// Bytes of `kinglet_model`: all of them are the library's.
pub(crate) const MODEL_BYTES: usize = MODEL_WORDS * 8;
/// Bytes of `kinglet_session`.
pub(crate) const SESSION_BYTES: usize = SESSION_WORDS * 8;

/// The mark of a model.
const MODEL: u32 = u32::from_le_bytes(*b"KGm1");
/// The mark of a model whose initialisation failed.
const FAILED_MODEL: u32 = u32::from_le_bytes(*b"KGm0");
/// The mark of a session.
const SESSION: u32 = u32::from_le_bytes(*b"KGs1");
/// The mark of a handle that was given back.
const GONE: u32 = 0;

/// `kinglet_model`.
#[repr(C)]
pub struct ModelHandle {
    mark: u32,
    /// Of the last initialisation.
    status: Status,
    /// Byte offset in the blob of what is wrong.
    offset: u32,
    /// Initialised when `mark` is [`MODEL`].
    model: MaybeUninit<Model<'static>>,
}

/// `kinglet_session`.
#[repr(C)]
pub struct SessionHandle {
    mark: u32,
    model: *const ModelHandle,
    arena: *mut c_void,
    arena_bytes: usize,
    /// Where the next step goes on.
    next: Position,
}

impl ModelHandle {
    /// A handle for the blob at `bytes`, or one that remembers what was wrong with it. With a limit, a model that has
    /// more to do than that is wrong.
    ///
    /// # Safety
    ///
    /// If `blob` is not null and `blob + blob_bytes` is an address, that memory can be read.
    pub(crate) unsafe fn new(blob: *const c_void, blob_bytes: usize, limit: Option<u64>) -> (Self, Result<(), Status>) {
        let mut handle =
            ModelHandle { mark: FAILED_MODEL, status: Status::OK, offset: 0, model: MaybeUninit::uninit() };
        let result = match Extent::new(blob, blob_bytes) {
            // SAFETY: `Extent` has seen that the pointer is not null and the length is possible; the caller promises
            // the rest, and that the blob outlives the model.
            Ok(_) => match load(unsafe { slice::from_raw_parts(blob.cast(), blob_bytes) }, limit) {
                Ok(model) => {
                    handle.mark = MODEL;
                    handle.model.write(model);
                    Ok(())
                }
                Err(error) => {
                    handle.offset = error.offset();
                    Err(error.into())
                }
            },
            Err(status) => Err(status),
        };
        handle.status = Status::of(result);
        (handle, result)
    }

    /// How the last initialisation of the model at `handle` ended, and the byte offset of what was wrong.
    ///
    /// # Safety
    ///
    /// If `handle` is not null and aligned, it points to a `kinglet_model`.
    pub(crate) unsafe fn outcome(handle: *const ModelHandle) -> Result<(Status, u32), Status> {
        pointer::check(handle)?;
        // SAFETY: checked; the caller promises the rest.
        let mark = unsafe { mark(handle.cast()) };
        if mark != MODEL && mark != FAILED_MODEL {
            return Err(Status::NOT_A_MODEL);
        }
        // SAFETY: the mark says that `new` made this handle.
        let handle = unsafe { &*handle };
        Ok((handle.status, handle.offset))
    }

    /// The model at `handle`.
    ///
    /// # Safety
    ///
    /// If `handle` is not null and aligned, it points to a `kinglet_model` that lives and does not change for `'m`.
    pub(crate) unsafe fn model<'m>(handle: *const ModelHandle) -> Result<&'m Model<'static>, Status> {
        pointer::check(handle)?;
        // SAFETY: checked; the caller promises the rest.
        let mark = unsafe { mark(handle.cast()) };
        if mark != MODEL {
            return Err(Status::NOT_A_MODEL);
        }
        // SAFETY: the mark says that `new` made this handle.
        let handle = unsafe { &*handle };
        // SAFETY: with this mark `new` has written the model.
        Ok(unsafe { handle.model.assume_init_ref() })
    }
}

impl ModelHandle {
    /// What `model`, which is the one at `handle`, is made of: the handle and the blob.
    pub(crate) fn memory_with(handle: *const ModelHandle, model: &Model<'_>) -> Result<[Extent; 2], Status> {
        let blob = model.blob().bytes();
        Ok([Extent::new(handle, MODEL_BYTES)?, Extent::new(blob.as_ptr(), blob.len())?])
    }
}

/// The model of a blob that has no more to do than the limit, if there is one.
#[inline]
fn load(bytes: &[u8], limit: Option<u64>) -> Result<Model<'_>, LoadError> {
    match limit {
        None => Model::from_bytes(bytes),
        Some(most) => Model::from_bytes_within(bytes, most),
    }
}

impl SessionHandle {
    /// A session at its start.
    pub(crate) fn new(model: *const ModelHandle, arena: *mut c_void, arena_bytes: usize) -> Self {
        SessionHandle { mark: SESSION, model, arena, arena_bytes, next: Position::START }
    }

    /// The session at `handle`, to be opened.
    ///
    /// # Safety
    ///
    /// If `handle` is not null and aligned, it points to a `kinglet_session` that nobody else changes for `'h`.
    pub(crate) unsafe fn at<'h>(handle: *const SessionHandle) -> Result<&'h SessionHandle, Status> {
        pointer::check(handle)?;
        // SAFETY: checked; the caller promises the rest.
        let mark = unsafe { mark(handle.cast()) };
        if mark != SESSION {
            return Err(Status::NOT_A_SESSION);
        }
        // SAFETY: the mark says that `new` made this handle.
        Ok(unsafe { &*handle })
    }

    /// The session, where it stands. Not a closure's argument: this code is in the program once.
    ///
    /// # Safety
    ///
    /// The model, its blob and the arena are where they were, and nobody else uses the arena for `'s`.
    pub(crate) unsafe fn open<'s>(&'s self) -> Result<Session<'s, 's>, Status> {
        // SAFETY: the caller promises that the model is still there.
        let model = unsafe { ModelHandle::model(self.model) }?;
        let needed = model.arena_bytes();
        if needed > self.arena_bytes {
            return Err(Status::ARENA_TOO_SMALL);
        }
        pointer::check_all_apart(&self.memory_with(model)?)?;
        // SAFETY: not null and a possible length; the caller promises the memory, and it is apart from everything
        // else that is borrowed here.
        let arena = unsafe { slice::from_raw_parts_mut(self.arena.cast::<u8>(), needed) };
        let mut session = Session::resume(model, arena)?;
        session.seek(self.next);
        Ok(session)
    }

    /// What the session is made of: its handle, its model's handle, the blob, the arena. Nothing that the library
    /// writes for the caller may lie there.
    ///
    /// # Safety
    ///
    /// The model and its blob are where they were.
    pub(crate) unsafe fn memory(&self) -> Result<[Extent; 4], Status> {
        // SAFETY: the caller promises that the model is still there.
        self.memory_with(unsafe { ModelHandle::model(self.model) }?)
    }

    /// See [`SessionHandle::memory`]. Of the arena only what the model needs: the caller may use the rest, for the
    /// handles for example.
    fn memory_with(&self, model: &Model<'_>) -> Result<[Extent; 4], Status> {
        let [place, blob] = ModelHandle::memory_with(self.model, model)?;
        let needed = model.arena_bytes().min(self.arena_bytes);
        let arena = Extent::new(self.arena, needed)?;
        Ok([Extent::new(ptr::from_ref(self), SESSION_BYTES)?, place, blob, arena])
    }

    /// Remembers where the next step goes on.
    ///
    /// # Safety
    ///
    /// `handle` points to a session that nobody else uses.
    pub(crate) unsafe fn set_next(handle: *mut SessionHandle, next: Position) {
        // SAFETY: the caller promises it.
        unsafe { (*handle).next = next };
    }

    /// The memory of `part` of the arena as a pointer that C may keep: it comes from the pointer that C gave, and
    /// no later session invalidates it.
    pub(crate) fn pointer_to(&self, part: &[u8]) -> *mut c_void {
        let offset = part.as_ptr().addr().wrapping_sub(self.arena.addr());
        self.arena.wrapping_byte_add(offset)
    }
}

/// The mark at the start of a handle.
///
/// # Safety
///
/// `handle` is not null and aligned, and points to a `kinglet_model` or `kinglet_session`.
unsafe fn mark(handle: *const u32) -> u32 {
    // SAFETY: the caller promises it, and handles are longer than four bytes. Memory that C has not initialised has
    // some content.
    unsafe { handle.read() }
}

/// Takes the mark from a handle.
///
/// # Safety
///
/// `handle` points to a `kinglet_model` or `kinglet_session` that nobody else uses.
pub(crate) unsafe fn forget<T>(handle: *mut T) {
    // SAFETY: the caller promises the memory; handles start with the mark.
    unsafe { handle.cast::<u32>().write(GONE) };
}
