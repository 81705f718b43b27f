//! Changing what is served: the protocol's repository extension, and aliases. Admins only, each step in the audit log first.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use kinglet_monitor::audit::Event;
use serde::Deserialize;
use serde_json::{Value, json};

use super::rest::{Names, name};
use super::{App, Shared};
use crate::failure::{Failure, Kind};
use crate::protocol::grpc::ModelIndex;
use crate::repository::{Aliases, Automatic, Entry, is_name};

#[derive(Default, Deserialize)]
struct IndexBody {
    #[serde(default)]
    ready: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AliasBody {
    version: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TrafficBody {
    #[serde(default)]
    split: f64,
    #[serde(default)]
    shadow: f64,
    #[serde(default)]
    automatic: Option<Automatic>,
}

#[derive(Default, Deserialize)]
struct LoadBody {
    #[serde(default)]
    parameters: serde_json::Map<String, Value>,
}

/// Clients send no body where everything is as usual.
fn parse<'b, T: Deserialize<'b> + Default>(body: &'b Bytes) -> Result<T, Failure> {
    if body.is_empty() { Ok(T::default()) } else { parse_some(body) }
}

fn parse_some<'b, T: Deserialize<'b>>(body: &'b Bytes) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::invalid(format!("the body is not what is wanted: {error}")))
}

pub(super) async fn index(State(app): State<Shared>, body: Bytes) -> Result<Json<Vec<ModelIndex>>, Failure> {
    let body: IndexBody = parse(&body)?;
    Ok(Json(app.repository.catalog().index(body.ready)))
}

pub(super) async fn load(State(app): State<Shared>, names: Names, body: Bytes) -> Result<Json<Value>, Failure> {
    let body: LoadBody = parse(&body)?;
    if !body.parameters.is_empty() {
        let what = "models come from the repository's folder; files and settings in a request are not taken";
        return Err(Failure::invalid(what));
    }
    change_model(&app, name(&names, "model"), true).await?;
    Ok(Json(json!({})))
}

pub(super) async fn unload(State(app): State<Shared>, names: Names) -> Result<Json<Value>, Failure> {
    change_model(&app, name(&names, "model"), false).await?;
    Ok(Json(json!({})))
}

/// Loads or unloads a model.
pub(super) async fn change_model(app: &Shared, model: &str, load: bool) -> Result<(), Failure> {
    if !is_name(model) {
        return Err(Failure::new(Kind::NotFound, format!("{model:?} is no name of a model")));
    }
    log(app, if load { Event::Installed } else { Event::Reset }, 0, digest_of(app, model))?;
    tracing::info!(model, load, "asked for by an admin");
    let (app, model) = (Shared::clone(app), model.to_owned());
    // Reads files and verifies blobs.
    let done = tokio::task::spawn_blocking(move || {
        let result = if load { app.repository.load(&model) } else { app.repository.unload(&model) };
        result.inspect_err(|_| _ = log(&app, Event::Refused, 0, digest_of(&app, &model)))
    });
    done.await.map_err(|error| Failure::new(Kind::Internal, error.to_string()))?
}

fn digest_of(app: &App, model: &str) -> [u8; 8] {
    app.repository.catalog().version(model, "").map_or([0; 8], |served| served.digest())
}

pub(crate) fn log(app: &App, event: Event, reason: u8, model: [u8; 8]) -> Result<(), Failure> {
    let none = || Failure::new(Kind::Forbidden, "there is no audit log: start the server with --audit");
    app.audit.as_ref().ok_or_else(none)?.add(event, reason, model)
}

/// Changes aliases; `event` is what the audit log calls it, of the version that is stable afterwards.
async fn change(
    app: Shared,
    names: Names,
    event: Event,
    make: impl FnOnce(&Entry) -> Result<Aliases, Failure> + Send + 'static,
) -> Result<Json<Value>, Failure> {
    let model = name(&names, "model").to_owned();
    let done = tokio::task::spawn_blocking(move || {
        change_now(&app, &model, event, "an admin", make)?;
        Ok(shown(app.repository.catalog().model(&model)?))
    });
    done.await.map_err(|error| Failure::new(Kind::Internal, error.to_string()))?
}

/// The same for whoever may wait for files.
pub(crate) fn change_now(
    app: &App,
    model: &str,
    event: Event,
    by: &str,
    make: impl FnOnce(&Entry) -> Result<Aliases, Failure>,
) -> Result<(), Failure> {
    app.repository.change(model, |entry| {
        let aliases = make(entry)?;
        for (alias, version) in &aliases.aliases {
            // What was there before may be gone; what is new must be there.
            if entry.aliases().version(alias) != Some(version) && entry.version(version).is_none() {
                return Err(Failure::new(Kind::Conflict, format!("version {version} cannot be served")));
            }
        }
        let stable = aliases.version(crate::repository::STABLE).and_then(|version| entry.version(version));
        log(app, event, 0, stable.or(entry.stable()).map_or([0; 8], |served| served.digest()))?;
        tracing::info!(model, ?aliases, by, "aliases change");
        Ok(aliases)
    })
}

/// The candidate becomes what is stable.
pub(crate) fn promoted(entry: &Entry) -> Result<Aliases, Failure> {
    let none = || Failure::new(Kind::Conflict, "the candidate cannot be served");
    entry.candidate().ok_or_else(none)?;
    let stable = entry.stable().map(|served| served.version().to_owned());
    entry.aliases().promoted(&stable.ok_or_else(none)?)
}

fn shown(entry: &Entry) -> Json<Value> {
    let Aliases { aliases, split, shadow, automatic } = entry.aliases();
    let stable = entry.stable().map(|served| served.version());
    Json(json!({
        "answers": stable, "aliases": aliases, "split": split, "shadow": shadow, "automatic": automatic,
    }))
}

pub(super) async fn set_alias(State(app): State<Shared>, names: Names, body: Bytes) -> Result<Json<Value>, Failure> {
    let body: AliasBody = parse_some(&body)?;
    let alias = name(&names, "alias").to_owned();
    change(app, names, Event::Activated, move |entry| entry.aliases().with(&alias, body.version.as_deref())).await
}

pub(super) async fn set_traffic(State(app): State<Shared>, names: Names, body: Bytes) -> Result<Json<Value>, Failure> {
    let TrafficBody { split, shadow, automatic } = parse_some(&body)?;
    change(app, names, Event::Activated, move |entry| entry.aliases().with_shares(split, shadow, automatic)).await
}

pub(super) async fn promote(State(app): State<Shared>, names: Names) -> Result<Json<Value>, Failure> {
    change(app, names, Event::Confirmed, promoted).await
}

pub(super) async fn rollback(State(app): State<Shared>, names: Names) -> Result<Json<Value>, Failure> {
    change(app, names, Event::Reverted, |entry| {
        let aliases = entry.aliases().rolled_back()?;
        let stable = aliases.version(crate::repository::STABLE);
        if stable.is_some_and(|version| entry.version(version).is_none()) {
            return Err(Failure::new(Kind::Conflict, "the previous version cannot be served"));
        }
        Ok(aliases)
    })
    .await
}

/// Shares, and how the candidate has done so far.
pub(super) async fn traffic(State(app): State<Shared>, names: Names) -> Result<Json<Value>, Failure> {
    let catalog = app.repository.catalog();
    let entry = catalog.model(name(&names, "model"))?;
    let Json(mut value) = shown(entry);
    if let (Some(candidate), Some(object)) = (entry.candidate(), value.as_object_mut()) {
        let [runs, agreements] = app.repository.metrics().shadow_counts(&candidate.labels());
        object.insert("shadow_runs".into(), runs.into());
        object.insert("shadow_agreements".into(), agreements.into());
    }
    Ok(Json(value))
}
