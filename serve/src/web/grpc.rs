//! `inference.GRPCInferenceService`.

use core::future::{Future, Ready, ready};
use core::pin::Pin;

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::response::Response;
use prost::Message;
use tokio_stream::{Stream, StreamExt};
use tonic::server::{Grpc, StreamingService, UnaryService};
use tonic::{Code, Status};
use tonic_prost::ProstCodec;

use super::{EXTENSIONS, SERVER, Shared, repository, rest};
use crate::auth::Role;
use crate::failure::Failure;
use crate::protocol::grpc::{
    Empty, Health, IndexRequest, InferRequest, InferResponse, LoadRequest, ModelMetadata, ModelName, RepositoryIndex,
    ServerMetadata, StreamInferResponse, read, write,
};

/// A method: a function of a message, whose answer comes later.
struct Method<F>(F);

impl<F, Asked, Answer, Later> UnaryService<Asked> for Method<F>
where
    F: FnMut(Asked) -> Later,
    Later: Future<Output = Result<Answer, Failure>> + Send + 'static,
{
    type Response = Answer;
    type Future = Pin<Box<dyn Future<Output = Result<tonic::Response<Answer>, Status>> + Send>>;

    fn call(&mut self, request: tonic::Request<Asked>) -> Self::Future {
        let answer = (self.0)(request.into_inner());
        Box::pin(async move { Ok(tonic::Response::new(answer.await?)) })
    }
}

/// Inferences on one stream, answered in the order in which they came, each when the one before it has been.
struct Streamed(Shared);

impl StreamingService<InferRequest> for Streamed {
    type Response = StreamInferResponse;
    type ResponseStream = Pin<Box<dyn Stream<Item = Result<StreamInferResponse, Status>> + Send>>;
    type Future = Ready<Result<tonic::Response<Self::ResponseStream>, Status>>;

    fn call(&mut self, request: tonic::Request<tonic::Streaming<InferRequest>>) -> Self::Future {
        let app = Shared::clone(&self.0);
        let answers = request.into_inner().then(move |asked| {
            let app = Shared::clone(&app);
            async move {
                let id = asked.as_ref().map(|asked| asked.id.clone()).unwrap_or_default();
                match infer(app, asked?).await {
                    Ok(answer) => Ok(StreamInferResponse { infer_response: Some(answer), ..Default::default() }),
                    // One request fails; the stream goes on. The id says which one.
                    Err(failure) => {
                        let answer = InferResponse { id, ..InferResponse::default() };
                        Ok(StreamInferResponse { error_message: failure.message, infer_response: Some(answer) })
                    }
                }
            }
        });
        let answers: Self::ResponseStream = Box::pin(answers);
        ready(Ok(tonic::Response::new(answers)))
    }
}

async fn unary<Asked, Answer, Later>(app: &Shared, request: Request, method: impl FnMut(Asked) -> Later) -> Response
where
    Asked: Message + Default + Send + 'static,
    Answer: Message + Send + Default + 'static,
    Later: Future<Output = Result<Answer, Failure>> + Send + 'static,
{
    let codec = ProstCodec::<Answer, Asked>::default();
    let mut grpc = Grpc::new(codec).max_decoding_message_size(app.body_bytes_max);
    grpc.unary(Method(method), request).await.map(Body::new)
}

fn failed(status: Status) -> Response {
    status.into_http::<Body>()
}

/// Who may call a method; none for one that there is not.
fn roles(method: &str) -> Option<&'static [Role]> {
    Some(match method {
        "ServerLive" | "ServerReady" => &[],
        "ServerMetadata" | "ModelReady" | "ModelMetadata" | "RepositoryIndex" => &[Role::Infer, Role::Observe],
        "ModelInfer" | "ModelStreamInfer" => &[Role::Infer],
        "RepositoryModelLoad" | "RepositoryModelUnload" => &[Role::Admin],
        _ => return None,
    })
}

pub(super) async fn call(State(app): State<Shared>, Path(method): Path<String>, request: Request) -> Response {
    let Some(roles) = roles(&method) else {
        return failed(Status::new(Code::Unimplemented, format!("there is no method {method}")));
    };
    if !roles.is_empty()
        && let Err(failure) = app.permit(request.headers(), roles)
    {
        return failed(failure.into());
    }
    let this = Shared::clone(&app);
    match method.as_str() {
        "ServerLive" => unary(&app, request, |_: Empty| async { Ok(Health { is_so: true }) }).await,
        "ServerReady" => {
            let is_so = app.is_ready();
            unary(&app, request, move |_: Empty| async move { Ok(Health { is_so }) }).await
        }
        "ServerMetadata" => {
            let metadata = || ServerMetadata {
                name: SERVER.into(),
                version: env!("CARGO_PKG_VERSION").into(),
                extensions: EXTENSIONS.map(str::to_owned).into(),
            };
            unary(&app, request, move |_: Empty| async move { Ok(metadata()) }).await
        }
        "ModelReady" => {
            let is_ready = move |asked: ModelName| {
                let is_so = this.repository.catalog().version(&asked.name, &asked.version).is_ok();
                async move { Ok(Health { is_so }) }
            };
            unary(&app, request, is_ready).await
        }
        "ModelMetadata" => {
            let metadata = move |asked: ModelName| {
                let metadata: Result<ModelMetadata, Failure> = rest::metadata(&this, &asked);
                async move { metadata }
            };
            unary(&app, request, metadata).await
        }
        "ModelInfer" => unary(&app, request, move |asked| infer(Shared::clone(&this), asked)).await,
        "ModelStreamInfer" => {
            let codec = ProstCodec::<StreamInferResponse, InferRequest>::default();
            let mut grpc = Grpc::new(codec).max_decoding_message_size(app.body_bytes_max);
            grpc.streaming(Streamed(this), request).await.map(Body::new)
        }
        "RepositoryIndex" => {
            let index = move |asked: IndexRequest| {
                let models = this.repository.catalog().index(asked.ready);
                async move { Ok(RepositoryIndex { models }) }
            };
            unary(&app, request, index).await
        }
        "RepositoryModelLoad" | "RepositoryModelUnload" => {
            let load = method == "RepositoryModelLoad";
            let change = move |asked: LoadRequest| {
                let app = Shared::clone(&this);
                async move {
                    repository::change_model(&app, &asked.model_name, load).await?;
                    Ok(Empty {})
                }
            };
            unary(&app, request, change).await
        }
        _ => failed(Status::new(Code::Unimplemented, format!("there is no method {method}"))),
    }
}

async fn infer(app: Shared, asked: InferRequest) -> Result<InferResponse, Failure> {
    let (model, version) = (asked.model_name.clone(), asked.model_version.clone());
    let (request, is_raw) = read(asked)?;
    let answer = app.traffic.infer(&app.repository, &model, &version, request).await?;
    Ok(write(answer, is_raw))
}
