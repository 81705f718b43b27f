//! The server as its clients and admins find it, over real sockets.

mod common;

use kinglet::AlignedBlob;
use kinglet::{Model, Session};
use serde_json::json;

use self::common::{Folder, Running, blobs, codes};

/// Shape of the input, and what the engine itself makes of some codes.
fn expected(blob: &[u8], input: impl Fn(usize) -> i8) -> (Vec<u32>, Vec<i8>, Vec<i8>) {
    let bytes = AlignedBlob::copy_of(blob);
    let model = Model::from_bytes(&bytes).unwrap();
    let mut arena = AlignedBlob::zeroed(model.arena_bytes());
    let mut session = Session::new(&model, &mut arena).unwrap();
    let port = model.input(0).unwrap();
    let codes: Vec<i8> = (0..port.len()).map(input).collect();
    session.input_i8(0).unwrap().copy_from_slice(&codes);
    session.run().unwrap();
    (port.shape().to_vec(), codes, session.output_i8(0).unwrap().to_vec())
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_the_engines_to_the_bit_in_codes_and_in_reals() {
    let folder = Folder::new("answers");
    let blob = &blobs()[0];
    folder.put("m", "1", blob);
    let running = Running::start(&folder, &[]).await;
    let mut client = running.client(&running.infer).await;
    let (shape, input, output) = expected(blob, |index| (index * 37 % 256) as u8 as i8);
    let (status, answer) = client.json("POST", "/v2/models/m/infer", &codes("a", &shape, &input)).await;
    assert_eq!((status, &answer["outputs"][0]["data"], &answer["id"]), (200, &json!(output), &json!("a")));
    // The test blobs' scale is 0.5 and their zero point -3.
    let reals = |codes: &[i8]| -> Vec<f32> { codes.iter().map(|&code| 0.5 * (f32::from(code) + 3.0)).collect() };
    let data = reals(&input);
    let request = json!({"inputs": [{"name": "in0", "shape": shape, "datatype": "FP32", "data": data}]});
    let (status, answer) = client.json("POST", "/v2/models/m/versions/1/infer", &request.to_string()).await;
    assert_eq!((status, &answer["outputs"][0]["datatype"]), (200, &json!("FP32")));
    assert_eq!(answer["outputs"][0]["data"], json!(reals(&output)));
    // As bytes behind the JSON, asked for as bytes.
    let head = json!({"parameters": {"binary_data_output": true}, "inputs":
        [{"name": "in0", "shape": shape, "datatype": "INT8", "parameters": {"binary_data_size": input.len()}}]})
    .to_string();
    let bytes = |codes: &[i8]| -> Vec<u8> { codes.iter().map(|code| code.cast_unsigned()).collect() };
    let body = [head.as_bytes(), &bytes(&input)].concat();
    let header = ("inference-header-content-length", head.len().to_string());
    let (status, headers, body) = client.call("POST", "/v2/models/m/infer", &[(header.0, &header.1)], body).await;
    let json_bytes: usize = headers[header.0].to_str().unwrap().parse().unwrap();
    assert_eq!((status.as_u16(), &body[json_bytes..]), (200, bytes(&output).as_slice()));
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_requests_get_the_protocols_errors() {
    let folder = Folder::new("wrong");
    let blob = &blobs()[0];
    folder.put("m", "1", blob);
    let running = Running::start(&folder, &["--body", "10000"]).await;
    let mut client = running.client(&running.infer).await;
    let (shape, input, _) = expected(blob, |_| 0);
    let good = codes("", &shape, &input);
    for (path, body, status, says) in [
        ("/v2/models/none/infer", good.clone(), 404, "none"),
        ("/v2/models/m/versions/9/infer", good.clone(), 404, "\"9\""),
        ("/v2/models/..%2Fm/infer", good.clone(), 404, "no model"),
        ("/v2/models/m/infer", good.replace("in0", "in9"), 400, "in9"),
        ("/v2/models/m/infer", good.replace("INT8", "INT32"), 400, "INT32"),
        ("/v2/models/m/infer", codes("", &[7], &[0; 7]), 400, "shape [7]"),
        ("/v2/models/m/infer", good.replace("[0,", "["), 400, "bytes are given"),
        ("/v2/models/m/infer", "{".into(), 400, "no inference request"),
        ("/v2/models/m/infer", " ".repeat(10_001), 413, "10000"),
        ("/v2/nothing", String::new(), 404, "no such page"),
    ] {
        let (got, answer) = client.json("POST", path, &body).await;
        let message = answer["error"].as_str().unwrap_or_default();
        assert!(got == status && message.contains(says), "{path}: {got} {message}");
    }
    let (status, _) = client.json("POST", "/v2/models/m/infer", &good).await;
    assert_eq!(status, 200);
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_admins_change_what_is_served_and_each_step_is_in_the_log() {
    let folder = Folder::new("roles");
    folder.put("m", "1", &blobs()[0]);
    let running = Running::start(&folder, &[]).await;
    let mut nobody = running.client("").await;
    let mut infer = running.client(&running.infer).await;
    for path in ["load", "unload", "promote", "rollback"].map(|step| format!("/v2/repository/models/m/{step}")) {
        assert_eq!(nobody.json("POST", &path, "").await.0, 401, "{path}");
        assert_eq!(infer.json("POST", &path, "").await.0, 403, "{path}");
    }
    assert_eq!(infer.json("PUT", "/v2/repository/models/m/traffic", r#"{"split":1}"#).await.0, 403);
    assert_eq!(nobody.json("POST", "/v2/models/m/infer", "{}").await.0, 401);
    assert_eq!(infer.json("GET", "/metrics", "").await.0, 403);
    assert_eq!(nobody.json("GET", "/v2/health/ready", "").await.0, 200);
    assert_eq!(std::fs::metadata(folder.path("audit")).unwrap().len(), 0);
    let mut admin = running.client(&running.admin).await;
    assert_eq!(admin.json("POST", "/v2/repository/models/m/unload", "").await.0, 200);
    assert_eq!(infer.json("GET", "/v2/models/m/ready", "").await.0, 404);
    assert_eq!(admin.json("POST", "/v2/repository/models/m/load", "{}").await.0, 200);
    assert_eq!(infer.json("GET", "/v2/models/m/ready", "").await.0, 200);
    let file = r#"{"parameters":{"file:1/model.kgl":"AAAA"}}"#;
    assert_eq!(admin.json("POST", "/v2/repository/models/m/load", file).await.0, 400);
    assert_eq!(std::fs::metadata(folder.path("audit")).unwrap().len(), 2 * 64);
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn candidates_are_tried_promoted_and_taken_back() {
    let folder = Folder::new("candidates");
    let blob = &blobs()[0];
    folder.put("m", "1", blob);
    folder.put("m", "2", blob);
    std::fs::write(folder.path("models/m/aliases.json"), r#"{"aliases":{"stable":"1"}}"#).unwrap();
    let running = Running::start(&folder, &[]).await;
    let mut admin = running.client(&running.admin).await;
    let (shape, input, _) = expected(blob, |_| 1);
    let request = codes("", &shape, &input);
    let versions = async |count: usize| {
        let mut client = running.client(&running.infer).await;
        let mut by_two = 0;
        for _ in 0..count {
            let (status, answer) = client.json("POST", "/v2/models/m/infer", &request).await;
            assert_eq!(status, 200);
            by_two += usize::from(answer["model_version"] == "2");
        }
        by_two
    };
    assert_eq!(versions(10).await, 0);
    let models = "/v2/repository/models/m";
    let none = admin.json("PUT", &format!("{models}/aliases/candidate"), r#"{"version":"3"}"#).await;
    assert_eq!(none.0, 409, "{}", none.1);
    assert_eq!(admin.json("POST", &format!("{models}/promote"), "").await.0, 409);
    assert_eq!(admin.json("PUT", &format!("{models}/aliases/candidate"), r#"{"version":"2"}"#).await.0, 200);
    assert_eq!(admin.json("PUT", &format!("{models}/traffic"), r#"{"split":0.25,"shadow":1}"#).await.0, 200);
    let by_candidate = versions(100).await;
    assert!((23..=27).contains(&by_candidate), "{by_candidate} of 100");
    // Copies are run behind the answers.
    let (mut runs, mut agreements) = (0, 0);
    for _ in 0..200 {
        let traffic = admin.json("GET", &format!("{models}/traffic"), "").await.1;
        (runs, agreements) = (traffic["shadow_runs"].as_u64().unwrap(), traffic["shadow_agreements"].as_u64().unwrap());
        if runs >= 60 {
            break;
        }
        tokio::time::sleep(core::time::Duration::from_millis(10)).await;
    }
    assert!(runs >= 60 && runs == agreements, "{runs} copies, {agreements} agree");
    assert_eq!(admin.json("POST", &format!("{models}/promote"), "").await.0, 200);
    assert_eq!(versions(10).await, 10);
    assert_eq!(admin.json("POST", &format!("{models}/rollback"), "").await.0, 200);
    assert_eq!(versions(10).await, 0);
    assert_eq!(admin.json("POST", &format!("{models}/rollback"), "").await.0, 409);
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_blob_never_replaces_a_good_one() {
    let folder = Folder::new("bad");
    let blobs = blobs();
    folder.put("m", "1", &blobs[0]);
    let running = Running::start(&folder, &[]).await;
    let mut admin = running.client(&running.admin).await;
    let (shape, input, output) = expected(&blobs[0], |index| index as u8 as i8);
    let request = codes("", &shape, &input);
    let mut damaged = blobs[0].clone();
    *damaged.last_mut().unwrap() ^= 1;
    for bad in [b"no blob".to_vec(), Vec::new(), damaged, blobs[0][..blobs[0].len() - 16].to_vec()] {
        for version in ["1", "2"] {
            folder.put("m", version, &bad);
        }
        running.app.repository.scan().unwrap();
        let (status, answer) = admin.json("POST", "/v2/models/m/infer", &request).await;
        assert_eq!((status, &answer["outputs"][0]["data"]), (200, &json!(output)));
        let index = admin.json("POST", "/v2/repository/index", "").await.1;
        assert_eq!((&index[0]["state"], &index[1]["state"]), (&json!("READY"), &json!("UNAVAILABLE")), "{index}");
        assert!(index[0]["reason"].as_str().unwrap().contains("does not load"), "{index}");
    }
    std::fs::write(folder.path("models/m/aliases.json"), r#"{"aliases":{"stable":"../../etc"}}"#).unwrap();
    running.app.repository.scan().unwrap();
    assert_eq!(admin.json("POST", "/v2/models/m/infer", &request).await.0, 200);
    std::fs::remove_file(folder.path("models/m/aliases.json")).unwrap();
    // A good one does.
    folder.put("m", "2", &blobs[1]);
    running.app.repository.scan().unwrap();
    let (shape, input, output) = expected(&blobs[1], |index| index as u8 as i8);
    let (status, answer) = admin.json("POST", "/v2/models/m/infer", &codes("", &shape, &input)).await;
    assert_eq!((status, &answer["outputs"][0]["data"]), (200, &json!(output)), "{answer}");
    assert_eq!(answer["model_version"], "2");
    assert!(running.stop().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_begun_is_answered_before_the_server_ends() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let folder = Folder::new("drain");
    folder.put("m", "1", &blobs()[0]);
    let running = Running::start(&folder, &[]).await;
    let (shape, input, _) = expected(&blobs()[0], |_| 2);
    let body = codes("late", &shape, &input);
    let (half, rest) = body.split_at(body.len() / 2);
    let mut stream = tokio::net::TcpStream::connect(running.http).await.unwrap();
    let (len, token) = (body.len(), &running.infer);
    let head = format!("POST /v2/models/m/infer HTTP/1.1\r\nhost: k\r\nauthorization: Bearer {token}\r\n");
    stream.write_all(format!("{head}content-length: {len}\r\nexpect: 100-continue\r\n\r\n").as_bytes()).await.unwrap();
    // The server asks for the body: it has begun.
    let mut answer = vec![0; 25];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(answer, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(half.as_bytes()).await.unwrap();
    let (http, app) = (running.http, std::sync::Arc::clone(&running.app));
    let ended = tokio::spawn(running.stop());
    while !app.is_draining.load(core::sync::atomic::Ordering::Relaxed) {
        tokio::task::yield_now().await;
    }
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("\"id\":\"late\""), "{answer}");
    assert!(ended.await.unwrap());
    assert!(tokio::net::TcpStream::connect(http).await.is_err());
}
