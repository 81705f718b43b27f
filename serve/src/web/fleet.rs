//! Devices: what they tell, and which version they are to run.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use kinglet_monitor::audit::Event;
use serde_json::Value;

use super::rest::{Names, name};
use super::{Shared, repository};
use crate::failure::{Failure, Kind};
use crate::fleet::Message;

pub(super) async fn tell(State(app): State<Shared>, names: Names, body: Bytes) -> Result<StatusCode, Failure> {
    let message = Message::of_name(name(&names, "what"));
    let none = || Failure::new(Kind::NotFound, "devices tell telemetry, facts and audit");
    let taken = app.take(message.ok_or_else(none)?, [name(&names, "cohort"), name(&names, "device")], &body);
    taken.inspect_err(|failure| app.repository.metrics().refused(failure.kind))?;
    Ok(StatusCode::NO_CONTENT)
}

/// The document of a model, unless the device says that it has it.
pub(super) async fn rollout(State(app): State<Shared>, names: Names, headers: HeaderMap) -> Result<Response, Failure> {
    let model = name(&names, "model");
    let none = || Failure::new(Kind::NotFound, format!("nothing is rolled out of model {model:?}"));
    let published = app.rollouts.published(model).ok_or_else(none)?;
    let etag = HeaderValue::try_from(published.etag.as_str())
        .map_err(|_| Failure::new(Kind::Internal, "the ETag is no header"))?;
    let known = headers.get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok()).unwrap_or_default();
    let has_it = known.split(',').map(str::trim).any(|known| known == published.etag || known == "*");
    let mut response =
        if has_it { StatusCode::NOT_MODIFIED.into_response() } else { Response::new(Body::from(published.document)) };
    let kind = HeaderValue::from_static("application/octet-stream");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::ETAG, etag);
    Ok(response)
}

/// Takes a plan that the owner has signed.
pub(super) async fn set_rollout(
    State(app): State<Shared>,
    names: Names,
    body: Bytes,
) -> Result<axum::Json<Value>, Failure> {
    let model = name(&names, "model").to_owned();
    app.rollouts.check(&model, &body)?;
    repository::log(&app, Event::Activated, 0, crate::rollout::next_of(&body))?;
    tracing::info!(model, "a plan was given by an admin");
    app.rollouts.start(&model, &body)?;
    Ok(axum::Json(app.rollouts.shown(&model)?))
}

/// Everybody back to the base.
pub(super) async fn stop_rollout(State(app): State<Shared>, names: Names) -> Result<axum::Json<Value>, Failure> {
    let model = name(&names, "model").to_owned();
    app.rollouts.shown(&model)?;
    let next = app.rollouts.published(&model).map_or([0; 8], |published| crate::rollout::next_of(&published.document));
    repository::log(&app, Event::Reverted, kinglet_rollout::Reason::Operator as u8, next)?;
    app.rollouts.stop(&model)?;
    Ok(axum::Json(app.rollouts.shown(&model)?))
}

pub(super) async fn show_rollout(State(app): State<Shared>, names: Names) -> Result<axum::Json<Value>, Failure> {
    Ok(axum::Json(app.rollouts.shown(name(&names, "model"))?))
}
