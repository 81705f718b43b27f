//! How files become numbers, beyond what the model's shape says.

use core::fmt;
use core::str::FromStr;

use serde::{Deserialize, Serialize};

use super::Input;
use super::npy::Array;

/// In which order a picture's channels are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChannelOrder {
    /// Red, green, blue; brightness for a model with one channel.
    #[default]
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Brightness, in every channel.
    Gray,
}

impl FromStr for ChannelOrder {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "rgb" => Ok(ChannelOrder::Rgb),
            "bgr" => Ok(ChannelOrder::Bgr),
            "gray" => Ok(ChannelOrder::Gray),
            _ => Err("an order of channels is rgb, bgr or gray".into()),
        }
    }
}

/// How data is prepared. It is part of a blob's manifest, so that it is prepared in the same way ever after.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Preparation {
    /// Pictures become so large (height, width) and lose their rim; otherwise they take the model's size at once. A height
    /// of 0 is that of a picture whose shorter side is as long as the width says.
    pub image_size: Option<[u32; 2]>,
    /// The order of a picture's channels.
    pub channel_order: ChannelOrder,
    /// What is taken from each element, one number or one for each channel.
    pub mean: Vec<f32>,
    /// What each difference is divided by, one number or one for each channel.
    pub std: Vec<f32>,
    /// Every so many rows of a table or samples of sound a window begins; 0 for one after the other.
    pub hop: u32,
    /// The columns of a table that are read, in the model's order; all but the labels where there are none.
    pub columns: Vec<String>,
    /// The column of a table with the labels; `y` or `label` where it is empty.
    pub label_column: String,
}

impl Preparation {
    /// Whether nothing is done that would not be done anyway.
    pub fn is_plain(&self) -> bool {
        *self == Preparation::default()
    }

    /// One that anybody may have written, with nothing in it that data cannot be prepared by.
    pub(crate) fn sound(mut self) -> Self {
        let is_number = |number: &f32| number.is_finite();
        if !self.mean.iter().chain(&self.std).all(is_number) || self.std.contains(&0.0) {
            (self.mean, self.std) = (Vec::new(), Vec::new());
        }
        self.image_size = self.image_size.map(|size| size.map(|side| side.min(1 << 14)));
        for text in self.columns.iter_mut().chain([&mut self.label_column]) {
            *text = crate::plain::name(text);
        }
        self
    }

    /// The elements with means taken off and divided; `None` when they stay as they are.
    pub(super) fn scale(&self, array: &Array, input: &Input) -> Result<Option<Array>, String> {
        if self.mean.is_empty() && self.std.is_empty() {
            return Ok(None);
        }
        let count = self.mean.len().max(self.std.len());
        let (axis_len, inner) = match count {
            1 => (1, 1),
            count => channel_axis(input, count).ok_or_else(|| {
                format!("{count} means or deviations are given, and no axis of {:?} has {count} elements", input.shape)
            })?,
        };
        let of = |numbers: &[f32], channel: usize| match numbers {
            [single] => Some(*single),
            several => several.get(channel).copied(),
        };
        let mut elements = array.to_f32();
        for (index, element) in elements.iter_mut().enumerate() {
            let channel = index / inner % axis_len;
            let (mean, std) = (of(&self.mean, channel).unwrap_or(0.0), of(&self.std, channel).unwrap_or(1.0));
            *element = (*element - mean) / std;
        }
        Ok(Some(Array::of_reals(array.name.clone(), array.shape.clone(), &elements)))
    }
}

/// The axis of an input that has `count` elements, and how many elements lie behind each of its positions: the channels of a
/// picture, the columns of a table.
fn channel_axis(input: &Input, count: usize) -> Option<(usize, usize)> {
    let shape = &input.shape;
    // The batch is no channel, but a vector's only axis is.
    let first = usize::from(shape.len() > 1);
    let mut found: Vec<usize> = (first..shape.len()).filter(|&axis| shape.get(axis) == Some(&count)).collect();
    let axis = if input.channels_first { found.first().copied() } else { found.pop() };
    axis.map(|axis| (count, shape.iter().skip(axis + 1).product::<usize>().max(1)))
}

impl fmt::Display for Preparation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        match self.image_size {
            Some([0, side]) => parts.push(format!("pictures with a shorter side of {side}")),
            Some([height, width]) => parts.push(format!("pictures of {height}x{width}")),
            None => {}
        }
        match self.channel_order {
            ChannelOrder::Rgb => {}
            ChannelOrder::Bgr => parts.push("channels BGR".into()),
            ChannelOrder::Gray => parts.push("gray".into()),
        }
        if !self.mean.is_empty() {
            parts.push(format!("less {:?}", self.mean));
        }
        if !self.std.is_empty() {
            parts.push(format!("over {:?}", self.std));
        }
        if self.hop > 0 {
            parts.push(format!("a window every {}", self.hop));
        }
        if !self.columns.is_empty() {
            parts.push(format!("columns {}", self.columns.join(", ")));
        }
        f.write_str(&parts.join(", "))
    }
}
