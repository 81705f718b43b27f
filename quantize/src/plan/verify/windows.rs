//! Operators that slide a window, pixel by pixel.

use kinglet_blob::records::Window;
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::packing::PixelOrder;

use super::{Flow, Replay, VerifyError};
use crate::ir::{Graph, Node, ValueId};
use crate::op::common::attributes::Slide;
use crate::op::rule::layer::{Kernel, Layer};
use crate::record::geometry;

impl Replay<'_> {
    /// The windowed operator of a node as the graph has it, and the row of its result that a record starts with. The
    /// record must have the node's extents in everything but rows.
    pub(super) fn original(&self, flow: Flow, record: &Geometry) -> Result<(Geometry, usize), VerifyError> {
        let original = self.graph.nodes.get(flow.node).and_then(|node| windowed_geometry(self.graph, node));
        let Some(original) = original else { return self.miscomputed(flow.first) };
        let row_bytes = original.output[1] * original.output[2] * self.graph.value(flow.output).dtype.size_bytes();
        let extents = |g: &Geometry| (g.input[1], g.input[2], g.output[1], g.output[2], g.kernel);
        let is_like = extents(&original) == extents(record) && flow.first.is_multiple_of(row_bytes.max(1));
        if is_like { Ok((original, flow.first / row_bytes.max(1))) } else { self.miscomputed(flow.first) }
    }

    /// Pixel by pixel, in raster order.
    pub(super) fn windowed(&mut self, window: &Window, order: PixelOrder, flow: Flow) -> Result<(), VerifyError> {
        let geometry = geometry(window, 1);
        let (original, top) = self.original(flow, &geometry)?;
        let patch = Patch { geometry, original, top };
        let size = self.graph.value(flow.input).dtype.size_bytes();
        let (gathers, tile) = (order.reads_first(), order.tile());
        let pixel_bytes = geometry.output[2] * size;
        let position = |pixel: usize| (pixel / geometry.output[1], pixel % geometry.output[1]);
        let pixels = geometry.pixels();
        for image in 0..usize::from(window.batch) {
            for pixel in 0..pixels {
                if gathers {
                    self.read_patch(&patch, flow, image, position(pixel))?;
                }
                let written = (image * pixels + pixel) * pixel_bytes;
                self.write(flow.output, flow.first + written, flow.output_at + written, pixel_bytes)?;
                // Tiles begin anywhere: each pixel may be the last of one.
                for read in (pixel + 1).saturating_sub(tile)..=pixel {
                    if !gathers {
                        self.read_patch(&patch, flow, image, position(read))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// All inputs of one output pixel.
    fn read_patch(&self, patch: &Patch, flow: Flow, image: usize, (y, x): (usize, usize)) -> Result<(), VerifyError> {
        let Patch { geometry, original, top } = patch;
        let size = self.graph.value(flow.input).dtype.size_bytes();
        let pixel_bytes = geometry.input[2] * size;
        let image_bytes = |geometry: &Geometry| geometry.input[0] * geometry.input[1] * pixel_bytes;
        for i in 0..geometry.kernel[0] {
            for j in 0..geometry.kernel[1] {
                let is = geometry.source_pixel((y, x), (i, j));
                let should_be = original.source_pixel((top + y, x), (i, j));
                match (is, should_be) {
                    (Some(pixel), Some(source)) => {
                        let index = image * image_bytes(original) + source * pixel_bytes;
                        let address = flow.input_at + image * image_bytes(geometry) + pixel * pixel_bytes;
                        self.read(flow.input, index, address, pixel_bytes)?;
                    }
                    (None, None) => {}
                    _ => return self.miscomputed(flow.first),
                }
            }
        }
        Ok(())
    }
}

/// Where a record reads the inputs of its pixels, and where its node has them.
struct Patch {
    /// The record's.
    geometry: Geometry,
    /// The node's.
    original: Geometry,
    /// The node's row that the record starts with.
    top: usize,
}

/// The geometry of a node that slides a window over images.
fn windowed_geometry(graph: &Graph, node: &Node) -> Option<Geometry> {
    let shape = |id: ValueId| graph.value(id).shape.as_slice();
    let weights = |axis: usize| node.inputs.get(1).and_then(|&id| shape(id).get(axis)).copied().unwrap_or(0);
    let operator = node.op.operator();
    let (kernel, slide) = match (operator.layer(), operator.pool()) {
        (Some(Layer { kernel: Kernel::Slides(slide), .. }), _) => ([weights(1), weights(2)], slide),
        (Some(Layer { kernel: Kernel::None | Kernel::Spreads(_), .. }), _) | (None, None) => return None,
        (None, Some(window)) => (window.size, window.slide()),
    };
    let Slide { stride, dilation, padding } = slide;
    let (&[_, in_h, in_w, in_c], &[_, out_h, out_w, out_c]) = (shape(*node.inputs.first()?), shape(node.output()))
    else {
        return None;
    };
    let pad = [padding.top, padding.left];
    Some(Geometry {
        input: [in_h, in_w, in_c],
        output: [out_h, out_w, out_c],
        kernel,
        stride,
        dilation,
        pad,
        groups: 1,
    })
}
