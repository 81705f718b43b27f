//! Fields of fixed-layout records: how each is read from and written to little-endian bytes.

/// A position in bytes that are being read.
#[derive(Clone, Copy, Debug)]
pub struct Cursor<'b> {
    rest: &'b [u8],
}

impl<'b> Cursor<'b> {
    /// Starts at the first of `bytes`.
    #[inline]
    pub fn new(bytes: &'b [u8]) -> Self {
        Cursor { rest: bytes }
    }

    /// The next field, or `None` when the bytes end before it does.
    // Always inlined, like all reading here: where the length is known the checks vanish, and a record becomes a
    // handful of loads instead of a call for each field.
    #[inline(always)]
    pub fn take<T: Field>(&mut self) -> Option<T> {
        T::take(self)
    }

    #[inline(always)]
    fn take_array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*head)
    }
}

/// A value with a fixed little-endian encoding.
pub trait Field: Sized {
    /// Encoded size in bytes.
    const SIZE: usize;
    /// Reads it and moves on.
    fn take(cursor: &mut Cursor<'_>) -> Option<Self>;
    /// Appends its encoding.
    #[cfg(feature = "alloc")]
    fn put(&self, out: &mut alloc::vec::Vec<u8>);
}

/// Scalars encode as their little-endian bytes.
macro_rules! scalar_field {
    ($($ty:ty),*) => { $(
        impl Field for $ty {
            const SIZE: usize = size_of::<$ty>();
            #[inline(always)]
            fn take(cursor: &mut Cursor<'_>) -> Option<Self> {
                cursor.take_array().map(<$ty>::from_le_bytes)
            }
            #[cfg(feature = "alloc")]
            fn put(&self, out: &mut alloc::vec::Vec<u8>) {
                out.extend_from_slice(&self.to_le_bytes());
            }
        }
    )* };
}
scalar_field!(u8, i8, u16, i16, u32, i32, f32, u64);

impl<T: Field + Copy + Default, const N: usize> Field for [T; N] {
    const SIZE: usize = T::SIZE * N;
    #[inline(always)]
    fn take(cursor: &mut Cursor<'_>) -> Option<Self> {
        let mut all = [T::default(); N];
        for one in &mut all {
            *one = cursor.take()?;
        }
        Some(all)
    }
    #[cfg(feature = "alloc")]
    fn put(&self, out: &mut alloc::vec::Vec<u8>) {
        self.iter().for_each(|one| one.put(out));
    }
}

/// Declares a record: a struct whose encoding is its fields' encodings in the order written, no padding.
macro_rules! record {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $field:ident: $ty:ty,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq)]
        pub struct $name { $($(#[$doc])* pub $field: $ty,)* }
        impl $crate::Field for $name {
            const SIZE: usize = 0 $(+ <$ty as $crate::Field>::SIZE)*;
            #[inline(always)]
            fn take(cursor: &mut $crate::Cursor<'_>) -> Option<Self> {
                Some(Self { $($field: cursor.take()?,)* })
            }
            #[cfg(feature = "alloc")]
            fn put(&self, out: &mut alloc::vec::Vec<u8>) { $(self.$field.put(out);)* }
        }
    };
}
pub(crate) use record;
