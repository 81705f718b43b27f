//! Depthwise convolutions that take a block of channels of a band of rows into scratch memory.

use kinglet_blob::records::Window;
use kinglet_kernels::conv2d::Geometry;
use kinglet_kernels::packing::Bands;

use super::{Flow, Replay, VerifyError};
use crate::record::geometry;

impl Replay<'_> {
    /// A block of channels at a time, band of rows after band of rows: a band's inputs are taken into scratch memory
    /// before its outputs are written.
    pub(super) fn planes(&mut self, window: &Window, bands: &Bands, flow: Flow) -> Result<(), VerifyError> {
        let record = geometry(window, 1);
        let (original, top) = self.original(flow, &record)?;
        if original == record && top == 0 {
            self.whole_planes(window, bands, flow)
        } else {
            self.stripe_of_planes(window, bands, flow, (&record, &original, top))
        }
    }

    /// All of an image, along its rows or its columns.
    fn whole_planes(&mut self, window: &Window, bands: &Bands, flow: Flow) -> Result<(), VerifyError> {
        let multiplier = usize::from(window.groups);
        let bytes = |shape: [u16; 3]| shape.into_iter().map(usize::from).product::<usize>();
        let (input_bytes, output_bytes) = (bytes(window.input), bytes(window.output));
        let ([rows_in, columns_in], [rows_out, columns_out]) = (bands.input, bands.output);
        let channels = usize::from(window.input[2]);
        for image in 0..usize::from(window.batch) {
            for channel in (0..channels).step_by(bands.block) {
                let lanes = channel..(channel + bands.block).min(channels);
                let mut filled = 0;
                for first in (0..rows_out.0).step_by(bands.rows) {
                    let rows = bands.rows.min(rows_out.0 - first);
                    // Rows are counted from the top of the padding.
                    let needed = (first + rows - 1) * bands.stride + bands.window;
                    let inside = (filled..needed).filter_map(|row| row.checked_sub(bands.pad));
                    for row in inside.filter(|&row| row < rows_in.0) {
                        for column in 0..columns_in.0 {
                            let at = row * rows_in.1 + column * columns_in.1;
                            let from = image * input_bytes + at + lanes.start;
                            self.read(flow.input, from, flow.input_at + from, lanes.len())?;
                        }
                    }
                    filled = filled.max(needed);
                    for row in first..first + rows {
                        for column in 0..columns_out.0 {
                            let at = row * rows_out.1 + column * columns_out.1;
                            let to = image * output_bytes + at + lanes.start * multiplier;
                            self.write(flow.output, flow.first + to, flow.output_at + to, lanes.len() * multiplier)?;
                        }
                    }
                }
            }
        }
        Ok(())
    }

    /// Some rows of an image, whose windows must meet the rows that they meet in the whole one.
    fn stripe_of_planes(
        &mut self,
        window: &Window,
        bands: &Bands,
        flow: Flow,
        (record, original, top): (&Geometry, &Geometry, usize),
    ) -> Result<(), VerifyError> {
        let Geometry { input, output, stride, kernel, .. } = *record;
        // An image that is one band may lie on its side: all of it is taken before anything is written.
        let is_turned = bands.input[0] != (input[0], input[1] * input[2]);
        let is_one_band = bands.rows >= bands.output[0].0;
        if original.stride != stride || (is_turned && !is_one_band) {
            return self.miscomputed(flow.first);
        }
        let band_rows = if is_turned { output[0] } else { bands.rows };
        let multiplier = usize::from(window.groups);
        let (input_bytes, output_bytes) = (input.iter().product::<usize>(), output.iter().product::<usize>());
        for image in 0..usize::from(window.batch) {
            for channel in (0..input[2]).step_by(bands.block) {
                let lanes = channel..(channel + bands.block).min(input[2]);
                let mut filled = 0;
                for first in (0..output[0]).step_by(band_rows) {
                    let rows = band_rows.min(output[0] - first);
                    // Rows are counted from the top of the padding.
                    let needed = (first + rows - 1) * stride[0] + kernel[0];
                    for padded in filled..needed {
                        let inside = |geometry: &Geometry, padded: usize| {
                            padded.checked_sub(geometry.pad[0]).filter(|&row| row < geometry.input[0])
                        };
                        let (row, source) = match (inside(record, padded), inside(original, padded + top * stride[0])) {
                            (Some(row), Some(source)) => (row, source),
                            (None, None) => continue,
                            _ => return self.miscomputed(flow.first),
                        };
                        for x in 0..input[1] {
                            let index =
                                |row: usize| image * input_bytes + (row * input[1] + x) * input[2] + lanes.start;
                            self.read(flow.input, index(source), flow.input_at + index(row), lanes.len())?;
                        }
                    }
                    filled = filled.max(needed);
                    for pixel in first * output[1]..(first + rows) * output[1] {
                        let to = image * output_bytes + pixel * output[2] + lanes.start * multiplier;
                        self.write(flow.output, flow.first + to, flow.output_at + to, lanes.len() * multiplier)?;
                    }
                }
            }
        }
        Ok(())
    }
}
