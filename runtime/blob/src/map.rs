//! The functions of operator Map.

use crate::Cursor;
use crate::records::MapF32;

/// The one list of functions on the device's side: `$list!` is called with it.
///
/// A row is a function's tag, the kernel that computes it, its name, how many of `alpha` and `beta` it has (what it does
/// not have is 0 in a record), and the cargo feature of the engine that links it.
#[macro_export]
macro_rules! for_each_function {
    ($list:ident) => {
        $list! {
            /// `e^x`.
            Exp = 0 exp "exp" 0 "map-exp-f32",
            /// The natural logarithm.
            Log = 1 log "log" 0 "map-log-f32",
            /// The square root.
            Sqrt = 2 sqrt "sqrt" 0 "map-sqrt-f32",
            /// `1 / sqrt(x)`.
            Rsqrt = 3 rsqrt "rsqrt" 0 "map-rsqrt-f32",
            /// `1 / x`.
            Reciprocal = 4 reciprocal "reciprocal" 0 "map-reciprocal-f32",
            /// `x * x`.
            Square = 5 square "square" 0 "map-square-f32",
            /// The magnitude.
            Abs = 6 abs "abs" 0 "map-abs-f32",
            /// `-x`.
            Neg = 7 neg "neg" 0 "map-neg-f32",
            /// -1, 0 or 1.
            Sign = 8 sign "sign" 0 "map-sign-f32",
            /// The largest whole number that is not above `x`.
            Floor = 9 floor "floor" 0 "map-floor-f32",
            /// The smallest whole number that is not below `x`.
            Ceil = 10 ceil "ceil" 0 "map-ceil-f32",
            /// The nearest whole number, the even one of two.
            Round = 11 round "round" 0 "map-round-f32",
            /// The error function.
            Erf = 12 erf "erf" 0 "map-erf-f32",
            /// `x / 2 * (1 + erf(x / sqrt(2)))`.
            Gelu = 13 gelu "gelu" 0 "map-gelu-f32",
            /// `x / 2 * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 * x^3)))`.
            GeluTanh = 14 gelu_tanh "gelu-tanh" 0 "map-gelu-tanh-f32",
            /// `beta * x` above 0, else `beta * alpha * (e^x - 1)`.
            Elu = 15 elu "elu" 2 "map-elu-f32",
            /// `x` above 0, else `alpha * (e^(x / alpha) - 1)`.
            Celu = 16 celu "celu" 1 "map-celu-f32",
            /// `ln(1 + e^x)`.
            Softplus = 17 softplus "softplus" 0 "map-softplus-f32",
            /// `x / (1 + |x|)`.
            Softsign = 18 softsign "softsign" 0 "map-softsign-f32",
            /// `x * max(0, min(1, x / 6 + 1 / 2))`.
            HardSwish = 19 hard_swish "hard-swish" 0 "map-hard-swish-f32",
            /// `max(0, min(1, alpha * x + beta))`.
            HardSigmoid = 20 hard_sigmoid "hard-sigmoid" 2 "map-hard-sigmoid-f32",
            /// `x` above 0, else `alpha * x`.
            LeakyRelu = 21 leaky_relu "leaky-relu" 1 "map-leaky-relu-f32",
            /// `x` above `alpha`, else 0.
            ThresholdedRelu = 22 thresholded_relu "thresholded-relu" 1 "map-thresholded-relu-f32",
            /// `x * tanh(ln(1 + e^x))`.
            Mish = 23 mish "mish" 0 "map-mish-f32",
            /// `x / (1 + e^(-alpha * x))`.
            Swish = 24 swish "swish" 1 "map-swish-f32",
            /// `x + beta` below `-alpha`, `x - beta` above `alpha`, else 0.
            Shrink = 25 shrink "shrink" 2 "map-shrink-f32",
            /// The sine.
            Sin = 26 sin "sin" 0 "map-sin-f32",
            /// The cosine.
            Cos = 27 cos "cos" 0 "map-cos-f32",
            /// The tangent.
            Tan = 28 tan "tan" 0 "map-tan-f32",
            /// The inverse of the sine.
            Asin = 29 asin "asin" 0 "map-asin-f32",
            /// The inverse of the cosine.
            Acos = 30 acos "acos" 0 "map-acos-f32",
            /// The inverse of the tangent.
            Atan = 31 atan "atan" 0 "map-atan-f32",
            /// The hyperbolic sine.
            Sinh = 32 sinh "sinh" 0 "map-sinh-f32",
            /// The hyperbolic cosine.
            Cosh = 33 cosh "cosh" 0 "map-cosh-f32",
            /// The inverse of the hyperbolic sine.
            Asinh = 34 asinh "asinh" 0 "map-asinh-f32",
            /// The inverse of the hyperbolic cosine.
            Acosh = 35 acosh "acosh" 0 "map-acosh-f32",
            /// The inverse of the hyperbolic tangent.
            Atanh = 36 atanh "atanh" 0 "map-atanh-f32",
            /// The nearest IEEE half-precision float, the even one of two; infinite beyond the largest.
            Float16 = 37 float16 "float16" 0 "map-float16-f32",
            /// The nearest float of 8 digits, the even one of two, with the exponents of single precision.
            Bfloat16 = 38 bfloat16 "bfloat16" 0 "map-bfloat16-f32",
        }
    };
}

/// Declares [`MapFunction`] from the list.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $kernel:ident $text:literal $parameters:literal $feature:literal,)*) => {
        /// A function of one element.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum MapFunction {
            $($(#[$doc])* $name = $tag,)*
        }

        impl MapFunction {
            /// Every function, in the order of its tag.
            pub const ALL: &'static [MapFunction] = &[$(MapFunction::$name),*];

            /// The function with tag `tag`.
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(MapFunction::$name),)*
                    _ => None,
                }
            }

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self { $(MapFunction::$name => $text,)* }
            }

            /// How many of `alpha` and `beta` it has.
            pub const fn parameters(self) -> usize {
                match self { $(MapFunction::$name => $parameters,)* }
            }

            /// The cargo feature of the engine that links it.
            pub const fn feature(self) -> &'static str {
                match self { $(MapFunction::$name => $feature,)* }
            }
        }
    };
}
for_each_function!(functions);

impl MapFunction {
    /// The function of a record with these parameters.
    pub(crate) fn of_record(parameters: &[u8]) -> Option<Self> {
        Cursor::new(parameters).take::<MapF32>().and_then(|record| Self::from_tag(record.function))
    }
}
