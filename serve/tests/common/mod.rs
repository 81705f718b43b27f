//! A server in this process, on a port of the system's choice, and a client for it.
#![allow(dead_code, reason = "each test uses a part")]

use core::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use clap::Parser;
use ed25519_compact::KeyPair;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{HeaderMap, Request, StatusCode};
use hyper_util::rt::TokioIo;
use kinglet_blob::signature::{Claims, Unsigned};
use kinglet_serve::auth::{Role, new_token};
use kinglet_serve::server::{Options, Server};
use kinglet_serve::web::App;
use kinglet_test_blobs::programs::every_opcode;
use kinglet_trust::{KeyRing, Software};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

#[derive(Parser)]
struct Command {
    #[command(flatten)]
    options: Options,
}

/// A folder below the system's for temporary files, removed at the end.
pub(crate) struct Folder(pub(crate) PathBuf);

impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("kinglet-serve-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Puts a blob in its place, at once.
    pub(crate) fn put(&self, model: &str, version: &str, blob: &[u8]) {
        let folder = self.0.join("models").join(model).join(version);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join("new"), blob).unwrap();
        std::fs::rename(folder.join("new"), folder.join("model.kgl")).unwrap();
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Blobs of one int8 input and one int8 output, of different programs.
pub(crate) fn blobs() -> Vec<Vec<u8>> {
    let blobs = every_opcode().into_iter().map(|program| program.blob(1).to_vec());
    let is_simple = |blob: &Vec<u8>| {
        let bytes = kinglet::AlignedBlob::copy_of(blob);
        let Ok(model) = kinglet::Model::from_bytes(&bytes) else { return false };
        let is_i8 = |port: Option<kinglet::Port<'_>>| port.is_some_and(|port| port.dtype == kinglet::DType::I8);
        model.input_count() == 1 && model.output_count() == 1 && is_i8(model.input(0)) && is_i8(model.output(0))
    };
    let found: Vec<Vec<u8>> = blobs.filter(is_simple).collect();
    assert!(found.len() >= 3, "{} blobs", found.len());
    found
}

/// A server that runs until it is stopped.
pub(crate) struct Running {
    pub(crate) app: Arc<App>,
    pub(crate) http: SocketAddr,
    stop: oneshot::Sender<()>,
    ended: tokio::task::JoinHandle<bool>,
    pub(crate) admin: String,
    pub(crate) infer: String,
}

impl Running {
    /// Serves `folder/models`, with tokens for an admin and for inference.
    pub(crate) async fn start(folder: &Folder, more: &[&str]) -> Self {
        let (admin, admin_line) = new_token(Role::Admin, "admin").unwrap();
        let (infer, infer_line) = new_token(Role::Infer, "infer").unwrap();
        std::fs::write(folder.path("tokens"), format!("{admin_line}\n{infer_line}\n")).unwrap();
        std::fs::create_dir_all(folder.path("models")).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let (models, tokens, audit) =
            (text(&folder.path("models")), text(&folder.path("tokens")), text(&folder.path("audit")));
        let ports = ["--http", "127.0.0.1:0", "--grpc", "127.0.0.1:0", "--poll", "0"];
        let arguments = ["kinglet-serve", &models, "--tokens", &tokens, "--audit", &audit];
        let options = Command::parse_from(arguments.iter().chain(&ports).chain(more)).options;
        let server = Server::start(&options).await.unwrap();
        let ([http, _], app) = (server.addresses().unwrap(), Arc::clone(server.app()));
        let (stop, stopped) = oneshot::channel();
        let ended = tokio::spawn(server.run(async move { drop(stopped.await) }));
        Running { app, http, stop, ended, admin, infer }
    }

    /// Ends it; whether everything that was begun has ended.
    pub(crate) async fn stop(self) -> bool {
        let _ = self.stop.send(());
        self.ended.await.unwrap()
    }

    pub(crate) async fn client(&self, token: &str) -> Client {
        Client { sender: connect(self.http).await, token: token.to_owned() }
    }
}

async fn connect(address: SocketAddr) -> SendRequest<Full<Bytes>> {
    let stream = TcpStream::connect(address).await.unwrap();
    let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(async move { drop(connection.await) });
    sender
}

/// A connection.
pub(crate) struct Client {
    sender: SendRequest<Full<Bytes>>,
    pub(crate) token: String,
}

/// Status, headers, body.
pub(crate) type Reply = (StatusCode, HeaderMap, Bytes);

impl Client {
    pub(crate) async fn call(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Reply {
        let mut request = Request::builder().method(method).uri(path).header("host", "kinglet");
        if !self.token.is_empty() {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::new(body.into())).unwrap();
        self.sender.ready().await.unwrap();
        let (parts, body) = self.sender.send_request(request).await.unwrap().into_parts();
        (parts.status, parts.headers, body.collect().await.unwrap().to_bytes())
    }

    /// The status and the body as JSON.
    pub(crate) async fn json(&mut self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let (status, _, body) = self.call(method, path, &[], body.to_owned()).await;
        (status.as_u16(), serde_json::from_slice(&body).unwrap_or(Value::Null))
    }
}

/// A request with these codes.
pub(crate) fn codes(id: &str, shape: &[u32], codes: &[i8]) -> String {
    serde_json::json!({
        "id": id,
        "inputs": [{ "name": "in0", "shape": shape, "datatype": "INT8", "data": codes }],
    })
    .to_string()
}

/// A blob that somebody has signed.
pub(crate) fn signed(blob: &[u8], pair: &KeyPair) -> Vec<u8> {
    let claims = Claims { key_id: KeyRing::id(&pair.pk, &mut Software), security_counter: 3, ..Claims::default() };
    let aligned = kinglet::AlignedBlob::copy_of(blob);
    let unsigned = Unsigned::new(&aligned, &claims).unwrap();
    let digest = Sha256::digest(unsigned.signed_bytes()).into();
    let signature = pair.sk.sign(kinglet_trust::signed_message(&digest), None);
    unsigned.with(&signature)
}

/// Serves a signed blob as version 1 of the model `m`; the start of its digest.
pub(crate) fn serve_signed(folder: &Folder, running: &Running, blob: &[u8], pair: &KeyPair) -> [u8; 8] {
    folder.put("m", "1", &signed(blob, pair));
    running.app.repository.scan().unwrap();
    running.app.repository.catalog().version("m", "1").unwrap().digest()
}
