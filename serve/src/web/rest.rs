//! The Open Inference Protocol's REST.

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::rejection::BytesRejection;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use kinglet::Port;
use serde_json::{Value, json};
use tracing::Instrument;

use super::{App, EXTENSIONS, SERVER, Shared};
use crate::failure::{Failure, Kind};
use crate::model::{Served, is_quantized, shape};
use crate::protocol::{Datatype, grpc, json as body};
use crate::traces;

/// Where in a body the JSON ends and bytes begin.
const JSON_BYTES: &str = "inference-header-content-length";

pub(super) type Names = Path<BTreeMap<String, String>>;

pub(super) fn name<'n>(names: &'n Names, which: &str) -> &'n str {
    names.get(which).map_or("", String::as_str)
}

pub(super) async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

pub(super) async fn ready(State(app): State<Shared>) -> Response {
    let is_ready = app.is_ready();
    let status = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({ "ready": is_ready }))).into_response()
}

pub(super) async fn server() -> Json<Value> {
    Json(json!({ "name": SERVER, "version": env!("CARGO_PKG_VERSION"), "extensions": EXTENSIONS }))
}

pub(super) async fn model(State(app): State<Shared>, names: Names) -> Result<Json<Value>, Failure> {
    let catalog = app.repository.catalog();
    let model = name(&names, "model");
    let served = catalog.version(model, name(&names, "version"))?;
    let versions: Vec<&str> = catalog.model(model)?.versions().collect();
    let inputs: Vec<Value> = crate::model::inputs(served.model()).map(|port| tensor(served, &port)).collect();
    let outputs: Vec<Value> = crate::model::outputs_of(served.model()).map(|port| tensor(served, &port)).collect();
    Ok(Json(json!({
        "name": model, "versions": versions, "platform": SERVER, "inputs": inputs, "outputs": outputs,
    })))
}

/// What requests say of a quantized tensor is FP32; how its codes mean real numbers stands beside it.
fn tensor(served: &Served, port: &Port<'_>) -> Value {
    let own = Datatype::of(port.dtype).map_or("", Datatype::name);
    let shape = shape(served.model(), port);
    if is_quantized(port) {
        let codes = json!({ "datatype": own, "scale": port.scale, "zero_point": port.zero_point });
        return json!({ "name": port.name, "datatype": "FP32", "shape": shape, "codes": codes });
    }
    json!({ "name": port.name, "datatype": own, "shape": shape })
}

/// The same for gRPC.
pub(super) fn metadata(app: &App, request: &grpc::ModelName) -> Result<grpc::ModelMetadata, Failure> {
    let catalog = app.repository.catalog();
    let served = catalog.version(&request.name, &request.version)?;
    let tensor = |port: Port<'_>| grpc::TensorMetadata {
        name: port.name.to_owned(),
        datatype: if is_quantized(&port) { "FP32" } else { Datatype::of(port.dtype).map_or("", Datatype::name) }.into(),
        shape: shape(served.model(), &port),
    };
    Ok(grpc::ModelMetadata {
        name: request.name.clone(),
        versions: catalog.model(&request.name)?.versions().map(str::to_owned).collect(),
        platform: SERVER.to_owned(),
        inputs: crate::model::inputs(served.model()).map(tensor).collect(),
        outputs: crate::model::outputs_of(served.model()).map(tensor).collect(),
    })
}

pub(super) async fn model_ready(State(app): State<Shared>, names: Names) -> Result<Json<Value>, Failure> {
    app.repository.catalog().version(name(&names, "model"), name(&names, "version"))?;
    Ok(Json(json!({ "name": name(&names, "model"), "ready": true })))
}

pub(super) async fn metrics(State(app): State<Shared>) -> Response {
    let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], app.repository.metrics().text()).into_response()
}

pub(super) async fn infer(
    State(app): State<Shared>,
    names: Names,
    headers: HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let span = traces::span(name(&names, "model"), &headers);
    let result = infer_body(&app, &names, &headers, content).instrument(span).await;
    if let Err(failure) = &result
        && app.repository.catalog().version(name(&names, "model"), name(&names, "version")).is_err()
    {
        app.repository.metrics().refused(failure.kind);
    }
    result
}

async fn infer_body(
    app: &Arc<App>,
    names: &Names,
    headers: &HeaderMap,
    content: Result<Bytes, BytesRejection>,
) -> Result<Response, Failure> {
    let content = content.map_err(|rejection| match rejection.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            Failure::new(Kind::TooLarge, format!("the body is longer than {} bytes", app.body_bytes_max))
        }
        _ => Failure::invalid(format!("the body did not arrive: {rejection}")),
    })?;
    if headers.get(header::CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Failure::invalid("compressed bodies are not read: send it without Content-Encoding"));
    }
    let wrong = || Failure::invalid("Inference-Header-Content-Length is no number");
    let json_bytes = match headers.get(JSON_BYTES) {
        Some(value) => Some(value.to_str().ok().and_then(|text| text.parse().ok()).ok_or_else(wrong)?),
        None => None,
    };
    let request = body::read(&content, json_bytes)?;
    let answer = app.traffic.infer(&app.repository, name(names, "model"), name(names, "version"), request).await?;
    let (bytes, json_bytes) = body::write(&answer)?;
    let kind = if json_bytes.is_some() { "application/octet-stream" } else { "application/json" };
    let mut response = Response::new(Body::from(bytes));
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    if let Some(json_bytes) = json_bytes {
        response.headers_mut().insert(JSON_BYTES, json_bytes.into());
    }
    Ok(response)
}
