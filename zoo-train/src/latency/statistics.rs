//! What repeated times of one thing come to.
//!
//! Owns percentiles, spread, outliers and the interval of a ratio. Knows neither networks nor clocks.

use crate::train::random::{below, mix};

/// The modified z-score beyond which a value is an outlier (Iglewicz & Hoaglin 1993, "How to Detect and Handle Outliers").
const OUTLYING: f64 = 3.5;
/// The 0.75 quantile of the standard normal: MAD over it estimates a deviation.
const MAD_OF_NORMAL: f64 = 0.6745;
/// Resamples of the bootstrap; the ends of the interval then move by about a percent of its width.
const RESAMPLES: u64 = 10_000;

/// The figures of a sample of times.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Statistics {
    /// Median.
    pub p50: f64,
    /// 90th percentile.
    pub p90: f64,
    /// 99th percentile.
    pub p99: f64,
    /// Mean, outliers included.
    pub mean: f64,
    /// Standard deviation (n - 1), outliers included; 0 for a single value.
    pub std: f64,
    /// How many values are outliers, by the modified z-score over the median absolute deviation.
    pub outliers: usize,
    /// How many values there are.
    pub count: usize,
}

impl Statistics {
    /// Those of `values`; none where there are none.
    pub fn of(values: &[f64]) -> Option<Statistics> {
        let sorted = sorted(values);
        let (p50, count) = (percentile(&sorted, 0.5)?, sorted.len());
        let mean = sorted.iter().sum::<f64>() / count as f64;
        let squares = sorted.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
        Some(Statistics {
            p50,
            p90: percentile(&sorted, 0.9)?,
            p99: percentile(&sorted, 0.99)?,
            mean,
            std: (squares / (count.max(2) - 1) as f64).sqrt(),
            outliers: outliers(&sorted, p50),
            count,
        })
    }
}

/// The median; none of no values.
pub fn median(values: &[f64]) -> Option<f64> {
    percentile(&sorted(values), 0.5)
}

/// How far medians of rounds lie apart, in percent of their own median: 0 on a quiet machine.
pub fn spread(medians: &[f64]) -> f64 {
    let sorted = sorted(medians);
    match (sorted.first(), percentile(&sorted, 0.5), sorted.last()) {
        (Some(least), Some(middle), Some(most)) if middle > 0.0 => 100.0 * (most - least) / middle,
        _ => 0.0,
    }
}

/// A ratio with the ends of its 95 % confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// Geometric mean over the rounds.
    pub value: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl Ratio {
    /// The ratio of `ours` to `theirs`, medians of the same rounds in the same order, so that drift cancels; its interval
    /// by the percentile bootstrap over rounds (Efron & Tibshirani 1993, chapter 13). None where no round has both.
    pub fn of(ours: &[f64], theirs: &[f64]) -> Option<Ratio> {
        let logs: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| (a / b).ln()).collect();
        if logs.is_empty() {
            return None;
        }
        let mean_of = |resample: u64| {
            let draw = |index: usize| logs[below(mix(&[resample, index as u64]), logs.len())];
            (0..logs.len()).map(draw).sum::<f64>() / logs.len() as f64
        };
        let means = sorted(&(0..RESAMPLES).map(mean_of).collect::<Vec<f64>>());
        let value = (logs.iter().sum::<f64>() / logs.len() as f64).exp();
        Some(Ratio { value, low: percentile(&means, 0.025)?.exp(), high: percentile(&means, 0.975)?.exp() })
    }
}

/// The value below which `share` of the sorted values lie, interpolated between neighbours.
fn percentile(sorted: &[f64], share: f64) -> Option<f64> {
    let place = share * sorted.len().checked_sub(1)? as f64;
    let (below, above) = (sorted[place.floor() as usize], sorted[place.ceil() as usize]);
    Some(below + (above - below) * place.fract())
}

fn outliers(values: &[f64], median: f64) -> usize {
    let deviations: Vec<f64> = values.iter().map(|value| (value - median).abs()).collect();
    let mad = percentile(&sorted(&deviations), 0.5).unwrap_or(0.0);
    // Where over half of the values are equal, MAD is 0 and says nothing of the others.
    deviations.iter().filter(|deviation| mad > 0.0 && MAD_OF_NORMAL * **deviation / mad > OUTLYING).count()
}

fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(values: &[f64]) -> Statistics {
        Statistics::of(values).unwrap()
    }

    #[test]
    fn percentiles_are_interpolated_as_numpy_does() {
        let values: Vec<f64> = (1..=10).rev().map(f64::from).collect();
        let found = of(&values);
        assert_eq!((found.p50, found.mean, found.count), (5.5, 5.5, 10));
        assert!((found.p90 - 9.1).abs() < 1e-12 && (found.p99 - 9.91).abs() < 1e-12, "{found:?}");
        assert!((found.std - 3.027_650_354).abs() < 1e-8, "{found:?}");
        assert_eq!(of(&[7.0]), Statistics { p50: 7.0, p90: 7.0, p99: 7.0, mean: 7.0, std: 0.0, outliers: 0, count: 1 });
        assert_eq!(Statistics::of(&[]), None);
    }

    #[test]
    fn a_value_far_out_is_an_outlier_and_one_at_the_edge_is_not() {
        // Median 5, MAD 2: the score passes 3.5 beyond a distance of 10.4.
        let mut values: Vec<f64> = (1..=9).map(f64::from).collect();
        assert_eq!(of(&values).outliers, 0);
        values[8] = 15.0;
        assert_eq!(of(&values).outliers, 0);
        values[8] = 15.5;
        assert_eq!(of(&values).outliers, 1);
    }

    #[test]
    fn an_interval_holds_the_true_ratio_and_narrows_with_the_noise() {
        // Five levels around 2, each as often as the others.
        let noisy = |noise: f64| -> Vec<f64> {
            (0..20u8).map(|round| 2.0 + noise * (f64::from(round % 5) / 4.0 - 0.5)).collect()
        };
        let theirs = vec![4.0; 20];
        let (quiet, loud) = (Ratio::of(&noisy(0.02), &theirs).unwrap(), Ratio::of(&noisy(0.4), &theirs).unwrap());
        assert!(quiet.low <= 0.5 && 0.5 <= quiet.high && loud.low <= 0.5 && 0.5 <= loud.high, "{quiet:?} {loud:?}");
        assert!(quiet.high - quiet.low < 0.2 * (loud.high - loud.low), "{quiet:?} {loud:?}");
        assert_eq!(Ratio::of(&[], &[]), None);
    }

    #[test]
    fn drift_that_hits_both_sides_leaves_the_ratio_alone() {
        let ours: Vec<f64> = (0..10).map(|round| 3.0 * 1.1f64.powi(round)).collect();
        let theirs: Vec<f64> = ours.iter().map(|value| value / 1.5).collect();
        let ratio = Ratio::of(&ours, &theirs).unwrap();
        assert!((ratio.low - 1.5).abs() < 1e-9 && (ratio.high - 1.5).abs() < 1e-9, "{ratio:?}");
        assert!(
            (spread(&ours) - 100.0 * (1.1f64.powi(9) - 1.0) / ((1.1f64.powi(4) + 1.1f64.powi(5)) / 2.0)).abs() < 1e-9
        );
    }
}
