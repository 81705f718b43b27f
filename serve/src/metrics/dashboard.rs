//! The list of metrics as a dashboard of Grafana.

use serde_json::{Value, json};

use super::list::METRICS;

/// The dashboard's file; the data source is asked for when it is imported.
pub fn dashboard() -> Value {
    let listed = METRICS.iter().filter_map(|metric| Some((metric, metric.panel.as_ref()?)));
    let panels: Vec<Value> = listed
        .enumerate()
        .map(|(index, (metric, panel))| {
            json!({
                "id": index + 1,
                "type": "timeseries",
                "title": panel.title,
                "description": metric.help,
                "datasource": { "type": "prometheus", "uid": "${datasource}" },
                "gridPos": { "h": 8, "w": 12, "x": 12 * (index % 2), "y": 8 * (index / 2) },
                "fieldConfig": { "defaults": { "unit": panel.unit }, "overrides": [] },
                "targets": [{ "refId": "A", "expr": panel.expression, "legendFormat": panel.legend }],
            })
        })
        .collect();
    json!({
        "title": "Kinglet",
        "uid": "kinglet",
        "schemaVersion": 39,
        "refresh": "30s",
        "time": { "from": "now-1h", "to": "now" },
        "templating": { "list": [{ "name": "datasource", "type": "datasource", "query": "prometheus" }] },
        "panels": panels,
    })
}
