//! Assembly in files of their own, and what it knows of Rust's structs.

/// Assembles files. Behind them stand, for each struct whose fields they read, names for the offsets of fields: the
/// assembly says `[r0, #NAME]` and no number.
///
/// The names are defined in a block of their own in front of the files', because text with braces of its own cannot
/// have operands. Both blocks are items of one module, which the compiler emits together and in order; in any other
/// order the name would be unknown, and nothing would be built.
macro_rules! assembly {
    ($($file:literal,)+ $($place:path { $($name:ident = $($field:ident).+,)* })*) => {
        $($(core::arch::global_asm!(
            concat!(".equ ", stringify!($name), ", {}"),
            const core::mem::offset_of!($place, $($field).+)
        );)*)*
        core::arch::global_asm!(env!("KINGLET_ASSEMBLER"), $(include_str!($file),)+ options(raw));
    };
}

/// Checks the order of fields that assembly loads with one instruction.
macro_rules! in_order {
    ($place:ty: $first:ident $($rest:ident)*) => {
        in_order!(@after $place, core::mem::offset_of!($place, $first), $($rest)*);
    };
    (@after $place:ty, $at:expr,) => {};
    (@after $place:ty, $at:expr, $next:ident $($rest:ident)*) => {
        const _: () = assert!(core::mem::offset_of!($place, $next) > $at);
        in_order!(@after $place, core::mem::offset_of!($place, $next), $($rest)*);
    };
}
