//! `cargo xtask components`: the C library as a component of the build systems that firmware is made with.
//!
//! | system | what makes it a component | built from |
//! | --- | --- | --- |
//! | ESP-IDF | `idf_component.yml`, `CMakeLists.txt` | `ffi/components/esp-idf` |
//! | Zephyr | `zephyr/module.yml`, `CMakeLists.txt`, `Kconfig` | `ffi/components/zephyr` |
//! | PlatformIO | `library.json` and a script that chooses the library | `ffi/components/platformio` |
//! | Arduino | `library.properties`, a precompiled library | `ffi/components/arduino` |
//! | CMSIS-Pack | a `.pdsc` | `ffi/components/cmsis` |
//!
//! Name, version and license come from `ffi/Cargo.toml`, cores from the table of machines; the files say neither. Each
//! component is complete: header, libraries, licenses. With `--check` each is used as its system uses it.

mod check;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use kinglet_kernels::machine::{MACHINES, Machine};

use crate::library::Library;
use crate::{prerequisites, tree};

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The folder that components are put into; it is made if need be
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Only the library for this core; may be given more than once [default: every core without an operating system]
    #[arg(long, value_name = "CORE")]
    core: Vec<String>,
    /// Use each component as its build system does
    #[arg(long)]
    check: bool,
}

/// The components: name, and its files as template and place.
const COMPONENTS: [(&str, &[(&str, &str)]); 5] = [
    (
        "arduino",
        &[
            ("arduino/library.properties", "library.properties"),
            ("arduino/Kinglet.h", "src/Kinglet.h"),
            ("arduino/Version.ino", "examples/Version/Version.ino"),
        ],
    ),
    ("cmsis", &[("cmsis/Kinglet.Kinglet.pdsc", "Kinglet.Kinglet.pdsc")]),
    (
        "esp-idf",
        &[
            ("esp-idf/CMakeLists.txt", "CMakeLists.txt"),
            ("esp-idf/idf_component.yml", "idf_component.yml"),
            ("cores.cmake", "cores.cmake"),
        ],
    ),
    ("platformio", &[("platformio/library.json", "library.json"), ("platformio/link.py", "link.py")]),
    (
        "zephyr",
        &[
            ("zephyr/CMakeLists.txt", "zephyr/CMakeLists.txt"),
            ("zephyr/Kconfig", "zephyr/Kconfig"),
            ("zephyr/module.yml", "zephyr/module.yml"),
            ("cores.cmake", "cores.cmake"),
        ],
    ),
];

/// Cores that a check wants: one of each architecture that a component is for.
const CHECKED: [&str; 2] = ["cortex-m4", "riscv32"];

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let wanted: Vec<&str> = match (arguments.core.is_empty(), arguments.check) {
        (false, _) => arguments.core.iter().map(String::as_str).collect(),
        (true, true) => CHECKED.to_vec(),
        (true, false) => firmware().map(|machine| machine.name).collect(),
    };
    let mut cores = Vec::new();
    for name in wanted {
        let machine = firmware().find(|machine| machine.names().any(|known| known == name));
        let machine = machine.with_context(|| format!("there is no core {name} without an operating system"))?;
        cores.push(Core { machine, library: library(machine)? });
    }
    let words = words(&cores)?;
    for (name, files) in COMPONENTS {
        component(&arguments.out.join(name), name, files, (&cores, &words))?;
        println!("{}", arguments.out.join(name).display());
    }
    if arguments.check { check::run(&arguments.out) } else { Ok(ExitCode::SUCCESS) }
}

/// A core and the library for it.
struct Core {
    machine: &'static Machine,
    library: PathBuf,
}

/// Machines that run firmware of 32 bits.
fn firmware() -> impl Iterator<Item = &'static Machine> {
    MACHINES.iter().filter(|machine| {
        let is_narrow = machine.rust_target().is_some_and(|target| !target.starts_with("aarch64"));
        machine.is_bare() && is_narrow
    })
}

fn library(machine: &'static Machine) -> Result<PathBuf> {
    let target = machine.rust_target().context("the core has no Rust target")?;
    prerequisites::rust_target(target)?;
    let features = machine.extension.into_iter().collect();
    Library { target: Some(target), features, ..Library::default() }.build()
}

/// What stands between `@` in the templates.
fn words(cores: &[Core]) -> Result<BTreeMap<&'static str, String>> {
    let manifest: toml::Table = fs::read_to_string(tree::root().join("ffi/Cargo.toml"))?.parse()?;
    let of = |name: &str| -> Result<String> {
        let value = manifest.get("package").and_then(|package| package.get(name)).and_then(toml::Value::as_str);
        Ok(value.with_context(|| format!("ffi/Cargo.toml has no {name}"))?.to_owned())
    };
    let names: Vec<&str> = cores.iter().map(|core| core.machine.name).collect();
    let python: Vec<String> = cores
        .iter()
        .flat_map(|core| cpus(core.machine).map(|cpu| format!("{cpu:?}: {:?}", core.machine.name)))
        .collect();
    let with_core = cores.iter().filter_map(|core| Some((core.machine.name, arm_core(core.machine)?)));
    let conditions = with_core.clone().map(|(name, core)| {
        format!("    <condition id=\"{name}\">\n      <require Dcore=\"{core}\"/>\n    </condition>\n")
    });
    let any = with_core.clone().map(|(_, core)| format!("      <accept Dcore=\"{core}\"/>\n"));
    let any = format!("    <condition id=\"Cores\">\n{}    </condition>\n", any.collect::<String>());
    let libraries = with_core.map(|(name, _)| {
        format!("        <file category=\"library\" name=\"lib/{name}/libkinglet.a\" condition=\"{name}\"/>\n")
    });
    Ok(BTreeMap::from([
        ("NAME", "kinglet".to_owned()),
        ("VERSION", of("version")?),
        ("LICENSE", of("license")?),
        ("DESCRIPTION", "Runs compiled neural networks in memory that the caller owns.".to_owned()),
        ("CORES_CMAKE", names.join(" ")),
        ("CORES_PYTHON", format!("{{{}}}", python.join(", "))),
        ("CONDITIONS", any + &conditions.collect::<String>()),
        ("LIBRARIES", libraries.collect()),
    ]))
}

/// Names of processors that the library is for; the core's own where there are none.
fn cpus(machine: &'static Machine) -> impl Iterator<Item = &'static str> {
    let own = machine.cpus.is_empty().then_some(machine.name);
    machine.cpus.iter().copied().chain(own)
}

/// The core as CMSIS writes it: `Cortex-M4`. Only Arm's are in packs.
fn arm_core(machine: &Machine) -> Option<&'static str> {
    machine.title.starts_with("Cortex-").then_some(machine.title)
}

/// Makes a component anew.
fn component(
    folder: &Path,
    name: &str,
    files: &[(&str, &str)],
    (cores, words): (&[Core], &BTreeMap<&str, String>),
) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot empty {}", folder.display()))?;
    }
    for (template, place) in files {
        let path = tree::root().join("ffi/components").join(template);
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        write(&folder.join(place), filled(&text, words)?.as_bytes())?;
    }
    // Arduino has headers and libraries in one folder, by the name that its cores have for the processor.
    let (include, library) = if name == "arduino" { ("src", "src") } else { ("include", "lib") };
    for header in ["kinglet.h", "kinglet/tflm.hpp"] {
        copy(&tree::root().join("ffi/include").join(header), &folder.join(include).join(header))?;
    }
    for core in cores {
        let names: Vec<&str> = if name == "arduino" { cpus(core.machine).collect() } else { vec![core.machine.name] };
        for core_name in names {
            copy(&core.library, &folder.join(library).join(core_name).join("libkinglet.a"))?;
        }
    }
    for license in ["LICENSE-MIT", "LICENSE-APACHE"] {
        copy(&tree::root().join(license), &folder.join(license))?;
    }
    Ok(())
}

/// A template with its words; an unknown one is an error.
fn filled(template: &str, words: &BTreeMap<&str, String>) -> Result<String> {
    let mut text = template.to_owned();
    for (word, value) in words {
        text = text.replace(&format!("@{word}@"), value);
    }
    let left = text.split('@').skip(1).step_by(2).find(|word| word.bytes().all(|byte| byte.is_ascii_uppercase()));
    ensure!(left.is_none_or(str::is_empty), "a template wants {left:?}");
    Ok(text)
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    write(to, &fs::read(from).with_context(|| format!("cannot read {}", from.display()))?)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_every_template_is_known() {
        let words = words(&[]).unwrap();
        for (_, files) in COMPONENTS {
            for (template, _) in files {
                let text = fs::read_to_string(tree::root().join("ffi/components").join(template)).unwrap();
                filled(&text, &words).unwrap();
            }
        }
        assert!(filled("a @NOTHING@ b", &words).is_err());
    }

    #[test]
    fn every_core_of_firmware_can_be_had() {
        let names: Vec<&str> = firmware().map(|machine| machine.name).collect();
        assert!(CHECKED.iter().all(|name| names.contains(name)));
        assert!(names.len() >= 7 && !names.contains(&"aarch64"), "{names:?}");
    }
}
