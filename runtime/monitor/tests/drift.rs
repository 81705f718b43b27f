//! Detectors on drawn observations: how often they cry without a reason, and how soon they see one.

use kinglet_blob::cast::AlignedBlob;
use kinglet_blob::{Blob, Field, Writer};
use kinglet_monitor::{
    Alarm, BINS, Baseline, Cusum, Histogram, Limits, Monitor, PageHinkley, RECORD_BYTES_MAX, Record, Shares,
    bin_of_code, bin_of_score, entropy,
};

/// SplitMix64 and what is made from it.
struct Random(u64);

impl Random {
    fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Between 0 and 1, neither of them.
    fn share(&mut self) -> f64 {
        ((self.bits() >> 12) as f64 + 0.5) / (1u64 << 52) as f64
    }

    fn normal(&mut self) -> f64 {
        (-2.0 * self.share().ln()).sqrt() * (core::f64::consts::TAU * self.share()).cos()
    }
}

#[test]
fn false_alarms_come_as_often_as_designed() {
    for (limit, seed) in [(3.0, 1), (4.0, 2), (5.0, 3)] {
        let designed = Cusum::interval(0.5, limit, f64::exp);
        let (mut cusum, mut random) = (Cusum::new(0.5, limit as f32), Random(seed));
        let (mut samples, mut alarms) = (0u64, 0);
        // The spread of the mean of so many intervals is 2 per cent.
        while alarms < 2_500 {
            samples += 1;
            alarms += u32::from(cusum.observe(random.normal() as f32));
        }
        let interval = samples as f64 / f64::from(alarms);
        assert!((interval / designed - 1.0).abs() < 0.1, "limit {limit}: {interval:.0}, designed {designed:.0}");
    }
}

#[test]
fn a_shift_of_one_deviation_is_found_within_25_samples() {
    for direction in [1.0, -1.0] {
        let mut random = Random(7);
        let mut steps = 0;
        for _ in 0..2_000 {
            let mut cusum = Cusum::new(0.5, 10.0);
            (0..50).for_each(|_| _ = cusum.observe(random.normal() as f32));
            steps += 1;
            while !cusum.observe((random.normal() + direction) as f32) {
                steps += 1;
            }
        }
        let mean = f64::from(steps) / 2_000.0;
        assert!(mean <= 25.0, "{mean}");
        assert!(Cusum::interval(0.5, 10.0, f64::exp) > 65_000.0);
    }
}

#[test]
fn page_hinkley_sees_a_rise_and_no_noise() {
    let (mut test, mut random) = (PageHinkley::new(0.5, 20.0), Random(5));
    assert!(!(0..100_000).any(|_| test.observe(random.normal() as f32)));
    let rise = (0..1_000).position(|_| test.observe(random.normal() as f32 + 2.0));
    assert!(rise.is_some_and(|steps| steps < 40), "{rise:?}");
    assert!(!test.observe(f32::NAN) && !Cusum::new(0.5, 5.0).observe(f32::INFINITY));
}

#[test]
fn the_stability_index_is_its_formula() {
    let (mut counts, mut known) = ([0u64; BINS], [0u64; BINS]);
    let mut histogram = Histogram::default();
    for bin in 0..BINS {
        (counts[bin], known[bin]) = (10 * bin as u64, 7 + bin as u64);
        (0..counts[bin]).for_each(|_| histogram.add(bin));
    }
    let (here, there) = (counts.iter().sum::<u64>() as f64 + 8.0, known.iter().sum::<u64>() as f64 + 8.0);
    let terms = counts.iter().zip(&known).map(|(&p, &q)| {
        let (p, q) = ((p as f64 + 0.5) / here, (q as f64 + 0.5) / there);
        (p - q) * (p / q).ln()
    });
    let expected = terms.sum::<f64>();
    let index = f64::from(histogram.instability(&Shares::new(&known)).unwrap());
    assert!((index - expected).abs() < 1e-3, "{index}, {expected}");
    assert_eq!(Histogram::default().instability(&Shares::new(&known)), None);
    assert!(histogram.instability(&Shares::new(&counts)).unwrap() < 1e-4);
}

#[test]
fn entropy_is_its_formula() {
    let scores = [0.5f32, 0.25, 0.125, 0.125, 0.0, f32::NAN];
    assert!((entropy(scores.into_iter()) - 1.75 * core::f32::consts::LN_2).abs() < 1e-3);
    assert_eq!(entropy([1.0, 0.0].into_iter()), 0.0);
}

#[test]
fn histograms_end_at_their_bounds_and_add_up() {
    assert_eq!([-128, -113, -112, -1, 0, 127].map(bin_of_code), [0, 0, 1, 7, 8, 15]);
    let scores = [f32::NAN, -1.0, 0.0, 0.062, 0.063, 0.99, 1.0, f32::INFINITY];
    assert_eq!(scores.map(bin_of_score), [0, 0, 0, 0, 1, 15, 15, 15]);
    let (mut one, mut other, mut both) = (Histogram::default(), Histogram::default(), Histogram::default());
    for bin in 0..40_000usize {
        let half = if bin.is_multiple_of(3) { &mut one } else { &mut other };
        half.add(bin % 16);
        both.add(bin % 16);
    }
    one.merge(&other);
    assert_eq!(one, both);
    (0..70_000).for_each(|_| both.add(3));
    assert_eq!(both.counts()[3], u16::MAX);
    both.add(99);
    // What is large is scaled, and what was there stays.
    let mut counts = [0; BINS];
    (counts[0], counts[1], counts[2]) = (u64::MAX, 1, u64::MAX / 2);
    let shares = Shares::new(&counts);
    assert_eq!(shares.counts()[..4], [u16::MAX, 1, u16::MAX / 2, 0]);
}

fn limits() -> Limits {
    Limits {
        window_runs: 100,
        instability_max: 0.25,
        input_stride: 2,
        cusum_slack: 0.5,
        cusum_limit: 10.0,
        out_of_range_max: 0.1,
        ticks_max: 1_000,
        slow_max: 5,
    }
}

/// A run as this model usually has it.
fn usual(random: &mut Random) -> ([i8; 64], [i8; 4], f32) {
    let code = |deviation: f64, random: &mut Random| (random.normal() * deviation) as i8;
    let input = core::array::from_fn(|_| code(30.0, random));
    let output = core::array::from_fn(|_| code(50.0, random));
    (input, output, (0.8 + 0.05 * random.normal()) as f32)
}

fn baseline() -> Baseline {
    let mut random = Random(11);
    let mut counts = [[0u64; BINS]; 3];
    let mut at_ends = 0;
    for _ in 0..2_000 {
        let (input, output, score) = usual(&mut random);
        input.iter().for_each(|&code| counts[0][bin_of_code(code)] += 1);
        at_ends += input.iter().filter(|&&code| code == -128 || code == 127).count();
        output.iter().for_each(|&code| counts[1][bin_of_code(code)] += 1);
        counts[2][bin_of_score(score)] += 1;
    }
    let [input, output, confidence] = counts.map(|counts| Shares::new(&counts));
    Baseline {
        samples: 2_000,
        input,
        output,
        confidence,
        confidence_mean: 0.8,
        confidence_deviation: 0.05,
        out_of_range: at_ends as f32 / (2_000.0 * 64.0),
    }
}

/// Alarms of so many runs.
fn alarms(runs: usize, change: impl Fn(&mut [i8; 64], &mut [i8; 4], &mut f32, &mut u32)) -> Vec<Alarm> {
    let (baseline, mut monitor, mut random) = (baseline(), Monitor::new(limits()), Random(13));
    let mut found = Vec::new();
    for _ in 0..runs {
        let (mut input, mut output, mut score) = usual(&mut random);
        let mut ticks = 900;
        change(&mut input, &mut output, &mut score, &mut ticks);
        found.extend(monitor.observe(&baseline, &input, &output, score, ticks));
    }
    found
}

#[test]
fn each_change_has_its_alarm_and_none_has_none() {
    assert_eq!(alarms(20_000, |_, _, _, _| {}), []);
    let only = |expected: Alarm, found: Vec<Alarm>| {
        assert!(!found.is_empty() && found.iter().all(|alarm| *alarm == expected), "{expected:?}: {found:?}");
    };
    only(Alarm::Input, alarms(300, |input, _, _, _| input.iter_mut().for_each(|code| *code = code.saturating_add(40))));
    only(Alarm::Output, alarms(300, |_, output, _, _| *output = [100; 4]));
    assert!(alarms(100, |_, _, score, _| *score -= 0.1).contains(&Alarm::ConfidenceMean));
    only(Alarm::Latency, alarms(300, |_, _, _, ticks| *ticks = 1_001));
    // One pixel of four sticks at its end: too few for the shares of the input alone.
    let stuck = alarms(300, |input, _, _, _| input.iter_mut().step_by(8).for_each(|code| *code = 127));
    assert!(stuck.iter().all(|alarm| matches!(alarm, Alarm::Input | Alarm::OutOfRange)) && !stuck.is_empty());
}

#[test]
fn a_baseline_comes_back_from_its_bytes_and_damage_is_seen() {
    let baseline = baseline();
    let bytes = |baseline: &Baseline| {
        let mut bytes = Vec::new();
        baseline.record().put(&mut bytes);
        bytes
    };
    let sound = bytes(&baseline);
    assert_eq!((Baseline::read(&sound), sound.len()), (Some(baseline), 116));
    assert!((0..116).all(|len| Baseline::read(&sound[..len]).is_none()));
    assert_eq!(Baseline::read(&bytes(&Baseline { confidence_deviation: 0.0, ..baseline })), None);
    assert_eq!(Baseline::read(&bytes(&Baseline { confidence_mean: f32::NAN, ..baseline })), None);
    let mut other = sound.clone();
    other[0] = 2;
    assert_eq!(Baseline::read(&other), None);
    // In a blob, which the engine's reader loads as one without.
    let blob = AlignedBlob::copy_of(&Writer { baseline: sound, ..Writer::default() }.finish().unwrap());
    assert_eq!(Baseline::of(&Blob::parse(&blob).unwrap()), Some(baseline));
}

#[test]
fn a_record_fits_and_comes_back() {
    let largest = Record {
        model: [255; 8],
        sequence: u32::MAX,
        runs: u32::MAX,
        slow: u32::MAX,
        most_ticks: u32::MAX,
        mean_ticks: u32::MAX,
        alarms: u32::MAX,
        last_alarm: 6,
        confidence: [u16::MAX; 16],
    };
    let mut bytes = [0; RECORD_BYTES_MAX];
    let len = largest.encode(&mut bytes);
    assert!(len <= RECORD_BYTES_MAX);
    assert_eq!(Record::decode(&bytes[..len]), Some(largest));
    assert!((0..len).all(|len| Record::decode(&bytes[..len]).is_none()));
    assert_eq!(Record::decode(&bytes[..len + 1]), None);
    // As the monitor makes it, and only of enough runs.
    let (baseline, mut monitor, mut random) = (self::baseline(), Monitor::new(limits()), Random(17));
    for _ in 0..63 {
        let (input, output, score) = usual(&mut random);
        monitor.observe(&baseline, &input, &output, score, 5);
    }
    assert_eq!(monitor.record([1; 8], 9, 64), None);
    let record = monitor.record([1; 8], 9, 63).unwrap();
    assert_eq!((record.runs, record.most_ticks, record.confidence.iter().sum::<u16>()), (63, 5, 63));
}
