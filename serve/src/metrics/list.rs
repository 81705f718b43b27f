//! Every metric, with its panel and its alert.

/// A metric.
#[derive(Debug)]
pub struct Metric {
    /// Its name; counters get `_total` behind it.
    pub name: &'static str,
    /// What it counts.
    pub help: &'static str,
    /// Its panel on the dashboard.
    pub panel: Option<Panel>,
    /// When somebody has to look.
    pub alert: Option<Alert>,
}

/// A panel of the dashboard.
#[derive(Debug)]
pub struct Panel {
    /// Its heading.
    pub title: &'static str,
    /// What it shows, in PromQL.
    pub expression: &'static str,
    /// The legend of a line.
    pub legend: &'static str,
    /// Grafana's name of the unit.
    pub unit: &'static str,
}

/// An alert.
#[derive(Debug)]
pub struct Alert {
    /// Its name.
    pub name: &'static str,
    /// When, in PromQL.
    pub expression: &'static str,
    /// For how long.
    pub lasting: &'static str,
    /// `warning` or `critical`.
    pub severity: &'static str,
    /// What it says.
    pub summary: &'static str,
    /// For its unit test: series over minutes, in promtool's notation, that make it fire, and one that does not.
    pub fires: &'static [(&'static str, &'static str)],
    /// Series that do not.
    pub silent: &'static [(&'static str, &'static str)],
}

const fn panel(
    title: &'static str,
    expression: &'static str,
    legend: &'static str,
    unit: &'static str,
) -> Option<Panel> {
    Some(Panel { title, expression, legend, unit })
}

/// All of them, in the order of the dashboard.
pub const METRICS: &[Metric] = &[
    Metric {
        name: "kinglet_requests",
        help: "Requests of each version, by how they ended",
        panel: panel(
            "Requests",
            "sum by (model, version, result) (rate(kinglet_requests_total[1m]))",
            "{{model}} {{version}} {{result}}",
            "reqps",
        ),
        alert: Some(Alert {
            name: "KingletRequestsFail",
            expression: "sum by (model, version) (rate(kinglet_requests_total{result=~\"busy|deadline|internal|unavailable\"}[5m])) \
                         / sum by (model, version) (rate(kinglet_requests_total[5m])) > 0.05",
            lasting: "5m",
            severity: "critical",
            summary: "More than 5 % of the requests of {{ $labels.model }} {{ $labels.version }} fail",
            fires: &[
                ("kinglet_requests_total{model=\"m\",version=\"1\",result=\"ok\"}", "0+60x30"),
                ("kinglet_requests_total{model=\"m\",version=\"1\",result=\"busy\"}", "0+30x30"),
            ],
            silent: &[
                ("kinglet_requests_total{model=\"m\",version=\"1\",result=\"ok\"}", "0+60x30"),
                ("kinglet_requests_total{model=\"m\",version=\"1\",result=\"busy\"}", "0+1x30"),
                ("kinglet_requests_total{model=\"m\",version=\"1\",result=\"invalid\"}", "0+60x30"),
            ],
        }),
    },
    Metric {
        name: "kinglet_request_seconds",
        help: "Time from a request's arrival to its answer",
        panel: panel(
            "Latency, 99 of 100",
            "histogram_quantile(0.99, sum by (le, model, version) (rate(kinglet_request_seconds_bucket[1m])))",
            "{{model}} {{version}}",
            "s",
        ),
        alert: None,
    },
    Metric {
        name: "kinglet_run_seconds",
        help: "Time of a run of the model alone",
        panel: panel(
            "Run, mean",
            "sum by (model, version) (rate(kinglet_run_seconds_sum[1m])) / sum by (model, version) (rate(kinglet_run_seconds_count[1m]))",
            "{{model}} {{version}}",
            "s",
        ),
        alert: None,
    },
    Metric {
        name: "kinglet_queue",
        help: "Requests that wait for a processor",
        panel: panel("Queue", "kinglet_queue", "{{model}} {{version}}", "short"),
        alert: None,
    },
    Metric {
        name: "kinglet_sequences",
        help: "Open sequences of models with state",
        panel: panel("Sequences", "kinglet_sequences", "{{model}} {{version}}", "short"),
        alert: None,
    },
    Metric {
        name: "kinglet_elements",
        help: "Real numbers that were quantized by the server",
        panel: None,
        alert: None,
    },
    Metric {
        name: "kinglet_clipped",
        help: "Of these, numbers beyond the range of the model's input",
        panel: panel(
            "Clipped share of inputs",
            "sum by (model, version) (rate(kinglet_clipped_total[5m])) / sum by (model, version) (rate(kinglet_elements_total[5m]))",
            "{{model}} {{version}}",
            "percentunit",
        ),
        alert: Some(Alert {
            name: "KingletInputsClipped",
            expression: "sum by (model, version) (rate(kinglet_clipped_total[5m])) / sum by (model, version) (rate(kinglet_elements_total[5m])) > 0.05",
            lasting: "5m",
            severity: "warning",
            summary: "More than 5 % of the inputs of {{ $labels.model }} {{ $labels.version }} are beyond its range",
            fires: &[
                ("kinglet_elements_total{model=\"m\",version=\"1\"}", "0+1000x30"),
                ("kinglet_clipped_total{model=\"m\",version=\"1\"}", "0+100x30"),
            ],
            silent: &[
                ("kinglet_elements_total{model=\"m\",version=\"1\"}", "0+1000x30"),
                ("kinglet_clipped_total{model=\"m\",version=\"1\"}", "0+10x30"),
            ],
        }),
    },
    Metric {
        name: "kinglet_drift",
        help: "Population stability index of a window against the blob's baseline",
        panel: panel("Drift", "kinglet_drift", "{{model}} {{version}} {{signal}}", "short"),
        alert: Some(Alert {
            name: "KingletDrift",
            expression: "kinglet_drift > 0.4",
            lasting: "0m",
            severity: "warning",
            summary: "{{ $labels.signal }} of {{ $labels.model }} {{ $labels.version }} is not what the model was calibrated with",
            fires: &[("kinglet_drift{model=\"m\",version=\"1\",signal=\"input\"}", "0.1x5 2.5x25")],
            silent: &[("kinglet_drift{model=\"m\",version=\"1\",signal=\"input\"}", "0.1x30")],
        }),
    },
    Metric {
        name: "kinglet_alarms",
        help: "Alarms of the drift monitor, by what they are about",
        panel: panel(
            "Alarms in an hour",
            "increase(kinglet_alarms_total[1h])",
            "{{model}} {{version}} {{signal}}",
            "short",
        ),
        alert: None,
    },
    Metric {
        name: "kinglet_shadow_runs",
        help: "Copies of requests that ran on the candidate",
        panel: None,
        alert: None,
    },
    Metric {
        name: "kinglet_shadow_agreements",
        help: "Of these, runs with the same answer as the stable version",
        panel: panel(
            "Candidate agrees",
            "rate(kinglet_shadow_agreements_total[5m]) / rate(kinglet_shadow_runs_total[5m])",
            "{{model}} {{version}}",
            "percentunit",
        ),
        alert: Some(Alert {
            name: "KingletCandidateDisagrees",
            expression: "rate(kinglet_shadow_agreements_total[10m]) / rate(kinglet_shadow_runs_total[10m]) < 0.9",
            lasting: "5m",
            severity: "warning",
            summary: "Candidate {{ $labels.version }} of {{ $labels.model }} agrees with the stable version in fewer than 90 %",
            fires: &[
                ("kinglet_shadow_runs_total{model=\"m\",version=\"2\"}", "0+100x30"),
                ("kinglet_shadow_agreements_total{model=\"m\",version=\"2\"}", "0+50x30"),
            ],
            silent: &[
                ("kinglet_shadow_runs_total{model=\"m\",version=\"2\"}", "0+100x30"),
                ("kinglet_shadow_agreements_total{model=\"m\",version=\"2\"}", "0+99x30"),
            ],
        }),
    },
    Metric {
        name: "kinglet_shadow_dropped",
        help: "Copies that were not run because too many were under way",
        panel: None,
        alert: None,
    },
    Metric {
        name: "kinglet_devices",
        help: "Devices of a cohort that have told of this version",
        panel: panel("Devices", "kinglet_devices", "{{model}} {{version}} {{cohort}}", "short"),
        alert: None,
    },
    Metric {
        name: "kinglet_device_runs",
        help: "Runs on devices",
        panel: panel(
            "Runs on devices",
            "sum by (model, version, cohort) (rate(kinglet_device_runs_total[10m]))",
            "{{model}} {{version}} {{cohort}}",
            "ops",
        ),
        alert: None,
    },
    Metric {
        name: "kinglet_device_slow",
        help: "Of these, runs that took longer than allowed",
        panel: None,
        alert: None,
    },
    Metric {
        name: "kinglet_device_alarms",
        help: "Alarms of the monitors on devices",
        panel: None,
        alert: Some(Alert {
            name: "KingletDevicesAlarm",
            expression: "sum by (model, version, cohort) (increase(kinglet_device_alarms_total[1h])) / (kinglet_devices > 0) > 0.1",
            lasting: "10m",
            severity: "warning",
            summary: "More than one alarm for ten devices of {{ $labels.cohort }} within an hour, of {{ $labels.model }} {{ $labels.version }}",
            fires: &[
                ("kinglet_devices{model=\"m\",version=\"1\",cohort=\"c\"}", "20x60"),
                ("kinglet_device_alarms_total{model=\"m\",version=\"1\",cohort=\"c\"}", "0+1x60"),
            ],
            silent: &[
                ("kinglet_devices{model=\"m\",version=\"1\",cohort=\"c\"}", "2000x60"),
                ("kinglet_device_alarms_total{model=\"m\",version=\"1\",cohort=\"c\"}", "0+1x60"),
            ],
        }),
    },
    Metric {
        name: "kinglet_device_failures",
        help: "Devices that refused a version or did not keep it",
        panel: panel(
            "Devices that did not keep a version",
            "sum by (model, version, cohort) (increase(kinglet_device_failures_total[1h]))",
            "{{model}} {{version}} {{cohort}}",
            "short",
        ),
        alert: None,
    },
    Metric {
        name: "kinglet_device_facts",
        help: "Share of a cohort's devices for which a fact is true, from answers of which half are coins",
        panel: panel(
            "Facts of devices",
            "kinglet_device_facts",
            "{{model}} {{version}} {{cohort}} {{fact}}",
            "percentunit",
        ),
        alert: None,
    },
    Metric {
        name: "kinglet_rollout_step",
        help: "The step at which a rollout is, 0 when everybody runs the base",
        panel: panel("Rollouts", "kinglet_rollout_step", "{{model}}", "short"),
        alert: None,
    },
    Metric {
        name: "kinglet_rollout_reversals",
        help: "Rollouts that went back to the base, by why",
        panel: None,
        alert: Some(Alert {
            name: "KingletRolloutReversed",
            expression: "sum by (model, reason) (increase(kinglet_rollout_reversals_total[1h])) > 0",
            lasting: "0m",
            severity: "critical",
            summary: "The rollout of {{ $labels.model }} went back to the base: {{ $labels.reason }}",
            fires: &[("kinglet_rollout_reversals_total{model=\"m\",reason=\"failures\"}", "0x10 1x20")],
            silent: &[("kinglet_rollout_reversals_total{model=\"m\",reason=\"failures\"}", "1x30")],
        }),
    },
    Metric {
        name: "kinglet_automatic",
        help: "Candidates that were promoted or dropped by their conditions",
        panel: None,
        alert: None,
    },
    Metric {
        name: "kinglet_samples",
        help: "Inputs that are kept for another training",
        panel: panel("Samples kept", "kinglet_samples", "{{model}} {{version}}", "short"),
        alert: None,
    },
    Metric { name: "kinglet_mqtt_connected", help: "Whether the broker is there", panel: None, alert: None },
    Metric {
        name: "kinglet_mqtt_messages",
        help: "Messages of devices that came from the broker, by what became of them",
        panel: panel("Messages by MQTT", "rate(kinglet_mqtt_messages_total[1m])", "{{result}}", "ops"),
        alert: None,
    },
    Metric {
        name: "kinglet_refused",
        help: "Requests that reached no model, by why",
        panel: panel("Refused", "rate(kinglet_refused_total[1m])", "{{result}}", "reqps"),
        alert: None,
    },
    Metric {
        name: "kinglet_loads_failed",
        help: "Blobs that were not taken",
        panel: None,
        alert: Some(Alert {
            name: "KingletBlobRefused",
            expression: "increase(kinglet_loads_failed_total[15m]) > 0",
            lasting: "0m",
            severity: "warning",
            summary: "A blob in the repository is not taken; the repository index says why",
            fires: &[("kinglet_loads_failed_total", "0x10 1x20")],
            silent: &[("kinglet_loads_failed_total", "3x30")],
        }),
    },
    Metric {
        name: "kinglet_connections",
        help: "Open connections",
        panel: panel("Connections", "kinglet_connections", "", "short"),
        alert: None,
    },
];

/// What a metric counts. Nothing is registered that is not in the list: a test compares both.
pub(super) fn help(name: &str) -> &'static str {
    METRICS.iter().find(|metric| metric.name == name).map_or("", |metric| metric.help)
}
