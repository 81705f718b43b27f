//! Whether a served model sees what it was made for: the detectors of devices, and their figures for Prometheus.

use core::time::Duration;

use kinglet::{Model, Session};
use kinglet_blob::DType;
use kinglet_monitor::{Alarm, Baseline, Histogram, Limits, Monitor, bin_of_score};

use crate::metrics::ModelMetrics;

/// Runs after which shares are compared.
const WINDOW: u32 = 256;

/// Figures for the dashboard's and the alerts' sake beside the monitor, which only says when something is too much.
pub(super) struct Drift {
    baseline: Baseline,
    monitor: Monitor,
    /// Input, output, confidence.
    shares: [Histogram; 3],
    runs: u32,
    /// Runs that are marked yet after an alarm.
    marked: u32,
}

const SIGNALS: [&str; 3] = ["input", "output", "confidence"];

impl Drift {
    /// None for a blob without a baseline (`kinglet compile --baseline`), or whose tensors have no codes of eight bits.
    pub(super) fn of(model: &Model<'_>) -> Option<Self> {
        let baseline = Baseline::of(model.blob())?;
        let has_codes = [model.input(0)?, model.output(0)?].iter().all(|port| port.dtype == DType::I8);
        let limits = Limits {
            window_runs: WINDOW,
            instability_max: 0.25,
            input_stride: 1,
            cusum_slack: 0.5,
            cusum_limit: 10.0,
            out_of_range_max: 0.05,
            ticks_max: u32::MAX,
            slow_max: u32::MAX,
        };
        has_codes.then(|| Drift {
            baseline,
            monitor: Monitor::new(limits),
            shares: Default::default(),
            runs: 0,
            marked: 0,
        })
    }

    /// Takes a run whose first input was `seen`; the alarm's name, if there is one, and whether the run is marked: it is one
    /// of the window after an alarm, or its confidence is one that the model had in less than a hundredth of its calibration.
    pub(super) fn observe(
        &mut self,
        session: &Session<'_, '_>,
        seen: &[u8],
        took: Duration,
        metrics: &ModelMetrics,
    ) -> (Option<&'static str>, bool) {
        let (Ok(output), Some(port)) = (session.output_i8(0), session.model().output(0)) else { return (None, false) };
        let input: Vec<i8> = seen.iter().map(|byte| byte.cast_signed()).collect();
        let top = output.iter().copied().max().map_or(0.0, |code| port.dequantize(code.into()));
        let [of_input, of_output, confidence] = &mut self.shares;
        of_input.add_codes(&input, 1);
        of_output.add_codes(output, 1);
        confidence.add(bin_of_score(top));
        self.runs += 1;
        if self.runs >= WINDOW {
            self.publish(metrics);
        }
        let ticks = u32::try_from(took.as_micros()).unwrap_or(u32::MAX);
        let alarm = self.monitor.observe(&self.baseline, &input, output, top, ticks).map(name);
        if let Some(alarm) = alarm {
            metrics.alarm(alarm);
            self.marked = WINDOW;
        }
        let known = &self.baseline.confidence;
        let is_rare = u32::from(known.counts()[bin_of_score(top)]) * 100 < known.total();
        let is_marked = self.marked > 0 || is_rare;
        self.marked = self.marked.saturating_sub(1);
        (alarm, is_marked)
    }

    fn publish(&mut self, metrics: &ModelMetrics) {
        let known = [&self.baseline.input, &self.baseline.output, &self.baseline.confidence];
        for ((histogram, known), signal) in self.shares.iter_mut().zip(known).zip(SIGNALS) {
            if let Some(index) = histogram.instability(known) {
                metrics.drift(signal, index.into());
            }
            histogram.clear();
        }
        self.runs = 0;
    }
}

fn name(alarm: Alarm) -> &'static str {
    match alarm {
        Alarm::Input => "input",
        Alarm::Output => "output",
        Alarm::Confidence => "confidence",
        Alarm::ConfidenceMean => "confidence_mean",
        Alarm::OutOfRange => "out_of_range",
        Alarm::Latency => "latency",
    }
}
