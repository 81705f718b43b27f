//! The list of metrics as alert rules of Prometheus, and as promtool's unit tests of them. Both are JSON, which is YAML.

use serde_json::{Value, json};

use super::list::{Alert, METRICS};

fn alerts() -> impl Iterator<Item = &'static Alert> {
    METRICS.iter().filter_map(|metric| metric.alert.as_ref())
}

/// The rules.
pub fn rules() -> Value {
    let rules: Vec<Value> = alerts()
        .map(|alert| {
            json!({
                "alert": alert.name,
                "expr": alert.expression,
                "for": alert.lasting,
                "labels": { "severity": alert.severity },
                "annotations": { "summary": alert.summary },
            })
        })
        .collect();
    json!({ "groups": [{ "name": "kinglet", "rules": rules }] })
}

/// Unit tests of the rules, which are in the file `rules_file`: each fires on one set of series and not on the other.
pub fn rules_tests(rules_file: &str) -> Value {
    let series = |series: &[(&str, &str)]| -> Vec<Value> {
        series.iter().map(|(series, values)| json!({ "series": series, "values": values })).collect()
    };
    // What a rule fires on has its labels; they and the text are promtool's to compute, so it is counted who fires.
    let count = |alert: &Alert, given: &[(&str, &str)], fires: bool| {
        let samples = if fires { vec![json!({ "labels": "{}", "value": 1 })] } else { vec![] };
        let expression = format!("count(ALERTS{{alertname=\"{}\", alertstate=\"firing\"}})", alert.name);
        json!({
            "name": format!("{} {}", alert.name, if fires { "fires" } else { "is silent" }),
            "interval": "1m",
            "input_series": series(given),
            "promql_expr_test": [{ "expr": expression, "eval_time": "20m", "exp_samples": samples }],
        })
    };
    let tests: Vec<Value> =
        alerts().flat_map(|alert| [count(alert, alert.fires, true), count(alert, alert.silent, false)]).collect();
    json!({ "rule_files": [rules_file], "evaluation_interval": "1m", "tests": tests })
}
