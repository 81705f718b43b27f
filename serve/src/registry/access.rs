//! How a registry is reached, and as whom.

use core::time::Duration;
use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use docker_credential::{CredentialRetrievalError, DockerCredential};
use oci_client::client::{Certificate, CertificateEncoding, ClientConfig, ClientProtocol};
use oci_client::errors::OciDistributionError;
use oci_client::secrets::RegistryAuth;
use oci_client::{Client, Reference};

/// What the commands are told.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct Access {
    /// Without TLS; on this machine it is so anyway
    #[arg(long)]
    pub plain_http: bool,
    /// Certificates of an authority to trust besides the system's (PEM)
    #[arg(long, value_name = "FILE")]
    pub ca: Option<PathBuf>,
    /// The folder of Docker's settings, which know who one is
    #[arg(long, value_name = "FOLDER", env = "DOCKER_CONFIG")]
    pub docker: Option<PathBuf>,
}

/// Environment: a token, or a name and a password. They come before the settings of Docker.
const TOKEN: &str = "KINGLET_REGISTRY_TOKEN";
const USER: &str = "KINGLET_REGISTRY_USER";
const PASSWORD: &str = "KINGLET_REGISTRY_PASSWORD";

/// The registry may be silent for so long.
const PATIENCE: Duration = Duration::from_secs(60);

/// A registry, and who one is there.
pub(super) struct Registry {
    pub(super) client: Client,
    pub(super) auth: RegistryAuth,
    pub(super) image: Reference,
}

impl Access {
    /// The registry of a reference, REGISTRY/NAME:TAG or REGISTRY/NAME@DIGEST.
    pub(super) fn open(&self, reference: &str) -> Result<Registry> {
        let image: Reference = reference
            .parse()
            .with_context(|| format!("{reference:?} names nothing in a registry; write REGISTRY/NAME:TAG"))?;
        // Names without a registry would mean one that was not named.
        let is_named = reference
            .split_once('/')
            .is_some_and(|(registry, _)| registry.contains(['.', ':']) || registry == "localhost");
        if !is_named {
            bail!("{reference:?} names no registry; write REGISTRY/NAME:TAG");
        }
        if image.tag().is_some() && image.digest().is_some() {
            bail!("{reference:?} has a tag and a digest; write one of them");
        }
        let registry = image.resolve_registry();
        let is_here = registry == "localhost"
            || registry.starts_with("localhost:")
            || registry.starts_with("127.")
            || registry.starts_with("[::1]");
        let protocol = if self.plain_http || is_here { ClientProtocol::Http } else { ClientProtocol::Https };
        let mut extra_root_certificates = Vec::new();
        if let Some(file) = &self.ca {
            let data = std::fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
            extra_root_certificates.push(Certificate { encoding: CertificateEncoding::Pem, data });
        }
        let config = ClientConfig {
            protocol,
            extra_root_certificates,
            read_timeout: Some(PATIENCE),
            connect_timeout: Some(PATIENCE),
            user_agent: concat!("kinglet-serve/", env!("CARGO_PKG_VERSION")),
            ..ClientConfig::default()
        };
        let auth = credentials(registry, self.docker.as_deref())?;
        let client = Client::try_from(config).with_context(|| format!("cannot prepare to reach {registry}"))?;
        Ok(Registry { client, auth, image })
    }
}

/// From the environment, or from Docker's settings with their helpers, or nobody.
fn credentials(registry: &str, docker: Option<&Path>) -> Result<RegistryAuth> {
    if let Ok(token) = env::var(TOKEN) {
        return Ok(RegistryAuth::Bearer(token));
    }
    match (env::var(USER), env::var(PASSWORD)) {
        (Ok(user), Ok(password)) => return Ok(RegistryAuth::Basic(user, password)),
        (Ok(_), Err(_)) => bail!("{USER} is set, {PASSWORD} is not"),
        _ => {}
    }
    let found = match docker.map(|folder| std::fs::File::open(folder.join("config.json"))) {
        None => docker_credential::get_credential(registry),
        Some(Ok(file)) => docker_credential::get_credential_from_reader(file, registry),
        Some(Err(_)) => Err(CredentialRetrievalError::ConfigNotFound),
    };
    match found {
        Ok(DockerCredential::UsernamePassword(user, password)) => Ok(RegistryAuth::Basic(user, password)),
        Ok(DockerCredential::IdentityToken(token)) => Ok(RegistryAuth::Bearer(token)),
        Err(
            CredentialRetrievalError::ConfigNotFound
            | CredentialRetrievalError::ConfigReadError
            | CredentialRetrievalError::NoCredentialConfigured,
        ) => Ok(RegistryAuth::Anonymous),
        Err(error) => Err(error).with_context(|| format!("cannot read Docker's settings for {registry}")),
    }
}

/// What went wrong, and what would help.
pub(super) fn explained(error: OciDistributionError, what: &str) -> anyhow::Error {
    let is_refused = |error: &OciDistributionError| match error {
        OciDistributionError::AuthenticationFailure(_) | OciDistributionError::UnauthorizedError { .. } => true,
        OciDistributionError::RequestError(error) => {
            error.status().is_some_and(|status| [401, 403].contains(&status.as_u16()))
        }
        _ => false,
    };
    let help = match &error {
        error if is_refused(error) => {
            format!("; set {USER} and {PASSWORD}, or {TOKEN}, or log in by docker or podman")
        }
        OciDistributionError::ImageManifestNotFoundError(_) => "; is the name right, and was it pushed?".to_owned(),
        OciDistributionError::RequestError(error) if error.is_connect() => {
            "; is the registry there, and does it speak TLS? Otherwise: --plain-http".to_owned()
        }
        _ => String::new(),
    };
    anyhow::anyhow!("{what}: {error}{help}")
}
