//! `cargo xtask c-test`: the C interface as a C programmer meets it.
//!
//! | lane | what it shows |
//! | --- | --- |
//! | header | the numbers in `kinglet.h` are those of the engine |
//! | small blob | the small blob that the library's unit tests include is the one that is built here |
//! | misuse | the header compiles without a warning as C99, C11 and C++17, and every wrong call is an error |
//! | tflm | the calls of TensorFlow Lite Micro, in `kinglet/tflm.hpp`, right and wrong; the page's program compiles |
//! | shared | the same with `libkinglet.so` |
//! | soak | random calls in random order, each status predicted: instrumented, with overflow checks, under valgrind |
//! | models | real models on this machine, golden outputs; blobs for boards with emulated kernels, and refused without |
//! | state | a model that keeps tensors: calls keep them, a reset and a new session forget them |
//! | example | `examples/c` builds as its README says, and prints what the model gives |
//! | device | the same source on emulated Cortex-M boards, without a C library |
//!
//! A lane whose tools are missing is skipped and says so.

mod compiler;
mod device;
pub(crate) mod header;
mod models;
mod small_blob;

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args;

use self::compiler::{Dialect, Program, run as run_command};
use self::models::Subject;
use crate::library::Library;
use crate::tree;

#[derive(Args)]
pub(crate) struct Arguments {
    /// Random calls of the soak test.
    #[arg(long, default_value_t = 1_000_000)]
    calls: u64,
    /// Where the random calls start; the same seed gives the same calls.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Use this kinglet binary instead of building it.
    #[arg(long, value_name = "FILE")]
    kinglet: Option<PathBuf>,
    /// Write ffi/c-tests/small.kgl anew, after a change of the blob format.
    #[arg(long)]
    bless: bool,
    /// Leave out the lanes that need the kinglet binary.
    #[arg(long)]
    no_models: bool,
}

/// How a lane ended that did not fail.
pub(crate) enum Outcome {
    Passed(String),
    Skipped(String),
}

/// What the lanes share.
struct Bench<'a> {
    arguments: &'a Arguments,
    /// The small blob as a file.
    small: PathBuf,
    subjects: Vec<Subject>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let mut report = Report::default();
    report.lane("header", header::check().map(Outcome::Passed));
    let small = small_blob::build()?;
    report.lane("small blob", check_small(&small.blob, arguments.bless));
    let small_subject = Subject::small(&small)?;
    let mut bench = Bench { arguments, small: small_subject.blob.clone(), subjects: vec![small_subject] };
    for dialect in Dialect::ALL {
        report.lane(&format!("misuse {}", dialect.name()), bench.misuse(dialect));
    }
    for dialect in [Dialect::Cxx11, Dialect::Cxx17] {
        report.lane(&format!("tflm {}", dialect.name()), bench.tflm(dialect));
    }
    report.lane("shared", bench.shared());
    report.lane("soak instrumented", bench.soak_instrumented());
    report.lane("soak checked", bench.soak_checked());
    report.lane("soak valgrind", bench.soak_valgrind());
    let found = if arguments.no_models {
        Ok(Outcome::Skipped("--no-models".into()))
    } else {
        models::find(arguments.kinglet.as_deref(), &mut bench.subjects)
    };
    report.lane("models compiled", found);
    let with_state = if arguments.no_models {
        Ok(Outcome::Skipped("--no-models".into()))
    } else {
        models::with_state(arguments.kinglet.as_deref())
    };
    report.lane("state", with_state);
    report.lane("example", bench.example());
    for subject in &bench.subjects {
        report.lane(&format!("host {}", subject.name), models::on_host(subject));
        if subject.core.is_some() {
            report.lane(&format!("refused {}", subject.name), models::refused(subject));
        }
    }
    for board in device::boards() {
        for subject in bench.subjects.iter().filter(|subject| subject.core.is_none_or(|core| core == board.core)) {
            report.lane(&format!("{} {}", board.core, subject.name), device::run(board, subject));
        }
    }
    Ok(report.finish())
}

impl Bench<'_> {
    fn misuse(&self, dialect: Dialect) -> Result<Outcome> {
        if let Some(missing) = dialect.missing() {
            return Ok(Outcome::Skipped(missing));
        }
        let library = Library::default().build()?;
        let program =
            Program { name: "misuse", dialect, sources: &["misuse.c"], library: &library, arguments: SANITIZE };
        run_command(Command::new(program.build()?).arg(&self.small)).map(Outcome::Passed)
    }

    fn tflm(&self, dialect: Dialect) -> Result<Outcome> {
        if let Some(missing) = dialect.missing() {
            return Ok(Outcome::Skipped(missing));
        }
        let library = Library::default().build()?;
        let arguments = &[SANITIZE, &["-fno-exceptions", "-fno-rtti"]].concat();
        let program = Program { name: "tflm", dialect, sources: &["tflm.cpp"], library: &library, arguments };
        let said = run_command(Command::new(program.build()?).arg(&self.small))?;
        // What the compiler would write beside the page's model.
        write("digits.h", b"extern const unsigned char digits_blob[];\n#define DIGITS_ARENA_BYTES 8192\n")?;
        let page = tree::root().join("docs/migrating-from-tflm.md");
        let text = fs::read_to_string(&page).with_context(|| format!("cannot read {}", page.display()))?;
        let block = text.split("<!-- compiled -->\n```cpp\n").nth(1).and_then(|rest| rest.split_once("```"));
        let file = write("migrated.cpp", block.context("the page has no program")?.0.as_bytes())?;
        run_command(&mut dialect.syntax(&file))?;
        Ok(Outcome::Passed(said))
    }

    fn shared(&self) -> Result<Outcome> {
        if let Some(missing) = Dialect::C99.missing() {
            return Ok(Outcome::Skipped(missing));
        }
        let library = Library { shared: true, ..Library::default() }.build()?;
        let (name, dialect) = ("misuse-shared", Dialect::C99);
        let program = Program { name, dialect, sources: &["misuse.c"], library: &library, arguments: &[] };
        run_command(Command::new(program.build()?).arg(&self.small)).map(Outcome::Passed)
    }

    /// Both sides instrumented; and a program that makes the library write where it must not is stopped.
    fn soak_instrumented(&self) -> Result<Outcome> {
        let library = Library { address_sanitizer: true, ..Library::default() };
        if Dialect::C11.missing().is_none() {
            let (name, dialect, file) = ("lie", Dialect::C11, library.build()?);
            let liar = Program { name, dialect, sources: &["lie.c"], library: &file, arguments: SANITIZE }.build()?;
            let output = Command::new(liar).arg(&self.small).output().context("cannot start the program that lies")?;
            let message = String::from_utf8_lossy(&output.stderr);
            let stopped = message.starts_with("now\n") && message.contains("AddressSanitizer: heap-buffer-overflow");
            ensure!(stopped, "a write outside the arena was not seen: {message}");
        }
        self.soak("soak-instrumented", &library, SANITIZE, self.arguments.calls)
    }

    /// A library in which an overflow, a failed assertion or a panic ends the process.
    fn soak_checked(&self) -> Result<Outcome> {
        let library = Library { debug: true, ..Library::default() };
        self.soak("soak-checked", &library, SANITIZE, self.arguments.calls)
    }

    fn soak(&self, name: &str, library: &Library, arguments: &[&str], calls: u64) -> Result<Outcome> {
        if let Some(missing) = Dialect::C11.missing() {
            return Ok(Outcome::Skipped(missing));
        }
        let library = library.build()?;
        let program = Program { name, dialect: Dialect::C11, sources: &["soak.c"], library: &library, arguments };
        run_command(&mut self.soak_command(&program.build()?, calls)).map(Outcome::Passed)
    }

    fn soak_command(&self, program: impl AsRef<OsStr>, calls: u64) -> Command {
        let mut command = Command::new(program);
        command.arg(&self.small).arg(calls.to_string()).arg(self.arguments.seed.to_string());
        command
    }

    /// The program in `examples/c`, by its own makefile.
    fn example(&self) -> Result<Outcome> {
        let missing = compiler::missing(OsStr::new("make"), "make").or_else(|| Dialect::C11.missing());
        if let Some(missing) = missing {
            return Ok(Outcome::Skipped(missing));
        }
        let build = compiler::folder()?.join("example");
        let mut make = Command::new("make");
        make.arg("-C").arg(tree::root().join("examples/c")).arg(format!("BUILD={}", build.display()));
        run_command(make.env_remove("CARGO_TARGET_DIR"))?;
        let program = build.join("run-model");
        let input = write("example.in.bin", &[0x80, 0xff, 0, 1, 2, 3, 4, 5, 6, 7, 8, 0x7f])?;
        let text = run_command(Command::new(&program).arg(&self.small).arg(input))?;
        // -x - 1, less the zero point 2, times the scale 0.5.
        let expected = "flipped: 62.5 -1 -1.5 -2 -2.5 -3 -3.5 -4 -4.5 -5 -5.5 -65";
        ensure!(text.lines().any(|line| line == expected), "{} printed:\n{text}", program.display());
        let refused = Command::new(&program).arg(program.with_file_name("nothing.kgl")).output();
        let refused = refused.context("cannot start the example")?;
        let message = String::from_utf8_lossy(&refused.stderr);
        ensure!(refused.status.code() == Some(1) && message.contains("(truncated)"), "no blob: {message}");
        Ok(Outcome::Passed("built, run, and refuses what is no blob".into()))
    }

    /// The library as it is delivered, every access watched.
    fn soak_valgrind(&self) -> Result<Outcome> {
        let missing = compiler::missing(OsStr::new("valgrind"), "valgrind").or_else(|| Dialect::C11.missing());
        if let Some(missing) = missing {
            return Ok(Outcome::Skipped(missing));
        }
        let library = Library::default().build()?;
        let (name, dialect) = ("soak-plain", Dialect::C11);
        let program = Program { name, dialect, sources: &["soak.c"], library: &library, arguments: &[] }.build()?;
        let mut command = Command::new("valgrind");
        command.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]).arg(program);
        let soak = self.soak_command("", self.arguments.calls / 10);
        run_command(command.args(soak.get_args())).map(Outcome::Passed)
    }
}

/// The C side stops at the first wrong access or undefined operation.
const SANITIZE: &[&str] = &["-fsanitize=address,undefined", "-fno-sanitize-recover=all"];

/// Prints each lane as it ends.
#[derive(Default)]
pub(crate) struct Report {
    failed: usize,
    skipped: usize,
}

impl Report {
    pub(crate) fn lane(&mut self, name: &str, outcome: Result<Outcome>) {
        match outcome {
            Ok(Outcome::Passed(detail)) => println!("ok       {name}: {detail}"),
            Ok(Outcome::Skipped(reason)) => {
                self.skipped += 1;
                println!("skipped  {name}: {reason}");
            }
            Err(error) => {
                self.failed += 1;
                println!("FAILED   {name}: {error:#}");
            }
        }
    }

    pub(crate) fn finish(&self) -> ExitCode {
        println!("{} failed, {} skipped", self.failed, self.skipped);
        if self.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
    }
}

/// The unit tests of the library include the blob as a file: they have no writer.
fn check_small(blob: &[u8], bless: bool) -> Result<Outcome> {
    let path = compiler::tests().join("small.kgl");
    if bless {
        fs::write(&path, blob).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let file = fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    ensure!(file == blob, "{} is not what is built now; run: cargo xtask c-test --bless", path.display());
    Ok(Outcome::Passed(format!("{} bytes", blob.len())))
}

/// Writes a file of the test.
fn write(name: &str, bytes: &[u8]) -> Result<PathBuf> {
    let path = compiler::folder()?.join(name);
    fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}
