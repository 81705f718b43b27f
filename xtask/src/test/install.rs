//! Installs what the steps need, where that takes no question: Rust targets through rustup, and Debian packages when
//! we are root. Otherwise the command to type is printed, and the steps concerned skip themselves.

use std::collections::BTreeSet;
use std::process::{Command, Stdio};

use kinglet_kernels::machine::{MACHINES, Machine};

use crate::prerequisites;
use crate::tree;

/// Targets of the machines without an operating system (emulated cores, the panic proof), of the lane on another
/// processor, of that with 32 bits, and of phones.
pub(super) fn rust_targets() -> Vec<&'static str> {
    let bare = MACHINES.iter().filter(|machine| machine.is_bare()).filter_map(Machine::rust_target);
    let wasm = [crate::npm::target(), crate::wasm_test::KERNELS_TARGET];
    let others = [super::steps::OTHER_TARGET, super::steps::NARROW_TARGET].into_iter().chain(wasm);
    let linux = crate::linux_boards::LINUX.iter().map(|linux| linux.target);
    bare.chain(others)
        .chain(super::steps::PHONES)
        .chain(super::steps::ANDROID)
        .chain(linux)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// Programs and the Debian packages that have them.
const PROGRAMS: [(&str, &[&str]); 18] = [
    ("qemu-system-arm", &["qemu-system-arm"]),
    ("qemu-aarch64", &["qemu-user"]),
    ("arm-none-eabi-gcc", &["gcc-arm-none-eabi"]),
    ("riscv64-unknown-elf-gcc", &["gcc-riscv64-unknown-elf"]),
    ("aarch64-linux-gnu-gcc", &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"]),
    ("arm-linux-gnueabihf-gcc", &["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"]),
    ("riscv64-linux-gnu-gcc", &["gcc-riscv64-linux-gnu", "libc6-dev-riscv64-cross"]),
    ("gcc", &["gcc", "libc6-dev"]),
    ("g++", &["g++"]),
    ("valgrind", &["valgrind"]),
    ("cmake", &["cmake", "make"]),
    ("pkg-config", &["pkg-config"]),
    ("curl", &["curl"]),
    ("javac", &["default-jdk-headless"]),
    ("npm", &["npm"]),
    // And promtool.
    ("prometheus", &["prometheus"]),
    ("node", &["nodejs"]),
    ("chromium", &["chromium"]),
];

/// Installs what is missing, or says how. Never fails: the steps know best what they cannot do without.
pub(super) fn what_is_missing() {
    rust_components();
    missing_rust_targets();
    debian_packages();
}

fn rust_components() {
    let missing: Vec<&str> = [("rustfmt", "fmt"), ("clippy", "clippy")]
        .into_iter()
        .filter(|(_, subcommand)| !succeeds(tree::cargo().args([subcommand, "--version"])))
        .map(|(component, _)| component)
        .collect();
    if !missing.is_empty() {
        install(&["rustup", "component", "add"], &missing, starts("rustup"));
    }
    // Only where there is a nightly toolchain anyway: to bring one is not for us to decide.
    let has_nightly = succeeds(Command::new("rustc").args(["+nightly", "--version"]).env_remove("RUSTUP_TOOLCHAIN"));
    if has_nightly && crate::miri::missing().is_some() {
        install(&["rustup", "component", "add", "--toolchain", "nightly"], &["miri", "rust-src"], starts("rustup"));
    }
}

fn missing_rust_targets() {
    let missing: Vec<&str> =
        rust_targets().into_iter().filter(|target| prerequisites::rust_target(target).is_err()).collect();
    if !missing.is_empty() {
        install(&["rustup", "target", "add"], &missing, starts("rustup"));
    }
}

fn debian_packages() {
    let missing: Vec<&str> =
        PROGRAMS.iter().filter(|(program, _)| !starts(program)).flat_map(|(_, packages)| *packages).copied().collect();
    if missing.is_empty() {
        return;
    }
    let permitted = is_root() && starts("apt-get");
    if permitted {
        // The lists of a fresh machine are empty or old.
        announce_and_run(&["apt-get", "update", "--quiet"], &[]);
    }
    install(&["apt-get", "install", "--quiet", "--yes", "--no-install-recommends"], &missing, permitted);
}

fn install(command: &[&str], what: &[&str], permitted: bool) {
    if !permitted {
        println!("missing; install with: {} {}", command.join(" "), what.join(" "));
    } else if !announce_and_run(command, what) {
        println!("{} could not install {}", command.join(" "), what.join(" "));
    }
}

fn announce_and_run(command: &[&str], what: &[&str]) -> bool {
    println!("$ {} {}", command.join(" "), what.join(" "));
    let Some((program, arguments)) = command.split_first() else { return false };
    let mut command = Command::new(program);
    command.args(arguments).args(what).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}

/// True when a program of this name is there.
pub(super) fn starts(program: &str) -> bool {
    succeeds(Command::new(program).arg("--version"))
}

fn succeeds(command: &mut Command) -> bool {
    let silent = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    silent.status().is_ok_and(|status| status.success())
}
