//! What is counted, for `/metrics`.
//!
//! [`METRICS`] is the one list: what is registered, the dashboard and the alerts all come out of it. Labels are names of
//! models that are served, their versions, and words of ours: no request can add one.

mod dashboard;
mod list;
mod rules;

use core::sync::atomic::AtomicU64;
use core::time::Duration;
use std::collections::BTreeSet;
use std::sync::Arc;

use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::Registry;

pub use self::dashboard::dashboard;
pub use self::list::{Alert, METRICS, Metric, Panel};
pub use self::rules::{rules, rules_tests};
use crate::failure::Kind;
use crate::lock;

/// A version of a model.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
pub struct ModelLabels {
    /// Its name.
    pub model: String,
    /// Its version.
    pub version: String,
}

/// A version and how a request ended: `ok`, or a kind of failure.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ResultLabels {
    model: String,
    version: String,
    result: &'static str,
}

/// A version and what is watched of it.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct SignalLabels {
    model: String,
    version: String,
    signal: &'static str,
}

/// A version on devices of a cohort.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct CohortLabels {
    model: String,
    version: String,
    cohort: String,
}

/// What devices of a cohort answer to a question.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct FactLabels {
    model: String,
    version: String,
    cohort: String,
    fact: &'static str,
}

/// A model of which something is rolled out.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct NameLabels {
    model: String,
}

/// What the server has done by itself.
#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct ReasonLabels {
    model: String,
    reason: &'static str,
}

#[derive(Clone, Debug, Hash, PartialEq, Eq, EncodeLabelSet)]
struct KindLabels {
    result: &'static str,
}

type Real = Gauge<f64, AtomicU64>;
type Histograms = Family<ModelLabels, Histogram, fn() -> Histogram>;

/// All of it.
#[derive(Debug)]
pub struct Metrics {
    registry: std::sync::Mutex<Registry>,
    requests: Family<ResultLabels, Counter>,
    request_seconds: Histograms,
    run_seconds: Histograms,
    queue: Family<ModelLabels, Gauge>,
    sequences: Family<ModelLabels, Gauge>,
    elements: Family<ModelLabels, Counter>,
    clipped: Family<ModelLabels, Counter>,
    drift: Family<SignalLabels, Real>,
    alarms: Family<SignalLabels, Counter>,
    shadow_runs: Family<ModelLabels, Counter>,
    shadow_agreements: Family<ModelLabels, Counter>,
    shadow_dropped: Family<ModelLabels, Counter>,
    devices: Family<CohortLabels, Gauge>,
    device_runs: Family<CohortLabels, Counter>,
    device_slow: Family<CohortLabels, Counter>,
    device_alarms: Family<CohortLabels, Counter>,
    device_failures: Family<CohortLabels, Counter>,
    device_facts: Family<FactLabels, Real>,
    cohorts: std::sync::Mutex<BTreeSet<String>>,
    rollout_step: Family<NameLabels, Gauge>,
    rollout_reversals: Family<ReasonLabels, Counter>,
    automatic: Family<ReasonLabels, Counter>,
    samples: Family<ModelLabels, Gauge>,
    mqtt_connected: Gauge,
    mqtt_messages: Family<KindLabels, Counter>,
    refused: Family<KindLabels, Counter>,
    loads_failed: Counter,
    connections: Gauge,
}

fn request_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_1, 2.0, 16))
}

fn run_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.000_01, 2.0, 18))
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Arc<Self> {
        let metrics = Metrics {
            registry: std::sync::Mutex::default(),
            requests: Family::default(),
            request_seconds: Histograms::new_with_constructor(request_buckets),
            run_seconds: Histograms::new_with_constructor(run_buckets),
            queue: Family::default(),
            sequences: Family::default(),
            elements: Family::default(),
            clipped: Family::default(),
            drift: Family::default(),
            alarms: Family::default(),
            shadow_runs: Family::default(),
            shadow_agreements: Family::default(),
            shadow_dropped: Family::default(),
            devices: Family::default(),
            device_runs: Family::default(),
            device_slow: Family::default(),
            device_alarms: Family::default(),
            device_failures: Family::default(),
            device_facts: Family::default(),
            cohorts: std::sync::Mutex::default(),
            rollout_step: Family::default(),
            rollout_reversals: Family::default(),
            automatic: Family::default(),
            samples: Family::default(),
            mqtt_connected: Gauge::default(),
            mqtt_messages: Family::default(),
            refused: Family::default(),
            loads_failed: Counter::default(),
            connections: Gauge::default(),
        };
        metrics.register();
        Arc::new(metrics)
    }

    fn register(&self) {
        let mut registry = lock(&self.registry);
        macro_rules! register {
            ($($field:ident)*) => { $(
                let name = concat!("kinglet_", stringify!($field));
                registry.register(name, list::help(name), self.$field.clone());
            )* };
        }
        register!(requests request_seconds run_seconds queue sequences elements clipped drift alarms);
        register!(devices device_runs device_slow device_alarms device_failures device_facts);
        register!(rollout_step rollout_reversals automatic samples mqtt_connected mqtt_messages);
        register!(shadow_runs shadow_agreements shadow_dropped refused loads_failed connections);
    }

    /// The text that Prometheus reads.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a text does not fail.
        let _ = text::encode(&mut out, &lock(&self.registry));
        out
    }

    /// What is counted of a version. The families are asked for their counters once, here.
    pub fn of(self: &Arc<Self>, labels: ModelLabels) -> ModelMetrics {
        let ModelLabels { model, version } = labels.clone();
        let ok = self.requests.get_or_create_owned(&ResultLabels { model, version, result: "ok" });
        ModelMetrics {
            ok,
            request_seconds: self.request_seconds.get_or_create_owned(&labels),
            run_seconds: self.run_seconds.get_or_create_owned(&labels),
            queue: self.queue.get_or_create_owned(&labels),
            sequences: self.sequences.get_or_create_owned(&labels),
            elements: self.elements.get_or_create_owned(&labels),
            clipped: self.clipped.get_or_create_owned(&labels),
            all: Arc::clone(self),
            labels,
        }
    }

    /// A request that reached no model.
    pub fn refused(&self, kind: Kind) {
        self.refused.get_or_create(&KindLabels { result: kind.name() }).inc();
    }

    /// A blob that was not taken.
    pub fn load_failed(&self) {
        self.loads_failed.inc();
    }

    /// Open connections.
    pub fn connections(&self) -> &Gauge {
        &self.connections
    }

    /// A copy of a request has run on the candidate.
    pub fn shadowed(&self, labels: &ModelLabels, agrees: bool) {
        self.shadow_runs.get_or_create(labels).inc();
        if agrees {
            self.shadow_agreements.get_or_create(labels).inc();
        }
    }

    /// A copy was not run, because the candidate has enough to do.
    pub fn shadow_dropped(&self, labels: &ModelLabels) {
        self.shadow_dropped.get_or_create(labels).inc();
    }

    /// Runs of the candidate on copies, and those that agreed.
    pub fn shadow_counts(&self, labels: &ModelLabels) -> [u64; 2] {
        [&self.shadow_runs, &self.shadow_agreements].map(|family| family.get_or_create(labels).get())
    }

    /// What so many devices of a cohort have told: their runs, slow runs, alarms and failures since the last time.
    pub fn told(&self, of: &ModelLabels, cohort: &str, devices: usize, [runs, slow, alarms, failures]: [u64; 4]) {
        let ModelLabels { model, version } = of.clone();
        let labels = CohortLabels { model, version, cohort: cohort.to_owned() };
        lock(&self.cohorts).insert(labels.cohort.clone());
        self.devices.get_or_create(&labels).set(i64::try_from(devices).unwrap_or(i64::MAX));
        self.device_runs.get_or_create(&labels).inc_by(runs);
        self.device_slow.get_or_create(&labels).inc_by(slow);
        self.device_alarms.get_or_create(&labels).inc_by(alarms);
        self.device_failures.get_or_create(&labels).inc_by(failures);
    }

    /// The share of a cohort's devices for which a fact is true, as far as it is known.
    pub fn fact(&self, of: &ModelLabels, cohort: &str, fact: usize, share: f32) {
        let ModelLabels { model, version } = of.clone();
        let Some(fact) = FACTS.get(fact) else { return };
        lock(&self.cohorts).insert(cohort.to_owned());
        let labels = FactLabels { model, version, cohort: cohort.to_owned(), fact };
        self.device_facts.get_or_create(&labels).set(share.into());
    }

    /// A rollout is at this step.
    pub fn rollout_step(&self, model: &str, step: u8) {
        self.rollout_step.get_or_create(&NameLabels { model: model.to_owned() }).set(step.into());
        // A counter that appears with its first event has no increase that Prometheus could see.
        for reason in crate::rollout::REASONS {
            drop(self.rollout_reversals.get_or_create(&ReasonLabels { model: model.to_owned(), reason }));
        }
    }

    /// A rollout has gone back.
    pub fn rollout_reversed(&self, model: &str, reason: &'static str) {
        self.rollout_reversals.get_or_create(&ReasonLabels { model: model.to_owned(), reason }).inc();
    }

    /// A candidate was promoted or dropped by its conditions.
    pub fn automatic(&self, model: &str, reason: &'static str) {
        self.automatic.get_or_create(&ReasonLabels { model: model.to_owned(), reason }).inc();
    }

    /// Whether the broker is there.
    pub fn mqtt_connected(&self, is_so: bool) {
        self.mqtt_connected.set(is_so.into());
    }

    /// A message has come from the broker.
    pub fn mqtt_message(&self, result: &'static str) {
        self.mqtt_messages.get_or_create(&KindLabels { result }).inc();
    }

    /// The largest index of drift that is known of a version.
    pub fn drift_most(&self, of: &ModelLabels) -> f64 {
        let ModelLabels { model, version } = of;
        let index = |signal| {
            let labels = SignalLabels { model: model.clone(), version: version.clone(), signal };
            self.drift.get(&labels).map_or(0.0, |gauge| gauge.get())
        };
        SIGNALS.map(index).into_iter().fold(0.0, f64::max)
    }

    /// Forgets a version that is no longer served, so that its labels do not stay for ever.
    pub fn forget(&self, labels: &ModelLabels) {
        self.request_seconds.remove(labels);
        self.run_seconds.remove(labels);
        self.queue.remove(labels);
        self.sequences.remove(labels);
        self.samples.remove(labels);
        for family in [&self.elements, &self.clipped, &self.shadow_runs, &self.shadow_agreements, &self.shadow_dropped]
        {
            family.remove(labels);
        }
        let ModelLabels { model, version } = labels;
        for result in core::iter::once("ok").chain(Kind::ALL.map(Kind::name)) {
            self.requests.remove(&ResultLabels { model: model.clone(), version: version.clone(), result });
        }
        for cohort in lock(&self.cohorts).iter() {
            let labels = CohortLabels { model: model.clone(), version: version.clone(), cohort: cohort.clone() };
            self.devices.remove(&labels);
            for family in [&self.device_runs, &self.device_slow, &self.device_alarms, &self.device_failures] {
                family.remove(&labels);
            }
            for fact in FACTS {
                let CohortLabels { model, version, cohort } = labels.clone();
                self.device_facts.remove(&FactLabels { model, version, cohort, fact });
            }
        }
        for signal in SIGNALS {
            let labels = SignalLabels { model: model.clone(), version: version.clone(), signal };
            self.drift.remove(&labels);
            self.alarms.remove(&labels);
        }
    }
}

/// What drift and alarms are about.
const SIGNALS: [&str; 6] = ["input", "output", "confidence", "confidence_mean", "out_of_range", "latency"];

/// What devices answer: alarms that they have raised, and questions of the owner's.
const FACTS: [&str; 16] = [
    "input",
    "output",
    "confidence",
    "confidence_mean",
    "out_of_range",
    "latency",
    "6",
    "7",
    "8",
    "9",
    "10",
    "11",
    "12",
    "13",
    "14",
    "15",
];

/// What is counted of a version.
#[derive(Debug)]
pub struct ModelMetrics {
    all: Arc<Metrics>,
    labels: ModelLabels,
    ok: Counter,
    request_seconds: Histogram,
    run_seconds: Histogram,
    queue: Gauge,
    sequences: Gauge,
    elements: Counter,
    clipped: Counter,
}

impl ModelMetrics {
    /// A request has ended.
    pub fn finished(&self, failure: Option<Kind>, took: Duration) {
        self.request_seconds.observe(took.as_secs_f64());
        let Some(kind) = failure else {
            self.ok.inc();
            return;
        };
        let ModelLabels { model, version } = self.labels.clone();
        self.all.requests.get_or_create(&ResultLabels { model, version, result: kind.name() }).inc();
    }

    /// A run has ended.
    pub fn ran(&self, took: Duration) {
        self.run_seconds.observe(took.as_secs_f64());
    }

    /// So many requests wait.
    pub fn queued(&self, count: usize) {
        self.queue.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// So many sequences are open.
    pub fn sequences(&self, count: usize) {
        self.sequences.set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// So many of the real numbers of a request were beyond the input's range.
    pub fn clipped(&self, clipped: u64, elements: u64) {
        self.clipped.inc_by(clipped);
        self.elements.inc_by(elements);
    }

    /// So many inputs are kept.
    pub fn samples(&self, count: usize) {
        self.all.samples.get_or_create(&self.labels).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// How far a signal's shares are from the baseline's.
    pub fn drift(&self, signal: &'static str, index: f64) {
        self.all.drift.get_or_create(&self.signal(signal)).set(index);
    }

    /// The monitor has raised an alarm.
    pub fn alarm(&self, signal: &'static str) {
        self.all.alarms.get_or_create(&self.signal(signal)).inc();
    }

    fn signal(&self, signal: &'static str) -> SignalLabels {
        let ModelLabels { model, version } = self.labels.clone();
        SignalLabels { model, version, signal }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_registered_is_what_is_listed() {
        let metrics = Metrics::new();
        let served = metrics.of(ModelLabels { model: "m".into(), version: "1".into() });
        served.finished(Some(Kind::Busy), Duration::from_millis(1));
        served.drift("input", 0.5);
        served.alarm("input");
        metrics.shadowed(&served.labels, true);
        metrics.shadow_dropped(&served.labels);
        metrics.refused(Kind::NotFound);
        metrics.told(&served.labels, "pilots", 7, [1, 2, 3, 4]);
        metrics.fact(&served.labels, "pilots", 3, 0.5);
        served.samples(1);
        metrics.rollout_step("n", 1);
        metrics.rollout_reversed("n", "failures");
        metrics.automatic("n", "promote");
        metrics.mqtt_message("ok");
        let text = metrics.text();
        let mut described: Vec<&str> =
            text.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
        let mut listed: Vec<&str> = METRICS.iter().map(|metric| metric.name).collect();
        described.sort_unstable();
        listed.sort_unstable();
        assert_eq!(described, listed);
        // A version that is gone leaves no line behind.
        metrics.forget(&served.labels);
        assert!(!metrics.text().contains("model=\"m\""), "{}", metrics.text());
    }
}
