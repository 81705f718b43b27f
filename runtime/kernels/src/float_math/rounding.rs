//! Whole numbers near a number. All of them are exact.

/// All floats from here on are whole, and none below it has room for more than their digits before the point.
const WHOLE: f32 = 8_388_608.0;

/// The nearest whole number, the even one of two.
pub fn round(x: f32) -> f32 {
    let magnitude = x.abs();
    if magnitude >= WHOLE || x.is_nan() {
        return x;
    }
    ((magnitude + WHOLE) - WHOLE).copysign(x)
}

/// The largest whole number that is not above `x`.
pub fn floor(x: f32) -> f32 {
    let near = round(x);
    if near > x { near - 1.0 } else { near }
}

/// The smallest whole number that is not below `x`.
pub fn ceil(x: f32) -> f32 {
    let near = round(x);
    if near < x { (near + 1.0).copysign(x) } else { near }
}
