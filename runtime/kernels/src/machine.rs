//! The table of machines: what differs between cores, and nothing that could be the same.
//!
//! A row is everything that anyone needs to know about one machine. The build script beside this crate chooses kernels
//! by it, the compiler its targets, `xtask` its emulated boards, proofs and tables. No other place lists machines: whoever
//! has to know something about one adds a column. How a machine is added: `docs/adding-a-machine.md`.
//!
//! The table is in this crate because its build script must read it, also where the crate comes from a registry: the
//! script includes this very file. So it uses `core` only and names nothing of the crate. Nothing on a device refers to
//! the table, so the linker leaves it out.

use core::fmt;

/// Makes [`Isa`] and its list from one list.
macro_rules! instruction_sets {
    ($($(#[$doc:meta])* $isa:ident = $name:literal, $title:literal;)*) => {
        /// An instruction set that kernels are written for: a folder of `arch/`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Isa {
            $($(#[$doc])* $isa,)*
        }

        impl Isa {
            /// Every instruction set, in the order of the README's columns.
            pub const ALL: &'static [Isa] = &[$(Isa::$isa),*];

            /// The folder in `arch/`, and the value of `cfg(kinglet_isa)` in a build that has its kernels.
            pub const fn name(self) -> &'static str {
                match self { $(Isa::$isa => $name),* }
            }

            /// The instruction set of that name; the portable one when there is none, which `cfg(kinglet_isa)` then says.
            pub const fn named(name: &str) -> Isa {
                $(if is_same(name.as_bytes(), $name.as_bytes()) {
                    return Isa::$isa;
                })*
                Isa::Portable
            }

            /// The name in print.
            pub const fn title(self) -> &'static str {
                match self { $(Isa::$isa => $title),* }
            }
        }
    };
}

/// True when both have the same bytes.
const fn is_same(mut a: &[u8], mut b: &[u8]) -> bool {
    while let ([x, after_a @ ..], [y, after_b @ ..]) = (a, b) {
        if *x != *y {
            return false;
        }
        (a, b) = (after_a, after_b);
    }
    a.is_empty() && b.is_empty()
}

instruction_sets! {
    /// Plain Rust, for every target. The only one without a folder.
    Portable = "portable", "Portable";
    /// Armv6-M: 32-bit multiplication, few registers.
    Armv6m = "armv6m", "Armv6-M";
    /// Armv7-M, and Armv8-M mainline without DSP.
    Armv7m = "armv7m", "Armv7-M";
    /// Armv7E-M, and Armv8-M mainline with DSP: two 16-bit multiplications at once.
    Armv7em = "armv7em", "Armv7E-M";
    /// Armv8.1-M with the vector extension.
    Helium = "helium", "Helium";
    /// 64-bit Arm, with NEON. Dot products are found at run time.
    Aarch64 = "aarch64", "AArch64";
    /// 64-bit x86. What its vectors can do differs from one processor to the next and is found at run time.
    X86_64 = "x86_64", "x86-64";
    /// WebAssembly with vectors of 128 bits. A module that names them runs nowhere else, so nothing is found at run time.
    Wasm = "wasm", "WebAssembly";
}

/// One machine.
#[derive(Debug)]
pub struct Machine {
    /// Its name in Rust, and its tag in blobs.
    pub set: KernelSet,
    /// The name on the command line, in files and in JSON.
    pub name: &'static str,
    /// The name in print.
    pub title: &'static str,
    /// Other cores that run the same kernels, and chips that users name instead of the core.
    pub aliases: &'static [&'static str],
    /// Whose kernels run.
    pub isa: Isa,
    /// Rust's names of it. The first is built and proved; of the others only the part before the hyphen matters.
    pub rust_targets: &'static [&'static str],
    /// Names for `-C target-cpu`, `-mcpu` and `.cpu`; the first stands for all of them.
    pub cpus: &'static [&'static str],
    /// The cargo feature by which a build for [`Machine::rust_targets`] says that it is for this machine, where the
    /// target's name does not. One of [`Machine::cpus`] in the compiler's flags says the same.
    pub extension: Option<&'static str>,
    /// The target feature without which its kernels do not run, where the compiler has to be told (`-C target-feature=+...`).
    pub target_feature: Option<&'static str>,
    /// How it is emulated; what is emulated is measured.
    pub emulated: Option<Emulated>,
    /// Cycles of its instructions, where the maker has published them.
    pub cycles: Option<Cycles>,
    /// Boards with a crate of their own in `targets/`. Their names name the machine as well.
    pub boards: &'static [&'static str],
}

/// A machine of QEMU, and the part of its memory that images use.
#[derive(Clone, Copy, Debug)]
pub struct Emulated {
    /// QEMU's name of the machine.
    pub qemu: &'static str,
    /// What a reader of the memory map may wonder about.
    pub note: &'static str,
    /// Where code and weights go.
    pub flash: Memory,
    /// Where the arena and the stack go.
    pub ram: Memory,
}

/// A stretch of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Its first address.
    pub origin: u32,
    /// Its length in units of 1,024 bytes.
    pub kilobytes: u32,
}

/// What a core needs for an instruction of each class. `xtask/src/mcu_bench/cycles.rs` says what is left out.
#[derive(Clone, Copy, Debug)]
pub struct Cycles {
    /// Plain, multiply, multiply-add, long multiply, long multiply-add, divide, single access, one behind another,
    /// multiple access without its registers, branch, `IT`.
    pub classes: [u64; 11],
    /// A register moved by a multiple access.
    pub moved: u64,
    /// Refilling the pipeline after a taken branch.
    pub refill: u64,
}

/// What a row leaves out.
const PLAIN: Machine = Machine {
    set: KernelSet::Portable,
    name: "portable",
    title: "Portable",
    aliases: &[],
    isa: Isa::Portable,
    rust_targets: &[],
    cpus: &[],
    extension: None,
    target_feature: None,
    emulated: None,
    cycles: None,
    boards: &[],
};

/// Code and data memories of QEMU's mps2 boards.
const MPS2: [Memory; 2] =
    [Memory { origin: 0x0000_0000, kilobytes: 4096 }, Memory { origin: 0x2000_0000, kilobytes: 4096 }];

/// Makes [`KernelSet`] and [`MACHINES`] from one list.
macro_rules! machines {
    ($($(#[$doc:meta])* $set:ident = $tag:literal { $($column:tt)* })*) => {
        /// The machine that a blob's packings were chosen for.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        #[non_exhaustive]
        pub enum KernelSet {
            $($(#[$doc])* $set = $tag,)*
        }

        /// Every machine. Where several are built for one Rust target, those that can do more come later.
        pub const MACHINES: &[Machine] = &[$(Machine { set: KernelSet::$set, $($column)*, ..PLAIN }),*];
    };
}

machines! {
    /// Runs everywhere.
    Portable = 0 { name: "portable" }

    /// Armv6-M.
    CortexM0 = 1 {
        name: "cortex-m0",
        title: "Cortex-M0+",
        aliases: &["cortex-m0+", "cortex-m0plus", "cortex-m1", "cortex-m23", "nrf51822", "rp2040", "samd21", "stm32l0"],
        isa: Isa::Armv6m,
        rust_targets: &["thumbv6m-none-eabi", "thumbv8m.base-none-eabi"],
        cpus: &["cortex-m0", "cortex-m0plus", "cortex-m1", "cortex-m23"],
        emulated: Some(Emulated {
            qemu: "mps2-an385",
            note: "its Cortex-M3 runs Armv6-M code unchanged; no machine with a Cortex-M0 has memory for large models",
            flash: MPS2[0],
            ram: MPS2[1],
        }),
        // Cortex-M0+ TRM r0p1, table 3-1, with the single-cycle multiplier. No accesses are overlapped. What an Armv6-M
        // core does not have is not in an image for it.
        cycles: Some(Cycles { classes: [1, 1, 1, 1, 1, 1, 2, 2, 1, 1, 1], moved: 1, refill: 1 })
    }

    /// Armv7-M.
    CortexM3 = 2 {
        name: "cortex-m3",
        title: "Cortex-M3",
        aliases: &["lm3s6965", "stm32f1"],
        isa: Isa::Armv7m,
        // Without an extension, the mainline of Armv8-M has no more for us than an M3.
        rust_targets: &["thumbv7m-none-eabi", "thumbv8m.main-none-eabi", "thumbv8m.main-none-eabihf"],
        cpus: &["cortex-m3"],
        emulated: Some(Emulated { qemu: "mps2-an385", note: "", flash: MPS2[0], ram: MPS2[1] }),
        // Cortex-M3 TRM r2p0, table 18-1: long multiply 3-5, long multiply-add 4-7, divide 2-12, refill 1-3.
        cycles: Some(Cycles { classes: [1, 1, 2, 4, 6, 7, 2, 1, 1, 1, 1], moved: 1, refill: 2 })
    }

    /// Armv7E-M with DSP.
    CortexM4 = 3 {
        name: "cortex-m4",
        title: "Cortex-M4",
        aliases: &["cortex-m4f", "nrf52832", "nrf52840", "samd51", "stm32f3", "stm32f4", "stm32g4", "stm32l4"],
        isa: Isa::Armv7em,
        rust_targets: &["thumbv7em-none-eabihf", "thumbv7em-none-eabi"],
        cpus: &["cortex-m4"],
        emulated: Some(Emulated { qemu: "mps2-an386", note: "", flash: MPS2[0], ram: MPS2[1] }),
        // Cortex-M4 TRM r0p1, table 3-1: divide 2-12, refill 1-3.
        cycles: Some(Cycles { classes: [1, 1, 1, 1, 1, 7, 2, 1, 1, 1, 1], moved: 1, refill: 2 }),
        boards: &["nrf52840-dk"]
    }

    /// Armv7E-M with DSP, dual issue.
    CortexM7 = 4 {
        name: "cortex-m7",
        title: "Cortex-M7",
        aliases: &["imxrt1062", "stm32f7", "stm32h7", "teensy-4"],
        isa: Isa::Armv7em,
        rust_targets: &["thumbv7em-none-eabihf", "thumbv7em-none-eabi"],
        cpus: &["cortex-m7"],
        emulated: Some(Emulated { qemu: "mps2-an500", note: "", flash: MPS2[0], ram: MPS2[1] })
    }

    /// Armv8-M mainline with DSP.
    CortexM33 = 5 {
        name: "cortex-m33",
        title: "Cortex-M33",
        aliases: &["cortex-m35p", "nrf5340", "nrf9160", "rp2350", "stm32h5", "stm32l5", "stm32u5"],
        isa: Isa::Armv7em,
        rust_targets: &["thumbv8m.main-none-eabihf", "thumbv8m.main-none-eabi"],
        cpus: &["cortex-m33", "cortex-m35p"],
        extension: Some("dsp"),
        emulated: Some(Emulated {
            qemu: "mps2-an505",
            note: "the core starts in the Secure state: these are the Secure aliases of code and data memory",
            flash: Memory { origin: 0x1000_0000, kilobytes: 4096 },
            ram: Memory { origin: 0x3800_0000, kilobytes: 4096 },
        })
    }

    /// Armv8.1-M with Helium.
    CortexM55 = 6 {
        name: "cortex-m55",
        title: "Cortex-M55",
        aliases: &["cortex-m52", "cortex-m85", "ra8m1", "stm32n6"],
        isa: Isa::Helium,
        rust_targets: &["thumbv8m.main-none-eabihf", "thumbv8m.main-none-eabi"],
        cpus: &["cortex-m55", "cortex-m52", "cortex-m85"],
        extension: Some("helium"),
        emulated: Some(Emulated {
            qemu: "mps3-an547",
            note: "the Secure aliases of the tightly coupled memories",
            flash: Memory { origin: 0x1000_0000, kilobytes: 512 },
            ram: Memory { origin: 0x3000_0000, kilobytes: 512 },
        })
    }

    /// 64-bit Arm.
    Aarch64 = 7 {
        name: "aarch64",
        title: "AArch64",
        aliases: &["arm64", "cortex-a53", "cortex-a72", "cortex-a76"],
        isa: Isa::Aarch64,
        rust_targets: &["aarch64-unknown-none", "aarch64-unknown-linux-gnu"]
    }

    /// 64-bit x86.
    X86_64 = 8 {
        name: "x86-64",
        title: "x86-64",
        aliases: &["x86_64", "amd64", "x64"],
        isa: Isa::X86_64,
        rust_targets: &["x86_64-unknown-linux-gnu"]
    }

    /// 32-bit RISC-V.
    Riscv32 = 9 {
        name: "riscv32",
        title: "RISC-V, 32 bits",
        aliases: &["riscv32imc", "rv32", "esp32-c3", "esp32-c6"],
        rust_targets: &["riscv32imc-unknown-none-elf", "riscv32imac-unknown-none-elf"]
    }

    /// WebAssembly with vectors.
    Wasm32 = 10 {
        name: "wasm32",
        title: "WebAssembly",
        aliases: &["wasm"],
        isa: Isa::Wasm,
        rust_targets: &["wasm32-unknown-unknown"],
        target_feature: Some("simd128")
    }
}

impl KernelSet {
    /// The set with tag `tag`.
    pub fn from_tag(tag: u16) -> Option<Self> {
        MACHINES.iter().map(|machine| machine.set).find(|set| *set as u16 == tag)
    }

    /// Its row in the table.
    pub fn machine(self) -> &'static Machine {
        // Every set has a row, because one list makes both.
        MACHINES.iter().find(|machine| machine.set == self).unwrap_or(&PLAIN)
    }

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        self.machine().name
    }
}

impl Machine {
    /// The machine that users call `name`: in capitals or not, with or without `cortex-`, by a chip or a board.
    pub fn find(name: &str) -> Option<&'static Machine> {
        MACHINES.iter().find(|machine| machine.names().any(|known| is_name(known, name)))
    }

    /// All that it is called: the name, aliases, boards.
    pub fn names(&self) -> impl Iterator<Item = &'static str> + use<> {
        [self.name].into_iter().chain(self.aliases.iter().copied()).chain(self.boards.iter().copied())
    }

    /// The machine whose kernels a build gets: of those that the Rust target may stand for the one that can do most and
    /// that needs no extension which neither a feature, by `has_feature`, nor `cpu`, the compiler's `target-cpu`, names.
    /// `has_feature` is asked for features of the crate and for those of the target.
    pub fn of_build(
        rust_target: &str,
        cpu: Option<&str>,
        has_feature: impl Fn(&str) -> bool,
    ) -> Option<&'static Machine> {
        let is_meant = |machine: &Machine| {
            let is_extended = match machine.extension {
                Some(extension) => has_feature(extension) || cpu.is_some_and(|cpu| machine.cpus.contains(&cpu)),
                None => true,
            };
            is_extended && machine.target_feature.is_none_or(&has_feature)
        };
        MACHINES.iter().rfind(|machine| machine.is_built_as(rust_target) && is_meant(machine))
    }

    /// True when the Rust target's architecture is one of the machine's.
    fn is_built_as(&self, rust_target: &str) -> bool {
        self.rust_targets.iter().any(|known| architecture(known) == architecture(rust_target))
    }

    /// The Rust target that is built and proved; none for the portable set.
    pub fn rust_target(&self) -> Option<&'static str> {
        self.rust_targets.first().copied()
    }

    /// True when images for it run without an operating system.
    pub fn is_bare(&self) -> bool {
        self.rust_target().is_some_and(|target| target.split('-').any(|part| part == "none"))
    }

    /// What must stand before assembly for it: the target's name does not tell the assembler of extensions, a core's does.
    /// The words behind `.cpu`; none where the target says all.
    pub fn assembler_cpu(&self) -> Option<&'static str> {
        self.extension.and(self.cpus.first().copied())
    }
}

/// The part of a Rust target's name that says the instruction set.
fn architecture(rust_target: &str) -> &str {
    rust_target.split('-').next().unwrap_or(rust_target)
}

fn is_name(known: &str, name: &str) -> bool {
    let short = known.strip_prefix("cortex-").unwrap_or(known);
    known.eq_ignore_ascii_case(name) || short.eq_ignore_ascii_case(name)
}

impl fmt::Display for Memory {
    /// As a linker script says it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ORIGIN = {:#010x}, LENGTH = {}K", self.origin, self.kilobytes)
    }
}
