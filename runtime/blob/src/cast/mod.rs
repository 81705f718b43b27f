//! Views of bytes as integers and floats of the same memory.
//!
//! The only unsafe code of this crate. All target types have no padding, no invalid bit patterns and no
//! destructor, so a view of initialised bytes is sound when the address is aligned and the length is a
//! multiple of the element; every function checks both.

#[cfg(feature = "alloc")]
mod aligned;

#[cfg(feature = "alloc")]
pub use aligned::AlignedBlob;

/// Views bytes as elements of `$ty`; `None` when misaligned or of a wrong length.
macro_rules! view {
    ($read:ident, $write:ident, $ty:ty) => {
        #[doc = concat!("The bytes as `", stringify!($ty), "`; `None` when misaligned or not a whole number of them.")]
        #[inline]
        pub fn $read(bytes: &[u8]) -> Option<&[$ty]> {
            // SAFETY: `$ty` accepts every bit pattern; `align_to` itself checks alignment and length.
            let (before, middle, after) = unsafe { bytes.align_to::<$ty>() };
            (before.is_empty() && after.is_empty()).then_some(middle)
        }
        #[doc = concat!("The bytes as mutable `", stringify!($ty), "`; `None` when misaligned or not a whole number of them.")]
        #[inline]
        pub fn $write(bytes: &mut [u8]) -> Option<&mut [$ty]> {
            // SAFETY: `$ty` and `u8` accept every bit pattern, so writes through the view leave valid bytes;
            // `align_to_mut` itself checks alignment and length.
            let (before, middle, after) = unsafe { bytes.align_to_mut::<$ty>() };
            (before.is_empty() && after.is_empty()).then_some(middle)
        }
    };
}
view!(i16s, i16s_mut, i16);
view!(u16s, u16s_mut, u16);
view!(u32s, u32s_mut, u32);
view!(i32s, i32s_mut, i32);
view!(f32s, f32s_mut, f32);

/// The bytes as `i8`.
#[inline]
pub fn i8s(bytes: &[u8]) -> &[i8] {
    // SAFETY: `i8` and `u8` have the same size and alignment, and every bit pattern is valid.
    unsafe { core::slice::from_raw_parts(bytes.as_ptr().cast(), bytes.len()) }
}

/// The bytes as mutable `i8`.
#[inline]
pub fn i8s_mut(bytes: &mut [u8]) -> &mut [i8] {
    // SAFETY: as in `i8s`; the exclusive borrow is passed on.
    unsafe { core::slice::from_raw_parts_mut(bytes.as_mut_ptr().cast(), bytes.len()) }
}

/// A type that bytes can be viewed as.
pub trait Element: Copy + Sized {
    /// The bytes as elements; `None` when misaligned or not a whole number of them.
    fn view(bytes: &[u8]) -> Option<&[Self]>;
    /// The bytes as mutable elements; `None` when misaligned or not a whole number of them.
    fn view_mut(bytes: &mut [u8]) -> Option<&mut [Self]>;
}

impl Element for i8 {
    #[inline]
    fn view(bytes: &[u8]) -> Option<&[i8]> {
        Some(i8s(bytes))
    }
    #[inline]
    fn view_mut(bytes: &mut [u8]) -> Option<&mut [i8]> {
        Some(i8s_mut(bytes))
    }
}

/// Elements of which the bytes may be misaligned.
macro_rules! element {
    ($ty:ty, $read:ident, $write:ident) => {
        impl Element for $ty {
            #[inline]
            fn view(bytes: &[u8]) -> Option<&[$ty]> {
                $read(bytes)
            }
            #[inline]
            fn view_mut(bytes: &mut [u8]) -> Option<&mut [$ty]> {
                $write(bytes)
            }
        }
    };
}
element!(f32, f32s, f32s_mut);
element!(i16, i16s, i16s_mut);
element!(i32, i32s, i32s_mut);

impl Element for u8 {
    #[inline]
    fn view(bytes: &[u8]) -> Option<&[u8]> {
        Some(bytes)
    }
    #[inline]
    fn view_mut(bytes: &mut [u8]) -> Option<&mut [u8]> {
        Some(bytes)
    }
}
