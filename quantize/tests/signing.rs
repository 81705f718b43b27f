//! A model's life by the command: keys, signatures and seals, with `openssl` on the other side; baselines; audit logs.

mod shared;

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use kinglet_blob::Blob;
use kinglet_monitor::Baseline;
use kinglet_monitor::audit::{Chain, Entry, Event};
use kinglet_quantize::host::AlignedBlob;
use kinglet_quantize::signing;
use kinglet_trust::{Opener, Software};

use crate::shared::shared;

const KINGLET: &str = env!("CARGO_BIN_EXE_kinglet");
const MODEL: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/tiny/model.onnx");

/// A folder of its own, removed when the test passes.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kinglet-signing-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("a temporary folder");
        Folder(folder)
    }

    /// Runs `kinglet` or `openssl` in the folder, words apart by spaces.
    fn run(&self, program: &str, line: &str) -> Output {
        Command::new(program).args(line.split(' ')).current_dir(&self.0).output().expect("starts")
    }

    /// What a command prints that must succeed.
    fn ok(&self, line: &str) -> String {
        let output = self.run(KINGLET, line);
        assert!(output.status.success(), "{line}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// What a command complains about that must fail.
    fn fails(&self, line: &str) -> String {
        let output = self.run(KINGLET, line);
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{line}: {errors}");
        errors
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).expect("there")
    }

    fn remove(self) {
        fs::remove_dir_all(self.0).expect("removed");
    }
}

/// A folder with a blob and a pair of keys.
fn with_blob(name: &str) -> Folder {
    let folder = Folder::new(name);
    folder.ok(&format!("compile {MODEL} -o a.kgl"));
    folder.ok("keygen -o private.pem --public public.pem");
    folder
}

fn has_openssl() -> bool {
    Command::new("openssl").arg("version").output().is_ok_and(|output| output.status.success())
}

#[test]
fn a_blob_is_signed_verified_and_described() {
    let folder = with_blob("round");
    assert!(folder.fails("verify a.kgl --public public.pem").contains("not signed"));
    let sign = "sign a.kgl --key private.pem --model-id 0x2a --model-version 1.4.2 --counter 3 -o b.kgl";
    let said = folder.ok(sign);
    assert!(said.contains("model 42, version 1.4.2, security counter 3"), "{said}");
    folder.ok("sign a.kgl --key private.pem --model-id 42 --model-version 1.4.2 --counter 3 -o c.kgl");
    assert_eq!(folder.read("b.kgl"), folder.read("c.kgl"), "the same bytes each time");
    assert!(folder.ok("verify b.kgl --public public.pem").contains("signed by key"));
    assert!(folder.ok("verify b.kgl").contains("is sound"));
    assert!(folder.ok("inspect b.kgl").contains("security counter 3 (as it claims"));
    let json: serde_json::Value = serde_json::from_str(&folder.ok("inspect b.kgl --json")).expect("JSON");
    assert_eq!(json["signature"]["version"], serde_json::json!([1, 4, 2]));
    let json: serde_json::Value = serde_json::from_str(&folder.ok("verify a.kgl --json")).expect("JSON");
    assert!(json["signature"].is_null());
    // Signed again without options, in place: what it said stays.
    folder.ok("keygen -o other.pem --public other-public.pem");
    let said = folder.ok("sign b.kgl --key other.pem");
    assert!(said.contains("model 42, version 1.4.2, security counter 3"), "{said}");
    assert!(folder.fails("verify b.kgl --public public.pem").contains("another key"));
    folder.ok("verify b.kgl --public public.pem --public other-public.pem");
    let mut damaged = folder.read("b.kgl");
    let at = damaged.len() - 40;
    damaged[at] ^= 1;
    fs::write(folder.path("d.kgl"), &damaged).expect("written");
    assert!(folder.fails("verify d.kgl --public other-public.pem").contains("rule 12"));
    folder.remove();
}

#[test]
fn secrets_are_kept() {
    let folder = with_blob("secrets");
    let before = folder.read("private.pem");
    assert!(folder.fails("keygen -o private.pem --public public.pem").contains("not replaced"));
    assert_eq!(folder.read("private.pem"), before);
    #[cfg(unix)]
    {
        let mode =
            std::os::unix::fs::PermissionsExt::mode(&fs::metadata(folder.path("private.pem")).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
    }
    assert!(folder.fails("sign a.kgl --key public.pem").contains("not an Ed25519 private key"));
    assert!(folder.fails("verify a.kgl --public private.pem").contains("not an Ed25519 public key"));
    assert_eq!(folder.run(KINGLET, "sign a.kgl --key private.pem --model-version 1.2").status.code(), Some(2));
    folder.remove();
}

#[test]
fn a_sealed_blob_is_opened_by_its_device() {
    let folder = with_blob("sealed");
    folder.ok("keygen --device -o device.key");
    assert!(folder.fails("seal a.kgl --for device.key -o s.kgls").contains("not signed"));
    folder.ok("sign a.kgl --key private.pem");
    folder.ok("seal a.kgl --for device.key -o s.kgls");
    folder.ok("seal a.kgl --for device.key -o t.kgls");
    assert_ne!(folder.read("s.kgls"), folder.read("t.kgls"), "a nonce is used once");
    assert!(folder.fails("verify s.kgls").contains("sealed"));
    let key = kinglet_quantize::signing::read_device_key(&folder.path("device.key")).expect("a key");
    let sealed = folder.read("s.kgls");
    let mut opener = Opener::new(sealed.first_chunk().unwrap(), &key, &mut Software, &mut Software).unwrap();
    let (body, tag) = sealed[kinglet_trust::SEAL_HEADER_BYTES..].split_at(opener.left() as usize);
    let mut plain = body.to_vec();
    opener.decrypt(&mut plain).unwrap();
    opener.finish(tag.try_into().unwrap()).unwrap();
    assert_eq!(plain, folder.read("a.kgl"));
    fs::write(folder.path("short.key"), "1234").expect("written");
    assert!(folder.fails("seal a.kgl --for short.key -o u.kgls").contains("64 hexadecimal digits"));
    folder.remove();
}

#[test]
fn a_delta_makes_one_signed_blob_of_another() {
    let folder = with_blob("delta");
    assert!(folder.fails("delta a.kgl a.kgl -o d").contains("not signed"));
    folder.ok("sign a.kgl --key private.pem --counter 1 -o old.kgl");
    folder.ok("sign a.kgl --key private.pem --counter 2 --model-version 1.0.1 -o new.kgl");
    folder.ok("delta old.kgl old.kgl -o same");
    assert!(folder.read("same").len() <= 200, "nothing is new");
    let said = folder.ok("delta old.kgl new.kgl -o d");
    let (old, new, delta) = (folder.read("old.kgl"), folder.read("new.kgl"), folder.read("d"));
    assert!(said.contains(&format!("makes {} bytes of {}", new.len(), delta.len())), "{said}");
    assert!(delta.len() <= 200, "a signature and two numbers are new, {} bytes", delta.len());
    assert_eq!(signing::apply_delta(&old, &delta), Some(new.clone()));
    assert_eq!(signing::apply_delta(&new, &delta), None, "it is from another blob");
    let json: serde_json::Value = serde_json::from_str(&folder.ok("delta old.kgl new.kgl -o d --json")).expect("JSON");
    assert_eq!((&json["delta_bytes"], &json["new_bytes"]), (&delta.len().into(), &new.len().into()));
    folder.ok("keygen --device -o device.key");
    folder.ok("seal d --for device.key -o d.kgls");
    assert_eq!(folder.read("d.kgls").len(), delta.len() + 48);
    folder.remove();
}

/// The last layer of kws with other weights, every one of them. The input's zero point is not 0, so that all biases of the
/// blob change with them.
#[test]
fn a_retrained_last_layer_travels_in_little_more_than_itself() {
    const WEIGHTS_BYTES: usize = 12 * 64;
    const LAYER_BYTES: usize = WEIGHTS_BYTES + 12 * 4;
    let Some(kws) = shared("models/kws_int8.tflite") else { return };
    let mut model = fs::read(kws).expect("readable");
    let folder = Folder::new("retrained");
    folder.ok("keygen -o private.pem --public public.pem");
    let signed = |name: &str, version: &str, model: &[u8]| {
        fs::write(folder.path("m.tflite"), model).expect("written");
        folder.ok("compile m.tflite --target cortex-m4 --golden 0 -o m.kgl");
        folder.ok(&format!("sign m.kgl --key private.pem --counter 1 --model-version {version} -o {name}"));
    };
    signed("old.kgl", "1.0.0", &model);
    // The only vector of the file that is so long.
    let length = (WEIGHTS_BYTES as u32).to_le_bytes();
    let at: Vec<_> = (0..model.len()).step_by(4).filter(|&at| model[at..].starts_with(&length)).collect();
    assert_eq!(at.len(), 1, "{at:?}");
    let mut state = 1u32;
    for weight in &mut model[at[0] + 4..][..WEIGHTS_BYTES] {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *weight = (state >> 24) as u8;
    }
    signed("new.kgl", "1.0.1", &model);
    folder.ok("delta old.kgl new.kgl -o d");
    let delta_bytes = folder.read("d").len();
    println!("a layer of {LAYER_BYTES} bytes in a delta of {delta_bytes}");
    assert!(10 * delta_bytes <= 13 * LAYER_BYTES, "{delta_bytes} bytes");
    folder.remove();
}

#[test]
fn a_baseline_is_counted_on_the_calibration_data() {
    let folder = Folder::new("baseline");
    let digits = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/digits");
    let calibrated = format!("compile {digits}/model.onnx --calib {digits}/calib.npz");
    folder.ok(&format!("{calibrated} -o plain.kgl"));
    folder.ok(&format!("{calibrated} --baseline -o a.kgl"));
    folder.ok(&format!("{calibrated} --baseline --golden 2 -o b.kgl"));
    let plain = folder.read("plain.kgl").len();
    // An entry of the section table, the section, and the padding before it.
    assert!((plain + 132..plain + 132 + 16).contains(&folder.read("a.kgl").len()));
    let blob = AlignedBlob::copy_of(&folder.read("b.kgl"));
    let baseline = Baseline::of(&Blob::parse(&blob).expect("a blob")).expect("a baseline");
    assert!(baseline.samples >= 32 && baseline.confidence.total() == baseline.samples, "{baseline:?}");
    assert!(baseline.input.total() > 65_535 && baseline.output.total() == 10 * baseline.samples, "{baseline:?}");
    folder.ok("verify b.kgl");
    assert!(folder.ok("inspect b.kgl").contains("baseline 116"));
    folder.ok(&format!("compile {MODEL} -o f.kgl"));
    assert_eq!(folder.run(KINGLET, &format!("compile {MODEL} --baseline -o f.kgl")).status.code(), Some(2));
    folder.remove();
}

#[test]
fn an_audit_log_is_checked_and_printed() {
    let folder = Folder::new("audit");
    let mut chain = Chain::default();
    let model = *b"\x01\x02\x03\x04\x05\x06\x07\x08";
    let records = Event::ALL.map(|event| {
        let entry = Entry { sequence: 0, event, reason: 2, model, security_counter: 3, version: [1, 4, 2], time: 77 };
        chain.add(&entry, &mut Software)
    });
    fs::write(folder.path("log"), records.concat()).expect("written");
    let said = folder.ok("audit log");
    assert!(said.contains("Confirmed") && said.contains("0102030405060708  1.4.2"), "{said}");
    let digest: String = chain.digest().iter().map(|byte| format!("{byte:02x}")).collect();
    let count = format!("{} records, from its first record on", Event::ALL.len());
    assert!(said.contains(&count) && said.contains(&digest), "{said}");
    fs::write(folder.path("late"), records[3..].concat()).expect("written");
    assert!(folder.ok("audit late").contains("beginning is gone"));
    let json: serde_json::Value = serde_json::from_str(&folder.ok("audit late --json")).expect("JSON");
    assert_eq!((&json["is_complete"], &json["records"][0]["sequence"]), (&false.into(), &4.into()));
    fs::write(folder.path("gap"), [&records[..2], &records[3..]].concat().concat()).expect("written");
    assert!(folder.fails("audit gap").contains("record 3 does not have the next number"));
    let mut changed = records.concat();
    changed[64 * 4 + 5] ^= 1;
    fs::write(folder.path("changed"), &changed).expect("written");
    assert!(folder.fails("audit changed").contains("record 5 does not continue the chain"));
    fs::write(folder.path("short"), &changed[..100]).expect("written");
    assert!(folder.fails("audit short").contains("100 bytes"));
    folder.remove();
}

/// Signs what `kinglet sign` signs, by `openssl`.
fn openssl_signature(folder: &Folder, blob: &[u8]) -> Vec<u8> {
    use sha2::Digest;
    let signed = &blob[..blob.len() - 68];
    let message = kinglet_trust::signed_message(&sha2::Sha256::digest(signed).into());
    fs::write(folder.path("message"), message).expect("written");
    let output = folder.run("openssl", "pkeyutl -sign -rawin -inkey private.pem -in message -out signature");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    folder.read("signature")
}

#[test]
fn openssl_reads_our_keys_and_we_read_its() {
    if !has_openssl() {
        println!("skipped: openssl is not installed");
        return;
    }
    let folder = with_blob("openssl");
    let derived = folder.run("openssl", "pkey -in private.pem -pubout");
    assert_eq!(derived.stdout, folder.read("public.pem"), "{}", String::from_utf8_lossy(&derived.stderr));
    folder.ok("sign a.kgl --key private.pem");
    let blob = folder.read("a.kgl");
    let ours = &blob[blob.len() - 68..blob.len() - 4];
    assert_eq!(openssl_signature(&folder, &blob), ours);
    // The other way round.
    fs::remove_file(folder.path("private.pem")).expect("removed");
    for line in ["genpkey -algorithm ed25519 -out private.pem", "pkey -in private.pem -pubout -out public.pem"] {
        assert!(folder.run("openssl", line).status.success(), "{line}");
    }
    folder.ok("sign a.kgl --key private.pem");
    folder.ok("verify a.kgl --public public.pem");
    folder.remove();
}
