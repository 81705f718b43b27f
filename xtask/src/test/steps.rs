//! What `cargo xtask test` runs, in order.

use std::process::Command;

use super::install::starts;
use crate::miri;
use crate::prerequisites;
use crate::tree;

/// A Linux on another processor, where the runtime's tests run under user-mode emulation.
pub(super) const OTHER_TARGET: &str = "aarch64-unknown-linux-gnu";

/// A Linux on a machine of 32 bits, whose programs run on a processor of 64. Linked by what comes with Rust.
pub(super) const NARROW_TARGET: &str = "i686-unknown-linux-musl";

/// One step.
pub(super) struct Step {
    /// For `--only`.
    pub(super) name: &'static str,
    /// One line for the heading.
    pub(super) what: &'static str,
    /// Why the step cannot run here; asked when its turn comes.
    pub(super) missing: fn() -> Option<String>,
    /// All of them run, and one that fails fails the step.
    pub(super) commands: Vec<Command>,
}

/// The runtime: what is linked into firmware.
const RUNTIME: [&str; 6] = ["--package", "kinglet-blob", "--package", "kinglet-kernels", "--package", "kinglet"];

/// Every workspace of the repository.
const WORKSPACES: [&str; 6] = [".", "targets", "ffi", "tests/fuzz", "tests/oracle-tflite", "examples/rust-firmware"];

pub(super) fn all() -> Vec<Step> {
    let mut steps = style();
    steps.extend(host());
    steps.extend(other_processors());
    steps.extend(packages());
    steps.extend(c_and_boards());
    steps.push(Step {
        name: "tflite-oracle",
        what: "models in TensorFlow Lite itself, within a tolerance",
        missing: nothing,
        commands: vec![xtask(&["tflite-oracle"])],
    });
    steps.push(Step {
        name: "oracle-differences",
        what: "single int8 operators in TensorFlow Lite Micro, in LiteRT and here",
        missing: nothing,
        commands: vec![xtask(&["oracle-differences"])],
    });
    steps.push(Step {
        name: "deny",
        what: "licences and sources of every dependency",
        missing: || (!starts("cargo-deny")).then(|| "cargo-deny is not installed: cargo install cargo-deny".into()),
        commands: [".", "targets", "ffi"].map(deny).into(),
    });
    steps
}

/// All that can be checked without fetching the database of advisories.
fn deny(folder: &str) -> Command {
    let mut command = cargo(folder, &["deny", "--config"]);
    command.arg(tree::root().join("deny.toml")).args(["check", "licenses", "bans", "sources"]);
    command
}

fn style() -> Vec<Step> {
    let formatted = WORKSPACES.iter().filter(|folder| tree::root().join(folder).join("Cargo.toml").is_file());
    let step = |name, what, commands| Step { name, what, missing: nothing, commands };
    vec![
        step("format", "every source file is as rustfmt writes it", {
            formatted.map(|folder| cargo(folder, &["fmt", "--all", "--check"])).collect()
        }),
        step(
            "lints",
            "clippy is silent on the host, on a board, on the other processor and on the C interface",
            lints(),
        ),
        step("crates", "every package that would be published is complete", vec![xtask(&["crates"])]),
        step("pages", "the libraries' pages are written without a warning", pages()),
        step(
            "readme",
            "the tables of README and documents are those of the sources",
            vec![xtask(&["readme", "--check"])],
        ),
    ]
}

/// Clippy on all that is built with stable Rust. Release, so that what host programs of a build need (macros, build
/// scripts) is compiled once for all steps.
fn lints() -> Vec<Command> {
    let deny = ["--", "-D", "warnings"];
    let board = ["--target", "thumbv7em-none-eabihf"];
    let mut host = cargo(".", &["clippy", "--release", "--workspace", "--all-targets"]);
    host.args(deny);
    let mut firmware = tree::firmware_cargo();
    firmware.args(["clippy", "--release", "--workspace"]).args(board).args(deny);
    // The images want a model to include; which one makes no difference to the lints.
    firmware.env("KINGLET_BLOB", tree::root().join("examples/tiny/model.onnx"));
    firmware.env("KINGLET_ARENA_BYTES", "16").env("KINGLET_VECTORS", "ramp");
    let mut library = cargo("ffi", &["clippy", "--release"]);
    library.args(board).args(deny);
    let mut for_jvm = cargo("ffi", &["clippy", "--release", "--features", "jni"]);
    for_jvm.args(deny);
    let mut other = cargo(".", &["clippy", "--release", "--package", "kinglet-kernels", "--target", OTHER_TARGET]);
    other.args(deny);
    vec![host, firmware, library, for_jvm, other]
}

/// The pages of the workspaces that others read about. Release, as the lints, which check the same code before.
fn pages() -> Vec<Command> {
    let mut host = cargo(".", &["doc", "--release", "--no-deps", "--workspace"]);
    let mut library = cargo("ffi", &["doc", "--release", "--no-deps"]);
    for command in [&mut host, &mut library] {
        command.env("RUSTDOCFLAGS", "-D warnings");
    }
    vec![host, library]
}

fn host() -> Vec<Step> {
    let mut checked = cargo(".", &["test"]);
    checked.args(RUNTIME).args(["--package", "kinglet-slots", "--package", "kinglet-monitor"]);
    checked.args(["--package", "kinglet-rollout", "--no-fail-fast"]);
    // Shows what passing tests print too: some of it says what was skipped.
    let all = cargo(".", &["test", "--release", "--workspace", "--no-fail-fast", "--", "--show-output"]);
    vec![
        Step {
            name: "checked",
            what: "the runtime with overflow checks and debug assertions",
            missing: nothing,
            commands: vec![checked],
        },
        Step {
            name: "host",
            what: "all tests of the host workspace, optimised",
            missing: nothing,
            commands: vec![all],
        },
        Step {
            name: "miri",
            what: "casts and known layers without undefined behaviour",
            missing: miri::missing,
            commands: vec![xtask(&["miri", "--short"])],
        },
        Step {
            name: "cases",
            what: "small models through the command: right outputs, right refusals",
            missing: nothing,
            commands: vec![xtask(&["cases"])],
        },
        Step {
            name: "accuracy",
            what: "the example's model in every way of compiling it keeps its accuracy",
            missing: nothing,
            commands: vec![xtask(&["accuracy", "--models", "examples", "--model", "digits", "--check"])],
        },
        Step {
            name: "python",
            what: "the Python package, built as a wheel: the bits of the command, and its pages",
            missing: nothing,
            commands: vec![xtask(&["python-test"])],
        },
        Step {
            name: "commands",
            what: "the commands of the documents do what the documents say",
            missing: nothing,
            commands: vec![xtask(&["commands"])],
        },
        Step {
            name: "serve",
            what: "the server among clients of others and Prometheus",
            missing: nothing,
            // The program is the one that the step `host` has built; by itself this step builds it so.
            commands: vec![
                cargo(".", &["test", "--release", "--workspace", "--no-run"]),
                xtask(&["serve-test", "--built"]),
            ],
        },
    ]
}

/// The runtime where other processors run its kernels, or none of its own.
fn other_processors() -> Vec<Step> {
    vec![
        Step {
            name: "aarch64",
            what: "operators and kernels on another processor: the same bits",
            missing: || {
                let program = ["aarch64-linux-gnu-gcc", "qemu-aarch64"].into_iter().find(|program| !starts(program));
                program.map(|program| format!("{program} is not installed")).or_else(|| target(OTHER_TARGET))
            },
            commands: {
                let mut commands = vec![other("kinglet", &ENGINE_TESTS), other("kinglet-kernels", &KERNEL_TESTS)];
                commands.extend(["cortex-a53", "cortex-a76"].map(found_on));
                commands.extend(PHONES.map(assembled_for));
                commands
            },
        },
        Step {
            name: "host-bench",
            what: "instructions on AArch64 have not risen",
            missing: || {
                let program = ["aarch64-linux-gnu-gcc", "qemu-aarch64"].into_iter().find(|program| !starts(program));
                let models = tree::shared().join("models");
                let models = (!models.is_dir()).then(|| format!("there is no {}", models.display()));
                program.map(|program| format!("{program} is not installed")).or(models).or_else(|| target(OTHER_TARGET))
            },
            commands: vec![xtask(&["host-bench", "--target", "aarch64", "--check-results"])],
        },
        Step {
            name: "linux-boards",
            what: "Linux on Arm and RISC-V, built by the repository's configuration: this machine's bits",
            missing: nothing,
            commands: vec![xtask(&["linux-boards"])],
        },
        Step {
            name: "i686",
            what: "rules of the format on a machine of 32 bits: the same refusals",
            missing: || {
                let runs = cfg!(all(target_os = "linux", target_arch = "x86_64"));
                if runs { target(NARROW_TARGET) } else { Some("this is not Linux on x86-64".into()) }
            },
            commands: same_refusals(),
        },
    ]
}

/// The tests of the rules here, which leave their verdicts, and on the machine of 32 bits, which compares.
fn same_refusals() -> Vec<Command> {
    let verdicts = tree::host_target().join("verdicts.txt");
    let rules = |arguments: &[&str]| {
        let mut command = cargo(".", &["test", "--release", "--no-fail-fast", "--package", "kinglet"]);
        command.args(["--package", "kinglet-blob", "--test", "rules"]).args(arguments);
        command.env("KINGLET_VERDICTS", &verdicts);
        command
    };
    let mut narrow = rules(&["--target", NARROW_TARGET]);
    narrow.env("CARGO_TARGET_I686_UNKNOWN_LINUX_MUSL_LINKER", "rust-lld");
    vec![rules(&[]), narrow]
}

/// What could differ on another processor: arithmetic, and reading in place. Emulation is slow, so not the tests of
/// hostile bytes.
const ENGINE_TESTS: [&str; 3] = ["operators", "session", "blob_format_document"];
const KERNEL_TESTS: [&str; 5] =
    ["float_math", "kernels_match_reference", "known_functions", "known_layers", "large_layers"];

/// Those that the package for Android is for.
pub(super) const ANDROID: [&str; 3] = ["aarch64-linux-android", "armv7-linux-androideabi", "x86_64-linux-android"];

/// The systems of phones, for which the kernels are assembled.
pub(super) const PHONES: [&str; 3] = ["aarch64-apple-ios", "aarch64-linux-android", "armv7-linux-androideabi"];

/// What an emulated processor is found to have: the tests run on one that has everything.
fn found_on(cpu: &str) -> Command {
    let mut command =
        cargo(".", &["test", "--release", "--target", OTHER_TARGET, "--package", "kinglet-kernels", "--lib"]);
    command.args(["found"]);
    emulated(&mut command, &format!("-cpu {cpu} "));
    command
}

fn assembled_for(phone: &str) -> Command {
    cargo(".", &["build", "--release", "--package", "kinglet-kernels", "--target", phone])
}

/// Linker and emulator of the other processor.
fn emulated(command: &mut Command, options: &str) {
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
    let runner = format!("qemu-aarch64 {options}-L /usr/aarch64-linux-gnu");
    command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", runner);
}

/// Tests of a package, built for the other processor and run under emulation.
fn other(package: &str, tests: &[&str]) -> Command {
    let mut command = cargo(".", &["test", "--release", "--no-fail-fast", "--target", OTHER_TARGET]);
    command.args(["--package", package]).args(tests.iter().flat_map(|test| ["--test", test]));
    emulated(&mut command, "");
    command
}

/// The packages for those who have no Rust.
fn packages() -> Vec<Step> {
    let step = |name, what, missing, commands| Step { name, what, missing, commands };
    vec![
        step(
            "jvm",
            "Kotlin classes on the JVM: golden models, misuse, threads, leaks",
            nothing,
            vec![xtask(&["jvm-test"])],
        ),
        step(
            "android",
            "the packages for Android and for JVMs, without the NDK",
            || ANDROID.iter().find_map(|name| target(name)),
            vec![xtask(&["package", "--out", "target/packages", "--android", "--jvm"])],
        ),
        step(
            "ios",
            "the C library compiles for phones of Apple",
            || target(PHONES[0]),
            vec![cargo("ffi", &["check", "--release", "--target", PHONES[0]])],
        ),
        step(
            "components",
            "the C library as a component of Zephyr, ESP-IDF, PlatformIO, Arduino and CMSIS-Pack, each in use",
            || target("thumbv7em-none-eabihf").or_else(|| target("riscv32imc-unknown-none-elf")),
            vec![xtask(&["components", "--out", "target/components", "--check"])],
        ),
        step(
            "wasm",
            "the npm package: the host's bits under Node, kernels against references, wrong calls, and the viewer in a browser",
            || target(crate::npm::target()).or_else(|| (!starts("node")).then(|| "node is not installed".into())),
            vec![xtask(&["wasm-test"])],
        ),
    ]
}

fn c_and_boards() -> Vec<Step> {
    let step = |name, what, missing, commands| Step { name, what, missing, commands };
    vec![
        step("c", "the C interface: misuse, soak, and models", nothing, vec![xtask(&["c-test"])]),
        step(
            "package",
            "projects use the packaged C library and a model in C",
            || {
                ["cmake", "pkg-config"]
                    .into_iter()
                    .find(|program| !starts(program))
                    .map(|it| format!("{it} is missing"))
            },
            vec![xtask(&["package", "--out", "target/packages", "--check"])],
        ),
        step(
            "panic-proof",
            "no panic and no allocator can be linked",
            nothing,
            vec![xtask(&["panic-proof", "--short"])],
        ),
        step("counter", "the instruction counter counts right", qemu, vec![xtask(&["mcu-selftest"])]),
        step("kernels", "every core's kernels equal the reference, on the core", qemu, vec![xtask(&["kernel-check"])]),
        step(
            "boards-emulated",
            "every int8 model on six cores: golden outputs, sizes within budget, no number risen",
            qemu,
            bench(),
        ),
        // Without QEMU the part that needs it is skipped.
        step(
            "sequences",
            "models with state over whole sequences, here and on a board",
            nothing,
            vec![xtask(&["sequences"])],
        ),
        step("firmware", "the example firmware reads its digit", qemu, firmware_example()),
        step(
            "boards-real",
            "firmware of real boards builds and fits",
            || target("thumbv7em-none-eabihf"),
            vec![xtask(&["boards"])],
        ),
    ]
}

/// The commands of `examples/rust-firmware/README.md`, and clippy.
fn firmware_example() -> Vec<Command> {
    let mut compile = cargo(".", &["run", "--release", "--bin", "kinglet", "--", "compile"]);
    compile.args(["examples/digits/model.onnx", "--calib", "examples/digits/calib.npz", "--target", "cortex-m4"]);
    compile.args(["--golden", "2", "-o", "examples/rust-firmware/model.kgl"]);
    let in_folder = |arguments: &[&str]| {
        let mut command = tree::firmware_cargo();
        // Where its own configuration and target folder are.
        command.current_dir(tree::root().join("examples/rust-firmware")).env_remove("CARGO_TARGET_DIR");
        command.args(arguments);
        command
    };
    vec![compile, in_folder(&["clippy", "--release", "--", "-D", "warnings"]), in_folder(&["run", "--release"])]
}

/// The project's own models, and those that are not part of the repository where they are.
fn bench() -> Vec<Command> {
    let own = "tests/golden/models";
    let mut commands = vec![xtask(&["mcu-bench", "--all", "--check-results", "--models", own, "--golden", own])];
    if tree::shared().join("models").is_dir() {
        commands.push(xtask(&["mcu-bench", "--all", "--check-budget", "--check-results"]));
    } else {
        commands.push(xtask(&["mcu-bench", "--core", "cortex-m4", "--check-budget", "--models", own, "--golden", own]));
    }
    commands
}

fn nothing() -> Option<String> {
    None
}

fn qemu() -> Option<String> {
    let qemu = prerequisites::qemu_version().err().map(|error| error.to_string());
    qemu.or_else(|| crate::board::all().iter().find_map(|board| target(board.rust_target)))
}

fn target(name: &str) -> Option<String> {
    prerequisites::rust_target(name).err().map(|error| error.to_string())
}

/// Cargo in a folder of the repository.
fn cargo(folder: &str, arguments: &[&str]) -> Command {
    let mut command = tree::cargo();
    command.current_dir(tree::root().join(folder)).args(arguments);
    command
}

/// Another command of ours; by way of cargo, because a step before may have built this program anew.
fn xtask(arguments: &[&str]) -> Command {
    let mut command = cargo(".", &["xtask"]);
    command.args(arguments);
    command
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;

    use super::super::install::rust_targets;
    use super::*;

    /// What cross reads of a target in `Cross.toml`, with the type of each; from its documentation, version 0.2.5.
    const CROSS_KEYS: [(&str, &str); 8] = [
        ("xargo", "boolean"),
        ("build-std", "boolean"),
        ("zig", "boolean"),
        ("image", "string"),
        ("runner", "string"),
        ("dockerfile", "string"),
        ("pre-build", "array"),
        ("env", "table"),
    ];

    #[test]
    fn cross_toml_says_what_cross_knows_and_names_only_targets_that_are_built() {
        let text = fs::read_to_string(tree::root().join("Cross.toml")).unwrap();
        let parsed: toml::Table = toml::from_str(&text).unwrap();
        let keys = |table: &toml::Table| table.keys().cloned().collect::<BTreeSet<String>>();
        assert_eq!(keys(&parsed), ["build".to_owned(), "target".to_owned()].into());
        let build = parsed["build"].as_table().unwrap();
        assert_eq!(keys(build), ["env".to_owned()].into());
        assert!(build["env"]["passthrough"].as_array().unwrap().iter().all(toml::Value::is_str));
        let targets = parsed["target"].as_table().unwrap();
        for (target, settings) in targets {
            assert!(rust_targets().contains(&target.as_str()), "{target} is not built");
            for (key, value) in settings.as_table().unwrap() {
                let known = CROSS_KEYS.iter().find(|(name, _)| name == key);
                assert_eq!(known.map(|(_, kind)| *kind), Some(value.type_str()), "{target}: {key}");
            }
            // Android has no emulator in the images of cross.
            let runner = settings.get("runner").and_then(toml::Value::as_str);
            assert_eq!(runner, (!target.contains("android")).then_some("qemu-user"), "{target}");
        }
        for wanted in ["aarch64-unknown-linux-gnu", "armv7-unknown-linux-gnueabihf", "riscv64gc-unknown-linux-gnu"] {
            assert!(targets.contains_key(wanted), "{wanted}");
        }
    }
}
