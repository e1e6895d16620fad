//! An axis: its range, where its labels stand and how they read.

use plotters::coord::ranged1d::{KeyPointHint, NoDefaultFormatting, Ranged, ValueFormatter};

use super::observation::rounded;

/// How a value is written at the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// With the letter of its thousands: `300M`.
    Count,
    /// As it is.
    Plain,
    /// Whole pixels, in steps of powers of two.
    Pixels,
}

/// One axis of a figure.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis {
    /// What it shows, with the unit.
    pub title: String,
    unit: Unit,
    logarithmic: bool,
    low: f64,
    high: f64,
    labels: Vec<f64>,
}

impl Axis {
    /// An axis that has room for all `values`; `None` where there are none.
    pub fn around(title: &str, unit: Unit, logarithmic: bool, values: impl IntoIterator<Item = f64>) -> Option<Axis> {
        let values: Vec<f64> = values.into_iter().filter(|value| !logarithmic || *value > 0.0).collect();
        let to = |value: f64| if logarithmic { value.log10() } else { value };
        let low = values.iter().copied().map(to).reduce(f64::min)?;
        let high = values.iter().copied().map(to).reduce(f64::max)?;
        // A single value still needs an axis on both sides of it.
        let least = if logarithmic { 0.3 } else { 0.02 * high.abs().max(1.0) };
        let margin = (0.06 * (high - low)).max(least);
        let from = |value: f64| if logarithmic { 10f64.powf(value) } else { value };
        let (low, high) = (from(low - margin), from(high + margin));
        let labels = if logarithmic { decades(low, high) } else { steps(low, high, unit) };
        Some(Axis { title: title.into(), unit, logarithmic, low, high, labels })
    }

    /// An axis from `low` to `high` exactly.
    pub fn fixed(title: &str, low: f64, high: f64) -> Axis {
        let labels = steps(low, high, Unit::Plain);
        Axis { title: title.into(), unit: Unit::Plain, logarithmic: false, low, high, labels }
    }

    /// An axis that shows nothing.
    pub fn unlabelled() -> Axis {
        Axis { labels: Vec::new(), ..Axis::fixed("", 0.0, 1.0) }
    }

    /// With at most `count` labels.
    pub fn with_labels(mut self, count: usize) -> Axis {
        while self.labels.len() > count.max(2) {
            // Powers of ten outlast the values between them.
            let round = |value: &f64| self.logarithmic && (value.log10() - value.log10().round()).abs() < 1e-9;
            let decades: Vec<f64> = self.labels.iter().copied().filter(round).collect();
            self.labels = if decades.len() >= 2 && decades.len() < self.labels.len() {
                decades
            } else {
                self.labels.iter().copied().step_by(2).collect()
            };
        }
        self
    }

    fn place(&self, value: f64) -> f64 {
        let to = |value: f64| if self.logarithmic { value.log10() } else { value };
        (to(value) - to(self.low)) / (to(self.high) - to(self.low))
    }
}

impl Ranged for Axis {
    type FormatOption = NoDefaultFormatting;
    type ValueType = f64;

    fn map(&self, value: &f64, limit: (i32, i32)) -> i32 {
        let length = f64::from(limit.1 - limit.0);
        limit.0 + (self.place(*value) * length).round() as i32
    }

    fn key_points<Hint: KeyPointHint>(&self, hint: Hint) -> Vec<f64> {
        if hint.weight().allow_light_points() { Vec::new() } else { self.labels.clone() }
    }

    fn range(&self) -> std::ops::Range<f64> {
        self.low..self.high
    }
}

impl ValueFormatter<f64> for Axis {
    fn format(value: &f64) -> String {
        rounded(*value, 3)
    }

    fn format_ext(&self, value: &f64) -> String {
        match self.unit {
            Unit::Count => {
                let (divisor, letter) = [(1e9, "G"), (1e6, "M"), (1e3, "k")]
                    .into_iter()
                    .find(|(divisor, _)| *value >= *divisor * 0.999_999)
                    .unwrap_or((1.0, ""));
                format!("{}{letter}", rounded(value / divisor, 2))
            }
            Unit::Plain | Unit::Pixels => rounded(*value, 3),
        }
    }
}

/// 1, 2 and 5 in every power of ten, or the powers alone where there are many.
fn decades(low: f64, high: f64) -> Vec<f64> {
    let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
    let steps: &[f64] = if last - first > 4 { &[1.0] } else { &[1.0, 2.0, 5.0] };
    let all = (first..=last).flat_map(|power| steps.iter().map(move |step| step * 10f64.powi(power)));
    all.filter(|value| (low..=high).contains(value)).collect()
}

/// Multiples of a round number.
fn steps(low: f64, high: f64, unit: Unit) -> Vec<f64> {
    let rough = (high - low) / 5.0;
    let step = if unit == Unit::Pixels {
        2f64.powf(rough.max(1.0).log2().round())
    } else {
        let power = 10f64.powf(rough.log10().floor());
        let round = [1.0, 2.0, 2.5, 5.0, 10.0].map(|factor| factor * power);
        round.into_iter().find(|step| *step >= rough * 0.999).unwrap_or(10.0 * power)
    };
    let first = (low / step).ceil() as i64;
    let last = (high / step).floor() as i64;
    (first..=last).map(|number| number as f64 * step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_round_numbers_within_the_axis() {
        let percent = Axis::around("", Unit::Plain, false, [50.6, 84.3]);
        assert_eq!(percent.map(|axis| axis.labels), Some(vec![50.0, 60.0, 70.0, 80.0]));
        let pixels = Axis::around("", Unit::Pixels, false, [96.0, 224.0]);
        assert_eq!(pixels.map(|axis| axis.labels), Some(vec![96.0, 128.0, 160.0, 192.0, 224.0]));
    }

    #[test]
    fn a_logarithmic_axis_has_decades() {
        let macs = Axis::around("", Unit::Count, true, [13.6e6, 37.7e9]);
        let texts: Option<Vec<String>> =
            macs.map(|axis| axis.clone().with_labels(5).labels.iter().map(|value| axis.format_ext(value)).collect());
        assert_eq!(texts, Some(["10M", "100M", "1G", "10G"].map(String::from).to_vec()));
    }

    #[test]
    fn one_value_is_enough_for_an_axis_and_none_is_not() {
        assert!(Axis::around("", Unit::Plain, false, [84.6]).is_some_and(|axis| axis.low < 84.6 && axis.high > 84.6));
        assert_eq!(Axis::around("", Unit::Count, true, [0.0]), None);
    }
}
