//! Rollouts: by devices that are not there, and over HTTP.

mod common;

use ed25519_compact::{KeyPair, Seed};
use kinglet_rollout::{Decision, Reason, Rollout, Seen};
use kinglet_serve::rollout::signed;
use kinglet_serve::rollout::simulation::{Settings, simulate};
use kinglet_trust::{KeyRing, Software};

use self::common::{Folder, Running, blobs};

/// Four steps.
const PLAN: &str = include_str!("plan.json");

fn settings(seed: u64) -> Settings {
    let cohorts = [("pilots", 0.05), ("eu", 0.4), ("us", 0.55)];
    Settings {
        plan: PLAN.to_owned(),
        devices: 2000,
        cohorts: cohorts.map(|(name, part)| (name.to_owned(), part)).to_vec(),
        loss: 0.25,
        failing: 0.0,
        alarming: 0.0,
        minutes: 5000,
        seed,
    }
}

#[test]
fn a_good_version_reaches_everybody_over_lossy_links() {
    let outcome = simulate(settings(1)).unwrap();
    assert_eq!((outcome.step, outcome.reason, outcome.behind), (4, Reason::Plan, 0), "{outcome}");
    assert!(outcome.cohorts.iter().all(|(_, [all, _, now])| all == now), "{outcome}");
    assert!(outcome.lost > 5_000 && outcome.old > 0, "{outcome}");
    // The same seed is the same run.
    assert_eq!(simulate(settings(1)).unwrap(), outcome);
    assert_ne!(simulate(settings(2)).unwrap(), outcome);
}

#[test]
fn a_bad_version_reaches_the_first_cohort_only_and_is_taken_back() {
    for (failing, alarming, reason) in [(0.2, 0.0, Reason::Failures), (0.0, 0.5, Reason::Alarms)] {
        for seed in 1..=3 {
            let outcome = simulate(Settings { failing, alarming, ..settings(seed) }).unwrap();
            assert_eq!((outcome.step, outcome.reason, outcome.behind), (0, reason, 0), "{outcome}");
            let [pilots, eu, us] = [0, 1, 2].map(|index| outcome.cohorts[index].1);
            assert!(pilots[1] > 0 && eu[1] + us[1] == 0, "{outcome}");
            assert_eq!([pilots[2], eu[2], us[2]], [0; 3], "{outcome}");
        }
    }
}

#[test]
fn a_version_that_nobody_tells_of_stays_where_it_is() {
    // Fewer devices than the gate wants to hear of.
    let outcome = simulate(Settings { devices: 500, minutes: 600, ..settings(1) }).unwrap();
    assert_eq!((outcome.step, outcome.cohorts[1].1[1]), (1, 0), "{outcome}");
}

/// Keys of an owner and of an operator, in files.
fn keys(folder: &Folder) -> [KeyPair; 2] {
    let pairs = [1, 2].map(|byte| KeyPair::from_seed(Seed::new([byte; 32])));
    std::fs::write(folder.path("owner.pem"), pairs[0].pk.to_pem()).unwrap();
    std::fs::write(folder.path("operator.pem"), pairs[1].to_pem()).unwrap();
    std::fs::create_dir_all(folder.path("rollouts")).unwrap();
    pairs
}

async fn start(folder: &Folder) -> Running {
    let path = |name: &str| folder.path(name).display().to_string();
    let (owner, operator, rollouts) = (path("owner.pem"), path("operator.pem"), path("rollouts"));
    Running::start(folder, &["--key", &owner, "--operator", &operator, "--rollouts", &rollouts]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_poll_with_an_etag_and_a_stop_outlives_the_server() {
    let folder = Folder::new("rollout");
    let [owner, operator] = keys(&folder);
    let plan = |number: u32| {
        let text = PLAN.replace("\"number\": 1", &format!("\"number\": {number}"));
        signed(&text, &folder.0, &operator.pk, &owner).unwrap()
    };
    let running = start(&folder).await;
    let (mut admin, mut device) = (running.client(&running.admin).await, running.client(&running.infer).await);
    let path = "/v2/rollouts/digits";
    assert_eq!(device.call("GET", path, &[], "").await.0, 404);
    assert_eq!(device.call("PUT", &format!("{path}/plan"), &[], plan(1)).await.0, 403);
    assert_eq!(admin.call("PUT", "/v2/rollouts/wake/plan", &[], plan(1)).await.0, 400);
    let foreign = signed(PLAN, &folder.0, &owner.pk, &owner).unwrap();
    assert_eq!(admin.call("PUT", &format!("{path}/plan"), &[], foreign).await.0, 400);
    let unsigned = signed(PLAN, &folder.0, &operator.pk, &operator).unwrap();
    assert_eq!(admin.call("PUT", &format!("{path}/plan"), &[], unsigned).await.0, 400);
    assert_eq!(admin.call("PUT", &format!("{path}/plan"), &[], plan(1)).await.0, 200);
    assert_eq!(admin.call("PUT", &format!("{path}/plan"), &[], plan(1)).await.0, 409);
    let (status, headers, document) = device.call("GET", path, &[], "").await;
    let etag = headers["etag"].to_str().unwrap().to_owned();
    assert_eq!(status, 200);
    let (status, _, body) = device.call("GET", path, &[("if-none-match", &etag)], "").await;
    assert_eq!((status.as_u16(), body.len()), (304, 0));
    let keys = [*owner.pk];
    let ring = KeyRing::new(&keys, 0).unwrap();
    let decide = |document: &[u8], seen| {
        let rollout = Rollout::verify(document, "digits", seen, &ring, &mut Software).unwrap();
        (rollout.decide("pilots", b"d1", &mut Software), rollout.seen())
    };
    let (decision, seen) = decide(&document, Seen::default());
    assert_eq!(decision, Decision::Next([2; 8]));
    assert_eq!(device.call("POST", &format!("{path}/stop"), &[], "").await.0, 403);
    assert_eq!(admin.json("POST", &format!("{path}/stop"), "").await.1["step"], 0);
    let (status, _, document) = device.call("GET", path, &[("if-none-match", &etag)], "").await;
    assert_eq!(status, 200);
    assert_eq!(decide(&document, seen).0, Decision::Base([1; 8]));
    assert!(running.stop().await);
    let running = start(&folder).await;
    let mut admin = running.client(&running.admin).await;
    let (_, state) = admin.json("GET", &format!("{path}/state"), "").await;
    assert_eq!((&state["step"], &state["reason"]), (&0.into(), &"operator".into()), "{state}");
    assert_eq!(admin.call("PUT", &format!("{path}/plan"), &[], plan(2)).await.0, 200);
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn conditions_promote_a_good_candidate_and_drop_a_bad_one() {
    let folder = Folder::new("automatic");
    let blobs = blobs();
    for version in ["1", "2"] {
        folder.put("m", version, &blobs[0]);
    }
    std::fs::write(folder.path("models/m/aliases.json"), r#"{"aliases":{"stable":"1"}}"#).unwrap();
    let running = Running::start(&folder, &[]).await;
    let mut admin = running.client(&running.admin).await;
    let served = running.app.repository.catalog().version("m", "1").unwrap().clone();
    let port = served.model().input(0).unwrap();
    let (shape, len) = (port.shape().to_vec(), port.len());
    let request = common::codes("", &shape, &vec![1; len]);
    let models = "/v2/repository/models/m";
    let traffic = r#"{"shadow": 1, "automatic": {"runs": 20, "agreement": 0.9, "slower": 1000}}"#;
    let without = r#"{"shadow": 0, "automatic": {"runs": 20, "agreement": 0.9}}"#;
    assert_eq!(admin.json("PUT", &format!("{models}/traffic"), without).await.0, 400);
    assert_eq!(admin.json("PUT", &format!("{models}/aliases/candidate"), r#"{"version":"2"}"#).await.0, 200);
    assert_eq!(admin.json("PUT", &format!("{models}/traffic"), traffic).await.0, 200);
    running.app.look();
    let mut answers = "1".to_owned();
    for _ in 0..1000 {
        let (status, answer) = admin.json("POST", "/v2/models/m/infer", &request).await;
        assert_eq!(status, 200);
        running.app.look();
        answers = answer["model_version"].as_str().unwrap().to_owned();
        if answers == "2" {
            break;
        }
    }
    assert_eq!(answers, "2");
    let shown = admin.json("GET", &format!("{models}/traffic"), "").await.1;
    assert_eq!(
        (&shown["automatic"], &shown["aliases"]["previous"]),
        (&serde_json::Value::Null, &"1".into()),
        "{shown}"
    );
    // Another program, which takes other inputs: every copy fails, and that is no agreement.
    let other = blobs.iter().find(|blob| {
        let bytes = kinglet::AlignedBlob::copy_of(blob);
        kinglet::Model::from_bytes(&bytes).unwrap().input(0).unwrap().shape() != shape
    });
    folder.put("m", "3", other.unwrap());
    running.app.repository.scan().unwrap();
    assert_eq!(admin.json("PUT", &format!("{models}/aliases/candidate"), r#"{"version":"3"}"#).await.0, 200);
    assert_eq!(admin.json("PUT", &format!("{models}/traffic"), traffic).await.0, 200);
    running.app.look();
    let mut is_dropped = false;
    for _ in 0..1000 {
        let (status, answer) = admin.json("POST", "/v2/models/m/infer", &request).await;
        assert_eq!((status, &answer["model_version"]), (200, &"2".into()));
        running.app.look();
        let shown = admin.json("GET", &format!("{models}/traffic"), "").await.1;
        is_dropped = shown["aliases"]["candidate"].is_null();
        if is_dropped {
            break;
        }
    }
    assert!(is_dropped);
    assert!(running.stop().await);
}
