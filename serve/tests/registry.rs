//! Versions in a registry of containers: Debian's docker-registry on loopback, with a password.

mod common;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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

#[tokio::test(flavor = "multi_thread")]
async fn versions_go_there_and_come_back_whole_or_not_at_all() {
    let folder = Folder::new("registry");
    let Some(registry) = Registry::start(&folder) else {
        println!("skipped: docker-registry is not installed; on Debian: sudo apt-get install -y docker-registry");
        return;
    };
    let _ = rustls::crypto::ring::default_provider().install_default();
    fs::create_dir_all(folder.path("docker")).unwrap();
    let address = registry.address.clone();
    let access = Access { docker: Some(folder.path("docker")), ..Access::default() };
    let [owner, other] = [1, 2].map(|byte| KeyPair::from_seed(Seed::new([byte; 32])));
    let policy = SignaturePolicy::of_keys(&[*owner.pk]);
    let open = SignaturePolicy::default();
    let blob = signed(&blobs()[0], &owner);
    let files: [(&str, &[u8]); 3] = [("model.kgl", &blob), ("model.cdx.json", b"{}"), ("card.md", b"# A model\n")];
    let one = write(&folder.path("one"), &files);
    let stable = format!("{address}/models/digits:stable");

    // Nobody, then somebody with a wrong password, then the right one.
    let nobody = push(&stable, &one, &policy, &access).await.unwrap_err();
    assert!(format!("{nobody:#}").contains("KINGLET_REGISTRY_USER"), "{nobody:#}");
    log_in(&folder, &address, "a2luZ2xldDp3cm9uZw==");
    assert!(push(&stable, &one, &policy, &access).await.is_err());
    log_in(&folder, &address, "a2luZ2xldDpzZWNyZXQ=");
    let first = push(&stable, &one, &policy, &access).await.unwrap();
    assert_eq!((first.layers, first.sent), (3, 3));
    // The same files are the same digest, and go nowhere again.
    let again = push(&format!("{address}/models/digits:1"), &one, &policy, &access).await.unwrap();
    assert_eq!((&again.digest, again.sent), (&first.digest, 0));

    let pulled = pull(&stable, &folder.path("models/digits/1"), &policy, &access).await.unwrap();
    assert_eq!((&pulled.digest, pulled.resumed, pulled.was_there), (&first.digest, 0, false));
    for (name, content) in files {
        assert_eq!(fs::read(folder.path("models/digits/1").join(name)).unwrap(), content, "{name}");
    }
    assert!(pull(&stable, &folder.path("models/digits/1"), &policy, &access).await.unwrap().was_there);

    // The tag moves; the digest does not.
    let next = signed(&blobs()[1], &owner);
    let two = write(&folder.path("two"), &[("model.kgl", &next)]);
    let second = push(&stable, &two, &policy, &access).await.unwrap();
    assert_ne!(second.digest, first.digest);
    let moved = pull(&stable, &folder.path("models/digits/1"), &policy, &access).await.unwrap_err();
    assert!(format!("{moved:#}").contains("versions do not change"), "{moved:#}");
    let fixed = format!("{address}/models/digits@{}", first.digest);
    assert!(pull(&fixed, &folder.path("models/digits/1"), &policy, &access).await.unwrap().was_there);
    pull(&stable, &folder.path("models/digits/2"), &policy, &access).await.unwrap();
    assert_eq!(fs::read(folder.path("models/digits/2/model.kgl")).unwrap(), next);

    // What was cut off goes on; what is wrong is not kept, and the next attempt is right.
    let part = |version: &str| folder.path(&format!("models/digits/.{version}.pull"));
    let piece = digest_of(&blob).replace(':', "-");
    fs::create_dir_all(part("3")).unwrap();
    fs::write(part("3").join(&piece), &blob[..100]).unwrap();
    let resumed = pull(&fixed, &folder.path("models/digits/3"), &policy, &access).await.unwrap();
    assert_eq!(resumed.resumed, 100);
    fs::create_dir_all(part("4")).unwrap();
    fs::write(part("4").join(&piece), vec![7; 100]).unwrap();
    let wrong = pull(&fixed, &folder.path("models/digits/4"), &policy, &access).await.unwrap_err();
    assert!(format!("{wrong:#}").contains("not kept"), "{wrong:#}");
    assert!(!folder.path("models/digits/4").exists());
    pull(&fixed, &folder.path("models/digits/4"), &policy, &access).await.unwrap();

    // Whoever signed it otherwise, or nobody: neither goes in nor comes out.
    for (name, blob) in [("unsigned", blobs()[2].clone()), ("foreign", signed(&blobs()[2], &other))] {
        let files = write(&folder.path(name), &[("model.kgl", &blob)]);
        let tag = format!("{address}/models/digits:{name}");
        assert!(push(&tag, &files, &policy, &access).await.is_err());
        push(&tag, &files, &open, &access).await.unwrap();
        let to = folder.path(&format!("models/digits/{name}"));
        let refused = pull(&tag, &to, &policy, &access).await.unwrap_err();
        assert!(format!("{refused:#}").contains("signature"), "{refused:#}");
        assert!(!to.exists() && !part(name).exists());
        pull(&tag, &to, &open, &access).await.unwrap();
    }

    // A registry whose disk lies.
    let kept = registry.file(&digest_of(&blob));
    let mut lie = blob.clone();
    lie[blob.len() / 2] ^= 1;
    fs::write(&kept, &lie).unwrap();
    for _ in 0..2 {
        assert!(pull(&fixed, &folder.path("models/digits/5"), &policy, &access).await.is_err());
        assert!(!folder.path("models/digits/5").exists());
    }
    fs::write(&kept, &blob).unwrap();
    pull(&fixed, &folder.path("models/digits/5"), &policy, &access).await.unwrap();

    for (reference, says) in [
        ("digits", "names no registry"),
        ("models/digits:1", "names no registry"),
        (&format!("{address}/models/none:1"), "cannot pull"),
        ("127.0.0.1:1/models/digits:1", "is the registry there"),
    ] {
        let error = pull(reference, &folder.path("models/digits/6"), &open, &access).await.unwrap_err();
        assert!(format!("{error:#}").contains(says), "{reference}: {error:#}");
    }
    let nothing = write(&folder.path("none"), &[("card.md", b"x")]);
    let error = push(&format!("{address}/models/digits:9"), &nothing, &open, &access).await.unwrap_err();
    assert!(format!("{error:#}").contains("model.kgl"), "{error:#}");
}
