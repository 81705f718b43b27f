//! Files into a registry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use oci_client::RegistryOperation;
use oci_client::manifest::{OCI_IMAGE_MEDIA_TYPE, OciDescriptor, OciImageManifest};

use super::access::{Registry, explained};
use super::{ARTIFACT, Access, BLOB, EMPTY, FILE_BYTES_MAX, FILES_MAX, TITLE, digest, media_type};
use crate::repository::{SignaturePolicy, is_name};

/// What was done.
#[derive(Debug)]
pub struct Pushed {
    /// Of the manifest: REGISTRY/NAME@DIGEST is this version for ever.
    pub digest: String,
    /// Layers that were not there yet.
    pub sent: usize,
    /// All of them.
    pub layers: usize,
}

/// Pushes files as one version. Blobs that `policy` would not take on a pull are not pushed either.
pub async fn push(reference: &str, files: &[PathBuf], policy: &SignaturePolicy, access: &Access) -> Result<Pushed> {
    let registry = access.open(reference)?;
    ensure!(registry.image.digest().is_none(), "{reference:?} is a digest; what is pushed gets a tag");
    let contents = read(files, policy)?;
    let manifest = manifest(&contents)?;
    let auth = registry.client.auth(&registry.image, &registry.auth, RegistryOperation::Push).await;
    auth.map_err(|error| explained(error, &format!("cannot push {reference}")))?;
    let mut sent = 0;
    let config = Bytes::from_static(EMPTY.1);
    for content in contents.values().chain([&config]) {
        sent += usize::from(send(&registry, content).await?);
    }
    let bytes = serde_json::to_vec(&manifest)?;
    let digest = digest(&bytes);
    let kind = oci_client_header(OCI_IMAGE_MEDIA_TYPE)?;
    let pushed = registry.client.push_manifest_raw(&registry.image, bytes, kind).await;
    pushed.map_err(|error| explained(error, &format!("the registry does not take {reference}")))?;
    Ok(Pushed { digest, sent, layers: contents.len() })
}

fn oci_client_header(text: &str) -> Result<axum::http::HeaderValue> {
    text.parse().context("a media type is no header")
}

/// True when it was not there.
async fn send(registry: &Registry, content: &Bytes) -> Result<bool> {
    let digest = digest(content);
    let what = || format!("cannot push {digest}");
    let is_there = registry.client.blob_exists(&registry.image, &digest).await;
    if is_there.map_err(|error| explained(error, &what()))? {
        return Ok(false);
    }
    let pushed = registry.client.push_blob(&registry.image, content.clone(), &digest).await;
    pushed.map_err(|error| explained(error, &what()))?;
    Ok(true)
}

/// By name, each checked.
fn read(files: &[PathBuf], policy: &SignaturePolicy) -> Result<BTreeMap<String, Bytes>> {
    let mut contents = BTreeMap::new();
    for file in files {
        let shown = file.display();
        let name = file.file_name().and_then(|name| name.to_str()).filter(|name| is_name(name));
        let Some(name) = name else { bail!("{shown}: names of files have letters, digits, '.', '_' and '-'") };
        let bytes = std::fs::read(file).with_context(|| format!("cannot read {shown}"))?;
        ensure!(bytes.len() as u64 <= FILE_BYTES_MAX, "{shown} has more than {FILE_BYTES_MAX} bytes");
        ensure!(!bytes.is_empty(), "{shown} is empty");
        if name.ends_with(".kgl") {
            super::pull::check_blob(&bytes, policy).with_context(|| format!("{shown} is not pushed"))?;
        }
        let before = contents.insert(name.to_owned(), Bytes::from(bytes));
        ensure!(before.is_none(), "two files are called {name}");
    }
    ensure!(contents.contains_key(BLOB), "none of the files is called {BLOB}, which is what is served");
    ensure!(contents.len() <= FILES_MAX, "{} files are given, {FILES_MAX} are the most", contents.len());
    Ok(contents)
}

fn manifest(contents: &BTreeMap<String, Bytes>) -> Result<OciImageManifest> {
    let descriptor = |media_type: &str, content: &Bytes| -> Result<OciDescriptor> {
        let size = i64::try_from(content.len())?;
        Ok(OciDescriptor { media_type: media_type.to_owned(), digest: digest(content), size, ..Default::default() })
    };
    let mut layers = Vec::new();
    for (name, content) in contents {
        let annotations = Some([(TITLE.to_owned(), name.clone())].into());
        layers.push(OciDescriptor { annotations, ..descriptor(media_type(name), content)? });
    }
    Ok(OciImageManifest {
        schema_version: 2,
        media_type: Some(OCI_IMAGE_MEDIA_TYPE.to_owned()),
        config: descriptor(EMPTY.0, &Bytes::from_static(EMPTY.1))?,
        layers,
        subject: None,
        artifact_type: Some(ARTIFACT.to_owned()),
        annotations: None,
    })
}
