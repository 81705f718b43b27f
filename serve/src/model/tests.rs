use bytes::Bytes;
use kinglet_test_blobs::programs::every_opcode;

use super::*;
use crate::metrics::Metrics;
use crate::protocol::{Datatype, Tensor};

/// A version behind a gate that is closed, and a request for it.
fn behind(gate: &Gate, queue: usize, deadline: Duration) -> (Arc<Served>, Request) {
    let limits = Limits { queue, batch: 4, sequences: 1, idle: Duration::ZERO, deadline, work: u64::MAX, samples: 0 };
    let labels = ModelLabels { model: "m".into(), version: "1".into() };
    let served = every_opcode().into_iter().find_map(|program| {
        let metrics = Metrics::new().of(labels.clone());
        let served = Served::load("m", "1", &program.blob(1), Arc::clone(gate), limits, metrics).ok()?;
        let is_simple = convert::takes_batches(served.model())
            && served.model().input_count() == 1
            && served.model().input(0)?.dtype == kinglet::DType::I8;
        is_simple.then_some(served)
    });
    let served = Arc::new(served.unwrap());
    let port = served.model().input(0).unwrap();
    let shape: Vec<i64> = port.shape().iter().map(|&dim| dim.into()).collect();
    let (name, content) = (port.name.to_owned(), Bytes::from(vec![0; port.len()]));
    let inputs = vec![Tensor { name, datatype: Datatype::Int8, shape, content }];
    (served, Request { inputs, ..Request::default() })
}

#[tokio::test]
async fn requests_wait_in_order_and_no_more_than_the_queue_has_places() {
    let gate = Arc::new(Semaphore::new(0));
    let (served, request) = behind(&gate, 2, Duration::from_secs(60));
    let ask = || {
        let (served, request) = (Arc::clone(&served), request.clone());
        tokio::spawn(async move { served.infer(&request).await })
    };
    let waiting = [ask(), ask()];
    while served.waiting.load(Ordering::Relaxed) < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(served.infer(&request).await.map_err(|failure| failure.kind), Err(Kind::Busy));
    gate.add_permits(1);
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap().version, "1");
    }
    assert_eq!(served.waiting.load(Ordering::Relaxed), 0);
    // Whoever goes away leaves no place behind.
    gate.forget_permits(1);
    let left = ask();
    while served.waiting.load(Ordering::Relaxed) < 1 {
        tokio::task::yield_now().await;
    }
    left.abort();
    assert!(left.await.is_err());
    assert_eq!(served.waiting.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_shorter_deadline_ends_the_wait() {
    let gate = Arc::new(Semaphore::new(0));
    let (served, request) = behind(&gate, 2, Duration::from_secs(60));
    let hurried = Request { timeout: Some(Duration::from_millis(1)), ..request };
    let failure = served.infer(&hurried).await.unwrap_err();
    assert_eq!((failure.kind, failure.message.as_str()), (Kind::Deadline, "no answer within 1 ms"));
    gate.add_permits(1);
    let patient = Request { timeout: Some(Duration::from_secs(30)), ..hurried };
    assert!(served.infer(&patient).await.is_ok());
}

#[tokio::test]
async fn a_request_of_several_runs_is_each_of_them() {
    let gate = Arc::new(Semaphore::new(1));
    let (served, request) = behind(&gate, 2, Duration::from_secs(60));
    let port = served.model().input(0).unwrap();
    assert!(convert::takes_batches(served.model()), "{:?}", port.shape());
    let rows: Vec<Vec<u8>> = (0..3u8).map(|row| vec![row.wrapping_mul(40); port.len()]).collect();
    let with = |rows: &[Vec<u8>]| {
        let mut request = request.clone();
        request.inputs[0].shape[0] = i64::try_from(rows.len()).unwrap();
        request.inputs[0].content = rows.concat().into();
        request
    };
    let single =
        async |row: &Vec<u8>| served.infer(&with(core::slice::from_ref(row))).await.unwrap().outputs[0].0.clone();
    let together = served.infer(&with(&rows)).await.unwrap().outputs[0].0.clone();
    let mut apart = Vec::new();
    for row in &rows {
        apart.extend_from_slice(&single(row).await.content);
    }
    assert_eq!(together.content, apart);
    assert_eq!(together.shape[0], 3);
    let five = vec![rows[0].clone(); 5];
    assert_eq!(served.infer(&with(&five)).await.map_err(|failure| failure.kind), Err(Kind::Invalid));
}
