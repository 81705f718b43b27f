//! The `kinglet` command.
#![forbid(unsafe_code)]

fn main() -> std::process::ExitCode {
    kinglet_quantize::cli::run(std::env::args_os())
}
