//! What commands that read data take about it.

use clap::Args;

use super::Failure;
use crate::data::{ChannelOrder, Preparation};

/// How data becomes the numbers that a model takes. `compile` writes it into the blob.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "The data")]
pub(super) struct DataArguments {
    /// Pictures become so large (HEIGHTxWIDTH, or SIDE for the shorter side) and are cut to the model's size in their
    /// middle [default: they become as large as the model wants at once]
    #[arg(long, value_name = "HEIGHTxWIDTH|SIDE", value_parser = parse_size)]
    image_size: Option<[u32; 2]>,
    /// The order of a picture's channels: `rgb`, `bgr`, or `gray`, brightness in all of them [default: rgb, gray for a
    /// model with one channel]
    #[arg(long, value_name = "ORDER")]
    channel_order: Option<ChannelOrder>,
    /// Is taken from each number (pixels are 0 to 255): one number, or one for each channel or column
    #[arg(long, value_name = "MEAN,...", value_delimiter = ',', allow_hyphen_values = true)]
    mean: Vec<f32>,
    /// Divides each number after that: one number, or one for each channel or column
    #[arg(long, value_name = "STD,...", value_delimiter = ',')]
    std: Vec<f32>,
    /// Numbers from LOW to HIGH become 0 to 1
    #[arg(long, value_name = "LOW,HIGH", conflicts_with_all = ["mean", "std"], allow_hyphen_values = true,
          value_parser = parse_ends)]
    min_max: Option<[f32; 2]>,
    /// A window of sound or of a table begins every N samples or rows [default: where the one before ends]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    hop: Option<u32>,
    /// The columns of a .csv that are read, in the model's order [default: all but the labels]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',')]
    columns: Vec<String>,
    /// The column of a .csv with the labels [default: `y` or `label`]
    #[arg(long, value_name = "NAME")]
    label_column: Option<String>,
}

/// What commands that read data for a blob take about it.
#[derive(Debug, Default, Args)]
pub(super) struct BlobDataArguments {
    #[command(flatten)]
    data: DataArguments,
    /// The data is what the model takes: do nothing of what the blob says about how data is prepared
    #[arg(long, help_heading = "The data")]
    no_preparation: bool,
}

impl BlobDataArguments {
    /// How data is prepared, where that is not as the blob says.
    pub(super) fn preparation(&self) -> Result<Option<Preparation>, Failure> {
        let given = self.data.preparation()?;
        Ok((self.no_preparation || !given.is_plain()).then_some(given))
    }
}

impl DataArguments {
    /// How data is prepared.
    pub(super) fn preparation(&self) -> Result<Preparation, Failure> {
        let (mut mean, mut std) = (self.mean.clone(), self.std.clone());
        if let Some([low, high]) = self.min_max {
            (mean, std) = (vec![low], vec![high - low]);
        }
        if mean.len() > 1 && std.len() > 1 && mean.len() != std.len() {
            let (means, stds) = (mean.len(), std.len());
            return Err(Failure::Usage(format!(
                "--mean has {means} numbers and --std {stds}; give one for each channel"
            )));
        }
        if mean.iter().chain(&std).any(|number| !number.is_finite()) || std.contains(&0.0) {
            return Err(Failure::Usage("--mean and --std take finite numbers, and --std none that is 0".into()));
        }
        Ok(Preparation {
            image_size: self.image_size,
            channel_order: self.channel_order.unwrap_or_default(),
            mean,
            std,
            hop: self.hop.unwrap_or(0),
            columns: self.columns.clone(),
            label_column: self.label_column.clone().unwrap_or_default(),
        })
    }
}

/// The largest side that a picture is brought to.
const SIDE_MAX: u32 = 1 << 14;

fn parse_size(text: &str) -> Result<[u32; 2], String> {
    let side = |text: &str| text.parse().ok().filter(|side| (1..=SIDE_MAX).contains(side));
    let size = match text.split_once('x') {
        None => side(text).map(|side| [0, side]),
        Some((height, width)) => side(height).zip(side(width)).map(|(height, width)| [height, width]),
    };
    size.ok_or_else(|| format!("a size is 256 or 240x320, sides up to {SIDE_MAX}"))
}

fn parse_ends(text: &str) -> Result<[f32; 2], String> {
    let ends = text.split_once(',').and_then(|(low, high)| Some([low.parse().ok()?, high.parse().ok()?]));
    ends.filter(|[low, high]: &[f32; 2]| low < high && (high - low).is_finite())
        .ok_or_else(|| "two numbers are needed, the lower first, as in 0,255".into())
}
