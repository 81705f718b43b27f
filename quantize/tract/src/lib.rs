//! The one seam to tract: ONNX protobuf decoding and the float reference.
//!
//! tract compiles for minutes, so it is named in this crate only, and what leaves here is plain data: an
//! edit anywhere else rebuilds nothing of it, and replacing it would touch nothing else.
//!
//! - [`OnnxFile`] is an `.onnx` file with everything that lies beside it; [`OnnxFile::model`] is the same as
//!   plain data, as it is written: no node is rewritten, no constant folded. (tract's own typed graph turns
//!   Gemm and Relu into other operators.)
//! - [`FloatReference`] runs a model with tract. It is the second opinion that `kinglet compare` and the
//!   tests measure against, and shares no code with Kinglet's importer, passes or kernels.
#![forbid(unsafe_code)]

mod changes;
mod decode;
mod external;
mod file;
mod model;
mod reference;
mod scan;
mod tensor;

pub use changes::{Changes, InputValue};
pub use external::{NoSiblings, Siblings};
pub use file::{DecodeError, OnnxFile};
pub use model::{
    Attribute, Extent, OnnxFunction, OnnxGraph, OnnxModel, OnnxNode, OnnxPort, OnnxTensor, TensorData, type_code,
    type_name,
};
pub use reference::{FloatReference, Tensor};
pub use scan::looks_like_onnx;
