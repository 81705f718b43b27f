//! The command `kinglet-serve`.
#![forbid(unsafe_code)]

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::{Parser, Subcommand};
use kinglet_serve::auth::{Role, new_token};
use kinglet_serve::metrics::{dashboard, rules, rules_tests};
use kinglet_serve::server::{Options, Server};
use tracing_subscriber::EnvFilter;

/// Serves blobs over HTTP and gRPC (Open Inference Protocol v2).
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Command {
    #[command(flatten)]
    options: Option<Options>,
    #[command(subcommand)]
    other: Option<Other>,
}

#[derive(Debug, Subcommand)]
enum Other {
    /// Makes a token: the token, and its line for the file of tokens
    Token {
        /// What it is for
        #[arg(long, value_enum)]
        role: Role,
        /// Who has it
        #[arg(long)]
        name: String,
    },
    /// Prints the dashboard for Grafana
    Dashboard,
    /// Prints the alert rules for Prometheus
    Rules,
    /// Prints unit tests of the alert rules, for `promtool test rules`
    RulesTests {
        /// Where the rules are
        rules: String,
    },
}

fn main() -> ExitCode {
    let filter = EnvFilter::try_from_env("KINGLET_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    tracing_subscriber::fmt().json().flatten_event(true).with_env_filter(filter).with_writer(std::io::stderr).init();
    match run(Command::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    match (command.other, command.options) {
        (Some(Other::Token { role, name }), _) => {
            let (token, line) = new_token(role, &name).map_err(anyhow::Error::msg)?;
            println!("token: {token}\nline:  {line}");
        }
        (Some(Other::Dashboard), _) => println!("{:#}", dashboard()),
        (Some(Other::Rules), _) => println!("{:#}", rules()),
        (Some(Other::RulesTests { rules }), _) => println!("{:#}", rules_tests(&rules)),
        (None, Some(options)) => return serve(&options),
        (None, None) => anyhow::bail!("name the folder of models; `kinglet-serve --help` has the rest"),
    }
    Ok(ExitCode::SUCCESS)
}

fn serve(options: &Options) -> Result<ExitCode> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = options.workers {
        builder.worker_threads(workers.max(1));
    }
    let runtime = builder.enable_all().build().context("cannot start threads")?;
    runtime.block_on(async {
        let end = end()?;
        let server = Server::start(options).await?;
        let [http, grpc] = server.addresses()?;
        println!("http {http}\ngrpc {grpc}");
        stdout().flush()?;
        let is_drained = server.run(end).await;
        tracing::info!(is_drained, "ended");
        Ok(if is_drained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    })
}

/// SIGTERM, as Kubernetes and systemd send it, or Ctrl-C.
fn end() -> Result<impl Future<Output = ()>> {
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    Ok(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
    })
}
