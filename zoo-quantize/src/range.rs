//! How the range of an activation follows from what was seen of it.

use std::fmt;

use crate::QuantizeError;
use crate::grid::{Grid, Range};
use crate::observe::Seen;

/// How ranges are chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Method {
    /// From the least to the greatest number that was seen.
    MinMax,
    /// What lies between the percentiles `100 - p` and `p`; what lies outside is cut off.
    Percentile(f64),
    /// The one with the least mean squared error of what was seen.
    LeastSquares,
}

/// Steps in which the error is looked for, from a tenth of the whole range up to all of it.
const STEPS: usize = 46;
const NARROWEST: f32 = 0.1;

impl Method {
    /// The method of that name: `min-max`, `percentile`, `percentile:99.9` or `mse`.
    ///
    /// # Errors
    /// For a percentile that cannot be; nothing for a name that there is not.
    pub fn find(text: &str) -> Result<Option<Method>, QuantizeError> {
        Ok(match text.split_once(':').unwrap_or((text, "")) {
            ("min-max", "") => Some(Method::MinMax),
            ("mse", "") => Some(Method::LeastSquares),
            ("percentile", "") => Some(Method::Percentile(99.99)),
            ("percentile", number) => match number.parse::<f64>() {
                Ok(percent) if percent > 50.0 && percent <= 100.0 => Some(Method::Percentile(percent)),
                Ok(percent) => return Err(QuantizeError::Percentile(percent)),
                Err(_) => None,
            },
            _ => None,
        })
    }

    /// Whether it looks at more than the extremes.
    pub(crate) fn wants_sample(self) -> bool {
        self != Method::MinMax
    }

    /// The range for what was seen.
    pub fn range(self, seen: &Seen) -> Range {
        let whole = Range::new(seen.low, seen.high);
        match self {
            Method::MinMax => whole,
            Method::Percentile(percent) => {
                let mut sample = seen.sample.clone();
                sample.sort_unstable_by(f32::total_cmp);
                let at =
                    |share: f64| sample.get(((sample.len() as f64 - 1.0) * share).round().max(0.0) as usize).copied();
                let (low, high) = (at(1.0 - percent / 100.0), at(percent / 100.0));
                Range::new(low.unwrap_or(seen.low), high.unwrap_or(seen.high)).within(whole.low, whole.high)
            }
            Method::LeastSquares => least_squares(whole, &seen.sample),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::MinMax => f.write_str("min-max"),
            Method::Percentile(percent) => write!(f, "percentile:{percent}"),
            Method::LeastSquares => f.write_str("mse"),
        }
    }
}

/// Each end is moved in turn, twice; the ends hardly depend on each other.
fn least_squares(whole: Range, sample: &[f32]) -> Range {
    let share = |step: usize| NARROWEST + (1.0 - NARROWEST) * step as f32 / (STEPS - 1) as f32;
    let mut best = (error(whole, sample), whole);
    for _ in 0..2 {
        for step in 0..STEPS {
            let high = Range { high: whole.high * share(step), ..best.1 };
            let low = Range { low: whole.low * share(step), ..best.1 };
            for range in [high, low] {
                let found = error(range, sample);
                if found < best.0 {
                    best = (found, range);
                }
            }
        }
    }
    best.1
}

/// Sum of squared differences between numbers and their points.
fn error(range: Range, sample: &[f32]) -> f64 {
    let grid = Grid::of(range);
    let squared = |real: &f32| f64::from(grid.dequantize(grid.quantize(*real)) - real).powi(2);
    sample.iter().map(squared).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seen(sample: Vec<f32>) -> Seen {
        let fold = |start: f32, choose: fn(f32, f32) -> f32| sample.iter().copied().fold(start, choose);
        Seen { low: fold(f32::INFINITY, f32::min), high: fold(f32::NEG_INFINITY, f32::max), sample }
    }

    #[test]
    fn an_outlier_is_kept_by_min_max_alone() {
        let mut sample: Vec<f32> = (0..10_000).map(|number| number as f32 / 10_000.0).collect();
        sample.push(50.0);
        let seen = seen(sample);
        assert_eq!(Method::MinMax.range(&seen), Range { low: 0.0, high: 50.0 });
        assert!(Method::Percentile(99.9).range(&seen).high < 1.0);
        let squares = Method::LeastSquares.range(&seen);
        assert!(squares.low == 0.0 && squares.high < 50.0, "{squares:?}");
    }

    #[test]
    fn methods_are_found_by_their_words() -> Result<(), QuantizeError> {
        for method in [Method::MinMax, Method::Percentile(99.9), Method::LeastSquares] {
            assert_eq!(Method::find(&method.to_string())?, Some(method));
        }
        assert_eq!((Method::find("entropy")?, Method::find("percentile:x")?), (None, None));
        assert!(Method::find("percentile:101").is_err() && Method::find("percentile:nan").is_err());
        Ok(())
    }

    proptest! {
        #[test]
        fn every_range_lies_in_what_was_seen_and_has_zero(sample in prop::collection::vec(-9f32..9.0, 1..60)) {
            let seen = seen(sample);
            let whole = Method::MinMax.range(&seen);
            for method in [Method::MinMax, Method::Percentile(90.0), Method::LeastSquares] {
                let range = method.range(&seen);
                prop_assert!(range.low <= 0.0 && range.high >= 0.0, "{:?}", range);
                prop_assert!(range.low >= whole.low && range.high <= whole.high, "{:?} of {:?}", range, whole);
            }
            prop_assert!(error(Method::LeastSquares.range(&seen), &seen.sample) <= error(whole, &seen.sample));
        }
    }
}
