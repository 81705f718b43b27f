//! Logs, and with the feature `otel` traces for an OpenTelemetry collector.
//!
//! Where `OTEL_EXPORTER_OTLP_ENDPOINT` is set, a span of each inference goes there (OTLP over gRPC), as a child of the
//! caller's where the request has a `traceparent`. The exporter's other settings are the environment variables that
//! OpenTelemetry defines.

use anyhow::Result;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

/// Sends what has not been sent when it is dropped.
#[derive(Debug, Default)]
pub struct Traces {
    #[cfg(feature = "otel")]
    provider: Option<opentelemetry_sdk::trace::SdkTracerProvider>,
}

impl Traces {
    /// Sends what has not been sent.
    pub fn end(self) {
        let _sent_when_dropped = self;
    }
}

#[cfg(feature = "otel")]
impl Drop for Traces {
    fn drop(&mut self) {
        if let Some(Err(error)) = self.provider.take().map(|provider| provider.shutdown()) {
            eprintln!("traces did not go out: {error}");
        }
    }
}

/// Starts the log on standard error, and traces where they are asked for.
pub fn start() -> Result<Traces> {
    let filter = EnvFilter::try_from_env("KINGLET_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(filter).with(lines);
    #[cfg(not(feature = "otel"))]
    {
        registry.init();
        Ok(Traces::default())
    }
    #[cfg(feature = "otel")]
    {
        let (layer, traces) = otel::layer()?;
        registry.with(layer).init();
        Ok(traces)
    }
}

/// The span of an inference; nothing without the feature, so that no request pays for it.
#[cfg(not(feature = "otel"))]
pub(crate) fn span(_model: &str, _headers: &axum::http::HeaderMap) -> tracing::Span {
    tracing::Span::none()
}

#[cfg(feature = "otel")]
pub(crate) use self::otel::span;

#[cfg(feature = "otel")]
mod otel {
    use std::collections::HashMap;

    use anyhow::{Context, Result};
    use opentelemetry::propagation::TextMapPropagator;
    use opentelemetry::trace::TracerProvider;
    use opentelemetry_sdk::Resource;
    use opentelemetry_sdk::propagation::TraceContextPropagator;
    use opentelemetry_sdk::trace::SdkTracerProvider;
    use tracing::Subscriber;
    use tracing_opentelemetry::OpenTelemetrySpanExt;
    use tracing_subscriber::Layer;
    use tracing_subscriber::registry::LookupSpan;

    use super::Traces;

    pub(super) fn layer<S>() -> Result<(Option<impl Layer<S>>, Traces)>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        if std::env::var_os("OTEL_EXPORTER_OTLP_ENDPOINT").is_none() {
            return Ok((None, Traces::default()));
        }
        let exporter = opentelemetry_otlp::SpanExporter::builder().with_tonic().build();
        let exporter = exporter.context("OTEL_EXPORTER_OTLP_ENDPOINT names no collector")?;
        let resource = Resource::builder().with_service_name("kinglet-serve").build();
        let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
        let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("kinglet-serve"));
        Ok((Some(layer), Traces { provider: Some(provider) }))
    }

    /// The span of an inference, beneath the caller's.
    pub(crate) fn span(model: &str, headers: &axum::http::HeaderMap) -> tracing::Span {
        let span = tracing::info_span!("infer", model);
        let parent: HashMap<String, String> = ["traceparent", "tracestate"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), headers.get(name)?.to_str().ok()?.to_owned())))
            .collect();
        if !parent.is_empty() {
            // A span that nobody collects has no place for a parent.
            let _ = span.set_parent(TraceContextPropagator::new().extract(&parent));
        }
        span
    }
}
