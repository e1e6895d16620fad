//! What repeated times of one thing come to.
//!
//! Owns percentiles, spread, outliers and the interval of a ratio. Knows neither networks nor clocks.

/// The modified z-score beyond which a value is an outlier (Iglewicz & Hoaglin 1993, "How to Detect and Handle Outliers").
const OUTLYING: f64 = 3.5;
/// The 0.75 quantile of the standard normal: MAD over it estimates a deviation.
const MAD_OF_NORMAL: f64 = 0.6745;

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
    /// The ratio of `ours` to `theirs`, medians of the same rounds in the same order, so that drift cancels; its interval is
    /// Student's of the mean of the rounds' logarithms, without end for a single round. None where no round has both.
    pub fn of(ours: &[f64], theirs: &[f64]) -> Option<Ratio> {
        let logs: Vec<f64> = ours.iter().zip(theirs).map(|(a, b)| (a / b).ln()).collect();
        let found = Statistics::of(&logs)?;
        let reach = match logs.len() {
            1 => f64::INFINITY,
            count => student(count - 1) * found.std / (count as f64).sqrt(),
        };
        Some(Ratio { value: found.mean.exp(), low: (found.mean - reach).exp(), high: (found.mean + reach).exp() })
    }
}

/// The 0.975 quantile of Student's distribution: from a table for few degrees of freedom, then by Cornish and Fisher's
/// expansion (Abramowitz and Stegun 1964, 26.7.5), which is right to three digits from there on.
fn student(degrees: usize) -> f64 {
    const FEW: [f64; 5] = [12.706, 4.303, 3.182, 2.776, 2.571];
    const NORMAL: f64 = 1.959_964;
    if let Some(quantile) = degrees.checked_sub(1).and_then(|place| FEW.get(place)) {
        return *quantile;
    }
    let power = |exponent: i32| NORMAL.powi(exponent);
    let terms = [
        (power(3) + NORMAL) / 4.0,
        (5.0 * power(5) + 16.0 * power(3) + 3.0 * NORMAL) / 96.0,
        (3.0 * power(7) + 19.0 * power(5) + 17.0 * power(3) - 15.0 * NORMAL) / 384.0,
    ];
    let degrees = degrees as f64;
    NORMAL + terms.iter().rev().fold(0.0, |sum, term| (sum + term) / degrees)
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
        let single = Ratio::of(&[1.0], &[2.0]).unwrap();
        assert_eq!((single.value, single.low, single.high), (0.5, 0.0, f64::INFINITY));
    }

    #[test]
    fn an_interval_is_as_wide_as_student_says() {
        for (degrees, quantile) in
            [(1, 12.706), (4, 2.776), (5, 2.571), (6, 2.447), (9, 2.262), (14, 2.145), (100, 1.984)]
        {
            assert!((student(degrees) - quantile).abs() < 2e-3, "{degrees}: {}", student(degrees));
        }
        // Logarithms -0.1, 0 and 0.1: mean 0, deviation 0.1.
        let ours = [-0.1f64, 0.0, 0.1].map(f64::exp);
        let ratio = Ratio::of(&ours, &[1.0; 3]).unwrap();
        assert!((ratio.high.ln() - 4.303 * 0.1 / 3f64.sqrt()).abs() < 1e-9, "{ratio:?}");
        assert!((ratio.low * ratio.high - 1.0).abs() < 1e-9, "{ratio:?}");
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
