//! What the server does by itself, from time to time: it promotes or drops candidates by the conditions that an admin has set,
//! and looks at the gates of rollouts. Each step is in the audit log before it is taken, as if an admin had taken it.

use std::collections::HashMap;
use std::sync::Mutex;

use kinglet_monitor::audit::Event;

use crate::lock;
use crate::metrics::Metrics;
use crate::repository::{Automatic, Entry};
use crate::web::App;
use crate::web::repository::{change_now, log, promoted};

/// Knows since when each candidate is one.
#[derive(Debug, Default)]
pub struct Automat {
    /// By model: the candidate's version, and copies and agreements that were counted of it before.
    since: Mutex<HashMap<String, (String, [u64; 2])>>,
}

/// What the conditions say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Not enough copies have run.
    Wait,
    /// All conditions are kept.
    Promote,
    /// One is not, and cannot be any more.
    Drop(&'static str),
}

/// A candidate in figures.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// Copies that it has run.
    pub runs: u64,
    /// Of these, those that agree.
    pub agreements: u64,
    /// Its run's mean time, in those of the stable version's.
    pub slower: f64,
    /// The largest index of drift that is known of it.
    pub drift: f64,
}

/// Judges a candidate. Whether enough copies agree is known as soon as too many do not.
#[allow(clippy::cast_precision_loss, reason = "counts of requests")]
pub fn judge(conditions: &Automatic, figures: &Figures) -> Choice {
    let disagreements = figures.runs.saturating_sub(figures.agreements);
    // A grain for shares that no float has exactly.
    let allowed = (1.0 - conditions.agreement) * (conditions.runs.max(figures.runs) as f64) + 1e-9;
    if disagreements as f64 > allowed {
        return Choice::Drop("agreement");
    }
    if figures.runs < conditions.runs {
        return Choice::Wait;
    }
    if conditions.slower.is_some_and(|most| figures.slower > most) {
        return Choice::Drop("slower");
    }
    if conditions.drift.is_some_and(|most| figures.drift > most) {
        return Choice::Drop("drift");
    }
    Choice::Promote
}

impl Automat {
    fn figures(&self, metrics: &Metrics, model: &str, entry: &Entry) -> Option<Figures> {
        let (candidate, stable) = (entry.candidate()?, entry.stable()?);
        let counts = metrics.shadow_counts(&candidate.labels());
        let mut since = lock(&self.since);
        let begun = since.get(model).filter(|(version, _)| version == candidate.version());
        let before = begun.map_or(counts, |(_, before)| *before);
        if begun.is_none() {
            since.insert(model.to_owned(), (candidate.version().to_owned(), counts));
        }
        let [runs, agreements] = [0, 1].map(|index| counts[index].saturating_sub(before[index]));
        let slower = candidate.mean_run().as_secs_f64() / stable.mean_run().as_secs_f64().max(1e-9);
        Some(Figures { runs, agreements, slower, drift: metrics.drift_most(&candidate.labels()) })
    }

    /// Looks at every model that has conditions.
    fn look(&self, app: &App) {
        let catalog = app.repository.catalog();
        let names: Vec<&str> = catalog.names().collect();
        lock(&self.since).retain(|model, _| {
            catalog.model(model).is_ok_and(|entry| entry.candidate().is_some() && entry.aliases().automatic.is_some())
        });
        for model in names {
            let Ok(entry) = catalog.model(model) else { continue };
            let Some(conditions) = entry.aliases().automatic else { continue };
            let metrics = app.repository.metrics();
            let Some(figures) = self.figures(metrics, model, entry) else { continue };
            let (name, done) = match judge(&conditions, &figures) {
                Choice::Wait => continue,
                Choice::Promote => ("promote", change_now(app, model, Event::Confirmed, "its conditions", promoted)),
                Choice::Drop(reason) => {
                    tracing::warn!(model, reason, ?figures, "the candidate is dropped");
                    let drop = |entry: &Entry| entry.aliases().rolled_back();
                    ("rollback", change_now(app, model, Event::Reverted, "its conditions", drop))
                }
            };
            match done {
                Ok(()) => metrics.automatic(model, name),
                Err(failure) => tracing::error!(model, error = failure.message, "the candidate stays one"),
            }
        }
    }
}

impl App {
    /// Does what is due.
    pub fn look(&self) {
        self.automat.look(self);
        let metrics = self.repository.metrics();
        let catalog = self.repository.catalog();
        let agrees = |next| catalog.of_digest(next).map_or([0; 2], |labels| metrics.shadow_counts(&labels));
        let told = |[next, base]: [[u8; 8]; 2]| self.fleet.totals(next, base);
        for (model, next, moved) in self.rollouts.look(crate::rollout::seconds(), told, agrees) {
            let (event, reason) = match moved {
                Ok(kinglet_rollout::Reason::Plan) => (Event::Activated, 0),
                Ok(reason) => (Event::Reverted, reason as u8),
                Err(failure) => {
                    tracing::error!(model, error = failure.message, "the rollout stays where it is");
                    continue;
                }
            };
            // A version that does harm is stopped even where nothing can be written.
            if let Err(failure) = log(self, event, reason, next) {
                tracing::error!(model, error = failure.message, "the step is not in the audit log");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_candidate_is_promoted_when_all_is_kept_and_dropped_as_soon_as_it_cannot_be() {
        let conditions = Automatic { runs: 100, agreement: 0.95, slower: Some(1.5), drift: Some(0.3) };
        let figures = Figures { runs: 100, agreements: 95, slower: 1.5, drift: 0.3 };
        assert_eq!(judge(&conditions, &figures), Choice::Promote);
        assert_eq!(judge(&conditions, &Figures { runs: 99, ..figures }), Choice::Wait);
        // Five of twenty: the five are all that are allowed of a hundred; six are too many.
        assert_eq!(judge(&conditions, &Figures { runs: 20, agreements: 15, ..figures }), Choice::Wait);
        assert_eq!(judge(&conditions, &Figures { runs: 20, agreements: 14, ..figures }), Choice::Drop("agreement"));
        assert_eq!(judge(&conditions, &Figures { slower: 1.6, ..figures }), Choice::Drop("slower"));
        assert_eq!(judge(&conditions, &Figures { drift: 0.31, ..figures }), Choice::Drop("drift"));
    }
}
