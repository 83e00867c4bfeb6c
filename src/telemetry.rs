//! The log of the process, and the export of its spans to a collector.
//!
//! Spans contain only ids: no text from people, no engine output, no secrets. Log lines inside a
//! span are not exported.

use std::{collections::HashMap, io::IsTerminal as _};

use anyhow::Context as _;
use opentelemetry::{
    propagation::TextMapPropagator as _,
    trace::{TraceContextExt as _, TracerProvider as _},
};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _};
use opentelemetry_sdk::{Resource, propagation::TraceContextPropagator, trace::SdkTracerProvider};
use tracing::{Metadata, Span, level_filters::LevelFilter};
use tracing_opentelemetry::OpenTelemetrySpanExt as _;
use tracing_subscriber::{
    EnvFilter, Layer, Registry,
    filter::{FilterExt as _, FilterFn},
    layer::SubscriberExt as _,
    util::SubscriberInitExt as _,
};

/// The field of a W3C trace context that is stored with a job.
const TRACE_PARENT: &str = "traceparent";

/// The span exporter, which has to be flushed when the process ends.
#[derive(Default)]
#[must_use]
pub struct Telemetry(Option<SdkTracerProvider>);

impl Telemetry {
    /// Waits until all spans are sent to the collector, for some seconds at most.
    pub fn shutdown(self) {
        if let Some(provider) = self.0
            && let Err(error) = provider.shutdown()
        {
            tracing::warn!(%error, "the last spans did not reach the collector");
        }
    }
}

/// Logs to standard error at the levels in `RUST_LOG`, or else those in `otherwise`, as text or
/// JSON lines.
pub fn log(otherwise: &str, is_json: bool) {
    // Only the first call in a process has an effect.
    let _ = Registry::default().with(log_layer(otherwise, is_json)).try_init();
}

/// Starts logging, and exports spans if `OTEL_EXPORTER_OTLP_ENDPOINT` names a collector. Fails if
/// the standard variables are invalid.
#[expect(clippy::disallowed_methods, reason = "the rim: the variables are OpenTelemetry's")]
pub fn start(otherwise: &str, is_json: bool) -> anyhow::Result<Telemetry> {
    let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
    if !is_wanted(variable) {
        log(otherwise, is_json);
        return Ok(Telemetry::default());
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(opentelemetry_otlp::Protocol::HttpBinary)
        .build()
        .context("exporting spans, as the variables OTEL_EXPORTER_OTLP_… say")?;
    let provider = SdkTracerProvider::builder()
        .with_batch_exporter(exporter)
        .with_resource(resource(variable))
        .build();
    let spans = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("planwright"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_level(false)
        .with_tracked_inactivity(false)
        .with_filter(FilterFn::new(is_exported).with_max_level_hint(LevelFilter::INFO));
    let registry = Registry::default().with(spans).with(log_layer(otherwise, is_json));
    let _ = registry.try_init();
    Ok(Telemetry(Some(provider)))
}

#[expect(clippy::disallowed_methods, reason = "the rim")]
fn log_layer<S>(otherwise: &str, is_json: bool) -> Box<dyn Layer<S> + Send + Sync>
where
    S: tracing::Subscriber + for<'a> tracing_subscriber::registry::LookupSpan<'a>,
{
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(otherwise));
    let wants_colour = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let log = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(wants_colour && std::io::stderr().is_terminal())
        // Otherwise a failed write is reported on the same closed stream, which panics.
        .log_internal_errors(false);
    // Exported spans are not shown with log lines, which name the ids that they need.
    let filter =
        filter.and(FilterFn::new(|metadata| !metadata.is_span() || !is_exported(metadata)));
    if is_json { log.json().with_filter(filter).boxed() } else { log.with_filter(filter).boxed() }
}

/// Returns whether a collector is named and the export is not disabled.
fn is_wanted(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is_disabled =
        variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let is_none = variable("OTEL_TRACES_EXPORTER").is_some_and(|value| value == "none");
    let endpoints = ["OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"];
    !is_disabled && !is_none && endpoints.into_iter().any(|name| variable(name).is_some())
}

/// Describes this process; `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES` take precedence.
fn resource(variable: impl Fn(&str) -> Option<String>) -> Resource {
    let has_name = variable("OTEL_SERVICE_NAME").is_some()
        || variable("OTEL_RESOURCE_ATTRIBUTES").is_some_and(|all| all.contains("service.name="));
    let resource = Resource::builder();
    let resource = if has_name { resource } else { resource.with_service_name("planwright") };
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    resource.with_attribute(version).build()
}

/// Returns whether to export a span or event: all spans of Planwright, except those of HTTP
/// requests, which probes and pages make constantly.
fn is_exported(metadata: &Metadata<'_>) -> bool {
    metadata.is_span() && metadata.target().starts_with("planwright") && metadata.name() != "http"
}

/// Returns the current span as a W3C `traceparent`; `None` if nothing is exported.
pub fn trace_parent() -> Option<String> {
    let context = Span::current().context();
    if !context.span().span_context().is_valid() {
        return None;
    }
    let mut fields = HashMap::new();
    TraceContextPropagator::new().inject_context(&context, &mut fields);
    fields.remove(TRACE_PARENT)
}

/// Makes `span` a part of the trace in `trace_parent`; a malformed one is ignored.
pub fn continue_trace(span: &Span, trace_parent: Option<&str>) {
    let Some(trace_parent) = trace_parent else { return };
    let fields = HashMap::from([(TRACE_PARENT.to_owned(), trace_parent.to_owned())]);
    let parent = TraceContextPropagator::new().extract(&fields);
    // Fails if nothing is exported, and then there is no trace.
    let _ = span.set_parent(parent);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_exported_where_a_collector_is_named_and_nothing_forbids_it() {
        let wanted = |given: &[(&str, &str)]| {
            is_wanted(|name| {
                let found = given.iter().find(|(other, _)| *other == name);
                found.map(|(_, value)| (*value).to_owned())
            })
        };
        let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318");
        assert!(!wanted(&[]));
        assert!(wanted(&[endpoint]));
        assert!(wanted(&[(
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
            "http://127.0.0.1:4318/v1/traces"
        )]));
        assert!(wanted(&[endpoint, ("OTEL_SDK_DISABLED", "false")]));
        assert!(!wanted(&[endpoint, ("OTEL_SDK_DISABLED", "TRUE")]));
        assert!(!wanted(&[endpoint, ("OTEL_TRACES_EXPORTER", "none")]));
    }

    #[test]
    fn a_span_goes_on_where_another_process_left_the_trace() {
        let provider = SdkTracerProvider::builder().build();
        let spans = tracing_opentelemetry::layer().with_tracer(provider.tracer("test"));
        let _guard = Registry::default().with(spans).set_default();
        assert_eq!(trace_parent(), None, "there is no span");
        let stored = tracing::info_span!("delivery").in_scope(trace_parent).unwrap();
        let job = tracing::info_span!("job");
        continue_trace(&job, Some(&stored));
        let handed_on = job.in_scope(trace_parent).unwrap();
        assert_eq!(stored[..35], handed_on[..35], "the trace is another");
        assert_ne!(stored, handed_on, "the span is the same");
        let alone = tracing::info_span!("job");
        continue_trace(&alone, Some("00-nonsense-01"));
        assert_ne!(stored[..35], alone.in_scope(trace_parent).unwrap()[..35]);
    }
}
