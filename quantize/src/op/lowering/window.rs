//! Windowed operators: the record's shapes, and whether the model's fit into them.

use kinglet_blob::records::Window as Record;

use super::{Reason, narrow, refuse};
use crate::op::common::attributes::Padding;

/// A window over images.
pub(crate) struct WindowShapes<'a> {
    /// `[N, H, W, C]`.
    pub(crate) input: &'a [usize],
    /// `[N, H', W', O]`.
    pub(crate) output: &'a [usize],
    pub(crate) kernel: [usize; 2],
    pub(crate) stride: [usize; 2],
    pub(crate) dilation: [usize; 2],
    pub(crate) padding: &'a Padding,
    /// The record's field of that name.
    pub(crate) groups: usize,
}

impl WindowShapes<'_> {
    /// The record, or which of its fields is too small.
    pub(crate) fn record(&self) -> Result<Record, Reason> {
        let (&[batch, in_h, in_w, in_c], &[_, out_h, out_w, out_c]) = (self.input, self.output) else {
            return refuse("its operand has not four axes", "[N, H, W, C] is needed");
        };
        let pair = |[a, b]: [usize; 2], what: &str| -> Result<[u8; 2], Reason> {
            Ok([narrow(a, &format!("{what} height"))?, narrow(b, &format!("{what} width"))?])
        };
        let image = |[h, w, c]: [usize; 3], what: &str| -> Result<[u16; 3], Reason> {
            Ok([
                narrow(h, &format!("{what} height"))?,
                narrow(w, &format!("{what} width"))?,
                narrow(c, &format!("the number of {what} channels"))?,
            ])
        };
        Ok(Record {
            input: image([in_h, in_w, in_c], "input")?,
            output: image([out_h, out_w, out_c], "output")?,
            kernel: pair(self.kernel, "kernel")?,
            stride: pair(self.stride, "stride")?,
            dilation: pair(self.dilation, "dilation")?,
            pad: pair([self.padding.top, self.padding.left], "padding")?,
            batch: narrow(batch, "the batch")?,
            groups: narrow(self.groups, "the number of groups")?,
        })
    }
}
