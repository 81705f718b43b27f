//! Project tooling: `cargo xtask <command>`.
//!
//! This file only tells commands apart; each has a module of its own with its arguments and a `run`.
#![forbid(unsafe_code)]

mod accuracy;
mod board;
mod boards;
mod book;
mod budget;
mod c_test;
mod cases;
mod code_sizes;
mod commands;
mod components;
mod counts;
mod crates;
mod emulate;
mod fit_costs;
mod fuzz;
mod host_bench;
mod image;
#[cfg(test)]
mod ios;
mod jvm;
mod jvm_test;
mod kernel_check;
mod library;
mod linux_boards;
mod machines;
mod mcu_bench;
mod mcu_selftest;
mod miri;
mod mobile_networks;
mod npm;
mod onnx_nodes;
mod operator_bench;
mod oracle_differences;
mod package;
mod panic_proof;
mod powercut;
mod prerequisites;
mod profile;
mod python;
mod python_test;
mod random_graphs;
mod readme;
mod sequences;
mod serve_test;
mod test;
mod tflite_operators;
mod tflite_oracle;
mod tree;
mod wasm_test;
mod wild;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", about = "Project tooling", disable_help_subcommand = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Measure every int8 model of a folder on an emulated Cortex-M: instructions, flash, RAM, and whether the
    /// outputs are the golden ones.
    McuBench(Box<mcu_bench::Arguments>),
    /// Measure each operator by itself on an emulated Cortex-M, beside TensorFlow Lite Micro with CMSIS-NN.
    OperatorBench(operator_bench::Arguments),
    /// Count the instructions of int8 models on application cores: AArch64 under emulation, this machine under valgrind.
    HostBench(host_bench::Arguments),
    /// Fit the compiler's estimates of instructions to what mcu-bench has measured.
    FitCosts(fit_costs::Arguments),
    /// Measure the bytes of code that each feature of the engine adds, for `kinglet fit`.
    CodeSizes(code_sizes::Arguments),
    /// Check the instruction counter itself against code whose counts are known, on every emulated core.
    McuSelftest,
    /// Compile models in every way, run the blobs over test sets, and print what comes out beside what is wanted.
    Accuracy(accuracy::Arguments),
    /// Build the firmware of the real boards and check it against their budgets.
    Boards(boards::Arguments),
    /// Compare the kernels of each emulated core with the reference kernels, on the core.
    KernelCheck(kernel_check::Arguments),
    /// Check or write the tables of operators, results and machines in README and documents.
    Readme(readme::Arguments),
    /// Build the documentation as a site, by mdbook, and follow its links.
    Book(book::Arguments),
    /// Run all checks and tests of the project; what is missing for them is installed or named.
    Test(test::Arguments),
    /// Check the C interface: the header, its wrong uses, and models on this machine and on emulated boards.
    CTest(c_test::Arguments),
    /// Make archives of the C library for projects that are built without Rust.
    Package(package::Arguments),
    /// Build for Linux on other processors and run golden models there, under user-mode QEMU.
    LinuxBoards(linux_boards::Arguments),
    /// Pack the crates that would be published, and check that each is complete; nothing is sent anywhere.
    Crates,
    /// Make components of the C library for ESP-IDF, Zephyr, PlatformIO, Arduino and CMSIS-Pack.
    Components(components::Arguments),
    /// Build the Python package, install it into a fresh environment, and run its tests.
    PythonTest(python_test::Arguments),
    /// Compile the Kotlin classes and test them on this machine's JVM, over the native library.
    JvmTest(jvm_test::Arguments),
    /// Prove for each device target that no panic and no allocator can be reached through the C interface.
    PanicProof(panic_proof::Arguments),
    /// Cut the power of the slots' flash at every step, and check what must hold.
    Powercut(powercut::Arguments),
    /// Compile and run folders of small models, each with what is right.
    Cases(cases::Arguments),
    /// Run the commands of the documents as they are written.
    Commands(commands::Arguments),
    /// Compile and run the node suite of the Python package onnx.
    OnnxNodes(onnx_nodes::Arguments),
    /// Compile and run real models out of public Python packages.
    Wild(wild::Arguments),
    /// Compile and run networks of torchvision and timm, as torch exports them.
    MobileNetworks(mobile_networks::Arguments),
    /// Compile and run random float graphs, compared with onnxruntime.
    RandomGraphs(random_graphs::Arguments),
    /// Compile and run random models of one .tflite operator, compared with TensorFlow Lite Micro to the bit.
    TfliteOperators(tflite_operators::Arguments),
    /// Run models that keep tensors from run to run over sequences with known outputs, here and on an emulated board.
    Sequences(sequences::Arguments),
    /// Serve models among the programs that the server is made for: clients, Prometheus, all on loopback.
    ServeTest(serve_test::Arguments),
    /// Make the npm package, run its tests under Node, and its viewer in a headless Chromium.
    WasmTest(wasm_test::Arguments),
    /// Compare models with TensorFlow Lite itself, whose C library is fetched.
    TfliteOracle(tflite_oracle::Arguments),
    /// Compare single int8 operators with TensorFlow Lite Micro and LiteRT: where they differ in meaning is on a list.
    OracleDifferences(oracle_differences::Arguments),
    /// Run the fuzz targets; seconds each, no finding allowed.
    Fuzz(fuzz::Arguments),
    /// Run the runtime's tests under Miri.
    Miri(miri::Arguments),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::McuBench(arguments) => mcu_bench::run(&arguments),
        Command::OperatorBench(arguments) => operator_bench::run(&arguments),
        Command::HostBench(arguments) => host_bench::run(&arguments),
        Command::FitCosts(arguments) => fit_costs::run(&arguments),
        Command::CodeSizes(arguments) => code_sizes::run(&arguments),
        Command::McuSelftest => mcu_selftest::run(),
        Command::Accuracy(arguments) => accuracy::run(&arguments),
        Command::Boards(arguments) => boards::run(&arguments),
        Command::KernelCheck(arguments) => kernel_check::run(&arguments),
        Command::Readme(arguments) => readme::run(&arguments),
        Command::Book(arguments) => book::run(&arguments),
        Command::Test(arguments) => test::run(&arguments),
        Command::CTest(arguments) => c_test::run(&arguments),
        Command::Package(arguments) => package::run(&arguments),
        Command::LinuxBoards(arguments) => linux_boards::run(&arguments),
        Command::Crates => crates::run(),
        Command::Components(arguments) => components::run(&arguments),
        Command::PythonTest(arguments) => python_test::run(&arguments),
        Command::JvmTest(arguments) => jvm_test::run(&arguments),
        Command::PanicProof(arguments) => panic_proof::run(&arguments),
        Command::Powercut(arguments) => powercut::run(&arguments),
        Command::Cases(arguments) => cases::run(&arguments),
        Command::Commands(arguments) => commands::run(&arguments),
        Command::OnnxNodes(arguments) => onnx_nodes::run(&arguments),
        Command::Wild(arguments) => wild::run(&arguments),
        Command::MobileNetworks(arguments) => mobile_networks::run(&arguments),
        Command::RandomGraphs(arguments) => random_graphs::run(&arguments),
        Command::TfliteOperators(arguments) => tflite_operators::run(&arguments),
        Command::Sequences(arguments) => sequences::run(&arguments),
        Command::ServeTest(arguments) => serve_test::run(&arguments),
        Command::WasmTest(arguments) => wasm_test::run(&arguments),
        Command::TfliteOracle(arguments) => tflite_oracle::run(&arguments),
        Command::OracleDifferences(arguments) => oracle_differences::run(&arguments),
        Command::Fuzz(arguments) => fuzz::run(&arguments),
        Command::Miri(arguments) => miri::run(&arguments),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
