//! How often which reals were.

use super::super::real;
use super::{head, line, rectangle, text};
use crate::diagnose::Histogram;

const WIDTH: usize = 240;
const HEIGHT: f64 = 62.0;

/// Bars as high as the square roots of counts: rare elements are what a histogram of a tensor is looked at for, and a
/// linear one hides them. The ends are in the color of what needs attention when something beyond them was clipped.
pub(in crate::page) fn histogram(label: &str, it: &Histogram, is_clipped: bool) -> String {
    let most = it.counts.iter().copied().max().unwrap_or(0).max(1) as f64;
    let width = WIDTH as f64 / it.counts.len().max(1) as f64;
    let mut svg = head(WIDTH, HEIGHT as usize + 16, label);
    for (index, &count) in it.counts.iter().enumerate().filter(|(_, count)| **count > 0) {
        let height = ((count as f64 / most).sqrt() * (HEIGHT - 4.0)).max(1.0);
        let is_end = index == 0 || index + 1 == it.counts.len();
        let class = if is_end && is_clipped { "bar bad" } else { "bar" };
        let x = width * index as f64;
        svg += &rectangle((x, HEIGHT - height), (width - 0.6, height), class, &count.to_string());
    }
    svg += &line((0.0, HEIGHT), (WIDTH as f64, HEIGHT), "axis");
    svg += &text(0.0, HEIGHT + 13.0, "soft", &real(it.lo));
    svg += &text(WIDTH as f64, HEIGHT + 13.0, "soft end", &real(it.hi));
    if it.lo < 0.0 && it.hi > 0.0 {
        let zero = f64::from(-it.lo / (it.hi - it.lo)) * WIDTH as f64;
        // Where it would run into the ends it is left out.
        if (40.0..WIDTH as f64 - 40.0).contains(&zero) {
            svg += &line((zero, HEIGHT), (zero, HEIGHT + 3.0), "axis");
            svg += &text(zero, HEIGHT + 13.0, "soft middle", "0");
        }
    }
    svg + "</svg>\n"
}
