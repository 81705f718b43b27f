//! Whether outputs are the right ones.

use super::array::Array;
use super::case::{Case, Expect};

/// Compares output `index` of a case with what came out; what is wrong with it, when something is.
pub(super) fn output(case: &Case, index: usize, right: &Array, found: &Array) -> Option<String> {
    let (right, found) = (&right.numbers, &found.numbers);
    if right.len() != found.len() {
        return Some(format!("output {index} has {} elements instead of {}", found.len(), right.len()));
    }
    match case.expect {
        Expect::Codes => {
            let apart = largest_difference(right, found);
            let others = right.iter().zip(found).filter(|(right, found)| right != found).count();
            let (len, bound) = (right.len(), case.bound);
            (apart > case.bound).then(|| {
                format!("output {index}: codes up to {apart} apart, {bound} allowed; {others} of {len} are others")
            })
        }
        Expect::Reals => {
            let apart = largest_difference(right, found);
            let bound = case.bound * right.iter().fold(case.floor, |largest: f64, number| largest.max(number.abs()));
            (apart > bound).then(|| format!("output {index}: {apart:.3e} apart, {bound:.3e} allowed"))
        }
        Expect::Close => {
            let outside = |(right, found): (&f64, &f64)| {
                let apart = largest_difference(&[*right], &[*found]);
                apart.is_infinite() || apart > case.atol + case.bound * right.abs()
            };
            let odd = right.iter().zip(found).position(outside)?;
            Some(format!("output {index}: element {odd} is {} instead of {}", found[odd], right[odd]))
        }
        Expect::SqnrDb => {
            let ratio = sqnr_db(right, found);
            (ratio < case.bound).then(|| format!("output {index}: {ratio:.1} dB, {} needed", case.bound))
        }
        Expect::Runs => {
            let odd = found.iter().position(|number| !number.is_finite())?;
            Some(format!("output {index}: element {odd} is {}", found[odd]))
        }
        Expect::Refusal | Expect::Warning => None,
    }
}

/// Infinite where one is NaN or infinite and the other is something else.
fn largest_difference(right: &[f64], found: &[f64]) -> f64 {
    let difference = |(right, found): (&f64, &f64)| {
        if right == found || (right.is_nan() && found.is_nan()) {
            return 0.0;
        }
        let apart = (right - found).abs();
        if apart.is_nan() { f64::INFINITY } else { apart }
    };
    right.iter().zip(found).map(difference).fold(0.0, f64::max)
}

/// `10 log10(sum a^2 / sum (a - b)^2)`, infinite without noise, and as bad as can be with a NaN.
fn sqnr_db(right: &[f64], found: &[f64]) -> f64 {
    let signal: f64 = right.iter().map(|number| number * number).sum();
    let noise: f64 = right.iter().zip(found).map(|(right, found)| (right - found) * (right - found)).sum();
    match noise {
        0.0 => f64::INFINITY,
        noise if noise.is_finite() => 10.0 * (signal / noise).log10(),
        _ => f64::NEG_INFINITY,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::super::case::When;
    use super::*;

    fn verdict(expect: Expect, bound: f64, right: &[f64], found: &[f64]) -> Option<String> {
        let case = Case {
            name: "case".into(),
            model: PathBuf::new(),
            inputs: Vec::new(),
            outputs: Vec::new(),
            calib: None,
            options: Vec::new(),
            constants: BTreeMap::new(),
            expect,
            when: When::Now,
            bound,
            atol: 0.01,
            floor: 1.0,
            not_compared: Vec::new(),
            integer: false,
        };
        let array = |numbers: &[f64]| Array { element_type: "<f8".into(), numbers: numbers.to_vec() };
        output(&case, 0, &array(right), &array(found))
    }

    #[test]
    fn codes_may_be_so_far_apart() {
        assert_eq!(verdict(Expect::Codes, 1.0, &[3.0, -4.0], &[3.0, -5.0]), None);
        assert!(verdict(Expect::Codes, 1.0, &[3.0, -4.0], &[3.0, -6.0]).is_some());
        assert!(verdict(Expect::Codes, 0.0, &[3.0], &[3.0, 4.0]).is_some(), "another length");
    }

    #[test]
    fn reals_are_compared_by_the_largest() {
        assert_eq!(verdict(Expect::Reals, 0.01, &[100.0, 1.0], &[100.0, 1.9]), None);
        assert!(verdict(Expect::Reals, 0.01, &[100.0, 1.0], &[100.0, 2.1]).is_some());
        assert_eq!(verdict(Expect::Reals, 0.01, &[0.001], &[0.0109]), None, "below 1 the bound is absolute");
        assert!(verdict(Expect::Reals, 0.01, &[0.001], &[0.0111]).is_some());
        assert!(verdict(Expect::Reals, 0.01, &[1.0], &[f64::NAN]).is_some());
        assert_eq!(verdict(Expect::Reals, 0.01, &[f64::INFINITY], &[f64::INFINITY]), None);
    }

    #[test]
    fn close_numbers_are_so_one_by_one() {
        assert_eq!(verdict(Expect::Close, 0.1, &[100.0, 1.0], &[109.0, 1.1]), None);
        assert!(verdict(Expect::Close, 0.1, &[100.0, 1.0], &[100.0, 1.2]).is_some(), "large neighbors allow nothing");
        assert_eq!(verdict(Expect::Close, 0.1, &[0.0, f64::NAN], &[0.01, f64::NAN]), None);
        assert!(verdict(Expect::Close, 0.1, &[0.0], &[0.02]).is_some());
        assert!(verdict(Expect::Close, 0.1, &[f64::INFINITY], &[1.0]).is_some());
    }

    #[test]
    fn noise_is_measured_against_the_signal() {
        assert_eq!(verdict(Expect::SqnrDb, 20.0, &[10.0, 0.0], &[9.0, 0.0]), None);
        assert!(verdict(Expect::SqnrDb, 20.1, &[10.0, 0.0], &[9.0, 0.0]).is_some());
        assert_eq!(verdict(Expect::SqnrDb, 200.0, &[0.0], &[0.0]), None, "no noise");
        assert!(verdict(Expect::SqnrDb, 20.0, &[1.0], &[f64::NAN]).is_some());
    }

    #[test]
    fn a_result_that_is_no_number_does_not_count_as_run() {
        assert_eq!(verdict(Expect::Runs, 0.0, &[], &[]), None);
        let case = verdict(Expect::Runs, 0.0, &[0.0], &[f64::NAN]);
        assert!(case.is_some_and(|what| what.contains("NaN")));
    }
}
