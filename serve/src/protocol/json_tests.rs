//! The reader and the writer of JSON, on what clients send and on what they must not.

use super::*;

fn read_text(text: &str) -> Result<Request, Failure> {
    read(&Bytes::copy_from_slice(text.as_bytes()), None)
}

#[test]
fn lists_of_any_depth_are_read_and_the_type_may_stand_behind_them() {
    let text = r#"{"id":"7","inputs":[{"name":"x","shape":[2,2],"data":[[1,-2],[3.5,4e2]],"datatype":"FP32"}],
        "outputs":[{"name":"y","parameters":{"binary_data":true}}],"parameters":{"sequence_id":5,"sequence_start":true}}"#;
    let request = read_text(text).unwrap();
    let floats: Vec<u8> = [1f32, -2.0, 3.5, 400.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(request.inputs[0].content, floats);
    assert_eq!(request.id, "7");
    assert_eq!(request.outputs[0].is_binary, Some(true));
    assert_eq!(request.sequence, Some(super::super::Sequence { id: "5".into(), is_start: true, is_end: false }));
}

#[test]
fn bytes_behind_the_text_belong_to_inputs_in_their_order() {
    let json = br#"{"inputs":[{"name":"a","shape":[2],"datatype":"INT8","parameters":{"binary_data_size":2}},
        {"name":"b","shape":[1],"datatype":"INT32","parameters":{"binary_data_size":4}}]}"#;
    let body = |tail: &[u8]| Bytes::from([json.as_slice(), tail].concat());
    let request = read(&body(&[1, 255, 4, 3, 2, 1]), Some(json.len())).unwrap();
    assert_eq!(request.inputs[0].content.as_ref(), [1, 255]);
    assert_eq!(request.inputs[1].content.as_ref(), [4, 3, 2, 1]);
    for (tail, says) in [(&[1u8, 2, 3][..], "bytes are left"), (&[0; 7][..], "belong to no input")] {
        let message = read(&body(tail), Some(json.len())).unwrap_err().message;
        assert!(message.contains(says), "{message}");
    }
    let message = read(&body(&[]), Some(9999)).unwrap_err().message;
    assert!(message.contains("9999"), "{message}");
}

#[test]
fn what_is_wrong_is_said_with_the_inputs_name() {
    let input = |rest: &str| format!(r#"{{"inputs":[{{"name":"x","shape":[1],{rest}}}]}}"#);
    for (rest, says) in [
        (r#""datatype":"FP64","data":[1]"#, "FP64"),
        (r#""datatype":"INT8","data":[300]"#, "300"),
        (r#""datatype":"INT8","data":[1.5]"#, "1.5"),
        (r#""datatype":"UINT8","data":["a"]"#, "list of UINT8"),
        (r#""datatype":"INT8""#, "neither"),
        (r#""datatype":"BOOL","data":[2]"#, "2"),
        (r#""datatype":"INT64","data":[9223372036854775808]"#, "9223372036854775808"),
    ] {
        let failure = read_text(&input(rest)).unwrap_err();
        assert!(failure.message.contains(says) && failure.message.contains("input x"), "{}", failure.message);
    }
    assert!(read_text("{").is_err());
    assert!(read_text(&input(&format!(r#""datatype":"INT8","data":{}"#, "[".repeat(100_000)))).is_err());
}

#[test]
fn what_is_written_is_read_again() {
    let content: Vec<u8> = [0.25f32, -3.0].iter().flat_map(|value| value.to_le_bytes()).collect();
    let tensor = Tensor { name: "y".into(), datatype: Datatype::Fp32, shape: vec![1, 2], content: content.into() };
    for is_binary in [false, true] {
        let outputs = vec![(tensor.clone(), is_binary)];
        let answer = Answer { model: "m".into(), version: "3".into(), id: "i".into(), outputs };
        let (bytes, json_bytes) = write(&answer).unwrap();
        let as_request =
            String::from_utf8_lossy(&bytes[..json_bytes.unwrap_or(bytes.len())]).replace("outputs", "inputs");
        let body = [as_request.as_bytes(), &bytes[json_bytes.unwrap_or(bytes.len())..]].concat();
        let read = read(&Bytes::from(body), json_bytes.map(|_| as_request.len())).unwrap();
        assert_eq!(read.inputs.as_slice(), core::slice::from_ref(&tensor));
    }
}
