//! Pictures: a PNG or JPEG file, a folder of them, or a folder with one for each class.

use std::path::Path;

use image::imageops::FilterType;
use image::{DynamicImage, ImageReader};

use super::classes::{self, files, holds};
use super::npy::{Array, ArrayError};
use super::{ChannelOrder, Input, Preparation, Reader, Wanted};
use crate::file;

const ENDINGS: &[&str] = &["png", "jpg", "jpeg"];

/// Larger files are no pictures for a model.
const SIZE_BYTES_MAX: u64 = 1 << 28;

pub(super) struct Images;

/// What of a model's input is what of a picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) height: u32,
    pub(super) width: u32,
    pub(super) channels: usize,
    pub(super) channels_first: bool,
}

impl Frame {
    /// The frame that an input's shape is, `[1, 3, 32, 32]` or `[1, 28, 28]` for example.
    pub(super) fn of(input: &Input) -> Result<Self, String> {
        let is_color = |extent: usize| extent == 1 || extent == 3;
        let of = |height: usize, width: usize, channels: usize, channels_first: bool| {
            let (height, width) = (u32::try_from(height).ok()?, u32::try_from(width).ok()?);
            (height > 0 && width > 0).then_some(Frame { height, width, channels, channels_first })
        };
        let frame = match *input.shape.as_slice() {
            [_, a, b, c] if is_color(a) && (input.channels_first || !is_color(c)) => of(b, c, a, true),
            [_, a, b, c] if is_color(c) => of(a, b, c, false),
            [1, a, b] => of(a, b, 1, false),
            [a, b, c] if is_color(a) && !is_color(c) => of(b, c, a, true),
            [a, b, c] if is_color(c) => of(a, b, c, false),
            [a, b] if a > 1 => of(a, b, 1, false),
            _ => None,
        };
        frame.ok_or_else(|| {
            format!(
                "pictures have one or three channels, and input `{}` of shape {:?} has no axis of them",
                input.name, input.shape
            )
        })
    }

    /// The elements of a picture, in the order of the input's axes.
    fn elements(self, picture: &DynamicImage, preparation: &Preparation) -> Vec<f32> {
        let picture = self.resized(picture, preparation.image_size);
        let gray = self.channels == 1 || preparation.channel_order == ChannelOrder::Gray;
        let pixels: Vec<[u8; 3]> = match gray {
            true => picture.to_luma8().pixels().map(|pixel| [pixel.0[0]; 3]).collect(),
            false => picture.to_rgb8().pixels().map(|pixel| pixel.0).collect(),
        };
        let channel = |pixel: &[u8; 3], channel: usize| {
            let position = if preparation.channel_order == ChannelOrder::Bgr { 2 - channel } else { channel };
            f32::from(pixel[position])
        };
        match self.channels_first {
            true => (0..self.channels).flat_map(|c| pixels.iter().map(move |pixel| channel(pixel, c))).collect(),
            false => pixels.iter().flat_map(|pixel| (0..self.channels).map(move |c| channel(pixel, c))).collect(),
        }
    }

    fn resized(self, picture: &DynamicImage, size: Option<[u32; 2]>) -> DynamicImage {
        let Frame { height, width, .. } = self;
        let (height_before, width_before) = (picture.height().max(1), picture.width().max(1));
        let [high, wide] = match size {
            None => [height, width],
            Some([0, side]) => {
                let scaled = |extent: u32, shorter: u32| {
                    (u64::from(extent) * u64::from(side)).div_ceil(u64::from(shorter)).min(1 << 16) as u32
                };
                let shorter = height_before.min(width_before);
                [scaled(height_before, shorter), scaled(width_before, shorter)]
            }
            Some(size) => size,
        };
        let (high, wide) = (high.max(height), wide.max(width));
        let whole = match (high, wide) == (height_before, width_before) {
            true => picture.clone(),
            false => picture.resize_exact(wide, high, FilterType::Triangle),
        };
        whole.crop_imm((wide - width) / 2, (high - height) / 2, width, height)
    }
}

impl Reader for Images {
    fn what(&self) -> &'static str {
        "a .png or .jpg, or a folder of them, or a folder with one for each class"
    }

    fn reads(&self, path: &Path) -> bool {
        holds(path, ENDINGS)
    }

    fn read(&self, path: &Path, wanted: &Wanted, preparation: &Preparation) -> Result<Vec<Array>, ArrayError> {
        let error = |problem| ArrayError { file: path.into(), array: None, problem };
        let input = wanted.single("pictures").map_err(error)?;
        let frame = Frame::of(input).map_err(error)?;
        let (files, names) = files(path, ENDINGS)?;
        let mut elements = Vec::new();
        for file in &files {
            let picture = decode(file).map_err(|problem| ArrayError { file: file.clone(), array: None, problem })?;
            elements.extend(frame.elements(&picture, preparation));
        }
        let mut shape = input.shape.clone();
        match shape.len() {
            // A picture without a batch.
            2 => shape.insert(0, files.len()),
            3 if shape.first() != Some(&1) => shape.insert(0, files.len()),
            _ => shape[0] = files.len(),
        }
        let mut arrays = vec![Array::of_reals(input.name.clone(), shape, &elements)];
        if !names.is_empty() {
            arrays.push(classes::label_array(&classes::numbers(&names, &wanted.classes).map_err(error)?));
        }
        Ok(arrays)
    }
}

fn decode(path: &Path) -> Result<DynamicImage, String> {
    let bytes = file::read(path, SIZE_BYTES_MAX).map_err(|error| format!("cannot be read: {error}"))?;
    // The format is that of the bytes: names lie.
    let reader = ImageReader::new(std::io::Cursor::new(bytes)).with_guessed_format();
    let reader = reader.map_err(|error| format!("cannot be read: {error}"))?;
    reader.decode().map_err(|error| format!("is no picture that can be read: {error}; store it as PNG or JPEG"))
}
