//! Why a request gets no answer, in the words of both protocols.

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tonic::{Code, Status};

/// What kind of failure; the table in [`Kind::codes`] has its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The request makes no sense: the client has to change it.
    Invalid,
    /// There is no such model, version or alias.
    NotFound,
    /// No token, or one that is not known.
    Unauthorized,
    /// The token's role does not permit it.
    Forbidden,
    /// More bytes than are taken.
    TooLarge,
    /// The queue is full, or this client asks too often: try again later.
    Busy,
    /// The time that the client or the server allows is over.
    Deadline,
    /// The model is known, but nothing of it can be served now.
    Unavailable,
    /// What the repository holds does not permit it.
    Conflict,
    /// The server's fault.
    Internal,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 10] = [
        Kind::Invalid,
        Kind::NotFound,
        Kind::Unauthorized,
        Kind::Forbidden,
        Kind::TooLarge,
        Kind::Busy,
        Kind::Deadline,
        Kind::Unavailable,
        Kind::Conflict,
        Kind::Internal,
    ];

    /// Status of HTTP, and of gRPC.
    pub fn codes(self) -> (StatusCode, Code) {
        match self {
            Kind::Invalid => (StatusCode::BAD_REQUEST, Code::InvalidArgument),
            Kind::NotFound => (StatusCode::NOT_FOUND, Code::NotFound),
            Kind::Unauthorized => (StatusCode::UNAUTHORIZED, Code::Unauthenticated),
            Kind::Forbidden => (StatusCode::FORBIDDEN, Code::PermissionDenied),
            Kind::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, Code::OutOfRange),
            Kind::Busy => (StatusCode::TOO_MANY_REQUESTS, Code::ResourceExhausted),
            Kind::Deadline => (StatusCode::GATEWAY_TIMEOUT, Code::DeadlineExceeded),
            Kind::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Code::Unavailable),
            Kind::Conflict => (StatusCode::CONFLICT, Code::FailedPrecondition),
            Kind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, Code::Internal),
        }
    }

    /// Its name in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Invalid => "invalid",
            Kind::NotFound => "not_found",
            Kind::Unauthorized => "unauthorized",
            Kind::Forbidden => "forbidden",
            Kind::TooLarge => "too_large",
            Kind::Busy => "busy",
            Kind::Deadline => "deadline",
            Kind::Unavailable => "unavailable",
            Kind::Conflict => "conflict",
            Kind::Internal => "internal",
        }
    }
}

/// A failure with the sentence that the client gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What kind.
    pub kind: Kind,
    /// What is wrong, and what would work.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(kind: Kind, message: impl Into<String>) -> Self {
        Failure { kind, message: message.into() }
    }

    /// The request makes no sense.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, message)
    }
}

impl core::fmt::Display for Failure {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Failure {}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        let mut response = (self.kind.codes().0, Json(serde_json::json!({ "error": self.message }))).into_response();
        match self.kind {
            Kind::Busy => _ = response.headers_mut().insert("retry-after", axum::http::HeaderValue::from_static("1")),
            Kind::Unauthorized => {
                let scheme = axum::http::HeaderValue::from_static("Bearer");
                response.headers_mut().insert("www-authenticate", scheme);
            }
            _ => {}
        }
        response
    }
}

impl From<Failure> for Status {
    fn from(failure: Failure) -> Self {
        Status::new(failure.kind.codes().1, failure.message)
    }
}
