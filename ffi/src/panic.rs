//! What happens on a panic: a link error where there is no system to report to, else the process ends.

use core::panic::PanicInfo;

#[cfg(any(feature = "panic-proof", all(target_os = "none", not(debug_assertions))))]
#[panic_handler]
fn link_error(_: &PanicInfo<'_>) -> ! {
    unsafe extern "C" {
        // Defined nowhere. A linker that complains of it has found a panic that could be reached.
        fn kinglet_panic_is_reachable() -> !;
    }
    // SAFETY: never called, because no program with this call can be linked.
    unsafe { kinglet_panic_is_reachable() }
}

#[cfg(all(not(feature = "panic-proof"), not(target_os = "none")))]
#[panic_handler]
fn end_process(_: &PanicInfo<'_>) -> ! {
    #[cfg_attr(target_os = "linux", link(name = "c"))]
    unsafe extern "C" {
        fn abort() -> !;
    }
    // SAFETY: C's `abort` takes nothing and may be called at any time.
    unsafe { abort() }
}

// The core library is compiled for unwinding, and what a debug build keeps of it names this function. Nothing ever
// unwinds, so nothing calls it.
#[cfg(all(not(feature = "panic-proof"), not(target_os = "none"), debug_assertions))]
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() {}

// With debug assertions panics are reachable by intention.
#[cfg(all(not(feature = "panic-proof"), target_os = "none", debug_assertions))]
#[panic_handler]
fn halt(_: &PanicInfo<'_>) -> ! {
    loop {
        core::hint::spin_loop();
    }
}
