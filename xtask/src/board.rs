//! The emulated boards, one row per core.

use std::path::PathBuf;

use crate::tree;

/// One core and the QEMU machine that has it. The memory map is in `targets/emulator/boards/<core>/memory.x`.
#[derive(Debug)]
pub(crate) struct Board {
    /// Also the name of `kinglet compile --target` and of the folder in `targets/emulator/boards`.
    pub(crate) core: &'static str,
    /// QEMU's name of the machine.
    pub(crate) machine: &'static str,
    /// Rust's name of the instruction set and calling convention.
    pub(crate) rust_target: &'static str,
    /// Has Helium: vector instructions are reported apart.
    pub(crate) helium: bool,
    /// The engine's cargo feature that says what the core has beyond its target's name.
    pub(crate) extension: Option<&'static str>,
}

pub(crate) const BOARDS: [Board; 6] = [
    // No machine with an Armv6-M core has enough memory; an Armv7-M core runs Armv6-M images unchanged.
    Board {
        core: "cortex-m0",
        machine: "mps2-an385",
        rust_target: "thumbv6m-none-eabi",
        helium: false,
        extension: None,
    },
    Board {
        core: "cortex-m3",
        machine: "mps2-an385",
        rust_target: "thumbv7m-none-eabi",
        helium: false,
        extension: None,
    },
    Board {
        core: "cortex-m4",
        machine: "mps2-an386",
        rust_target: "thumbv7em-none-eabihf",
        helium: false,
        extension: None,
    },
    Board {
        core: "cortex-m7",
        machine: "mps2-an500",
        rust_target: "thumbv7em-none-eabihf",
        helium: false,
        extension: None,
    },
    Board {
        core: "cortex-m33",
        machine: "mps2-an505",
        rust_target: "thumbv8m.main-none-eabihf",
        helium: false,
        extension: Some("dsp"),
    },
    Board {
        core: "cortex-m55",
        machine: "mps3-an547",
        rust_target: "thumbv8m.main-none-eabihf",
        helium: true,
        extension: Some("helium"),
    },
];

impl Board {
    /// The board's memory map and budget.
    pub(crate) fn folder(&self) -> PathBuf {
        tree::root().join("targets/emulator/boards").join(self.core)
    }
}

/// Accepts `cortex-m4` and `m4`, and `m0+` for `m0`.
pub(crate) fn parse(text: &str) -> Result<&'static Board, String> {
    let lower = text.to_ascii_lowercase();
    let short = lower.strip_prefix("cortex-").unwrap_or(&lower);
    let short = if matches!(short, "m0+" | "m0plus") { "m0" } else { short };
    let found = BOARDS.iter().find(|board| board.core.strip_prefix("cortex-") == Some(short));
    found.ok_or_else(|| {
        let cores: Vec<&str> = BOARDS.iter().map(|board| board.core).collect();
        format!("there is no board with this core; cores: {}", cores.join(", "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_spellings_name_the_same_board() {
        for board in &BOARDS {
            assert_eq!(parse(board.core).map(|b| b.core), Ok(board.core));
            assert_eq!(parse(&board.core["cortex-".len()..]).map(|b| b.core), Ok(board.core));
        }
        assert_eq!(parse("M0+").map(|b| b.core), Ok("cortex-m0"));
        assert!(parse("m5").is_err());
        assert!(parse("cortex-").is_err());
    }

    #[test]
    fn every_board_has_its_files() {
        for board in &BOARDS {
            for file in ["memory.x", "budget.toml"] {
                assert!(board.folder().join(file).is_file(), "{}: {file}", board.core);
            }
        }
    }
}
