//! Bands of frequencies against their formula on reals, and features against those that models were trained on.

use std::io::Write;
use std::path::PathBuf;

use kinglet_kernels::spectrum::{Gain, Noise, Spectrum, log, root};

const RATE: f64 = 16_000.0;

/// The tables of a spectrum, with the sines of this machine: they are rounded to 16 bits.
struct Tables {
    size: usize,
    window: Vec<i16>,
    turns: Vec<[i16; 2]>,
    bands: Vec<[u16; 2]>,
    weights: Vec<u16>,
}

fn mel(hertz: f64) -> f64 {
    1127.0 * (1.0 + hertz / 700.0).ln()
}

impl Tables {
    /// Triangles on the scale of mel, as many as `count` from `low` to `high` hertz.
    fn new(size: usize, window: usize, count: usize, [low, high]: [f64; 2]) -> Self {
        let tau = core::f64::consts::TAU;
        let code = |x: f64| (x * 32768.0).round().clamp(-32768.0, 32767.0) as i16;
        let hann = |at: usize| 0.5 - 0.5 * (tau * (at as f64 + 0.5) / window as f64).cos();
        let turn = |k: usize| {
            let angle = tau * k as f64 / size as f64;
            [code(angle.cos()), code(-angle.sin())]
        };
        let edge = |index: usize| mel(low) + (mel(high) - mel(low)) / (count + 1) as f64 * index as f64;
        let (mut bands, mut weights) = (Vec::new(), Vec::new());
        for band in 0..count {
            let [from, peak, to] = [edge(band), edge(band + 1), edge(band + 2)];
            let weight = |bin: &usize| {
                let at = mel(*bin as f64 * RATE / size as f64);
                ((at - from) / (peak - from)).min((to - at) / (to - peak)).max(0.0)
            };
            let bins: Vec<usize> = (1..=size / 2).filter(|bin| weight(bin) > 0.0).collect();
            bands.push([bins[0] as u16, bins.len() as u16]);
            weights.extend(bins.iter().map(|bin| (weight(bin) * 4096.0).round() as u16));
        }
        Tables {
            size,
            window: (0..window).map(|at| code(hann(at))).collect(),
            turns: (0..size / 2).map(turn).collect(),
            bands,
            weights,
        }
    }

    fn spectrum(&self, down: u32) -> Spectrum<'_> {
        let Tables { size, window, turns, bands, weights } = self;
        Spectrum { size: *size, window, turns, bands, weights, down }
    }

    /// The formula, on reals.
    fn bands(&self, samples: &[i16]) -> Vec<f64> {
        let x: Vec<f64> =
            samples.iter().zip(&self.window).map(|(&x, &w)| f64::from(x) * f64::from(w) / 32768.0).collect();
        let power = |bin: usize| {
            let part = |turn: fn(f64) -> f64| -> f64 {
                let angle = |at: usize| core::f64::consts::TAU * (bin * at % self.size) as f64 / self.size as f64;
                x.iter().enumerate().map(|(at, x)| x * turn(angle(at))).sum()
            };
            part(f64::cos).powi(2) + part(f64::sin).powi(2)
        };
        let mut weights = self.weights.iter();
        let band = |&[first, count]: &[u16; 2]| {
            let bins = usize::from(first)..usize::from(first + count);
            let sum: f64 = bins.zip(&mut weights).map(|(bin, &weight)| f64::from(weight) / 4096.0 * power(bin)).sum();
            sum.sqrt()
        };
        self.bands.iter().map(band).collect()
    }
}

/// Samples that look random, up to `loud`.
fn noise(len: usize, loud: i64, seed: u64) -> Vec<i16> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (((state >> 40) as i64 - (1 << 23)) * loud) >> 23
    };
    (0..len).map(|_| next().clamp(-32768, 32767) as i16).collect()
}

fn decibels(wanted: &[f64], found: &[f64]) -> f64 {
    let signal: f64 = wanted.iter().map(|x| x * x).sum();
    let noise: f64 = wanted.iter().zip(found).map(|(a, b)| (a - b) * (a - b)).sum();
    10.0 * (signal / noise).log10()
}

/// What one unit of a band is with `down` of 0.
fn unit(tables: &Tables) -> f64 {
    tables.size as f64 / f64::from(1 << 13)
}

#[test]
fn bands_are_those_of_the_formula() {
    for (size, window) in [(8, 8), (64, 50), (256, 256), (512, 480), (1024, 1000)] {
        let count = match size {
            8 => 2,
            64 => 4,
            256 => 12,
            _ => 20,
        };
        let tables = Tables::new(size, window, count, [500.0, 7500.0]);
        for loud in [32_768, 2_000, 60] {
            let samples = noise(window, loud, size as u64);
            let (mut bands, mut scratch) = (vec![0; count], vec![0; size]);
            assert!(tables.spectrum(0).bands(&samples, &mut scratch, &mut bands));
            let found: Vec<f64> = bands.iter().map(|&band| f64::from(band) * unit(&tables)).collect();
            let db = decibels(&tables.bands(&samples), &found);
            assert!(db > 60.0, "{size} points, {loud}: {db:.1} dB");
        }
    }
}

#[test]
fn the_loudest_samples_fit() {
    for size in [8, 512, 1024] {
        let tables = Tables::new(size, size, 2, [500.0, 7500.0]);
        let square: Vec<i16> = (0..size).map(|at| if at / 2 % 2 == 0 { i16::MAX } else { i16::MIN }).collect();
        for samples in [vec![i16::MIN; size], vec![i16::MAX; size], square] {
            let (mut bands, mut scratch) = (vec![0; 2], vec![0; size]);
            let flat = vec![i16::MAX; size];
            let spectrum = Spectrum { window: &flat, ..tables.spectrum(0) };
            assert!(spectrum.bands(&samples, &mut scratch, &mut bands));
            let wanted = Tables {
                window: flat.clone(),
                size,
                turns: Vec::new(),
                bands: tables.bands.clone(),
                weights: tables.weights.clone(),
            }
            .bands(&samples);
            for (&found, wanted) in bands.iter().zip(wanted) {
                let found = f64::from(found) * unit(&tables);
                assert!((found - wanted).abs() <= wanted * 0.01 + size as f64 * 8.0, "{size}: {found} for {wanted}");
            }
        }
    }
}

#[test]
fn a_quiet_tone_beside_a_loud_one_is_heard() {
    let tables = Tables::new(512, 480, 40, [125.0, 7500.0]);
    let tone = |hertz: f64, loud: f64, at: usize| loud * (core::f64::consts::TAU * hertz * at as f64 / RATE).sin();
    let samples: Vec<i16> =
        (0..480).map(|at| (tone(500.0, 20_000.0, at) + tone(4_000.0, 20.0, at)).round() as i16).collect();
    let (mut bands, mut scratch) = (vec![0; 40], vec![0; 512]);
    assert!(tables.spectrum(0).bands(&samples, &mut scratch, &mut bands));
    let wanted = tables.bands(&samples);
    let loudest = (25..40).max_by(|&a, &b| wanted[a].total_cmp(&wanted[b])).unwrap();
    let found = f64::from(bands[loudest]) * unit(&tables);
    assert!((found / wanted[loudest] - 1.0).abs() < 0.05, "{found} for {}", wanted[loudest]);
}

#[test]
fn tables_that_do_not_fit_are_refused() {
    let tables = Tables::new(64, 50, 4, [500.0, 7500.0]);
    let refused = |spectrum: &Spectrum<'_>, samples: usize, scratch: usize, bands: usize| {
        !spectrum.bands(&vec![1; samples], &mut vec![0; scratch], &mut vec![0; bands])
    };
    let sound = tables.spectrum(0);
    assert!(!refused(&sound, 50, 64, 4));
    assert!(refused(&sound, 49, 64, 4) && refused(&sound, 50, 63, 4) && refused(&sound, 50, 64, 3));
    assert!(refused(&Spectrum { size: 32, ..sound }, 50, 64, 4));
    assert!(refused(&Spectrum { size: 48, ..sound }, 50, 64, 4));
    assert!(refused(&Spectrum { turns: &tables.turns[1..], ..sound }, 50, 64, 4));
    assert!(refused(&Spectrum { weights: &tables.weights[1..], ..sound }, 50, 64, 4));
    assert!(refused(&Spectrum { bands: &[[30, 4], [1, 1], [1, 1], [1, 1]], weights: &[1; 7], ..sound }, 50, 64, 4));
    assert!(refused(&Spectrum { down: 17, ..sound }, 50, 64, 4));
}

#[test]
fn roots_are_rounded_down() {
    for x in [0, 1, 2, 3, 4, 8, 9, 15, 16, 1 << 40, (1 << 40) - 1, u64::MAX, u64::from(u32::MAX).pow(2)] {
        let found = u128::from(root(x));
        assert!(found * found <= x.into() && (found + 1) * (found + 1) > x.into(), "{x}: {found}");
    }
}

#[test]
fn logarithms_are_those_of_reals() {
    assert_eq!([log(0, 3, 1), log(1, 0, 1 << 20), log(u32::MAX, 16, u32::MAX)], [0, 0, u16::MAX]);
    let factor = (64.0 * 256.0 * core::f64::consts::LN_2).round() as u32;
    for band in [1_u32, 2, 3, 7, 100, 12_345, 1 << 20, u32::MAX] {
        let wanted = 64.0 * (f64::from(band) * 8.0).ln();
        assert!(
            (f64::from(log(band, 3, factor)) - wanted).abs() < 0.6,
            "{band}: {} for {wanted}",
            log(band, 3, factor)
        );
    }
}

#[test]
fn a_steady_noise_is_taken_away_and_a_sound_stays() {
    let noise = Noise { more_bits: 10, share: [410, 983], rest: 819 };
    let mut averages = [0; 2];
    for _ in 0..400 {
        noise.take_away(&mut [1000, 1000], &mut averages);
    }
    let (mut steady, mut sound) = ([1000, 1000], [9000, 9000]);
    noise.take_away(&mut steady, &mut averages.clone());
    noise.take_away(&mut sound, &mut averages);
    assert_eq!(steady, [49, 49], "a twentieth is left");
    assert!(sound.iter().all(|&band| (7_400..8_000).contains(&band)), "{sound:?}");
    noise.take_away(&mut [u32::MAX; 2], &mut [u32::MAX; 2]);
}

/// A file of the shared sequences, when they are there.
fn shared(path: &str) -> Option<Vec<u8>> {
    let beside = || PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared"));
    let path = std::env::var_os("KINGLET_SHARED").map_or_else(beside, PathBuf::from).join("sequences").join(path);
    let bytes = std::fs::read(&path).ok();
    if bytes.is_none() {
        let _ = writeln!(std::io::stderr(), "skipped: {} does not exist (set KINGLET_SHARED)", path.display());
    }
    bytes
}

#[test]
fn features_are_those_that_wake_words_were_trained_on() {
    for word in ["okay_nabu", "hey_jarvis"] {
        let Some(audio) = shared(&format!("{word}/audio.wav")) else { return };
        let Some(features) = shared(&format!("{word}/features.npy")) else { return };
        let samples: Vec<i16> = audio[44..].as_chunks().0.iter().map(|raw| i16::from_le_bytes(*raw)).collect();
        let wanted: Vec<f32> = features[128..].as_chunks().0.iter().map(|raw| f32::from_le_bytes(*raw)).collect();
        let tables = Tables::new(512, 480, 40, [125.0, 7500.0]);
        let noise = Noise { more_bits: 10, share: [410, 983], rest: 819 };
        let gain = Gain { more_bits: 10, up: 3, strength: 31_130, offset: 80 };
        let factor = (64.0 * 256.0 * core::f64::consts::LN_2).round() as u32;
        let (mut averages, mut scratch) = (vec![0; 40], vec![0; 512]);
        let mut found = Vec::new();
        for window in samples.windows(480).step_by(160) {
            let mut bands = vec![0; 40];
            assert!(tables.spectrum(7).bands(window, &mut scratch, &mut bands));
            noise.take_away(&mut bands, &mut averages);
            gain.apply(&mut bands, &averages);
            found.extend(bands.iter().map(|&band| f32::from(log(band, 3, factor)) / 25.6));
        }
        assert_eq!(found.len(), wanted.len());
        let apart = wanted.iter().zip(&found).map(|(a, b)| f64::from((a - b).abs())).sum::<f64>() / found.len() as f64;
        let db = decibels(
            &wanted.iter().copied().map(f64::from).collect::<Vec<_>>(),
            &found.iter().copied().map(f64::from).collect::<Vec<_>>(),
        );
        assert!(apart < 0.04 && db > 20.0, "{word}: {apart} apart, {db:.1} dB");
    }
}
