//! Features of a sound as a device computes them: the kernels of [`kinglet_kernels::spectrum`], and their tables.
//!
//! What a model is trained on should be what it will see. So features are computed here by the code that runs on the device,
//! integers from the first step to the last, and training reads them from a file.

mod tables;

use kinglet_kernels::spectrum::{Gain, Noise, SIZE_MAX, Spectrum, log};

/// What features are.
#[derive(Clone, Debug, PartialEq)]
pub struct FrontEnd {
    /// Samples a second.
    pub rate: u32,
    /// Milliseconds of a window.
    pub window_ms: u32,
    /// Milliseconds from a window to the next.
    pub hop_ms: u32,
    /// Bands, equally far from each other on the scale of mel.
    pub bands: usize,
    /// Where the first begins and the last ends, in hertz.
    pub range: [f64; 2],
    /// Whether noise is taken away and bands are brought to a like loudness, as wake words of TensorFlow want it.
    pub is_leveled: bool,
}

impl Default for FrontEnd {
    /// That of `micro_frontend` as wake-word models use it.
    fn default() -> Self {
        FrontEnd { rate: 16_000, window_ms: 30, hop_ms: 10, bands: 40, range: [125.0, 7_500.0], is_leveled: true }
    }
}

/// Real features a step of the codes stands for: `64 * ln` in steps of 10 / 256.
pub const STEP: f32 = 10.0 / 256.0;

/// By what bands are lengthened before their logarithm is taken.
const UP: u32 = 3;

/// `64 * 256 * ln 2`.
const LOG_FACTOR: u32 = 11_357;

/// Averages of noise: TensorFlow Lite Micro's `micro_frontend` with 0.025 and 0.06 of a new band, and 0.05 of it left.
const NOISE: Noise = Noise { more_bits: 10, share: [410, 983], rest: 819 };

/// The 0.95th power, 80 being added.
const GAIN: Gain = Gain { more_bits: 10, up: UP, strength: 31_130, offset: 80 };

/// Bits that leave bands in the unit that averages and gains are for.
const DOWN: u32 = 7;

impl FrontEnd {
    /// Reads `logmel:rate=16000,window=30ms,hop=10ms,mels=40,low=125,high=7500` or `micro`, which may go on in the same way;
    /// what is left out is as in [`FrontEnd::default`].
    pub fn parse(text: &str) -> Result<Self, String> {
        let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
        let is_leveled = match kind {
            "micro" => true,
            "logmel" => false,
            _ => return Err(format!("`{kind}` is no front end; there are `logmel` and `micro`")),
        };
        let mut front_end = FrontEnd { is_leveled, ..FrontEnd::default() };
        for part in rest.split(',').filter(|part| !part.is_empty()) {
            let (key, value) = part.split_once('=').ok_or_else(|| format!("`{part}` is not KEY=NUMBER"))?;
            let number: u32 = value
                .trim_end_matches("ms")
                .trim_end_matches("hz")
                .parse()
                .map_err(|_| format!("`{part}` has no whole number; write {key}=30"))?;
            match key {
                "rate" => front_end.rate = number,
                "window" => front_end.window_ms = number,
                "hop" => front_end.hop_ms = number,
                "mels" => front_end.bands = number as usize,
                "low" => front_end.range[0] = number.into(),
                "high" => front_end.range[1] = number.into(),
                _ => {
                    return Err(format!(
                        "`{key}` is nothing of a front end; there are rate, window, hop, mels, low, high"
                    ));
                }
            }
        }
        front_end.tables().map(|_| front_end)
    }

    /// Samples of a window.
    pub fn window(&self) -> usize {
        self.rate as usize * self.window_ms as usize / 1000
    }

    /// Samples from a window to the next.
    pub fn hop(&self) -> usize {
        self.rate as usize * self.hop_ms as usize / 1000
    }

    fn tables(&self) -> Result<tables::Tables, String> {
        let (window, hop) = (self.window(), self.hop());
        let size = window.next_power_of_two().max(8);
        if window < 8 || size > SIZE_MAX || hop == 0 {
            return Err(format!(
                "windows of {window} samples, {hop} from one to the next; 8 to {SIZE_MAX} and 1 or more are possible"
            ));
        }
        let [low, high] = self.range;
        if !(low >= 0.0 && low < high && high <= f64::from(self.rate) / 2.0) {
            return Err(format!(
                "bands from {low} to {high} hertz; with {} samples a second up to {} are possible",
                self.rate,
                self.rate / 2
            ));
        }
        tables::Tables::new(self, size)
    }

    /// The codes of the features of all windows of a recording, one row of [`FrontEnd::bands`] after the other.
    pub fn codes(&self, samples: &[i16]) -> Result<Vec<u16>, String> {
        let tables = self.tables()?;
        let spectrum: Spectrum<'_> = tables.spectrum(DOWN);
        let mut scratch = vec![0; spectrum.scratch_len()];
        let (mut averages, mut row) = (vec![0; self.bands], vec![0; self.bands]);
        let mut codes = Vec::new();
        for window in samples.windows(self.window()).step_by(self.hop()) {
            if !spectrum.bands(window, &mut scratch, &mut row) {
                return Err("its tables do not fit each other; please report this front end".into());
            }
            if self.is_leveled {
                NOISE.take_away(&mut row, &mut averages);
                GAIN.apply(&mut row, &averages);
            }
            codes.extend(row.iter().map(|&band| log(band, UP, LOG_FACTOR)));
        }
        Ok(codes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn front_ends_are_read_and_refused_by_name() {
        assert_eq!(FrontEnd::parse("micro"), Ok(FrontEnd::default()));
        let read = FrontEnd::parse("logmel:rate=8000,window=32ms,hop=16ms,mels=20,low=100,high=4000").unwrap();
        assert_eq!((read.window(), read.hop(), read.bands, read.is_leveled), (256, 128, 20, false));
        for (text, part) in [
            ("mfcc", "`mfcc` is no front end"),
            ("logmel:window", "`window` is not KEY=NUMBER"),
            ("logmel:window=x", "no whole number"),
            ("logmel:winter=1", "`winter`"),
            ("logmel:window=100ms", "1600 samples"),
            ("logmel:hop=0", "0 from one"),
            ("logmel:high=9000", "up to 8000"),
            ("logmel:mels=400", "400 bands"),
        ] {
            let error = FrontEnd::parse(text).unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }

    #[test]
    fn a_tone_is_in_its_band() {
        let front_end = FrontEnd { is_leveled: false, ..FrontEnd::default() };
        let tone: Vec<i16> =
            (0..16_000).map(|at| ((f64::from(at) * core::f64::consts::FRAC_PI_8).sin() * 9_000.0) as i16).collect();
        let codes = front_end.codes(&tone).unwrap();
        assert_eq!(codes.len() % 40, 0);
        let row = &codes[400..440];
        let loudest = (0..40).max_by_key(|&band| row[band]).unwrap();
        // 1000 hertz: mel 1000 of 185 to 2787, 41 steps.
        assert!((11..=13).contains(&loudest), "band {loudest}: {row:?}");
        assert_eq!(front_end.codes(&[0; 480]).unwrap(), [0; 40]);
    }
}
