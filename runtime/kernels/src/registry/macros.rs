//! The two macros by which a line of a list becomes a dispatch and rows of the registry.
//!
//! A table of function pointers would keep every kernel in a firmware that uses one of them, so dispatch is a function
//! in which only the kernel of this build is left.

/// `Some` kernel in a build for the instruction set, else `None`, and then the kernel's path is not looked at.
macro_rules! in_build {
    ($isa:literal, $kernel:expr) => {{
        #[cfg(kinglet_isa = $isa)]
        {
            Some($kernel)
        }
        #[cfg(not(kinglet_isa = $isa))]
        {
            None
        }
    }};
}
pub(crate) use in_build;

/// Operators without weights. Each line is a function that calls the kernel of this build, and all of them together
/// are `DISPATCHED`: a slice of rows for each function.
macro_rules! kernels {
    ($($(#[$doc:meta])* $name:ident $parameters:tt $(-> $result:ty)? = $arguments:tt; $kind:ident, $element:ident, $operator:ident;
        $($isa:literal => $fast:path,)* portable => $portable:path;)*) => {
        $($(#[$doc])*
        pub fn $name $parameters $(-> $result)? {
            $(#[cfg(kinglet_isa = $isa)]
            {
                $fast $arguments
            })*
            #[cfg(not(any($(kinglet_isa = $isa),*)))]
            {
                $portable $arguments
            }
        })*
        const DISPATCHED: &[&[Row]] = &[$(&[
            Row::plain(stringify!($portable), &[Operator::$operator], Element::$element, Kernel::$kind($portable)),
            $(Row { isa: Isa::named($isa), kernel: in_build!($isa, Kernel::$kind($fast)),
                ..Row::plain(stringify!($fast), &[Operator::$operator], Element::$element, Kernel::Formula) },)*
        ]),*];
    };
}
pub(crate) use kernels;

/// What a packing says of its kernels, inside of its `impl Order`: the instruction set they are for, whether this
/// build runs them, and for each operator the kernel and what emulates it with the cargo feature `emulation`.
macro_rules! packed {
    ($isa:literal, $packing:expr;
        $($run:ident $rows:ident: $operator:ident, $kind:ident[$($storage:expr)?] = $fast:path, emulated by $portable:path;)*) => {
        const ISA: Isa = Isa::named($isa);
        const IS_RUNNABLE: bool = cfg!(any(kinglet_isa = $isa, feature = "emulation"));
        $(const $rows: &'static [Row] = &[
            Row { isa: Isa::named($isa), kernel: in_build!($isa, Kernel::$kind($packing, $($storage,)? $fast)),
                ..Row::packed(stringify!($fast), &[Operator::$operator], $packing.name()) },
            Row { emulates: Some(Isa::named($isa)), kernel: Some(Kernel::$kind($packing, $($storage,)? $portable)),
                ..Row::packed(stringify!($portable), &[Operator::$operator], $packing.name()) },
        ];
        #[inline(always)]
        fn $run(layer: &$kind, io: &mut Io<i8>, scratch: &mut [i8]) -> bool {
            #[cfg(kinglet_isa = $isa)]
            $fast(layer, io, scratch);
            #[cfg(all(feature = "emulation", not(kinglet_isa = $isa)))]
            $portable(layer, io, scratch);
            #[cfg(not(any(kinglet_isa = $isa, feature = "emulation")))]
            let _ = (layer, io, scratch);
            Self::IS_RUNNABLE
        })*
    };
}
pub(crate) use packed;
