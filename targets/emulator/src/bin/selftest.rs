//! Runs code whose counts are known, one window each. `cargo xtask mcu-selftest` holds the expected numbers and
//! compares them with what the plugin counted.

#![no_std]
#![no_main]

use core::arch::global_asm;

use cortex_m_rt::entry;
use kinglet_emulator::machine;

// Armv6-M instructions only here, so that the same code runs on every core. r4 to r7 are saved by the callees that use
// them; the counts include neither the calls nor the returns, because the markers are inside.
global_asm!(
    ".syntax unified",
    ".thumb",
    // Nothing between the markers.
    ".global selftest_empty",
    ".thumb_func",
    "selftest_empty:",
    "mov r10, r10",
    "mov r11, r11",
    "bx lr",
    // 4 + 149 * 4 = 600 instructions.
    ".global selftest_loop",
    ".thumb_func",
    "selftest_loop:",
    "mov r10, r10",
    "movs r0, #149",
    "movs r1, #0",
    "nop",
    "nop",
    "1:",
    "adds r1, #1",
    "nop",
    "subs r0, #1",
    "bne 1b",
    "mov r11, r11",
    "bx lr",
    // 1 + 100 * 6 instructions, 300 loads, 100 stores.
    ".global selftest_memory",
    ".thumb_func",
    "selftest_memory:",
    "mov r10, r10",
    "movs r2, #100",
    "2:",
    "ldr r1, [r0]",
    "ldrh r1, [r0, #4]",
    "ldrb r1, [r0, #7]",
    "str r1, [r0, #8]",
    "subs r2, #1",
    "bne 2b",
    "mov r11, r11",
    "bx lr",
    // 1 + 50 * 6 instructions, 150 loads, 200 stores: multiple accesses count each register.
    ".global selftest_multiple",
    ".thumb_func",
    "selftest_multiple:",
    "push {{r4, r5, r6, r7}}",
    "mov r10, r10",
    "movs r2, #50",
    "3:",
    "mov r1, r0",
    "ldmia r1!, {{r4, r5, r6}}",
    "mov r1, r0",
    "stmia r1!, {{r4, r5, r6, r7}}",
    "subs r2, #1",
    "bne 3b",
    "mov r11, r11",
    "pop {{r4, r5, r6, r7}}",
    "bx lr",
    // 5 instructions within 12, and a tick after 3.
    ".global selftest_nested",
    ".thumb_func",
    "selftest_nested:",
    "mov r10, r10",
    "nop",
    "nop",
    "mov r9, r9",
    "mov r10, r10",
    "nop",
    "nop",
    "nop",
    "nop",
    "nop",
    "mov r11, r11",
    "nop",
    "nop",
    "mov r11, r11",
    "bx lr",
);

// 2 instructions. The begin marker is the last but one halfword of a page, where QEMU 7.2 hands out an instruction
// together with the next one.
global_asm!(
    ".syntax unified",
    ".thumb",
    ".balign 4096",
    ".rept 2046",
    "nop",
    ".endr",
    ".global selftest_page",
    ".thumb_func",
    "selftest_page:",
    "mov r10, r10",
    "nop",
    "nop",
    "mov r11, r11",
    "bx lr",
);

// 8 instructions, two of which an IT block skips; doubleword accesses count twice: 2 loads, 2 stores.
#[cfg(not(kinglet_isa = "armv6m"))]
global_asm!(
    ".syntax unified",
    ".thumb",
    ".global selftest_thumb2",
    ".thumb_func",
    "selftest_thumb2:",
    "mov r10, r10",
    "movs r2, #0",
    "cmp r2, #1",
    "itt eq",
    "addeq r2, #1",
    "addeq r2, #1",
    "ldrd r1, r2, [r0]",
    "strd r1, r2, [r0, #8]",
    "nop",
    "mov r11, r11",
    "bx lr",
);

// 3 + 4 * 5 instructions, of which 2 + 4 * 3 are vector ones, with 8 loads and a store.
#[cfg(kinglet_isa = "helium")]
global_asm!(
    ".syntax unified",
    ".cpu cortex-m55",
    ".thumb",
    ".global selftest_helium",
    ".thumb_func",
    "selftest_helium:",
    "mov r10, r10",
    "movs r2, #4",
    "vmov.i32 q2, #0",
    "4:",
    "vldrb.u8 q0, [r0]",
    "vldrw.u32 q1, [r0]",
    "vadd.i32 q2, q2, q1",
    "subs r2, #1",
    "bne 4b",
    "vstrw.32 q2, [r0]",
    "mov r11, r11",
    "bx lr",
);

unsafe extern "C" {
    fn selftest_empty();
    fn selftest_loop();
    fn selftest_memory(words: *mut u32);
    fn selftest_multiple(words: *mut u32);
    fn selftest_nested();
    fn selftest_page();
    #[cfg(not(kinglet_isa = "armv6m"))]
    fn selftest_thumb2(words: *mut u32);
    #[cfg(kinglet_isa = "helium")]
    fn selftest_helium(words: *mut u32);
}

#[entry]
fn main() -> ! {
    machine::prepare();
    let mut words = [0u32; 8];
    let words = words.as_mut_ptr();
    // SAFETY: written above, to the procedure call standard, without arguments.
    unsafe { selftest_empty() };
    // SAFETY: as above.
    unsafe { selftest_loop() };
    // SAFETY: as above; it touches the first twelve bytes behind its argument.
    unsafe { selftest_memory(words) };
    // SAFETY: as above; it touches the first sixteen bytes behind its argument.
    unsafe { selftest_multiple(words) };
    // SAFETY: as the first.
    unsafe { selftest_nested() };
    // SAFETY: as the first.
    unsafe { selftest_page() };
    #[cfg(not(kinglet_isa = "armv6m"))]
    // SAFETY: as above; it touches the first sixteen bytes behind its argument.
    unsafe {
        selftest_thumb2(words)
    };
    #[cfg(kinglet_isa = "helium")]
    // SAFETY: as above; it touches the first sixteen bytes behind its argument.
    unsafe {
        selftest_helium(words)
    };
    machine::exit(true)
}
