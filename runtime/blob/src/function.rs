//! Functions of two elements: what the record of a Combine names by a tag.

use crate::DType;

/// The one list of functions of two elements: `$list!` is called with it.
///
/// A row is a function's tag and name, the cargo feature of the engine that links it, the types of its operands, and
/// whether its result has their type (`same`) or is a truth value (`truth`).
#[macro_export]
macro_rules! for_each_function_of_two {
    ($list:ident) => {
        $list! {
            /// `a + b`.
            Add = 0 "add" "combine-add" { F32, I32, I8, I16, } same
            /// `a - b`.
            Sub = 1 "sub" "combine-sub" { F32, I32, I8, I16, } same
            /// `a * b`.
            Mul = 2 "mul" "combine-mul" { F32, I32, I8, I16, } same
            /// `a / b`; of integers without the fraction.
            Div = 3 "div" "combine-div" { F32, I32, I8, } same
            /// The greater one.
            Max = 4 "max" "combine-max" { F32, I32, I8, I16, } same
            /// The smaller one.
            Min = 5 "min" "combine-min" { F32, I32, I8, I16, } same
            /// `(a - b)²`.
            SquaredDifference = 6 "squared-difference" "combine-squared-difference" { F32, I32, I8, I16, } same
            /// `a` to the power of `b`.
            Pow = 7 "pow" "combine-pow" { F32, I32, } same
            /// The largest integer that is not above `a / b`.
            FloorDiv = 8 "floor-div" "combine-floor-div" { F32, I32, } same
            /// What FloorDiv leaves, of the sign of `b`.
            FloorMod = 9 "floor-mod" "combine-floor-mod" { F32, I32, } same
            /// What a division without fraction leaves, of the sign of `a`.
            Remainder = 10 "remainder" "combine-remainder" { F32, I32, } same
            /// `a` where it is not below zero, else `a * b`.
            PRelu = 11 "prelu" "combine-prelu" { F32, I8, I16, } same
            /// Both; of integers bit by bit.
            And = 12 "and" "combine-and" { I32, Bool, } same
            /// Either or both; of integers bit by bit.
            Or = 13 "or" "combine-or" { I32, Bool, } same
            /// Either, but not both; of integers bit by bit.
            Xor = 14 "xor" "combine-xor" { I32, Bool, } same
            /// `a` shifted left by `b` bits.
            ShiftLeft = 15 "shift-left" "combine-shift-left" { I32, } same
            /// `a` shifted right by `b` bits, with its sign.
            ShiftRight = 16 "shift-right" "combine-shift-right" { I32, } same
            /// `a = b`.
            Equal = 17 "equal" "combine-equal" { F32, I32, I8, I16, Bool, } truth
            /// `a ≠ b`.
            NotEqual = 18 "not-equal" "combine-not-equal" { F32, I32, I8, I16, Bool, } truth
            /// `a < b`.
            Less = 19 "less" "combine-less" { F32, I32, I8, I16, } truth
            /// `a ≤ b`.
            LessEqual = 20 "less-equal" "combine-less-equal" { F32, I32, I8, I16, } truth
        }
    };
}

/// The type of a function's result, by the word in the list.
macro_rules! result {
    (same, $dtype:expr) => {
        $dtype
    };
    (truth, $dtype:expr) => {
        DType::Bool
    };
}

/// Declares [`Function`] from the list.
macro_rules! functions {
    ($($(#[$doc:meta])* $name:ident = $tag:literal $text:literal $feature:literal { $($dtype:ident,)* } $result:ident)*) => {
        /// A function of two elements.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        #[non_exhaustive]
        pub enum Function { $($(#[$doc])* $name = $tag,)* }

        impl Function {
            /// Every function, in the order of its tag.
            pub const ALL: &'static [Function] = &[$(Function::$name),*];

            /// The function with tag `tag`.
            #[inline]
            pub const fn from_tag(tag: u8) -> Option<Self> {
                match tag {
                    $($tag => Some(Function::$name),)*
                    _ => None,
                }
            }

            /// The name in reports and documents.
            pub const fn name(self) -> &'static str {
                match self { $(Function::$name => $text,)* }
            }

            /// The name as models' authors write it.
            pub const fn operator_name(self) -> &'static str {
                match self { $(Function::$name => stringify!($name),)* }
            }

            /// The engine's cargo feature that links it.
            pub const fn feature(self) -> &'static str {
                match self { $(Function::$name => $feature,)* }
            }

            /// The type of what it makes of two elements of type `dtype`; nothing when it has no such operands.
            #[inline]
            pub const fn result(self, dtype: DType) -> Option<DType> {
                match (self, dtype) {
                    $($((Function::$name, DType::$dtype) => Some(result!($result, DType::$dtype)),)*)*
                    _ => None,
                }
            }
        }
    };
}
for_each_function_of_two!(functions);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_given_in_order() {
        for (tag, &function) in (0..).zip(Function::ALL) {
            assert_eq!((function as u8, Function::from_tag(tag)), (tag, Some(function)));
        }
        assert_eq!(Function::Less.result(DType::I32), Some(DType::Bool));
        assert_eq!(Function::Pow.result(DType::F32), Some(DType::F32));
        assert_eq!(Function::Pow.result(DType::Bool), None);
    }
}
