//! Versions in a registry of containers: Debian's docker-registry on loopback, with a password.

mod common;

use core::time::Duration;
use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use ed25519_compact::{KeyPair, Seed};
use kinglet_serve::registry::{Access, pull, push};
use kinglet_serve::repository::SignaturePolicy;
use sha2::{Digest, Sha256};

use self::common::{Folder, blobs, signed};

/// The user `kinglet` with the password `secret`.
const HTPASSWD: &str = "kinglet:$2b$04$UtDZTv0F0ZW.17Ey8HjW..i9kD7waDY2SmNJGaYcIeNCgjx8dm1fe\n";

/// A registry that ends with the test.
struct Registry {
    child: Child,
    address: String,
    storage: PathBuf,
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Registry {
    fn start(folder: &Folder) -> Option<Self> {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let (address, storage) = (format!("127.0.0.1:{port}"), folder.path("registry"));
        let passwords = folder.path("htpasswd");
        fs::write(&passwords, HTPASSWD).unwrap();
        let settings = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: {address}\n\
             auth:\n  htpasswd:\n    realm: kinglet\n    path: {}\n",
            storage.display(),
            passwords.display()
        );
        let file = folder.path("registry.yml");
        fs::write(&file, settings).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(&file).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().ok()?;
        let registry = Registry { child, address, storage };
        let start = Instant::now();
        while std::net::TcpStream::connect(&registry.address).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "docker-registry does not listen");
            std::thread::sleep(Duration::from_millis(50));
        }
        Some(registry)
    }

    /// The file in which the registry keeps a blob.
    fn file(&self, digest: &str) -> PathBuf {
        let hex = digest.strip_prefix("sha256:").unwrap();
        self.storage.join(format!("docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2]))
    }
}

fn write(folder: &Path, files: &[(&str, &[u8])]) -> Vec<PathBuf> {
    fs::create_dir_all(folder).unwrap();
    let write = |(name, content): &(&str, &[u8])| {
        let file = folder.join(name);
        fs::write(&file, content).unwrap();
        file
    };
    files.iter().map(write).collect()
}

fn digest_of(content: &[u8]) -> String {
    let hex: String = Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256:{hex}")
}

/// Who one is, as `docker login` writes it.
fn log_in(folder: &Folder, address: &str, auth: &str) {
    let settings = serde_json::json!({ "auths": { address: { "auth": auth } } });
    fs::write(folder.path("docker/config.json"), settings.to_string()).unwrap();
}

/// What every part of the test needs.
struct Case {
    folder: Folder,
    registry: Registry,
    access: Access,
    owner: KeyPair,
    policy: SignaturePolicy,
    open: SignaturePolicy,
    blob: Vec<u8>,
    stable: String,
}

impl Case {
    fn part(&self, version: &str) -> PathBuf {
        self.folder.path(&format!("models/digits/.{version}.pull"))
    }

    fn version(&self, version: &str) -> PathBuf {
        self.folder.path(&format!("models/digits/{version}"))
    }

    async fn pull(&self, reference: &str, version: &str) -> anyhow::Result<kinglet_serve::registry::Pulled> {
        pull(reference, &self.version(version), &self.policy, &self.access).await
    }

    async fn push(&self, tag: &str, files: &[PathBuf]) -> anyhow::Result<kinglet_serve::registry::Pushed> {
        push(&format!("{}/models/digits:{tag}", self.registry.address), files, &self.policy, &self.access).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_go_there_and_come_back_whole_or_not_at_all() {
    let folder = Folder::new("registry");
    let Some(registry) = Registry::start(&folder) else {
        println!("skipped: docker-registry is not installed; on Debian: sudo apt-get install -y docker-registry");
        return;
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    fs::create_dir_all(folder.path("docker")).unwrap();
    let access = Access { docker: Some(folder.path("docker")), ..Access::default() };
    let owner = KeyPair::from_seed(Seed::new([1; 32]));
    let (policy, open) = (SignaturePolicy::of_keys(&[*owner.pk]), SignaturePolicy::default());
    let (blob, stable) = (signed(&blobs()[0], &owner), format!("{}/models/digits:stable", registry.address));
    let case = Case { folder, registry, access, owner, policy, open, blob, stable };
    let first = passwords(&case).await;
    let fixed = format!("{}/models/digits@{first}", case.registry.address);
    tags_and_digests(&case, &first, &fixed).await;
    pieces(&case, &fixed).await;
    signatures(&case).await;
    lies(&case, &fixed).await;
    errors(&case).await;
}

/// Nobody, then somebody with a wrong password, then the right one; the digest of what was pushed.
async fn passwords(case: &Case) -> String {
    let files: [(&str, &[u8]); 3] = [("model.kgl", &case.blob), ("model.cdx.json", b"{}"), ("card.md", b"# A model\n")];
    let one = write(&case.folder.path("one"), &files);
    let nobody = case.push("stable", &one).await.unwrap_err();
    assert!(format!("{nobody:#}").contains("KINGLET_REGISTRY_USER"), "{nobody:#}");
    log_in(&case.folder, &case.registry.address, "a2luZ2xldDp3cm9uZw==");
    assert!(case.push("stable", &one).await.is_err());
    log_in(&case.folder, &case.registry.address, "a2luZ2xldDpzZWNyZXQ=");
    let first = case.push("stable", &one).await.unwrap();
    assert_eq!((first.layers, first.sent), (3, 3));
    // The same files are the same digest, and go nowhere again.
    let again = case.push("1", &one).await.unwrap();
    assert_eq!((&again.digest, again.sent), (&first.digest, 0));
    let pulled = case.pull(&case.stable, "1").await.unwrap();
    assert_eq!((&pulled.digest, pulled.resumed, pulled.was_there), (&first.digest, 0, false));
    for (name, content) in files {
        assert_eq!(fs::read(case.version("1").join(name)).unwrap(), content, "{name}");
    }
    first.digest
}

/// The tag moves; the digest does not.
async fn tags_and_digests(case: &Case, first: &str, fixed: &str) {
    assert!(case.pull(&case.stable, "1").await.unwrap().was_there);
    let next = signed(&blobs()[1], &case.owner);
    let two = write(&case.folder.path("two"), &[("model.kgl", &next)]);
    assert_ne!(case.push("stable", &two).await.unwrap().digest, first);
    let moved = case.pull(&case.stable, "1").await.unwrap_err();
    assert!(format!("{moved:#}").contains("versions do not change"), "{moved:#}");
    assert!(case.pull(fixed, "1").await.unwrap().was_there);
    case.pull(&case.stable, "2").await.unwrap();
    assert_eq!(fs::read(case.version("2").join("model.kgl")).unwrap(), next);
}

/// What was cut off goes on; what is wrong is not kept, and the next attempt is right.
async fn pieces(case: &Case, fixed: &str) {
    let piece = digest_of(&case.blob).replace(':', "-");
    fs::create_dir_all(case.part("3")).unwrap();
    fs::write(case.part("3").join(&piece), &case.blob[..100]).unwrap();
    assert_eq!(case.pull(fixed, "3").await.unwrap().resumed, 100);
    fs::create_dir_all(case.part("4")).unwrap();
    fs::write(case.part("4").join(&piece), vec![7; 100]).unwrap();
    let wrong = case.pull(fixed, "4").await.unwrap_err();
    assert!(format!("{wrong:#}").contains("not kept"), "{wrong:#}");
    assert!(!case.version("4").exists());
    case.pull(fixed, "4").await.unwrap();
}

/// Whoever signed it otherwise, or nobody: neither goes in nor comes out.
async fn signatures(case: &Case) {
    let other = KeyPair::from_seed(Seed::new([2; 32]));
    for (name, blob) in [("unsigned", blobs()[2].clone()), ("foreign", signed(&blobs()[2], &other))] {
        let files = write(&case.folder.path(name), &[("model.kgl", &blob)]);
        let tag = format!("{}/models/digits:{name}", case.registry.address);
        assert!(case.push(name, &files).await.is_err());
        push(&tag, &files, &case.open, &case.access).await.unwrap();
        let refused = case.pull(&tag, name).await.unwrap_err();
        assert!(format!("{refused:#}").contains("signature"), "{refused:#}");
        assert!(!case.version(name).exists() && !case.part(name).exists());
        pull(&tag, &case.version(name), &case.open, &case.access).await.unwrap();
    }
}

/// A registry whose disk lies.
async fn lies(case: &Case, fixed: &str) {
    let kept = case.registry.file(&digest_of(&case.blob));
    let mut lie = case.blob.clone();
    lie[case.blob.len() / 2] ^= 1;
    fs::write(&kept, &lie).unwrap();
    for _ in 0..2 {
        assert!(case.pull(fixed, "5").await.is_err());
        assert!(!case.version("5").exists());
    }
    fs::write(&kept, &case.blob).unwrap();
    case.pull(fixed, "5").await.unwrap();
}

async fn errors(case: &Case) {
    for (reference, says) in [
        ("digits", "names no registry"),
        ("models/digits:1", "names no registry"),
        (&format!("{}/models/none:1", case.registry.address), "cannot pull"),
        ("127.0.0.1:1/models/digits:1", "is the registry there"),
    ] {
        let error = case.pull(reference, "6").await.unwrap_err();
        assert!(format!("{error:#}").contains(says), "{reference}: {error:#}");
    }
    let nothing = write(&case.folder.path("none"), &[("card.md", b"x")]);
    let error = case.push("9", &nothing).await.unwrap_err();
    assert!(format!("{error:#}").contains("model.kgl"), "{error:#}");
}
