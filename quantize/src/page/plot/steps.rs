//! Upright bars side by side: something that changes from step to step.

use super::{head, line, rectangle, text};

/// One step.
pub(in crate::page) struct Step {
    pub(in crate::page) height: f64,
    /// For who points at it.
    pub(in crate::page) title: String,
    /// Drawn in the color of what needs attention.
    pub(in crate::page) is_bad: bool,
}

const WIDTH: usize = 960;
const HEIGHT: f64 = 150.0;
const LEFT: f64 = 70.0;

/// Steps up to `top`, at which a line is drawn with its words.
pub(in crate::page) fn steps(label: &str, steps: &[Step], (top, words): (f64, &str)) -> String {
    let highest = steps.iter().map(|step| step.height).fold(top, f64::max).max(1.0);
    let pitch = (WIDTH as f64 - LEFT) / steps.len().max(1) as f64;
    let at = |height: f64| 16.0 + HEIGHT - height / highest * HEIGHT;
    let mut svg = head(WIDTH, HEIGHT as usize + 40, label);
    for (index, step) in steps.iter().enumerate() {
        let x = LEFT + pitch * index as f64;
        let class = if step.is_bad { "bar bad" } else { "bar" };
        let gap = (pitch * 0.15).min(3.0);
        svg += &rectangle((x, at(step.height)), (pitch - gap, 16.0 + HEIGHT - at(step.height)), class, &step.title);
    }
    // As many numbers as there is room for.
    let every = (28.0 / pitch).ceil().max(1.0) as usize;
    for index in (0..steps.len()).step_by(every) {
        svg += &text(LEFT + pitch * (index as f64 + 0.5), HEIGHT + 32.0, "soft middle", &index.to_string());
    }
    svg += &line((LEFT, at(top)), (WIDTH as f64, at(top)), "mark");
    svg += &text(LEFT - 6.0, at(top) + 4.0, "soft end", words);
    svg += &text(LEFT - 6.0, 16.0 + HEIGHT, "soft end", "0");
    svg + &line((LEFT, 16.0 + HEIGHT), (WIDTH as f64, 16.0 + HEIGHT), "axis") + "</svg>\n"
}
