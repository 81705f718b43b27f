//! Memory with the alignment that blobs and sessions need.

/// A value at a 16-byte aligned address; for blobs that are built into the program.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Aligned<T: ?Sized>(pub T);

/// `N` bytes of working memory at a 16-byte aligned address.
///
/// ```
/// let mut arena = kinglet::Arena::<1024>::new();
/// assert_eq!(arena.as_mut_slice().len(), 1024);
/// ```
#[repr(C, align(16))]
#[derive(Debug)]
pub struct Arena<const N: usize>([u8; N]);

impl<const N: usize> Arena<N> {
    /// Zeroed memory.
    pub const fn new() -> Self {
        Arena([0; N])
    }

    /// All of it, for [`crate::Session::new`].
    pub fn as_mut_slice(&mut self) -> &mut [u8] {
        &mut self.0
    }
}

impl<const N: usize> Default for Arena<N> {
    fn default() -> Self {
        Self::new()
    }
}

/// The bytes of a blob file at a 16-byte aligned address, as `&'static [u8]`. The path is relative to the
/// file that uses it, as with `include_bytes!`.
#[macro_export]
macro_rules! include_blob {
    ($path:expr) => {{
        static BLOB: &$crate::Aligned<[u8]> = &$crate::Aligned(*include_bytes!($path));
        &BLOB.0
    }};
}
