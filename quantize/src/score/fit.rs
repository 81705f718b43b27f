//! Labels that do not fit a model's classes, and answers that no label explains.

use super::classes::CONFUSION_MAX;

/// Fewer samples say nothing about labels.
const SAMPLES_MIN: usize = 20;

/// By how much labels under other numbers must fit better before they are said to be numbered otherwise.
const GAIN_MIN: f64 = 0.2;

/// From which share on a model that answers one class is said to answer nothing else.
const SAME_ANSWER: f64 = 0.9;

/// A float model that is right less often deserves a word, where it has to tell only a few classes apart.
const RIGHT_MIN: f64 = 0.6;
const FEW_CLASSES: usize = 32;

/// Sentences about labels that the float model's answers do not go with, each with a remedy.
pub fn problems(labels: &[i64], answers: &[usize], classes: usize, names: &[String]) -> Vec<String> {
    let mut found = Vec::new();
    if !names.is_empty() && names.len() != classes {
        found.push(format!(
            "the model has {classes} classes and {} names for them; give a name for each (--labels)",
            names.len()
        ));
    }
    found.extend(outside(labels, classes));
    if labels.len() < SAMPLES_MIN {
        return found;
    }
    let first = labels.first();
    if labels.iter().all(|label| Some(label) == first) {
        found.push(format!("every sample is labelled {}: figures say little of the other classes", labels[0]));
        return found;
    }
    let right = share(labels, answers, Some);
    let (shifted, renumbered) = (shifted(labels, answers, classes, right), renumbered(labels, answers, classes, right));
    // Shifted labels are renumbered, too: that is said where a shift explains as much.
    let is_shift = |(of_shift, _): &(f64, String)| renumbered.as_ref().is_none_or(|(share, _)| of_shift >= share);
    match shifted.filter(is_shift).or(renumbered.clone()) {
        Some((_, problem)) => found.push(problem),
        None => found.extend(blind(labels, answers, classes, right)),
    }
    found
}

/// The share of samples that are answered as `expected` says of their label.
fn share(labels: &[i64], answers: &[usize], expected: impl Fn(i64) -> Option<i64>) -> f64 {
    let right = labels.iter().zip(answers).filter(|&(&label, &answer)| expected(label) == Some(answer as i64));
    right.count() as f64 / labels.len().max(1) as f64
}

/// Labels that are no class.
fn outside(labels: &[i64], classes: usize) -> Option<String> {
    let is_outside = |label: &&i64| usize::try_from(**label).map_or(true, |label| label >= classes);
    let count = labels.iter().filter(is_outside).count();
    let (low, high) = (labels.iter().min()?, labels.iter().max()?);
    (count > 0).then(|| {
        format!(
            "{count} of {} labels are no class: labels go from {low} to {high}, the model's {classes} classes from 0 to {}; \
             such samples count as wrong. Number the classes from 0, in the order of the model's outputs",
            labels.len(),
            classes.saturating_sub(1)
        )
    })
}

/// Labels that all are too small or too large by the same number; with the share of samples that this explains.
fn shifted(labels: &[i64], answers: &[usize], classes: usize, right: f64) -> Option<(f64, String)> {
    let count = i64::try_from(classes).ok().filter(|&count| count > 1)?;
    let by = |shift: i64| share(labels, answers, |label| Some((label + shift).rem_euclid(count)));
    let (shift, best) = (1..count).map(|shift| (shift, by(shift))).max_by(|a, b| a.1.total_cmp(&b.1))?;
    (best >= right + GAIN_MIN).then(|| {
        let shift = if shift * 2 > count { shift - count } else { shift };
        let (sign, size) = if shift < 0 { ('-', -shift) } else { ('+', shift) };
        let problem = format!(
            "the labels look shifted by {size}: the float model answers label {sign} {size} on {:.1} % of the samples and \
             the label itself on {:.1} %. Number the classes from 0, in the order of the model's outputs",
            best * 100.0,
            right * 100.0
        );
        (best, problem)
    })
}

/// Labels of which each stands for another class; with the share of samples that this explains.
fn renumbered(labels: &[i64], answers: &[usize], classes: usize, right: f64) -> Option<(f64, String)> {
    if classes > CONFUSION_MAX {
        return None;
    }
    let mut counts = vec![vec![0usize; classes]; classes];
    for (&label, &answer) in labels.iter().zip(answers) {
        let row = usize::try_from(label).ok().and_then(|label| counts.get_mut(label));
        if let Some(count) = row.and_then(|row| row.get_mut(answer)) {
            *count += 1;
        }
    }
    let mut taken = vec![false; classes];
    let mut meant = vec![None; classes];
    for (label, row) in counts.iter().enumerate() {
        let (class, &most) =
            row.iter().enumerate().max_by_key(|(class, count)| (**count, core::cmp::Reverse(*class)))?;
        if most > 0 && core::mem::replace(&mut taken[class], true) {
            return None;
        }
        meant[label] = (most > 0).then_some(class as i64);
    }
    let best = share(labels, answers, |label| usize::try_from(label).ok().and_then(|label| *meant.get(label)?));
    (best >= right + GAIN_MIN).then(|| {
        let pairs = meant.iter().enumerate().filter_map(|(label, class)| Some((label, (*class)?)));
        let moved = pairs.filter(|(label, class)| *label as i64 != *class);
        let pairs: Vec<String> = moved.take(5).map(|(label, class)| format!("{label} is answered {class}")).collect();
        let problem = format!(
            "the labels look numbered in another order than the model's outputs: with them renumbered the float model would \
             be right on {:.1} % of the samples instead of {:.1} % ({}). Number the classes in the order of the outputs",
            best * 100.0,
            right * 100.0,
            pairs.join(", ")
        );
        (best, problem)
    })
}

/// A float model that is no better than one that does not look at its input.
fn blind(labels: &[i64], answers: &[usize], classes: usize, right: f64) -> Option<String> {
    let most = |counts: &[usize]| counts.iter().copied().max().unwrap_or(0) as f64 / labels.len().max(1) as f64;
    let (mut of_labels, mut of_answers) = (vec![0usize; classes], vec![0usize; classes]);
    for (&label, &answer) in labels.iter().zip(answers) {
        if let Some(count) = usize::try_from(label).ok().and_then(|label| of_labels.get_mut(label)) {
            *count += 1;
        }
        if let Some(count) = of_answers.get_mut(answer) {
            *count += 1;
        }
    }
    let (usual, same) = (most(&of_labels), most(&of_answers));
    if same >= SAME_ANSWER && usual < SAME_ANSWER / 1.5 {
        let class = of_answers.iter().position(|&count| count as f64 >= same * labels.len() as f64).unwrap_or(0);
        return Some(format!(
            "the float model itself answers class {class} on {:.1} % of the samples: the data is probably scaled otherwise \
             than in training (0 to 1 instead of 0 to 255, say), or in another order of axes or channels",
            same * 100.0
        ));
    }
    if right <= usual {
        return Some(format!(
            "the float model itself is right on {:.1} % of the samples, and always answering the most usual label would be on \
             {:.1} %: the data is not what the model was trained on (scale, order of axes), or the labels are not its",
            right * 100.0,
            usual * 100.0
        ));
    }
    (right < RIGHT_MIN && classes <= FEW_CLASSES).then(|| {
        format!(
            "the float model itself is right on only {:.1} % of the samples: whatever is wrong with that is in the model, the \
             data or the labels, and not in how it was shrunk",
            right * 100.0
        )
    })
}
