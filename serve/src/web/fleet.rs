//! Devices' records.

use axum::extract::State;
use axum::http::StatusCode;
use bytes::Bytes;

use super::Shared;
use super::rest::{Names, name};
use crate::failure::Failure;

pub(super) async fn telemetry(State(app): State<Shared>, names: Names, body: Bytes) -> Result<StatusCode, Failure> {
    let catalog = app.repository.catalog();
    let (cohort, device) = (name(&names, "cohort"), name(&names, "device"));
    let taken = app.fleet.take(&catalog, app.repository.metrics(), cohort, device, &body);
    taken.inspect_err(|failure| app.repository.metrics().refused(failure.kind))?;
    Ok(StatusCode::NO_CONTENT)
}
