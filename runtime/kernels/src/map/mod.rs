//! Map: a function of each element, one of a list.
//!
//! `input, output: [len]`. A function may have parameters, `alpha` and `beta`; what it does not have it does not read.
//! Overlapping input and output: the output may start at the input's first element or before it; in place is fine.
//!
//! int16 has a list of its own: `int16`.
//!
//! The formulas are in `activation.rs` and in [`crate::float_math`]. Each is linked only where it is named, so there is
//! no table of them here: the engine, which knows a function by its tag, names those of its cargo features.

mod activation;
mod int16;

pub use int16::{FunctionI16, MapI16, map_i16};
pub(crate) use int16::{interpolate, logistic as logistic_i16, tanh as tanh_i16};

use crate::Io;
use crate::float_math;

/// A function's parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MapF32 {
    /// The first, 0 when it has none.
    pub alpha: f32,
    /// The second, 0 when it has none.
    pub beta: f32,
}

/// A function on some elements.
pub type Function = fn(&MapF32, &mut [f32]);

/// Replaces each element by its result.
pub fn map_f32(params: &MapF32, function: Function, io: &mut Io<f32>) {
    io.map_parts(|part| function(params, part));
}

/// Declares functions, each with its formula for one element.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident |$x:ident, $p:ident| $formula:expr;)*) => { $(
        $(#[$doc])*
        pub fn $name(params: &MapF32, elements: &mut [f32]) {
            let $p = params;
            elements.iter_mut().for_each(|element| {
                let $x = *element;
                *element = $formula;
            });
        }
    )* };
}

functions! {
    /// `e^x`.
    exp |x, _p| float_math::exp(x);
    /// The natural logarithm.
    log |x, _p| float_math::log(x);
    /// The square root.
    sqrt |x, _p| float_math::sqrt(x);
    /// `1 / sqrt(x)`.
    rsqrt |x, _p| 1.0 / float_math::sqrt(x);
    /// `1 / x`.
    reciprocal |x, _p| 1.0 / x;
    /// `x * x`.
    square |x, _p| x * x;
    /// The magnitude.
    abs |x, _p| x.abs();
    /// `-x`.
    neg |x, _p| -x;
    /// -1, 0 or 1.
    sign |x, _p| activation::sign(x);
    /// The largest whole number that is not above `x`.
    floor |x, _p| float_math::floor(x);
    /// The smallest whole number that is not below `x`.
    ceil |x, _p| float_math::ceil(x);
    /// The nearest whole number, the even one of two.
    round |x, _p| float_math::round(x);
    /// The error function.
    erf |x, _p| float_math::erf(x);
    /// `x * normal(x)`.
    gelu |x, _p| activation::weighted(x, float_math::normal(x));
    /// Gelu with a hyperbolic tangent in place of the error function.
    gelu_tanh |x, _p| activation::gelu_tanh(x);
    /// `x` above 0, else `alpha * (e^x - 1)`; all of it times `beta`.
    elu |x, p| activation::elu(x, p.alpha, p.beta);
    /// `x` above 0, else `alpha * (e^(x / alpha) - 1)`.
    celu |x, p| activation::celu(x, p.alpha);
    /// `ln(1 + e^x)`.
    softplus |x, _p| activation::softplus(x);
    /// `x / (1 + |x|)`.
    softsign |x, _p| activation::softsign(x);
    /// `x` times [`hard_sigmoid`] with 1/6 and 1/2.
    hard_swish |x, _p| activation::weighted(x, activation::hard_sigmoid(x, 1.0 / 6.0, 0.5));
    /// `alpha * x + beta`, between 0 and 1.
    hard_sigmoid |x, p| activation::hard_sigmoid(x, p.alpha, p.beta);
    /// `x` above 0, else `alpha * x`.
    leaky_relu |x, p| if x > 0.0 { x } else { p.alpha * x };
    /// `x` above `alpha`, else 0.
    thresholded_relu |x, p| if x <= p.alpha { 0.0 } else { x };
    /// `x * tanh(softplus(x))`.
    mish |x, _p| activation::mish(x);
    /// `x * logistic(alpha * x)`.
    swish |x, p| activation::weighted(x, float_math::logistic(p.alpha * x));
    /// Nearer to 0 by `beta` where it is farther from it than `alpha`, else 0.
    shrink |x, p| activation::shrink(x, p.alpha, p.beta);
    /// The sine.
    sin |x, _p| float_math::sin(x);
    /// The cosine.
    cos |x, _p| float_math::cos(x);
    /// The tangent.
    tan |x, _p| float_math::tan(x);
    /// The inverse of the sine.
    asin |x, _p| float_math::asin(x);
    /// The inverse of the cosine.
    acos |x, _p| float_math::acos(x);
    /// The inverse of the tangent.
    atan |x, _p| float_math::atan(x);
    /// The hyperbolic sine.
    sinh |x, _p| float_math::sinh(x);
    /// The hyperbolic cosine.
    cosh |x, _p| float_math::cosh(x);
    /// The inverse of the hyperbolic sine.
    asinh |x, _p| float_math::asinh(x);
    /// The inverse of the hyperbolic cosine.
    acosh |x, _p| float_math::acosh(x);
    /// The inverse of the hyperbolic tangent.
    atanh |x, _p| float_math::atanh(x);
    /// The nearest IEEE half-precision float.
    float16 |x, _p| float_math::float16(x);
    /// The nearest float of 8 digits.
    bfloat16 |x, _p| float_math::bfloat16(x);
}
