//! Ten thousand requests among clients that send nonsense, too much, or go away: every request that is whole is answered
//! once, with its own answer. `KINGLET_REQUESTS=1000000` makes it a million.

mod common;

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use kinglet_test_blobs::Random;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use self::common::{Folder, Running, blobs, codes};

const CONNECTIONS: u64 = 16;

#[tokio::test(flavor = "multi_thread")]
async fn no_request_is_lost_or_answered_twice() {
    let requests: u64 = std::env::var("KINGLET_REQUESTS").ok().and_then(|text| text.parse().ok()).unwrap_or(10_000);
    let folder = Folder::new("robust");
    let blobs = blobs();
    folder.put("m", "1", &blobs[0]);
    // The same again, for clients that do not wait: what of theirs has run nobody can say.
    folder.put("left", "1", &blobs[0]);
    let running = Arc::new(Running::start(&folder, &["--body", "20000", "--queue", "100000"]).await);
    let bytes = kinglet::AlignedBlob::copy_of(&blobs[0]);
    let shape = kinglet::Model::from_bytes(&bytes).unwrap().input(0).unwrap().shape().to_vec();
    let (whole, bad) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
    let tasks: Vec<_> = (0..CONNECTIONS)
        .map(|index| {
            let (running, shape) = (Arc::clone(&running), shape.clone());
            let (whole, bad) = (Arc::clone(&whole), Arc::clone(&bad));
            tokio::spawn(async move {
                exchange(&running, index, requests / CONNECTIONS, &shape, [&whole, &bad]).await;
            })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    let mut admin = running.client(&running.admin).await;
    let text = String::from_utf8(admin.call("GET", "/metrics", &[], "").await.2.to_vec()).unwrap();
    let ok = r#"kinglet_requests_total{model="m",version="1",result="ok"} "#;
    let counted = text.lines().find_map(|line| line.strip_prefix(ok)).unwrap();
    let (whole, bad) = (whole.load(Ordering::Relaxed), bad.load(Ordering::Relaxed));
    println!("{whole} requests answered, {bad} refused or left");
    assert_eq!(counted.parse(), Ok(whole));
    assert!(bad > requests / 20);
    let running = Arc::into_inner(running).unwrap();
    assert!(running.stop().await);
}

/// Whole requests on one connection, with others that are not between them.
async fn exchange(running: &Running, index: u64, count: u64, shape: &[u32], [whole, bad]: [&AtomicU64; 2]) {
    let mut random = Random::new(0x5eed + u32::try_from(index).unwrap());
    let len = shape.iter().product::<u32>() as usize;
    let mut client = running.client(&running.infer).await;
    let mut seen: Vec<(Vec<i8>, serde_json::Value)> = Vec::new();
    for number in 0..count {
        let id = format!("{index}-{number}");
        // Few different inputs, so that the same input must have the same answer whoever asks meanwhile.
        let seed = random.next() as usize % 32;
        let input: Vec<i8> = (0..len).map(|place| ((place * 7 + seed * 13) % 251) as u8 as i8).collect();
        let (status, answer) = client.json("POST", "/v2/models/m/infer", &codes(&id, shape, &input)).await;
        assert_eq!((status, answer["id"].as_str()), (200, Some(id.as_str())), "{answer}");
        whole.fetch_add(1, Ordering::Relaxed);
        match seen.iter().find(|(known, _)| *known == input) {
            Some((_, output)) => assert_eq!(*output, answer["outputs"]),
            None => seen.push((input.clone(), answer["outputs"].clone())),
        }
        if number % 8 == 0 {
            bad.fetch_add(1, Ordering::Relaxed);
            match random.next() % 4 {
                0 => {
                    let cut = codes(&id, shape, &input).replace(']', "");
                    assert_eq!(client.json("POST", "/v2/models/m/infer", &cut).await.0, 400);
                }
                1 => {
                    let (status, ..) = client.call("POST", "/v2/models/m/infer", &[], vec![b' '; 20_001]).await;
                    assert_eq!(status.as_u16(), 413);
                    client = running.client(&running.infer).await;
                }
                2 => leave(running, &codes(&id, shape, &input), random.next() as usize).await,
                _ => nonsense(running, &mut random).await,
            }
        }
    }
}

/// Sends a part of a request, or all of it, and goes away.
async fn leave(running: &Running, body: &str, random: usize) {
    let (len, token) = (body.len(), &running.infer);
    let text = format!(
        "POST /v2/models/left/infer HTTP/1.1\r\nhost: k\r\nauthorization: Bearer {token}\r\ncontent-length: {len}\r\n\r\n{body}"
    );
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    stream.write_all(&text.as_bytes()[..1 + random % text.len()]).await.unwrap();
}

/// Bytes that are no HTTP. The server answers with an error or closes.
async fn nonsense(running: &Running, random: &mut Random) {
    let bytes: Vec<u8> = (0..64).map(|_| (random.next() >> 8) as u8 | 0x80).collect();
    let mut stream = TcpStream::connect(running.http).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut answer = Vec::new();
    // Either end of the connection is right.
    let _ = stream.read_to_end(&mut answer).await;
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 400"), "{answer:?}");
}
