//! How fast a server answers: a load generator, and an echo to compare with.
//!
//! ```text
//! load echo                                        prints its address, answers each POST with its body
//! load run ADDRESS PATH BODY [--json-bytes N] [--connections N] [--seconds S] [--rate R]
//! ```
//!
//! Without a rate each connection asks again when it has its answer (throughput); with one, requests begin at fixed times, and
//! latency counts from then, so that a server that stalls cannot hide it.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::Write;
use std::path::PathBuf;
use std::time::Instant;

use axum::Router;
use axum::routing::post;
use bytes::Bytes;
use clap::{Parser, Subcommand};
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

type Error = Box<dyn core::error::Error + Send + Sync>;

#[derive(Parser)]
struct Command {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Answers with what it gets
    Echo,
    /// Asks
    Run(Load),
}

#[derive(Clone, clap::Args)]
struct Load {
    address: SocketAddr,
    path: String,
    /// File with the body
    body: PathBuf,
    /// Where in the body the JSON ends and bytes begin
    #[arg(long)]
    json_bytes: Option<usize>,
    #[arg(long, default_value_t = 16)]
    connections: u32,
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Requests a second, of all connections
    #[arg(long)]
    rate: Option<f64>,
    /// Authorization: Bearer TOKEN
    #[arg(long)]
    token: Option<String>,
}

fn main() -> Result<(), Error> {
    // One thread: the other processor is the server's.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match Command::parse().what {
        What::Echo => runtime.block_on(echo()),
        What::Run(load) => runtime.block_on(run(load)),
    }
}

async fn echo() -> Result<(), Error> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("http {}", listener.local_addr()?);
    std::io::stdout().flush()?;
    Ok(axum::serve(listener, Router::new().fallback(post(|body: Bytes| async { body }))).await?)
}

async fn run(load: Load) -> Result<(), Error> {
    let body = Bytes::from(std::fs::read(&load.body)?);
    let start = Instant::now();
    let tasks: Vec<_> =
        (0..load.connections).map(|index| tokio::spawn(connection(load.clone(), body.clone(), index, start))).collect();
    let mut micros = Vec::new();
    for task in tasks {
        micros.extend(task.await??);
    }
    let seconds = start.elapsed().as_secs_f64();
    micros.sort_by(f64::total_cmp);
    let quantile = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    println!(
        "{} requests in {seconds:.2} s: {:.0} a second; microseconds p50 {:.0}, p90 {:.0}, p99 {:.0}, most {:.0}",
        micros.len(),
        micros.len() as f64 / seconds,
        quantile(0.5),
        quantile(0.9),
        quantile(0.99),
        quantile(1.0),
    );
    Ok(())
}

async fn connection(load: Load, body: Bytes, index: u32, start: Instant) -> Result<Vec<f64>, Error> {
    let stream = TcpStream::connect(load.address).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    let end = start + Duration::from_secs_f64(load.seconds);
    let pause = load.rate.map(|rate| Duration::from_secs_f64(f64::from(load.connections) / rate));
    // The connections take turns.
    let mut next = start + pause.unwrap_or_default().mul_f64(f64::from(index) / f64::from(load.connections));
    let mut micros = Vec::new();
    while Instant::now() < end && next < end {
        let begin = match pause {
            None => Instant::now(),
            Some(pause) => {
                tokio::time::sleep_until(next.into()).await;
                let begin = next;
                next += pause;
                begin
            }
        };
        ask(&mut sender, &load, body.clone()).await?;
        micros.push(begin.elapsed().as_secs_f64() * 1e6);
    }
    Ok(micros)
}

async fn ask(sender: &mut SendRequest<Full<Bytes>>, load: &Load, body: Bytes) -> Result<(), Error> {
    let mut request = Request::post(&load.path).header("host", "load").header("content-type", "application/json");
    if let Some(json_bytes) = load.json_bytes {
        request = request.header("inference-header-content-length", json_bytes);
    }
    if let Some(token) = &load.token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    sender.ready().await?;
    let response = sender.send_request(request.body(Full::new(body))?).await?;
    let status = response.status();
    let answer = response.into_body().collect().await?.to_bytes();
    if status.is_success() { Ok(()) } else { Err(format!("{status}: {}", String::from_utf8_lossy(&answer)).into()) }
}
