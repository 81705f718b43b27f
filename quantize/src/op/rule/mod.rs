//! What an operator tells the passes about itself: each pass has one question, and a type of answers here.

pub(crate) mod channels;
pub(crate) mod layer;
pub(crate) mod layout;
pub(crate) mod memory;
pub(crate) mod moves;
pub(crate) mod quantization;
pub(crate) mod rewrite;
pub(crate) mod time;
