//! What the command line says about the bits of weights.

use clap::Args;
use kinglet_kernels::packing::Storage;

use super::Failure;
use crate::shrink::{Bits, Wish};

#[derive(Debug, Args)]
pub(super) struct BitsArguments {
    /// In how many bits weights are: 8, or 4, 3 or 2, chosen by what each layer computes of the calibration data; `auto`,
    /// by itself for each layer
    #[arg(long, default_value = "8", value_name = "8|4|3|2|auto", value_parser = parse, requires = "calib")]
    bits: Width,
    /// Bits of one layer, by the name of its node as `--report` and `--json` show it; again for others
    #[arg(long, value_name = "NODE=8|4|3|2", value_parser = parse_layer, requires = "calib")]
    layer_bits: Vec<(String, Storage)>,
    /// With --bits auto: per cent of samples, set aside of the calibration data, whose decision may not be the float
    /// model's; for outputs that are no classes, per cent of the output's power that may be noise [default: 1 more than
    /// eight bits everywhere lose, without --average-bits and --flash]
    #[arg(long, value_name = "PERCENT", requires = "calib")]
    max_drop: Option<f64>,
    /// With --bits auto: bytes that the blob may have
    #[arg(long, value_name = "BYTES", requires = "calib")]
    flash: Option<usize>,
    /// With --bits auto: bits of a weight on average
    #[arg(long, value_name = "BITS", requires = "calib")]
    average_bits: Option<f64>,
    /// With --bits auto: report size against error
    #[arg(long, requires = "calib")]
    pareto: bool,
}

#[derive(Clone, Copy, Debug)]
enum Width {
    Fixed(Storage),
    Auto,
}

fn storage(text: &str) -> Option<Storage> {
    Storage::ALL.into_iter().find(|storage| storage.bits().to_string() == text)
}

fn parse_layer(text: &str) -> Result<(String, Storage), String> {
    // Names may have signs of equality in them.
    let parts = text.rsplit_once('=').and_then(|(name, bits)| Some((name.to_owned(), storage(bits)?)));
    parts.ok_or_else(|| "write a node's name, `=`, and 8, 4, 3 or 2".into())
}

fn parse(text: &str) -> Result<Width, String> {
    match storage(text) {
        _ if text == "auto" => Ok(Width::Auto),
        Some(storage) => Ok(Width::Fixed(storage)),
        None => Err("possible: 8, 4, 3, 2, auto".into()),
    }
}

impl BitsArguments {
    /// Those of single layers.
    pub(super) fn of_layers(&self) -> Vec<(String, Storage)> {
        self.layer_bits.clone()
    }

    /// What they say together.
    pub(super) fn bits(&self) -> Result<Bits, Failure> {
        let &BitsArguments { bits, max_drop, flash, average_bits, pareto, .. } = self;
        if max_drop.is_some_and(|percent| !(0.0..=100.0).contains(&percent)) {
            return Err(Failure::Usage("--max-drop is a per cent, 0 to 100".into()));
        }
        if average_bits.is_some_and(|bits| !(2.0..=8.0).contains(&bits)) {
            return Err(Failure::Usage("--average-bits is 2 to 8".into()));
        }
        match bits {
            Width::Auto => Ok(Bits::Mixed(Wish { average_bits, flash, max_drop, pareto })),
            Width::Fixed(_) if max_drop.is_some() || flash.is_some() || average_bits.is_some() || pareto => {
                let problem = "--max-drop, --flash, --average-bits and --pareto are for --bits auto: add it";
                Err(Failure::Usage(problem.into()))
            }
            Width::Fixed(Storage::Bits8) => Ok(Bits::Nearest),
            Width::Fixed(storage) => Ok(Bits::All(storage)),
        }
    }
}
