//! Plots as SVG, in the page's own colors (classes of `style.css`). Text in them is text: it is found and read aloud.

mod bars;
mod curve;
mod histogram;
mod steps;

pub(super) use bars::{Bar, bars};
pub(super) use curve::{Point, curve};
pub(super) use histogram::histogram;
pub(super) use steps::{Step, steps};

/// The head of a plot of so many units; the page scales it.
fn head(width: usize, height: usize, label: &str) -> String {
    let label = super::escaped(label);
    format!("<svg viewBox=\"0 0 {width} {height}\" role=\"img\" aria-label=\"{label}\">\n")
}

/// Text at a point.
fn text(x: f64, y: f64, class: &str, text: &str) -> String {
    format!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{}</text>\n", super::escaped(text))
}

/// A box, with words for who points at it.
fn rectangle((x, y): (f64, f64), (width, height): (f64, f64), class: &str, title: &str) -> String {
    let title = if title.is_empty() { String::new() } else { format!("<title>{}</title>", super::escaped(title)) };
    format!(
        "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{:.1}\" class=\"{class}\">{title}</rect>\n",
        width.max(0.0),
        height.max(0.0)
    )
}

/// A line.
fn line((x1, y1): (f64, f64), (x2, y2): (f64, f64), class: &str) -> String {
    format!("<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" class=\"{class}\"/>\n")
}

/// The end of a name that is too long for its place.
fn shortened(name: &str, letters: usize) -> String {
    let count = name.chars().count();
    if count <= letters {
        return name.to_owned();
    }
    // Names of layers differ at their end.
    format!("…{}", name.chars().skip(count + 1 - letters).collect::<String>())
}
