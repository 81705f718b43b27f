//! Points joined by a line: one figure against another.

use super::{head, line, text};

/// One point.
pub(in crate::page) struct Point {
    pub(in crate::page) x: f64,
    pub(in crate::page) y: f64,
    /// Words beside it.
    pub(in crate::page) words: String,
    /// For who points at it.
    pub(in crate::page) title: String,
    /// Drawn apart from the line, in the color of what needs attention.
    pub(in crate::page) is_marked: bool,
}

const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 240.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 110.0;
const TOP: f64 = 24.0;
/// Grid lines across.
const LINES: usize = 4;

/// The points, in the order of `x`, and a line along those that are higher than all before them. `names` are those of both axes; `unit` stands behind numbers at the left.
pub(in crate::page) fn curve(label: &str, points: &[Point], names: (&str, &str), unit: &str) -> String {
    let span = |of: fn(&Point) -> f64| {
        let all = || points.iter().map(of);
        let (lo, hi) = (all().fold(f64::INFINITY, f64::min), all().fold(f64::NEG_INFINITY, f64::max));
        if hi > lo { (lo, hi) } else { (lo - 1.0, lo + 1.0) }
    };
    let ((left, right), (low, high)) = (span(|point| point.x), span(|point| point.y));
    let at = |x: f64, y: f64| {
        let across = (x - left) / (right - left) * (WIDTH - LEFT - RIGHT);
        (LEFT + across, TOP + HEIGHT - (y - low) / (high - low) * HEIGHT)
    };
    let mut svg = head(WIDTH as usize, (TOP + HEIGHT) as usize + 50, label);
    svg += &text(0.0, 12.0, "soft", names.1);
    for step in 0..=LINES {
        let y = low + (high - low) * step as f64 / LINES as f64;
        let (_, place) = at(left, y);
        svg += &line((LEFT, place), (WIDTH - RIGHT, place), "axis");
        svg += &text(LEFT - 6.0, place + 4.0, "soft end", &format!("{y:.0}{unit}"));
    }
    // The front: points that no smaller one is as good as.
    let mut best = f64::NEG_INFINITY;
    let mut joined: Vec<(f64, f64)> = Vec::new();
    for point in points.iter().filter(|point| !point.is_marked) {
        if point.y > best {
            best = point.y;
            joined.push(at(point.x, point.y));
        }
    }
    for (x, class) in [(left, "soft"), (right, "soft end")] {
        svg += &text(at(x, low).0, TOP + HEIGHT + 18.0, class, &format!("{x:.0}"));
    }
    joined.windows(2).for_each(|pair| svg += &line(pair[0], pair[1], "join"));
    for point in points {
        let (x, y) = at(point.x, point.y);
        let class = if point.is_marked { "dot bad" } else { "dot" };
        let title = crate::page::escaped(&point.title);
        svg +=
            &format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" class=\"{class}\"><title>{title}</title></circle>\n");
        // Words of neighboring points would meet; the marked one's stand below it.
        let below = if point.is_marked { 20.0 } else { -9.0 };
        svg += &text(x + 7.0, y + below, "soft", &point.words);
    }
    svg + &text((LEFT + WIDTH - RIGHT) / 2.0, TOP + HEIGHT + 36.0, "soft middle", names.0) + "</svg>\n"
}
