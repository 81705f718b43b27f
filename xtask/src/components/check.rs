//! Components in use: configured, compiled and linked as their systems do it, with stand-ins for the systems.
//!
//! The stand-ins are in `ffi/c-tests/components`. What they do not show is that the systems themselves are content:
//! none of them is installed here.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use anyhow::{Context, Result, ensure};

use crate::c_test::{Outcome, Report};
use crate::tree;

const ARM: [&str; 3] = ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard"];
/// Links a program without a C library, from `start` on.
const BARE: [&str; 6] = ["-nostdlib", "-nostartfiles", "-ffreestanding", "-Wl,--gc-sections", "-Wl,-e,start", "-Wl,-N"];

pub(super) fn run(out: &Path) -> Result<ExitCode> {
    let out = out.canonicalize().with_context(|| format!("cannot find {}", out.display()))?;
    let built = out.join("check");
    let _ = fs::remove_dir_all(&built);
    fs::create_dir_all(&built).with_context(|| format!("cannot make {}", built.display()))?;
    let place = Place { out, built };
    let mut report = Report::default();
    report.lane("zephyr", place.zephyr());
    report.lane("zephyr without the core", place.wrong_core());
    report.lane("esp-idf", place.esp_idf());
    report.lane("arduino", place.arduino());
    report.lane("platformio", place.platformio());
    report.lane("cmsis", place.cmsis());
    Ok(report.finish())
}

struct Place {
    /// Where the components are.
    out: PathBuf,
    /// Where programs are put.
    built: PathBuf,
}

impl Place {
    fn zephyr(&self) -> Result<Outcome> {
        self.cmake("zephyr", "arm-none-eabi-gcc", &ARM, &["-DCORE_OPTION=CONFIG_CPU_CORTEX_M4"])
    }

    /// A core that the package has no library for ends the configuration, with the cores that there are.
    fn wrong_core(&self) -> Result<Outcome> {
        if let Some(missing) = missing(&["cmake", "arm-none-eabi-gcc"]) {
            return Ok(Outcome::Skipped(missing));
        }
        let mut configure = self.configure("zephyr", "arm-none-eabi-gcc", &ARM);
        configure.arg("-DCORE_OPTION=CONFIG_CPU_CORTEX_A9").arg("-B").arg(self.built.join("wrong-core"));
        let output = configure.stdin(Stdio::null()).output().context("cannot start cmake")?;
        let text = String::from_utf8_lossy(&output.stderr);
        let is_told = text.contains("there is no library for the core") && text.contains("cortex-m4");
        ensure!(!output.status.success() && is_told, "the configuration ended with {}: {text}", output.status);
        Ok(Outcome::Passed("refused".into()))
    }

    fn esp_idf(&self) -> Result<Outcome> {
        let flags = ["-march=rv32imc", "-mabi=ilp32"];
        self.cmake("esp-idf", "riscv64-unknown-elf-gcc", &flags, &[])
    }

    fn configure(&self, system: &str, compiler: &str, flags: &[&str]) -> Command {
        let mut command = Command::new("cmake");
        command.arg("-S").arg(stands_in("")).arg(format!("-DSYSTEM={system}"));
        command.arg(format!("-DCMAKE_C_COMPILER={compiler}")).arg(format!("-DMACHINE_FLAGS={}", flags.join(" ")));
        command.arg(format!("-DCOMPONENT={}", self.out.join(system).display()));
        command
    }

    fn cmake(&self, system: &str, compiler: &str, flags: &[&str], options: &[&str]) -> Result<Outcome> {
        if let Some(missing) = missing(&["cmake", compiler]) {
            return Ok(Outcome::Skipped(missing));
        }
        let build = self.built.join(system);
        said(self.configure(system, compiler, flags).args(options).arg("-B").arg(&build))?;
        said(Command::new("cmake").arg("--build").arg(&build))?;
        size(&build.join("firmware"))
    }

    /// The example sketch, as an Arduino core compiles it: every source of the library in C++, one folder of headers.
    fn arduino(&self) -> Result<Outcome> {
        if let Some(missing) = missing(&["arm-none-eabi-g++"]) {
            return Ok(Outcome::Skipped(missing));
        }
        let library = self.out.join("arduino");
        let properties = fs::read_to_string(library.join("library.properties")).context("library.properties")?;
        for key in ["name", "version", "author", "maintainer", "sentence", "category", "url", "architectures"] {
            let is_there = properties.lines().any(|line| line.strip_prefix(key).is_some_and(|rest| rest.len() > 1));
            ensure!(is_there, "library.properties has no {key}");
        }
        let image = self.built.join("sketch.elf");
        let mut command = Command::new("arm-none-eabi-g++");
        command.args(["-std=gnu++11", "-Os", "-fno-exceptions", "-fno-rtti", "-Wall", "-Wextra", "-Werror"]);
        command.args(ARM).args(BARE).arg("-I").arg(library.join("src")).arg("-I").arg(stands_in(""));
        // Sketches include the core's header without saying so.
        command.args(["-include", "Arduino.h", "-x", "c++"]).arg(library.join("examples/Version/Version.ino"));
        command.arg(stands_in("core.cpp")).args(["-x", "none", "-L"]).arg(library.join("src/cortex-m4"));
        said(command.args(["-lkinglet", "-lgcc", "-o"]).arg(&image))?;
        size(&image)
    }

    fn platformio(&self) -> Result<Outcome> {
        if let Some(missing) = missing(&["python3", "arm-none-eabi-gcc"]) {
            return Ok(Outcome::Skipped(missing));
        }
        let library = self.out.join("platformio");
        let script = |cpu: &str| {
            let mut command = Command::new("python3");
            command.arg(stands_in("platformio.py")).arg(&library).arg(cpu);
            command
        };
        let flags = said(&mut script("cortex-m4"))?;
        let image = self.built.join("platformio.elf");
        let mut command = Command::new("arm-none-eabi-gcc");
        command.args(ARM).args(BARE).arg(stands_in("main.c")).args(flags.lines());
        said(command.args(["-lgcc", "-o"]).arg(&image))?;
        let refused = script("esp32").output().context("cannot start python3")?;
        let text = String::from_utf8_lossy(&refused.stderr);
        ensure!(!refused.status.success() && text.contains("no library for the core esp32"), "{text}");
        size(&image)
    }

    fn cmsis(&self) -> Result<Outcome> {
        if let Some(missing) = missing(&["python3"]) {
            return Ok(Outcome::Skipped(missing));
        }
        let description = self.out.join("cmsis/Kinglet.Kinglet.pdsc");
        said(Command::new("python3").arg(stands_in("pdsc.py")).arg(description)).map(Outcome::Passed)
    }
}

/// A file that stands in for a part of a system.
fn stands_in(file: &str) -> PathBuf {
    tree::root().join("ffi/c-tests/components").join(file)
}

fn missing(programs: &[&str]) -> Option<String> {
    let is_there = |program: &str| {
        let silent = Command::new(program).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
        silent.is_ok_and(|status| status.success())
    };
    programs.iter().find(|program| !is_there(program)).map(|program| format!("{program} is not installed"))
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {command:?}"))?;
    let [out, err] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    ensure!(output.status.success(), "{command:?}: {}\n{out}{err}", output.status);
    Ok(out.trim().to_owned())
}

/// A program that has the library in it.
fn size(image: &Path) -> Result<Outcome> {
    let bytes = fs::read(image).with_context(|| format!("cannot read {}", image.display()))?;
    let name = b"kinglet_model_init";
    ensure!(bytes.windows(name.len()).any(|part| part == name), "{} does not have the library", image.display());
    let extension = image.extension().and_then(OsStr::to_str).unwrap_or("firmware");
    Ok(Outcome::Passed(format!("linked, {} bytes of {extension}", bytes.len())))
}
