//! The seam to QEMU: the dozen declarations of its plugin interface that are needed, written out
//! because distributions ship QEMU without the header, and the callbacks.
//!
//! Only functions whose signature has not changed from interface version 0 to 6 are used, with one
//! exception: `qemu_plugin_insn_data` returned a pointer up to version 2 and copies from 3 on. The
//! running QEMU says its version at install time, and the right form is called.

use core::ffi::{CStr, c_char, c_int, c_uint, c_void};
use core::mem::transmute;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::blocks;
use crate::class::{Class, class};
use crate::counter::{self, CLASSES, FLASH_LOADS, INSTRUCTIONS, LOADS, MOVED, STORES, TAKEN, VECTOR, bump};
use crate::opcode::{Kind, classify};

/// QEMU reads this before it calls anything.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "QEMU looks the name up")]
static qemu_plugin_version: c_int = if cfg!(feature = "qemu9") { 2 } else { 1 };

/// The start of `qemu_info_t`; what follows is not looked at.
#[repr(C)]
struct Info {
    target_name: *const c_char,
    version_min: c_int,
    version_current: c_int,
}

/// An instruction or a translation block, known to QEMU only.
#[repr(C)]
pub(crate) struct Opaque {
    _private: [u8; 0],
}

pub(crate) type Id = u64;
type ExecCallback = extern "C" fn(c_uint, *mut c_void);
type MemoryCallback = extern "C" fn(c_uint, u32, u64, *mut c_void);

pub(crate) const NO_REGISTERS: c_uint = 0;
const READ_AND_WRITE: c_uint = 3;

unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, callback: extern "C" fn(Id, *mut Opaque));
    fn qemu_plugin_register_atexit_cb(id: Id, callback: extern "C" fn(Id, *mut c_void), user: *mut c_void);
    pub(crate) fn qemu_plugin_tb_n_insns(block: *const Opaque) -> usize;
    pub(crate) fn qemu_plugin_tb_get_insn(block: *const Opaque, index: usize) -> *mut Opaque;
    pub(crate) fn qemu_plugin_register_vcpu_tb_exec_cb(
        block: *mut Opaque,
        callback: ExecCallback,
        flags: c_uint,
        user: *mut c_void,
    );
    /// Called through a pointer of the form that the running version has.
    fn qemu_plugin_insn_data();
    fn qemu_plugin_insn_size(instruction: *const Opaque) -> usize;
    pub(crate) fn qemu_plugin_insn_vaddr(instruction: *const Opaque) -> u64;
    fn qemu_plugin_register_vcpu_insn_exec_cb(
        instruction: *mut Opaque,
        callback: ExecCallback,
        flags: c_uint,
        user: *mut c_void,
    );
    fn qemu_plugin_register_vcpu_mem_cb(
        instruction: *mut Opaque,
        callback: MemoryCallback,
        flags: c_uint,
        access: c_uint,
        user: *mut c_void,
    );
    fn qemu_plugin_mem_is_store(access: u32) -> bool;
}

/// Interface version 3 and later: instruction bytes are copied, not pointed to.
static COPIES_DATA: AtomicBool = AtomicBool::new(false);

/// QEMU's entry point: zero means the plugin is ready.
#[unsafe(no_mangle)]
extern "C" fn qemu_plugin_install(id: Id, info: *const Info, count: c_int, arguments: *const *const c_char) -> c_int {
    // SAFETY: QEMU passes a pointer to its info record, which lives as long as the plugin.
    let version = unsafe { (*info).version_current };
    COPIES_DATA.store(version >= 3, Relaxed);
    let arguments: Vec<String> = (0..usize::try_from(count).unwrap_or(0))
        .map(|index| {
            // SAFETY: QEMU passes `count` pointers, and `index` is below that.
            let place = unsafe { arguments.add(index) };
            // SAFETY: as above.
            let text = unsafe { place.read() };
            // SAFETY: each is a string that ends with a zero.
            unsafe { CStr::from_ptr(text) }.to_string_lossy().into_owned()
        })
        .collect();
    if blocks::start(&arguments) {
        // SAFETY: `id` is the one that QEMU gave, and the callback has the declared type.
        unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, blocks::translated) };
        // SAFETY: likewise; the callback ignores its pointer.
        unsafe { qemu_plugin_register_atexit_cb(id, blocks::ended, core::ptr::null_mut()) };
        return 0;
    }
    if let Err(message) = counter::start(&arguments) {
        eprintln!("icount: {message}");
        return 1;
    }
    // SAFETY: `id` is the one that QEMU gave, and the callback has the declared type.
    unsafe { qemu_plugin_register_vcpu_tb_trans_cb(id, translated) };
    0
}

/// QEMU has translated a block: attach to each of its instructions what executing it counts.
extern "C" fn translated(_id: Id, block: *mut Opaque) {
    // SAFETY: `block` is valid for the duration of this callback.
    let count = unsafe { qemu_plugin_tb_n_insns(block) };
    let mut after_single = false;
    let mut extent = None;
    for index in 0..count {
        // SAFETY: as above, and `index` is below the count.
        let instruction = unsafe { qemu_plugin_tb_get_insn(block, index) };
        let (class, start, end) = attach(instruction, after_single);
        after_single = matches!(class, Class::Single | Class::SingleNext);
        extent = Some((extent.map_or(start, |(first, _)| first), end));
    }
    let Some((start, end)) = extent else { return };
    // Blocks are translated a few thousand times in a run, and QEMU keeps them: so are their extents.
    let user = Box::into_raw(Box::new(Extent { start, end })).cast();
    // SAFETY: the block is valid during this callback; `user` lives as long as the process.
    unsafe { qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, NO_REGISTERS, user) };
}

/// The addresses of a translated block: its first instruction's, and the one behind its last.
struct Extent {
    start: u64,
    end: u64,
}

/// Where the block that was executed last ends.
static LAST_END: AtomicU64 = AtomicU64::new(0);

extern "C" fn on_block(_core: c_uint, user: *mut c_void) {
    // SAFETY: `user` is the extent that was leaked when this block was translated.
    let extent = unsafe { &*user.cast::<Extent>() };
    if LAST_END.swap(extent.end, Relaxed) != extent.start {
        bump(&TAKEN);
    }
}

/// Attaches what executing an instruction counts. Returns its class, its address and the address behind it.
fn attach(instruction: *mut Opaque, after_single: bool) -> (Class, u64, u64) {
    let (bytes, size) = encoding(instruction);
    let bytes = bytes.get(..size).unwrap_or(&[]);
    let kind = classify(bytes);
    let class = class(bytes, after_single);
    // SAFETY: the instruction is valid while its block is being translated.
    let address = unsafe { qemu_plugin_insn_vaddr(instruction) };
    let by_kind: ExecCallback = match kind {
        Kind::Plain => on_plain,
        Kind::Begin => on_begin,
        Kind::End => on_end,
        Kind::Tick => on_tick,
        Kind::Vector => on_vector,
        Kind::VectorLoad => on_vector_load,
        Kind::VectorStore => on_vector_store,
    };
    on_execution(instruction, by_kind, class as usize);
    if counter::wants_addresses() && !matches!(kind, Kind::Begin | Kind::End) {
        on_execution(instruction, on_address, address as usize);
    }
    if !matches!(kind, Kind::VectorLoad | Kind::VectorStore) {
        let callback: MemoryCallback = if class == Class::Multiple { on_multiple } else { on_memory };
        let user = core::ptr::null_mut();
        // SAFETY: as above; the callback has the declared type and ignores `user`.
        unsafe { qemu_plugin_register_vcpu_mem_cb(instruction, callback, NO_REGISTERS, READ_AND_WRITE, user) };
    }
    (class, address, address + length(bytes))
}

fn on_execution(instruction: *mut Opaque, callback: ExecCallback, user: usize) {
    let user = core::ptr::without_provenance_mut(user);
    // SAFETY: the instruction is valid while its block is being translated; `user` is a number and is never followed.
    unsafe { qemu_plugin_register_vcpu_insn_exec_cb(instruction, callback, NO_REGISTERS, user) };
}

/// An instruction's own length: QEMU may hand out the next one with it, see [`classify`].
fn length(bytes: &[u8]) -> u64 {
    if bytes.get(1).is_some_and(|&high| high >= 0xE8) { 4 } else { 2 }
}

/// The bytes of an instruction and how many of them count.
fn encoding(instruction: *const Opaque) -> ([u8; 4], usize) {
    let mut bytes = [0; 4];
    // SAFETY: the instruction is valid while its block is being translated.
    let size = unsafe { qemu_plugin_insn_size(instruction) }.min(bytes.len());
    let symbol = qemu_plugin_insn_data as *const ();
    if COPIES_DATA.load(Relaxed) {
        type Copying = unsafe extern "C" fn(*const Opaque, *mut u8, usize) -> usize;
        // SAFETY: from version 3 on the symbol has this type.
        let copy = unsafe { transmute::<*const (), Copying>(symbol) };
        // SAFETY: `bytes` has room for `size`.
        unsafe { copy(instruction, bytes.as_mut_ptr(), size) };
    } else {
        type Pointing = unsafe extern "C" fn(*const Opaque) -> *const u8;
        // SAFETY: up to version 2 the symbol has this type.
        let data = unsafe { transmute::<*const (), Pointing>(symbol) };
        // SAFETY: the instruction is valid while its block is being translated.
        let start = unsafe { data(instruction) };
        // SAFETY: QEMU holds `size` bytes there until the block is translated.
        bytes[..size].copy_from_slice(unsafe { core::slice::from_raw_parts(start, size) });
    }
    (bytes, size)
}

extern "C" fn on_plain(_core: c_uint, user: *mut c_void) {
    bump(&INSTRUCTIONS);
    if let Some(class) = CLASSES.get(user.addr()) {
        bump(class);
    }
}

extern "C" fn on_begin(_core: c_uint, _user: *mut c_void) {
    bump(&INSTRUCTIONS);
    counter::begin();
}

extern "C" fn on_end(_core: c_uint, _user: *mut c_void) {
    bump(&INSTRUCTIONS);
    counter::end();
}

extern "C" fn on_tick(_core: c_uint, _user: *mut c_void) {
    bump(&INSTRUCTIONS);
    counter::tick();
}

extern "C" fn on_vector(_core: c_uint, _user: *mut c_void) {
    bump(&INSTRUCTIONS);
    bump(&VECTOR);
}

extern "C" fn on_vector_load(core: c_uint, user: *mut c_void) {
    on_vector(core, user);
    bump(&LOADS);
}

extern "C" fn on_vector_store(core: c_uint, user: *mut c_void) {
    on_vector(core, user);
    bump(&STORES);
}

extern "C" fn on_address(_core: c_uint, user: *mut c_void) {
    counter::executed_at(user.addr() as u64);
}

/// RAM starts here or above on every board, code below.
const RAM_START: u64 = 0x2000_0000;

extern "C" fn on_memory(_core: c_uint, access: u32, address: u64, _user: *mut c_void) {
    // SAFETY: `access` is what QEMU has just passed to this callback.
    if unsafe { qemu_plugin_mem_is_store(access) } {
        bump(&STORES);
        return;
    }
    bump(&LOADS);
    if address < RAM_START {
        bump(&FLASH_LOADS);
    }
}

extern "C" fn on_multiple(core: c_uint, access: u32, address: u64, user: *mut c_void) {
    on_memory(core, access, address, user);
    bump(&MOVED);
}
