//! What operators are lowered with: each says in [`super::Operator::lower`] which records of the blob compute it.
//!
//! ```text
//! site.rs         a node as its operator's lowering sees it, and what it hands back
//! refusal.rs      why a node cannot be lowered, and fields that are too small for a model's numbers
//! constants.rs    WEIGHTS while it is being filled
//! packing.rs      the order of a layer's weights: of the target's packings one that is exact and pays
//! layer.rs        int8 layers with weights: bias, proof against overflow, requantization
//! asymmetric.rs   int8 layers whose weights have zero points
//! layer_f32.rs    float layers with weights
//! layer_i16.rs    the same on int16 activations
//! hybrid.rs       the same on floats, with weights that the source model has as codes
//! window.rs       the part of a record that says how a window lies on an image
//! convolution.rs  what Conv2D and DepthwiseConv2D have in common
//! pool.rs         means and maxima under a window
//! reduction.rs    all elements along some axes
//! binary.rs       two operands, element by element, with broadcasting
//! grid.rs         the same for any function, and for three operands, which repeat along any axes
//! unary.rs        one operand, element by element: float functions, and tables of int8 ones
//! rearrange.rs    elements at strides: records that only move
//! ```
//!
//! This knows values and records, but neither graphs nor programs: the pass `lower` builds the sites and makes steps of
//! what is handed back.

pub(crate) mod asymmetric;
pub(crate) mod binary;
pub(crate) mod constants;
pub(crate) mod convolution;
pub(crate) mod grid;
pub(crate) mod hybrid;
pub(crate) mod layer;
pub(crate) mod layer_f32;
pub(crate) mod layer_i16;
pub(crate) mod packing;
pub(crate) mod pool;
pub(crate) mod rearrange;
pub(crate) mod recurrent_i8;
pub(crate) mod reduction;
pub(crate) mod refusal;
pub(crate) mod site;
mod tables;
pub(crate) mod unary;
pub(crate) mod window;

pub(crate) use refusal::{Reason, narrow, no_kernel, refuse};
pub(crate) use site::{Emission, Read, Site};
