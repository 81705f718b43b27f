//! The `kinglet` command line.
//!
//! Results go to standard output, errors and progress to standard error. Exit codes: 0 done, 2 wrong usage,
//! 1 everything else. `docs/cli.md` describes every command and every field of the JSON.

mod audit;
mod bench;
mod bits;
mod compare;
mod compile;
mod data;
mod delta;
mod demo;
mod dump;
mod features;
mod fit;
mod inspect;
mod keygen;
mod model;
mod operators;
mod ops;
mod progress;
mod run;
mod seal;
mod sign;
mod text;
mod verify;

use std::ffi::{OsStr, OsString};
use std::io::Write;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Parser, Subcommand};

use crate::compile::Options;
use crate::input_files::InputError;
use crate::{file, plain};

/// The exit code after a signal, as shells count it.
const INTERRUPTED: i32 = 128 + 2;

/// Turns trained networks into compact, verified blobs for microcontrollers, and runs them.
#[derive(Debug, Parser)]
#[command(name = "kinglet", version, max_term_width = 100, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Compile a .tflite or .onnx model into a blob
    Compile(Box<compile::Arguments>),
    /// Describe a blob: header, manifest, operators, memory
    Inspect(inspect::Arguments),
    /// Run a blob on data, with the engine that devices run
    Run(run::Arguments),
    /// Measure the time of an inference on this machine
    Bench(bench::Arguments),
    /// Check a blob and replay the test vectors it carries
    Verify(verify::Arguments),
    /// Make a pair of keys for signing, or the key of a device
    Keygen(keygen::Arguments),
    /// Sign a blob: which model, which version, who vouches for it
    Sign(sign::Arguments),
    /// Encrypt a signed blob for one device
    Seal(seal::Arguments),
    /// Say a signed blob in terms of the one that devices have: an update of few bytes
    Delta(delta::Arguments),
    /// Check the audit log of a device, and print it
    Audit(audit::Arguments),
    /// Compute the features of a recording as a device does, for training and for `kinglet run`
    Features(features::Arguments),
    /// Say which boards a model fits: RAM, flash, time, energy, and what would help
    Fit(Box<fit::Arguments>),
    /// Compare a blob with its float model on data
    Compare(compare::Arguments),
    /// List the operators that run, or tell about one of them
    Operators(operators::Arguments),
    /// Print the engine's cargo features that blobs need
    Ops(ops::Arguments),
    /// Take the example model from float ONNX to an int8 blob and its accuracy
    Demo(demo::Arguments),
}

/// The options of `kinglet compile` for callers who have the model and want the blob themselves.
#[derive(Debug, Parser)]
#[command(name = "compile", no_binary_name = true, disable_help_flag = true)]
struct CompileCli {
    #[command(flatten)]
    arguments: compile::Arguments,
}

/// What options of `kinglet compile` ask for, as a library takes it. They are for `model`, a path or a name. What the
/// command does with a blob beyond making it is refused; an error is one line.
pub fn compile_options(model: &OsStr, options: &[OsString]) -> Result<Options, String> {
    let arguments = options.iter().map(OsString::as_os_str).chain([OsStr::new("--"), model]);
    let cli = CompileCli::try_parse_from(arguments).map_err(|error| {
        let text = error.render().to_string();
        let what = text.split("\n\n").next().unwrap_or_default();
        what.trim_start_matches("error: ").split_whitespace().collect::<Vec<_>>().join(" ")
    })?;
    compile::library_options(&cli.arguments).map_err(|failure| match failure {
        Failure::Usage(message) | Failure::Other(message) => message,
    })
}

/// Why a command did not do what was asked.
#[derive(Debug)]
enum Failure {
    /// The command line makes no sense: exit code 2.
    Usage(String),
    /// Anything else: exit code 1.
    Other(String),
}

impl<E: core::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Other(error.to_string())
    }
}

type Outcome = Result<(), Failure>;

/// Files that were named wrongly are wrong usage.
fn of_inputs(error: InputError) -> Failure {
    match error {
        InputError::Usage(message) => Failure::Usage(message),
        InputError::Data(_) | InputError::Array(_) => error.into(),
    }
}

/// Runs the command with the given arguments, the program's name first.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    ExitCode::from(exit_code(arguments))
}

/// What [`run`] exits with, for programs that have the command within them.
pub fn exit_code(arguments: impl IntoIterator<Item = OsString>) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are results, all else is an error; clap prints each where it belongs.
            let _ = error.print();
            let is_answer = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if is_answer { 0 } else { 2 };
        }
    };
    leave_no_parts_behind();
    let outcome = match cli.command {
        Command::Compile(arguments) => compile::run(&arguments),
        Command::Inspect(arguments) => inspect::run(&arguments),
        Command::Run(arguments) => run::run(&arguments),
        Command::Bench(arguments) => bench::run(&arguments),
        Command::Verify(arguments) => verify::run(&arguments),
        Command::Keygen(arguments) => keygen::run(&arguments),
        Command::Sign(arguments) => sign::run(&arguments),
        Command::Seal(arguments) => seal::run(&arguments),
        Command::Delta(arguments) => delta::run(&arguments),
        Command::Audit(arguments) => audit::run(&arguments),
        Command::Features(arguments) => features::run(&arguments),
        Command::Fit(arguments) => fit::run(&arguments),
        Command::Compare(arguments) => compare::run(&arguments),
        Command::Operators(arguments) => operators::run(&arguments),
        Command::Ops(arguments) => ops::run(&arguments),
        Command::Demo(arguments) => demo::run(&arguments),
    };
    let (message, code) = match outcome {
        Ok(()) => return 0,
        Err(Failure::Usage(message)) => (message, 2),
        Err(Failure::Other(message)) => (message, 1),
    };
    // There is nobody left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {}", plain::lines(&message));
    code
}

/// Removes what is half written when a signal ends the program. Where one is ignored, as under `nohup`, it stays so, and
/// the others do what they always do.
fn leave_no_parts_behind() {
    // What cannot be installed is missed by nobody but who interrupts.
    let _ = ctrlc::try_set_handler(|| {
        let _nothing_begins = file::discard_parts();
        std::process::exit(INTERRUPTED);
    });
}

/// Prints a result. A reader that has gone away, as `head` does, is no error worth a message.
fn print(text: &str) -> Outcome {
    match writeln!(std::io::stdout().lock(), "{}", plain::lines(text)) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Other(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Says on standard error what is probably not meant.
fn warn(sentences: impl IntoIterator<Item = String>) {
    for sentence in sentences {
        // There is nobody to warn when standard error is closed.
        let _ = writeln!(std::io::stderr(), "warning: {}", plain::lines(&sentence));
    }
}

/// Prints a result as one JSON object.
fn print_json(value: &impl serde::Serialize) -> Outcome {
    print(&serde_json::to_string_pretty(value)?)
}
