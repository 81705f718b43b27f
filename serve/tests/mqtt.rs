//! Devices behind a broker: Mosquitto on loopback, with TLS and without. `KINGLET_DEVICES=100000` makes them more.

mod common;

use core::time::Duration;
use std::fs;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::time::Instant;

use ed25519_compact::{KeyPair, Seed};
use kinglet_monitor::{RECORD_BYTES_MAX, Record};
use kinglet_rollout::{Decision, Rollout, Seen};
use kinglet_serve::rollout::signed;
use kinglet_trust::{KeyRing, Software};
use rumqttc::{AsyncClient, Event, EventLoop, MqttOptions, Packet, QoS};

use self::common::{Folder, Running, blobs};

/// For what has to happen at some time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A broker that ends with the test.
struct Broker(Child);

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Broker {
    fn start(folder: &Folder, [plain, tls]: [u16; 2]) -> Option<Self> {
        let path = |name: &str| folder.path(name).display().to_string();
        let settings = format!(
            "listener {plain} 127.0.0.1\nlistener {tls} 127.0.0.1\ncertfile {}\nkeyfile {}\nallow_anonymous true\n\
             max_queued_messages 0\nmax_inflight_messages 0\nlog_type none\n",
            path("broker.pem"),
            path("broker.key")
        );
        fs::write(folder.path("mosquitto.conf"), settings).unwrap();
        let mut command = Command::new("mosquitto");
        // Debian has it where only administrators look.
        let paths = std::env::var_os("PATH").unwrap_or_default();
        let paths = std::env::split_paths(&paths).chain(["/usr/sbin".into()]);
        command.env("PATH", std::env::join_paths(paths).unwrap());
        command.arg("-c").arg(folder.path("mosquitto.conf")).stdout(Stdio::null()).stderr(Stdio::null());
        let broker = Broker(command.spawn().ok()?);
        let start = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", plain)).is_err() {
            assert!(start.elapsed() < PATIENCE, "mosquitto does not listen");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(broker)
    }
}

fn ports() -> [u16; 2] {
    let listeners = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|listener| listener.local_addr().unwrap().port())
}

/// An authority, and a certificate of it for the broker.
fn certificates(folder: &Folder) {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut authority = rcgen::CertificateParams::new(Vec::new()).unwrap();
    authority.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let certificate = authority.self_signed(&key).unwrap();
    fs::write(folder.path("ca.pem"), certificate.pem()).unwrap();
    let issuer = rcgen::Issuer::new(authority, key);
    let key = rcgen::KeyPair::generate().unwrap();
    let broker = rcgen::CertificateParams::new(vec!["localhost".into()]).unwrap().signed_by(&key, &issuer).unwrap();
    fs::write(folder.path("broker.pem"), broker.pem()).unwrap();
    fs::write(folder.path("broker.key"), key.serialize_pem()).unwrap();
}

fn client(name: &str, port: u16) -> (AsyncClient, EventLoop) {
    let mut options = MqttOptions::new(name, "127.0.0.1", port);
    options.set_inflight(1000);
    AsyncClient::new(options, 1000)
}

fn record(model: [u8; 8], sequence: u32) -> Vec<u8> {
    let (runs, slow, most_ticks, mean_ticks, alarms, last_alarm) = (10 * sequence, 0, 9, 5, 0, 0);
    let record =
        Record { model, sequence, runs, slow, most_ticks, mean_ticks, alarms, last_alarm, confidence: [0; 16] };
    let mut bytes = [0; RECORD_BYTES_MAX];
    let len = record.encode(&mut bytes);
    bytes[..len].to_vec()
}

async fn wait_for(what: &str, mut happened: impl FnMut() -> bool) {
    let start = Instant::now();
    while !happened() {
        assert!(start.elapsed() < PATIENCE, "waited for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The value behind a name with its labels.
fn metric(running: &Running, name: &str) -> Option<u64> {
    let text = running.app.repository.metrics().text();
    text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
}

/// What the broker keeps of a rollout, from the next message on.
async fn rollout(events: &mut EventLoop) -> Vec<u8> {
    let message = async {
        loop {
            if let Event::Incoming(Packet::Publish(message)) = events.poll().await.unwrap() {
                return message.payload.to_vec();
            }
        }
    };
    tokio::time::timeout(PATIENCE, message).await.unwrap()
}

async fn start(folder: &Folder, url: &str, more: &[&str]) -> Running {
    let path = |name: &str| folder.path(name).display().to_string();
    let (owner, operator, rollouts) = (path("owner.pem"), path("operator.pem"), path("rollouts"));
    let keys = ["--key", &owner, "--operator", &operator, "--rollouts", &rollouts, "--mqtt", url];
    Running::start(folder, &[&keys, more].concat()).await
}

/// Every device tells three times what it has run; all of it arrives, and what makes no sense is refused.
async fn tell(running: &Running, port: u16, model: [u8; 8], devices: u32) {
    let (sender, mut events) = client("devices", port);
    let loop_ = tokio::spawn(async move { while events.poll().await.is_ok() {} });
    let begin = Instant::now();
    for sequence in 1..=3 {
        for device in 0..devices {
            let topic = format!("kinglet/pilots/d{device}/telemetry");
            sender.publish(topic, QoS::AtLeastOnce, false, record(model, sequence)).await.unwrap();
        }
    }
    for (topic, body) in
        [("kinglet/pilots/d0/telemetry", vec![1; 20]), ("kinglet/pilots/d 0/telemetry", record(model, 9))]
    {
        sender.publish(topic, QoS::AtLeastOnce, false, body).await.unwrap();
    }
    let runs = "kinglet_device_runs_total{model=\"m\",version=\"1\",cohort=\"pilots\"}";
    wait_for("all records", || metric(running, runs) == Some(u64::from(devices) * 30)).await;
    let refused = "kinglet_mqtt_messages_total{result=\"invalid\"}";
    wait_for("the refusals", || metric(running, refused) == Some(2)).await;
    let seconds = begin.elapsed().as_secs_f64();
    println!("{} records by MQTT in {seconds:.2} s: {:.0} a second", 3 * devices, 3.0 * f64::from(devices) / seconds);
    loop_.abort();
}

#[tokio::test(flavor = "multi_thread")]
async fn records_come_and_rollouts_go_through_a_broker_that_may_go_away() {
    let devices: u32 = std::env::var("KINGLET_DEVICES").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let (folder, ports) = (Folder::new("mqtt"), ports());
    let _ = rustls::crypto::ring::default_provider().install_default();
    certificates(&folder);
    let Some(broker) = Broker::start(&folder, ports) else {
        println!("skipped: mosquitto is not installed; on Debian: sudo apt-get install -y mosquitto");
        return;
    };
    let [owner, operator] = [1, 2].map(|byte| KeyPair::from_seed(Seed::new([byte; 32])));
    fs::write(folder.path("owner.pem"), owner.pk.to_pem()).unwrap();
    fs::write(folder.path("operator.pem"), operator.to_pem()).unwrap();
    fs::create_dir_all(folder.path("rollouts")).unwrap();
    let url = format!("mqtt://127.0.0.1:{}", ports[0]);
    let running = start(&folder, &url, &[]).await;
    let model = common::serve_signed(&folder, &running, &blobs()[0], &owner);
    wait_for("the broker", || metric(&running, "kinglet_mqtt_connected") == Some(1)).await;

    tell(&running, ports[0], model, devices).await;
    let plan = r#"{"model": "m", "number": 1, "base": "0101010101010101", "next": "0202020202020202",
        "gates": {"devices": 5, "failures": 0.1, "alarms": 0.1, "slow": 0.1}, "steps": [{"*": 1}]}"#;
    let plan = signed(plan, &folder.0, &operator.pk, &owner).unwrap();
    running.app.rollouts.start("m", &plan).unwrap();
    let keys = [*owner.pk];
    let ring = KeyRing::new(&keys, 0).unwrap();
    let decide = |document: &[u8]| {
        let rollout = Rollout::verify(document, "m", Seen::default(), &ring, &mut Software).unwrap();
        rollout.decide("pilots", b"d1", &mut Software)
    };
    let (device, mut events) = client("d1", ports[0]);
    device.subscribe("kinglet/rollout/m", QoS::AtLeastOnce).await.unwrap();
    assert_eq!(decide(&rollout(&mut events).await), Decision::Next([2; 8]));
    running.app.rollouts.stop("m").unwrap();
    assert_eq!(decide(&rollout(&mut events).await), Decision::Base([1; 8]));

    // A broker that has forgotten everything is told again.
    drop((broker, events));
    wait_for("the end of the broker", || metric(&running, "kinglet_mqtt_connected") == Some(0)).await;
    let _broker = Broker::start(&folder, ports).unwrap();
    wait_for("the broker again", || metric(&running, "kinglet_mqtt_connected") == Some(1)).await;
    let (device, mut events) = client("d2", ports[0]);
    device.subscribe("kinglet/rollout/m", QoS::AtLeastOnce).await.unwrap();
    assert_eq!(decide(&rollout(&mut events).await), Decision::Base([1; 8]));
    assert!(running.stop().await);

    // The same with TLS.
    let (url, ca) = (format!("mqtts://localhost:{}", ports[1]), folder.path("ca.pem").display().to_string());
    let running = start(&folder, &url, &["--mqtt-ca", &ca]).await;
    wait_for("the broker over TLS", || metric(&running, "kinglet_mqtt_connected") == Some(1)).await;
    assert!(running.stop().await);
}
