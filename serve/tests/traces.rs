//! With the feature `otel`, a span of each inference reaches a collector, beneath the caller's.
//!
//! `cargo test --release --package kinglet-serve --features otel --test traces`

mod common;

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

use axum::Router;
use axum::http::HeaderMap;
use bytes::Bytes;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use self::common::{Folder, blobs, codes};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// A collector: hands on the bodies of all exports, and says that they arrived.
async fn collector(bodies: mpsc::UnboundedSender<Bytes>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let export = move |body: Bytes| {
        bodies.send(body).unwrap();
        async {
            let mut headers = HeaderMap::new();
            headers.insert("content-type", "application/grpc".parse().unwrap());
            headers.insert("grpc-status", "0".parse().unwrap());
            headers
        }
    };
    let path = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
    let router = Router::new().route(path, axum::routing::post(export));
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn a_span_of_an_inference_reaches_the_collector() {
    let folder = Folder::new("traces");
    let blob = &blobs()[0];
    folder.put("m", "1", blob);
    let (sender, mut bodies) = mpsc::unbounded_channel();
    let port = collector(sender).await;
    let mut command = Command::new(env!("CARGO_BIN_EXE_kinglet-serve"));
    command.arg(folder.path("models")).args(["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0"]);
    command.env("OTEL_EXPORTER_OTLP_ENDPOINT", format!("http://127.0.0.1:{port}"));
    command.env("OTEL_BSP_SCHEDULE_DELAY", "100").stdout(Stdio::piped()).stderr(Stdio::null());
    let mut server = command.spawn().unwrap();
    let mut line = String::new();
    BufReader::new(server.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http ").unwrap().to_owned();
    let bytes = kinglet::AlignedBlob::copy_of(blob);
    let shape = kinglet::Model::from_bytes(&bytes).unwrap().input(0).unwrap().shape().to_vec();
    let body = codes("one", &shape, &vec![1; shape.iter().product::<u32>() as usize]);
    let request = format!(
        "POST /v2/models/m/infer HTTP/1.1\r\nhost: k\r\nconnection: close\r\ncontent-length: {}\r\n\
         traceparent: 00-{TRACE}-00f067aa0ba902b7-01\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(&address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let exported = tokio::time::timeout(Duration::from_secs(60), bodies.recv()).await;
    let _ = server.kill();
    let _ = server.wait();
    let exported = exported.expect("nothing was exported").unwrap();
    let trace: Vec<u8> =
        (0..16).map(|index| u8::from_str_radix(&TRACE[2 * index..2 * index + 2], 16).unwrap()).collect();
    for wanted in [b"infer".as_slice(), b"kinglet-serve", &trace] {
        assert!(exported.windows(wanted.len()).any(|window| window == wanted), "{wanted:?} is not in the export");
    }
}
