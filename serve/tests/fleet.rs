//! Ten thousand devices tell what they have run; some twice, some after a start from nothing, some nonsense.

mod common;

use kinglet_monitor::audit::{Chain, Entry, Event};
use kinglet_monitor::{Facts, RECORD_BYTES_MAX, Record};
use kinglet_serve::fleet::Message;
use kinglet_trust::Software;

use self::common::{Folder, Running, blobs};

fn record(model: [u8; 8], sequence: u32, runs: u32, alarms: u32) -> Vec<u8> {
    let (slow, most_ticks, mean_ticks, last_alarm, confidence) = (runs / 10, 9, 5, 0, [0; 16]);
    let record = Record { model, sequence, runs, slow, most_ticks, mean_ticks, alarms, last_alarm, confidence };
    let mut bytes = [0; RECORD_BYTES_MAX];
    let len = record.encode(&mut bytes);
    bytes[..len].to_vec()
}

/// The counter's value, if it is shown.
fn counter(text: &str, name: &str, cohort: &str) -> Option<u64> {
    let start = format!("{name}{{model=\"m\",version=\"1\",cohort=\"{cohort}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(start.as_str())?.parse().ok())
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_added_up_once_and_shown_of_many_only() {
    let folder = Folder::new("fleet");
    folder.put("m", "1", &blobs()[0]);
    let running = Running::start(&folder, &[]).await;
    let catalog = running.app.repository.catalog();
    let model = catalog.version("m", "").unwrap().digest();
    let mut client = running.client(&running.infer).await;
    let mut tell = async |cohort: &str, device: &str, body: Vec<u8>| {
        let path = format!("/v2/fleet/{cohort}/{device}/telemetry");
        client.call("POST", &path, &[], body).await.0.as_u16()
    };
    let shown = || running.app.repository.metrics().text();
    for device in 0..4 {
        assert_eq!(tell("pilots", &format!("d{device}"), record(model, 1, 100, 1)).await, 204);
    }
    assert_eq!(counter(&shown(), "kinglet_device_runs_total", "pilots"), None);
    assert_eq!(tell("pilots", "d4", record(model, 1, 100, 0)).await, 204);
    assert_eq!(counter(&shown(), "kinglet_device_runs_total", "pilots"), Some(500));
    assert_eq!(counter(&shown(), "kinglet_device_alarms_total", "pilots"), Some(4));
    // Twice, the next one, one that is late, and one after a start from nothing.
    for (sequence, runs, sum) in [(1, 100, 500), (3, 150, 550), (2, 120, 550), (4, 30, 580)] {
        assert_eq!(tell("pilots", "d0", record(model, sequence, runs, 1)).await, 204);
        assert_eq!(counter(&shown(), "kinglet_device_runs_total", "pilots"), Some(sum));
    }
    assert_eq!(counter(&shown(), "kinglet_devices", "pilots"), Some(5));
    assert_eq!(tell("pilots", "d0", record([7; 8], 5, 1, 0)).await, 404);
    assert_eq!(tell("pilots", "d0", vec![1; 20]).await, 400);
    assert_eq!(tell("pi%20lots", "d0", record(model, 5, 1, 0)).await, 400);
    // Many of them, without the network between.
    let metrics = running.app.repository.metrics();
    let labels = |digest| catalog.of_digest(digest);
    for round in 1..=3 {
        for device in 0..10_000 {
            let record = record(model, round, 10 * round, 0);
            let names = ["many", &device.to_string()];
            running.app.fleet.take(labels, metrics, names, Message::Telemetry, &record).unwrap();
        }
    }
    assert_eq!(counter(&shown(), "kinglet_device_runs_total", "many"), Some(10_000 * 30));
    assert_eq!(counter(&shown(), "kinglet_devices", "many"), Some(10_000));
    for cohort in 0..100 {
        let names = [&format!("c{cohort}"), "d"];
        let _ = running.app.fleet.take(labels, metrics, names, Message::Telemetry, &record(model, 1, 1, 0));
    }
    // Labels are bounded, whatever devices call themselves.
    assert_eq!(tell("c99", "d", record(model, 1, 1, 0)).await, 429);
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_and_facts_are_counted_once_a_device_and_shown_of_many_only() {
    let folder = Folder::new("facts");
    folder.put("m", "1", &blobs()[0]);
    let running = Running::start(&folder, &[]).await;
    let model = running.app.repository.catalog().version("m", "").unwrap().digest();
    let mut client = running.client(&running.infer).await;
    let mut tell = async |device: usize, what: &str, body: Vec<u8>| {
        let path = format!("/v2/fleet/pilots/d{device}/{what}");
        client.call("POST", &path, &[], body).await.0.as_u16()
    };
    let shown = || running.app.repository.metrics().text();
    for device in 0..5 {
        assert_eq!(tell(device, "telemetry", record(model, 1, 100, 0)).await, 204);
    }
    let failed = |event, model| {
        let (security_counter, version) = (0, [0; 3]);
        let entry = Entry { sequence: 0, event, reason: 1, model, security_counter, version, time: 0 };
        Chain::default().add(&entry, &mut Software).to_vec()
    };
    assert_eq!(tell(7, "audit", failed(Event::Reverted, model)).await, 204);
    assert_eq!(tell(7, "audit", failed(Event::Refused, model)).await, 204);
    assert_eq!(tell(8, "audit", failed(Event::Confirmed, model)).await, 204);
    assert_eq!(tell(8, "audit", failed(Event::Reverted, [9; 8])).await, 404);
    assert_eq!(tell(8, "audit", vec![0; 63]).await, 400);
    assert_eq!(tell(8, "nothing", Vec::new()).await, 404);
    assert_eq!(counter(&shown(), "kinglet_device_failures_total", "pilots"), Some(1));
    let totals = running.app.fleet.totals(model, [0; 8]);
    assert_eq!((totals.devices, totals.failed, totals.runs), (5, 1, 500));
    // Every third device has seen an alarm; each tells so behind a coin, and tells it again.
    let share = "kinglet_device_facts{model=\"m\",version=\"1\",cohort=\"pilots\",fact=\"input\"} ";
    let mut state = 1u64;
    for device in 0..2000 {
        if device == 99 {
            assert!(!shown().contains(share));
        }
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let random = u32::try_from(state >> 32).unwrap();
        let facts = Facts::of(model, u16::from(device % 3 == 0), random).encode().to_vec();
        for _ in 0..2 {
            assert_eq!(tell(device, "facts", facts.clone()).await, 204);
        }
    }
    let found: f64 = shown().lines().find_map(|line| line.strip_prefix(share)?.parse().ok()).unwrap();
    assert!((found - 1.0 / 3.0).abs() < 0.07, "{found}");
    assert!(running.stop().await);
}
