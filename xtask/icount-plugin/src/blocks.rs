//! Counts a program of any processor, block by block: what QEMU translates at once, and how often each was executed.
//!
//! No markers are looked for, and nothing is known about instructions but how many a block has. When the program ends, lines
//! of `<address> <instructions> <executions>` are written, all decimal. A block that is left in its middle, by a signal,
//! counts as a whole one. Blocks that begin at the same address with different lengths have a line each.

use core::ffi::{c_uint, c_void};
use core::sync::atomic::AtomicU64;
use core::sync::atomic::Ordering::Relaxed;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::counter::bump;
use crate::qemu::{Id, NO_REGISTERS, Opaque, qemu_plugin_insn_vaddr, qemu_plugin_register_vcpu_tb_exec_cb};
use crate::qemu::{qemu_plugin_tb_get_insn, qemu_plugin_tb_n_insns};

/// A block that was translated. A program has some thousands of them, which live as long as QEMU.
struct Block {
    address: u64,
    instructions: usize,
    executions: AtomicU64,
}

/// Where the lines go, and the blocks.
static PATH: OnceLock<String> = OnceLock::new();
static BLOCKS: Mutex<Vec<&'static Block>> = Mutex::new(Vec::new());

/// Takes the argument `blocks=FILE`, if that is what the only one is.
pub(crate) fn start(arguments: &[String]) -> bool {
    let [argument] = arguments else { return false };
    let Some(path) = argument.strip_prefix("blocks=") else { return false };
    PATH.set(path.to_owned()).is_ok()
}

/// QEMU has translated a block.
pub(crate) extern "C" fn translated(_id: Id, block: *mut Opaque) {
    // SAFETY: `block` is valid for the duration of this callback.
    let instructions = unsafe { qemu_plugin_tb_n_insns(block) };
    if instructions == 0 {
        return;
    }
    // SAFETY: as above, and there is a first instruction.
    let first = unsafe { qemu_plugin_tb_get_insn(block, 0) };
    // SAFETY: the instruction is valid while its block is being translated.
    let address = unsafe { qemu_plugin_insn_vaddr(first) };
    let known: &'static Block = Box::leak(Box::new(Block { address, instructions, executions: AtomicU64::new(0) }));
    BLOCKS.lock().unwrap_or_else(PoisonError::into_inner).push(known);
    let user = core::ptr::from_ref(known).cast_mut().cast();
    // SAFETY: the block is valid during this callback; `user` lives as long as the process.
    unsafe { qemu_plugin_register_vcpu_tb_exec_cb(block, on_block, NO_REGISTERS, user) };
}

extern "C" fn on_block(_core: c_uint, user: *mut c_void) {
    // SAFETY: `user` is the block that was leaked when this one was translated.
    let block = unsafe { &*user.cast::<Block>() };
    bump(&block.executions);
}

/// The program has ended.
pub(crate) extern "C" fn ended(_id: Id, _user: *mut c_void) {
    let Some(path) = PATH.get() else { return };
    if let Err(error) = dump(path) {
        eprintln!("icount: {path}: {error}");
    }
}

fn dump(path: &str) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    for block in BLOCKS.lock().unwrap_or_else(PoisonError::into_inner).iter() {
        let executions = block.executions.load(Relaxed);
        if executions > 0 {
            writeln!(file, "{} {} {executions}", block.address, block.instructions)?;
        }
    }
    file.flush()
}
