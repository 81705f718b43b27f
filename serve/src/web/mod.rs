//! The server's faces: REST, gRPC, metrics. All in one router, so that either listener could serve all of it.

pub mod connection;
mod fleet;
mod grpc;
pub(crate) mod repository;
mod rest;
mod samples;
pub mod tls;

use core::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use core::time::Duration;
use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};

use crate::audit::AuditLog;
use crate::auth::{Role, Tokens};
use crate::automatic::Automat;
use crate::failure::{Failure, Kind};
use crate::fleet::{Fleet, Message};
use crate::repository::Repository;
use crate::rollout::Rollouts;
use crate::traffic::Traffic;

/// Everything that a request may need.
pub struct App {
    /// The models.
    pub repository: Repository,
    /// Who may do what.
    pub tokens: Tokens,
    /// What admins did; without it there are none.
    pub audit: Option<AuditLog>,
    /// Which version answers.
    pub traffic: Traffic,
    /// What devices tell.
    pub fleet: Fleet,
    /// Which version they are to run.
    pub rollouts: Rollouts,
    /// Promotes candidates.
    pub automat: Automat,
    /// Bytes of a body at most.
    pub body_bytes_max: usize,
    /// How long a request may take, its arrival included.
    pub request_timeout: Duration,
    /// No longer ready: the server is going.
    pub is_draining: AtomicBool,
    /// Counts requests, for their ids.
    pub requests: AtomicU64,
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The server's name in metadata.
pub(crate) const SERVER: &str = "kinglet";
/// What it does beyond the protocol.
pub(crate) const EXTENSIONS: [&str; 4] = ["binary_tensor_data", "sequence", "model_repository", "parameters"];

impl App {
    /// Ready: everything that the repository has is served, and the server is not going.
    pub(crate) fn is_ready(&self) -> bool {
        !self.is_draining.load(Ordering::Relaxed)
    }

    /// Takes a message of a device, whichever way it came.
    pub fn take(&self, message: Message, names: [&str; 2], bytes: &[u8]) -> Result<(), Failure> {
        let catalog = self.repository.catalog();
        self.fleet.take(|digest| catalog.of_digest(digest), self.repository.metrics(), names, message, bytes)
    }

    pub(crate) fn permit(&self, headers: &HeaderMap, roles: &[Role]) -> Result<(), Failure> {
        let authorization = headers.get("authorization").and_then(|value| value.to_str().ok());
        let result = self.tokens.check(authorization, roles);
        match result {
            Ok(name) if roles == [Role::Admin] && self.audit.is_none() => {
                let what = format!("{name} is an admin, but there is no audit log: start the server with --audit");
                self.refused(Failure::new(Kind::Forbidden, what))
            }
            Ok(_) => Ok(()),
            Err(failure) => self.refused(failure),
        }
    }

    fn refused(&self, failure: Failure) -> Result<(), Failure> {
        self.repository.metrics().refused(failure.kind);
        Err(failure)
    }
}

type Shared = Arc<App>;

/// The routes. Who may take them is decided before a body is read.
pub fn router(app: Shared) -> Router {
    let guarded = |routes: Router<Shared>, roles: &'static [Role]| {
        let guard = move |State(app): State<Shared>, request: Request, next: Next| async move {
            match app.permit(request.headers(), roles) {
                Ok(()) => next.run(request).await,
                Err(failure) => failure.into_response(),
            }
        };
        routes.route_layer(from_fn_with_state(Arc::clone(&app), guard))
    };
    let open = Router::new()
        .route("/v2/health/live", get(rest::live))
        .route("/v2/health/ready", get(rest::ready))
        .route("/inference.GRPCInferenceService/{method}", post(grpc::call));
    let infer = Router::new()
        .route("/v2/fleet/{cohort}/{device}/{what}", post(fleet::tell))
        .route("/v2/rollouts/{model}", get(fleet::rollout))
        .route("/v2/models/{model}/infer", post(rest::infer))
        .route("/v2/models/{model}/versions/{version}/infer", post(rest::infer));
    let look = Router::new()
        .route("/v2", get(rest::server))
        .route("/v2/models/{model}", get(rest::model))
        .route("/v2/models/{model}/versions/{version}", get(rest::model))
        .route("/v2/models/{model}/ready", get(rest::model_ready))
        .route("/v2/models/{model}/versions/{version}/ready", get(rest::model_ready))
        .route("/v2/repository/index", post(repository::index));
    let observe = Router::new()
        .route("/metrics", get(rest::metrics))
        .route("/v2/rollouts/{model}/state", get(fleet::show_rollout))
        .route("/v2/repository/models/{model}/traffic", get(repository::traffic));
    let admin = Router::new()
        .route("/v2/rollouts/{model}/plan", put(fleet::set_rollout))
        .route("/v2/rollouts/{model}/stop", post(fleet::stop_rollout))
        .route("/v2/repository/models/{model}/samples", get(samples::read).delete(samples::forget))
        .route("/v2/repository/models/{model}/versions/{version}/samples", get(samples::read).delete(samples::forget))
        .route("/v2/repository/models/{model}/load", post(repository::load))
        .route("/v2/repository/models/{model}/unload", post(repository::unload))
        .route("/v2/repository/models/{model}/aliases/{alias}", put(repository::set_alias))
        .route("/v2/repository/models/{model}/traffic", put(repository::set_traffic))
        .route("/v2/repository/models/{model}/promote", post(repository::promote))
        .route("/v2/repository/models/{model}/rollback", post(repository::rollback));
    open.merge(guarded(infer, &[Role::Infer]))
        .merge(guarded(look, &[Role::Infer, Role::Observe]))
        .merge(guarded(observe, &[Role::Observe]))
        .merge(guarded(admin, &[Role::Admin]))
        .fallback(|| async { Failure::new(Kind::NotFound, "there is no such page; the protocol's begin with /v2") })
        .layer(DefaultBodyLimit::max(app.body_bytes_max))
        .layer(from_fn_with_state(Arc::clone(&app), around))
        .with_state(app)
}

/// Gives each request an id and a time.
async fn around(State(app): State<Shared>, request: Request, next: Next) -> Response {
    let start = std::time::Instant::now();
    let id = request.headers().get(&REQUEST_ID).filter(|id| id.len() <= 64).cloned();
    let id = id.unwrap_or_else(|| HeaderValue::from(app.requests.fetch_add(1, Ordering::Relaxed)));
    let line = tracing::enabled!(tracing::Level::DEBUG).then(|| (request.method().clone(), request.uri().clone()));
    let mut response = match tokio::time::timeout(app.request_timeout, next.run(request)).await {
        Ok(response) => response,
        Err(_) => {
            app.repository.metrics().refused(Kind::Deadline);
            let seconds = app.request_timeout.as_secs();
            Failure::new(Kind::Deadline, format!("the request took more than {seconds} s")).into_response()
        }
    };
    if let Some((method, uri)) = line {
        let (status, micros) = (response.status().as_u16(), start.elapsed().as_micros() as u64);
        tracing::debug!(?id, %method, %uri, status, micros, "request");
    }
    response.headers_mut().insert(REQUEST_ID, id);
    response
}
