//! Samples that were kept for another training: admins only, each reading in the audit log first.

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use kinglet_monitor::audit::Event;
use serde_json::{Value, json};

use super::Shared;
use super::repository::log;
use super::rest::{Names, name};
use crate::failure::{Failure, Kind};

pub(super) async fn read(State(app): State<Shared>, names: Names) -> Result<Response, Failure> {
    let served = app.repository.catalog().version(name(&names, "model"), name(&names, "version"))?.clone();
    log(&app, Event::Read, 0, served.digest())?;
    let npz = tokio::task::spawn_blocking(move || served.samples()).await;
    let npz = npz.map_err(|error| Failure::new(Kind::Internal, error.to_string()))??;
    let kind = HeaderValue::from_static("application/zip");
    Ok(([(header::CONTENT_TYPE, kind)], npz).into_response())
}

pub(super) async fn forget(State(app): State<Shared>, names: Names) -> Result<Json<Value>, Failure> {
    let catalog = app.repository.catalog();
    let served = catalog.version(name(&names, "model"), name(&names, "version"))?;
    log(&app, Event::Read, 1, served.digest())?;
    Ok(Json(json!({ "forgotten": served.forget_samples() })))
}
