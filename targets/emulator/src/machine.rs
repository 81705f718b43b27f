//! Everything that needs `unsafe` on these machines: markers, the painted stack, output, exit.

use core::arch::asm;

use cortex_m_rt::exception;
use cortex_m_semihosting::debug::{self, EXIT_FAILURE, EXIT_SUCCESS};
use cortex_m_semihosting::hio::{self, HostStream};

/// The interrupt part of the vector table. Nothing here enables an interrupt, and the linker script wants at least
/// one entry: together with the sixteen of the core, 68 bytes.
#[unsafe(link_section = ".vector_table.interrupts")]
#[unsafe(no_mangle)]
#[used]
static __INTERRUPTS: [unsafe extern "C" fn(); 1] = [on_interrupt];

unsafe extern "C" fn on_interrupt() {
    exit(false)
}

#[exception(trampoline = false)]
unsafe fn HardFault() -> ! {
    exit(false)
}

#[exception]
unsafe fn DefaultHandler(_number: i16) {
    exit(false)
}

#[panic_handler]
fn on_panic(_: &core::panic::PanicInfo<'_>) -> ! {
    exit(false)
}

/// Ends the emulation: the status is that of the `qemu-system-arm` process.
pub fn exit(success: bool) -> ! {
    debug::exit(if success { EXIT_SUCCESS } else { EXIT_FAILURE });
    loop {
        core::hint::spin_loop();
    }
}

/// Opens the stream that the host reads. A failure ends the emulation.
pub fn open_output() -> HostStream {
    hio::hstdout().unwrap_or_else(|()| exit(false))
}

/// Sends `bytes`. A failure ends the emulation.
pub fn write(output: &mut HostStream, bytes: &[u8]) {
    output.write_all(bytes).unwrap_or_else(|()| exit(false));
}

/// Switches on what a production start-up would: on Armv8.1-M the cache of loop addresses, which makes
/// low-overhead loops take no branch.
pub fn prepare() {
    #[cfg(kinglet_isa = "helium")]
    {
        const CONFIGURATION_AND_CONTROL: *mut u32 = core::ptr::without_provenance_mut(0xE000_ED14);
        const LOOP_AND_BRANCH_CACHE: u32 = 1 << 19;
        // SAFETY: the register exists on every Armv8-M core and can be read in privileged mode.
        let value = unsafe { CONFIGURATION_AND_CONTROL.read_volatile() };
        // SAFETY: as above; the bit added changes speed only.
        unsafe { CONFIGURATION_AND_CONTROL.write_volatile(value | LOOP_AND_BRANCH_CACHE) };
    }
}

/// Opens a measured window. Memory operations do not move across it.
#[inline(always)]
pub fn begin() {
    // SAFETY: a move of a register to itself changes nothing.
    unsafe { asm!("mov r10, r10", options(nostack, preserves_flags)) };
}

/// Closes the innermost measured window.
#[inline(always)]
pub fn end() {
    // SAFETY: as for `begin`. r11 may be the frame pointer; it keeps its value.
    unsafe { asm!("mov r11, r11", options(nostack, preserves_flags)) };
}

/// Marks a point within a window.
#[inline(always)]
pub fn tick() {
    // SAFETY: as for `begin`.
    unsafe { asm!("mov r9, r9", options(nostack, preserves_flags)) };
}

/// How much of the stack below the caller is painted, unless the arena ends closer.
const PAINTED_BYTES_MAX: usize = 64 * 1024;
/// An odd pattern that is neither an address here nor a small number.
const PAINT: u32 = 0xC5A5_3C6B;

unsafe extern "C" {
    /// End of the arena, from the linker script: the stack grows down towards it.
    static __earena: u8;
}

/// The lower part of the stack, filled with a pattern to see later how far down it was written.
#[must_use]
pub struct PaintedStack {
    top: usize,
    bottom: usize,
}

impl PaintedStack {
    /// Fills what lies below the caller's frame. Must be called, like `depth_bytes`, from the function whose
    /// callees are to be measured.
    #[inline(always)]
    pub fn paint() -> Self {
        let top = stack_pointer();
        let limit = (&raw const __earena).addr().next_multiple_of(4);
        let bottom = top.saturating_sub(PAINTED_BYTES_MAX).max(limit);
        fill(bottom);
        Self { top, bottom }
    }

    /// Bytes between the caller's frame and the lowest word that has changed.
    #[inline(never)]
    pub fn depth_bytes(&self) -> u32 {
        let mut address = self.bottom;
        while address < self.top && read_word(address) == PAINT {
            address += 4;
        }
        (self.top - address) as u32
    }
}

/// Fills from `bottom` to its own stack pointer: all that is below the caller, except this function's frame.
#[inline(never)]
fn fill(bottom: usize) {
    let top = stack_pointer();
    let mut address = bottom;
    while address < top {
        let word: *mut u32 = core::ptr::with_exposed_provenance_mut(address);
        // SAFETY: the address is aligned, above the arena and below the stack pointer: RAM that nothing owns. No
        // interrupt is enabled that could be using it.
        unsafe { word.write_volatile(PAINT) };
        address += 4;
    }
}

#[inline(always)]
fn read_word(address: usize) -> u32 {
    let word: *const u32 = core::ptr::with_exposed_provenance(address);
    // SAFETY: the address is aligned and lies in the region that `fill` wrote.
    unsafe { word.read_volatile() }
}

/// What the emulator put behind the arena, from the next address that is a multiple of 16: a length as a word, then
/// bytes from the sixteenth on. There must be something.
#[cfg(feature = "loaded")]
pub fn loaded() -> &'static [u8] {
    let start = (&raw const __earena).addr().next_multiple_of(16);
    let len = read_word(start) as usize;
    // SAFETY: the memory behind the arena is RAM that no code of this image names and that lies far below the stack;
    // what is there was written before the start, and nothing writes to it.
    unsafe { core::slice::from_raw_parts(core::ptr::with_exposed_provenance(start + 16), len) }
}

#[inline(always)]
fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: reading the stack pointer changes nothing.
    unsafe { asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags)) };
    pointer
}
