//! Ten thousand devices tell what they have run; some twice, some after a start from nothing, some nonsense.

mod common;

use kinglet_monitor::{RECORD_BYTES_MAX, Record};

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
    for round in 1..=3 {
        for device in 0..10_000 {
            let record = record(model, round, 10 * round, 0);
            running.app.fleet.take(&catalog, metrics, "many", &device.to_string(), &record).unwrap();
        }
    }
    assert_eq!(counter(&shown(), "kinglet_device_runs_total", "many"), Some(10_000 * 30));
    assert_eq!(counter(&shown(), "kinglet_devices", "many"), Some(10_000));
    for cohort in 0..100 {
        let _ = running.app.fleet.take(&catalog, metrics, &format!("c{cohort}"), "d", &record(model, 1, 1, 0));
    }
    // Labels are bounded, whatever devices call themselves.
    assert_eq!(tell("c99", "d", record(model, 1, 1, 0)).await, 429);
    assert!(running.stop().await);
}
