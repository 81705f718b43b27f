//! TLS with certificates made here: who has none of the right authority gets no connection.

mod common;

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::rt::TokioIo;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use self::common::{Folder, Running, blobs};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// Certificate and key in PEM.
fn issued(authority: &Authority, name: &str) -> [String; 2] {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    [params.signed_by(&key, authority).unwrap().pem(), key.serialize_pem()]
}

/// The status of a request, or why there is no connection.
async fn ask(running: &Running, authority: &Authority, client: Option<&[String; 2]>) -> Result<u16, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let builder = builder.with_root_certificates(roots);
    let config = match client {
        None => builder.with_no_client_auth(),
        Some([certificate, key]) => builder
            .with_client_auth_cert(
                vec![CertificateDer::from_pem_slice(certificate.as_bytes()).unwrap()],
                PrivateKeyDer::from_pem_slice(key.as_bytes()).unwrap(),
            )
            .unwrap(),
    };
    let text = |error: &dyn core::fmt::Debug| format!("{error:?}");
    let stream = TcpStream::connect(running.http).await.map_err(|error| text(&error))?;
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| text(&error))?;
    let handshake = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
    let (mut sender, connection) = handshake.map_err(|error| text(&error))?;
    tokio::spawn(async move { drop(connection.await) });
    let request = Request::get("/v2/health/ready").header("host", "localhost").body(Empty::<Bytes>::new()).unwrap();
    let response = sender.send_request(request).await.map_err(|error| text(&error))?;
    let status = response.status().as_u16();
    response.into_body().collect().await.map_err(|error| text(&error))?;
    Ok(status)
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_without_the_right_certificate_get_no_connection() {
    let folder = Folder::new("tls");
    folder.put("m", "1", &blobs()[0]);
    let [ours, others] = [authority(), authority()];
    let [certificate, key] = issued(&ours, "localhost");
    let files = [("server.pem", certificate), ("server.key", key), ("clients.pem", ours.pem())];
    let paths = files.map(|(name, text)| {
        std::fs::write(folder.path(name), text).unwrap();
        folder.path(name).to_str().unwrap().to_owned()
    });
    let [cert, key, clients] = &paths;
    let server = ["--tls-cert", cert, "--tls-key", key];
    let running = Running::start(&folder, &server).await;
    assert_eq!(ask(&running, &ours, None).await, Ok(200));
    assert!(ask(&running, &others, None).await.is_err());
    assert!(running.stop().await);
    let running = Running::start(&folder, &[server.as_slice(), &["--tls-clients", clients]].concat()).await;
    assert_eq!(ask(&running, &ours, Some(&issued(&ours, "phone"))).await, Ok(200));
    assert!(ask(&running, &ours, None).await.is_err());
    assert!(ask(&running, &ours, Some(&issued(&others, "phone"))).await.is_err());
    assert!(running.stop().await);
}
