//! The command `kinglet-serve`.
#![forbid(unsafe_code)]

mod commands;

use std::io::{Write, stdout};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use kinglet_serve::server::{Options, Server};
use kinglet_serve::traces;

/// Serves blobs over HTTP and gRPC (Open Inference Protocol v2).
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
struct Command {
    #[command(flatten)]
    options: Option<Options>,
    #[command(subcommand)]
    other: Option<commands::Other>,
}

fn main() -> ExitCode {
    match run(Command::parse()) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<ExitCode> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    if let Some(workers) = command.options.as_ref().and_then(|options| options.workers) {
        builder.worker_threads(workers.max(1));
    }
    let runtime = builder.enable_all().build().context("cannot start threads")?;
    // Clients of registries and brokers take the process's choice; whether one was made before does not matter.
    let _ = rustls::crypto::ring::default_provider().install_default();
    runtime.block_on(async {
        let traces = traces::start()?;
        let done = match (command.other, command.options) {
            (Some(other), _) => other.run().await.map(|()| ExitCode::SUCCESS),
            (None, Some(options)) => serve(&options).await,
            (None, None) => Err(anyhow::anyhow!("name the folder of models; `kinglet-serve --help` has the rest")),
        };
        // What has not gone out yet goes out now, off the threads that it needs for that.
        tokio::task::spawn_blocking(move || traces.end()).await?;
        done
    })
}

async fn serve(options: &Options) -> Result<ExitCode> {
    let end = end()?;
    let server = Server::start(options).await?;
    let [http, grpc] = server.addresses()?;
    println!("http {http}\ngrpc {grpc}");
    stdout().flush()?;
    let is_drained = server.run(end).await;
    tracing::info!(is_drained, "ended");
    Ok(if is_drained { ExitCode::SUCCESS } else { ExitCode::FAILURE })
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
