//! Connections: HTTP/1.1 and HTTP/2 on one port, with TLS or without, as many as are allowed, until the server goes.

use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

use crate::metrics::Metrics;

/// A peer has so long for its handshake, and for a request's headers.
const PATIENCE: Duration = Duration::from_secs(10);
/// After an error of accepting, such as too many open files.
const PAUSE: Duration = Duration::from_millis(50);
/// Requests at once on a connection of HTTP/2.
const STREAMS: u32 = 256;

/// What a listener needs.
#[derive(Clone)]
pub struct Listening {
    /// Answers.
    pub router: Router,
    /// Encrypts.
    pub tls: Option<TlsAcceptor>,
    /// Connections at once, of all listeners.
    pub connections: Arc<Semaphore>,
    /// Counts them.
    pub metrics: Arc<Metrics>,
    /// True when no new connection shall be taken.
    pub stop: watch::Receiver<bool>,
}

/// Accepts until it is told to stop, and then waits until what was begun has ended, at most for `drain`. True when
/// everything has.
pub async fn listen(listener: TcpListener, mut listening: Listening, drain: Duration) -> bool {
    let graceful = GracefulShutdown::new();
    loop {
        let permit = tokio::select! {
            permit = Arc::clone(&listening.connections).acquire_owned() => permit,
            () = stopped(&mut listening.stop) => break,
        };
        let Ok(permit) = permit else { break };
        let stream = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => stream,
                Err(error) => {
                    tracing::warn!(%error, "no connection was accepted");
                    tokio::time::sleep(PAUSE).await;
                    continue;
                }
            },
            () = stopped(&mut listening.stop) => break,
        };
        let (listening, watcher) = (listening.clone(), graceful.watcher());
        tokio::spawn(async move {
            let _permit = permit;
            listening.metrics.connections().inc();
            serve(stream, &listening, watcher).await;
            listening.metrics.connections().dec();
        });
    }
    drop(listener);
    tokio::time::timeout(drain, graceful.shutdown()).await.is_ok()
}

async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that nobody can say so any more.
    drop(stop.wait_for(|stop| *stop).await);
}

async fn serve(stream: TcpStream, listening: &Listening, watcher: Watcher) {
    // Answers are small, and somebody waits for them.
    let _ = stream.set_nodelay(true);
    match &listening.tls {
        None => exchange(stream, listening, watcher).await,
        Some(tls) => match tokio::time::timeout(PATIENCE, tls.accept(stream)).await {
            Ok(Ok(stream)) => exchange(stream, listening, watcher).await,
            Ok(Err(error)) => tracing::debug!(%error, "no TLS connection came about"),
            Err(_) => tracing::debug!("the TLS handshake took too long"),
        },
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    listening: &Listening,
    watcher: Watcher,
) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(PATIENCE);
    builder.http2().timer(TokioTimer::new()).max_concurrent_streams(STREAMS).keep_alive_interval(Some(PATIENCE));
    let service = TowerToHyperService::new(listening.router.clone());
    let connection = builder.serve_connection(TokioIo::new(stream), service).into_owned();
    if let Err(error) = watcher.watch(connection).await {
        tracing::debug!(%error, "a connection ended early");
    }
}
