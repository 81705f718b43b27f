//! The int8 forms of a float graph, of which the one with the least noise is kept.

use super::{CompileError, Options, Progress, Stage};
use crate::affine;
use crate::calibrate::{Calibration, CalibrationError, EngineRunner, Method, Samples, calibrate};
use crate::equalize::equalize;
use crate::ir::Graph;
use crate::shrink::{self, Bits};
use crate::tune::{Equalize, Noise, Trial, Tried, Tuned, divided};

/// A form is worth sweeping when its noise is at most so many times the least, 1.3 dB: a sweep wins about one.
const NEAR: f64 = 1.35;

/// An int8 graph that could be kept, and what it comes from.
pub(super) struct Form {
    /// The float graph, where it is not the model's own.
    pub(super) graph: Option<Graph>,
    pub(super) calibration: Calibration,
    pub(super) int8: Graph,
    tried: Tried,
    noise: Noise,
}

impl Form {
    /// Chooses ranges for a float graph and gives it the nearest codes.
    fn new(graph: &Graph, samples: &Samples, options: &Options, progress: Progress<'_>) -> Result<Self, CompileError> {
        let mut runner = EngineRunner::new(graph)?;
        let method = Method { range: options.range_method, keep_rare: options.keep_outliers };
        let calibration = calibrate(graph, &mut runner, samples, method, &mut |done, total| {
            progress(Stage::Calibrating { done, total });
        })?;
        progress(Stage::Quantizing);
        let mut int8 = affine::quantize(graph, &calibration.table)?;
        if options.correct_biases {
            affine::correct_biases(graph, &calibration.means, &mut int8, samples);
        }
        Ok(Form { graph: None, calibration, int8, tried: Tried::default(), noise: Noise::default() })
    }

    fn measure(&mut self, trial: &Trial<'_>) -> Result<(), CompileError> {
        self.noise = trial.noise(&self.int8)?;
        self.tried.noise = self.noise.share;
        Ok(())
    }

    /// The int8 graph with weights that make up for each other; `None` where a node cannot be run by itself.
    fn sweep(&self, model: &Graph, (samples, given): (&Samples, &[usize]), progress: Progress<'_>) -> Option<Graph> {
        let float = self.graph.as_ref().unwrap_or(model);
        let mut int8 = self.int8.clone();
        let mut told = |done, total| progress(Stage::Rounding { done, total });
        shrink::sweep((float, &mut int8), (samples, given), &mut told).ok()?;
        Some(int8)
    }

    /// The same form with that graph.
    fn swept(&self, int8: Graph) -> Self {
        let (graph, calibration) = (self.graph.clone(), self.calibration.clone());
        Form { graph, calibration, int8, tried: Tried { swept: true, ..self.tried }, noise: Noise::default() }
    }
}

/// The forms of a float graph with the nearest codes: as it is, and with equalized channels, as far as that is asked for.
fn forms(
    graph: &Graph,
    (samples, can_compare): (&Samples, bool),
    options: &Options,
    progress: Progress<'_>,
) -> Result<Vec<Form>, CompileError> {
    let mut forms = vec![Form::new(graph, samples, options, progress)?];
    let is_tried = match options.equalize {
        Equalize::Off => false,
        Equalize::On => true,
        Equalize::Auto => can_compare,
    };
    if !is_tried {
        return Ok(forms);
    }
    if let Some(scaled) = equalize(graph, &mut EngineRunner::new(graph)?, samples)? {
        let mut form = Form::new(&scaled.graph, samples, options, progress)?;
        // What was probably not meant is said of the model as it came.
        form.calibration.findings.clone_from(&forms[0].calibration.findings);
        (form.graph, form.tried.equalized) = (Some(scaled.graph), scaled.values.len());
        if options.equalize == Equalize::On {
            forms.clear();
        }
        forms.push(form);
    }
    Ok(forms)
}

/// The int8 form of a float graph whose outputs are nearest to the float graph's, of those that are to be tried.
pub(super) fn tuned(
    graph: &Graph,
    samples: &Samples,
    options: &Options,
    progress: Progress<'_>,
) -> Result<(Form, Tuned), CompileError> {
    let trial = Trial::of(graph, samples)?;
    let (given, _) = divided(samples.len());
    let mut forms = forms(graph, (samples, trial.is_some()), options, progress)?;
    if let Some(trial) = trial {
        for form in &mut forms {
            form.measure(&trial)?;
        }
        if options.bits == Bits::Nearest && options.sparsity.is_none() && !options.nearest {
            let least = forms.iter().map(|form| form.tried.noise).fold(f64::INFINITY, f64::min);
            let near = forms.iter().filter(|form| form.tried.noise <= NEAR * least);
            let swept = near.filter_map(|form| Some(form.swept(form.sweep(graph, (samples, &given), progress)?)));
            let mut swept: Vec<Form> = swept.collect();
            for form in &mut swept {
                form.measure(&trial)?;
            }
            forms.append(&mut swept);
        }
    }
    let tried: Vec<Tried> = forms.iter().map(|form| form.tried).collect();
    let Some(kept) = best(&forms) else { return Err(CalibrationError::NoSample.into()) };
    let mut form = forms.swap_remove(kept);
    if form.tried.swept && given.len() < samples.len() {
        // It helps: with all samples it helps more.
        let is_base = |other: &&Form| !other.tried.swept && other.tried.equalized == form.tried.equalized;
        let all: Vec<usize> = (0..samples.len()).collect();
        let again = forms.iter().find(is_base).and_then(|base| base.sweep(graph, (samples, &all), progress));
        form.int8 = again.unwrap_or(form.int8);
    }
    let tuned = Tuned { kept: form.tried, tried };
    Ok((form, tuned))
}

/// The form to keep. One that has been changed is only taken when it is better than what has not, and not by a few samples.
fn best(forms: &[Form]) -> Option<usize> {
    let (first, others) = forms.split_first()?;
    let better = (1..).zip(others).filter(|(_, form)| form.noise.is_less(&first.noise));
    let least = better.min_by(|(_, a), (_, b)| a.noise.share.total_cmp(&b.noise.share));
    Some(least.map_or(0, |(index, _)| index))
}
