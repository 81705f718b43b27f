//! The parameters of operators: what stands in a record behind its operands.
//!
//! `constants` is a byte offset into WEIGHTS, see [`crate::constants`] for what stands there. Records are
//! self-contained: an operator names its memory and shapes itself instead of referring to a table of tensors. That
//! makes verifying one linear pass over one section, and costs fewer bytes, because most tensors have one writer and
//! one reader.

mod boxes;
mod convolution;
mod elementwise;
mod movement;
mod product;
mod recurrent;
mod reduction;
mod trees;

pub use boxes::*;
pub use convolution::*;
pub use elementwise::*;
pub use movement::*;
pub use product::*;
pub use recurrent::*;
pub use reduction::*;
pub use trees::*;
