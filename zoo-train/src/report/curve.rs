//! Which accuracies belong on one line, and which a reader would be misled by.

use std::collections::{BTreeMap, HashSet};

use super::network::{FamilyName, Network, dataset_title};
use super::observation::{Kind, Observation, rounded};

/// Accuracies that one line may join, in its order.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// Name of the family's table.
    pub family: String,
    /// Where its accuracies come from.
    pub kind: Kind,
    /// The accuracies.
    pub points: Vec<&'a Observation>,
}

impl Curve<'_> {
    /// Side of the input, where all its points share one.
    pub fn input_size(&self) -> Option<u32> {
        self.shared(|network| f64::from(network.input_size)).map(|size| size as u32)
    }

    /// Width multiplier, where all its points share one.
    pub fn width(&self) -> Option<f64> {
        self.shared(|network| network.width)
    }

    fn shared(&self, axis: impl Fn(&Network) -> f64) -> Option<f64> {
        let mut values = self.points.iter().filter_map(|point| point.network.as_ref()).map(axis);
        let first = values.next()?;
        values.all(|value| value == first).then_some(first)
    }
}

/// An axis of a network along which a line may go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Along {
    /// All of them at once, as compound scaling does; a grid becomes one line of widths for each input size.
    Cost,
    /// Width multiplier, all else equal.
    Width,
    /// Input size, all else equal.
    InputSize,
}

/// Lines and single points of one data set, and what was not joined and why.
#[derive(Clone, Debug, Default)]
pub struct Curves<'a> {
    /// The lines; some have one point.
    pub curves: Vec<Curve<'a>>,
    /// A sentence for each family whose runs differ in their number of epochs.
    pub notes: Vec<String>,
}

/// The lines through `observations`, all of one data set.
pub fn curves<'a>(observations: &[&'a Observation], along: Along) -> Curves<'a> {
    let mut groups: BTreeMap<(Kind, String, String, String), Vec<&'a Observation>> = BTreeMap::new();
    for observation in observations {
        if let Some(network) = &observation.network {
            let key = (observation.kind, network.family.clone(), network.profile.clone(), observation.set.clone());
            groups.entry(key).or_default().push(observation);
        }
    }
    let mut found = Curves::default();
    for ((kind, family, profile, _), points) in groups {
        let by_epochs = of_equal_epochs(&points);
        let would_join = || chains(points.clone(), along).iter().any(|line| of_equal_epochs(line).len() > 1);
        if by_epochs.len() > 1 && would_join() {
            found.notes.push(unequal(&family, &profile, &points, by_epochs.keys()));
        }
        for points in by_epochs.into_values() {
            for points in chains(points, along) {
                found.curves.push(Curve { family: family.clone(), kind, points });
            }
        }
    }
    found
}

/// Accuracies by their number of epochs. A longer run is better for reasons that are not the network's.
fn of_equal_epochs<'a>(points: &[&'a Observation]) -> BTreeMap<String, Vec<&'a Observation>> {
    let mut groups: BTreeMap<String, Vec<&Observation>> = BTreeMap::new();
    for point in points {
        let epochs = point.epochs.map(|epochs| rounded(epochs, 2)).unwrap_or_default();
        groups.entry(epochs).or_default().push(point);
    }
    groups
}

fn unequal<'a>(
    family: &str,
    profile: &str,
    points: &[&Observation],
    epochs: impl Iterator<Item = &'a String>,
) -> String {
    let mut epochs: Vec<f64> = epochs.filter_map(|text| text.parse().ok()).collect();
    epochs.sort_by(f64::total_cmp);
    let epochs: Vec<String> = epochs.into_iter().map(|value| rounded(value, 2)).collect();
    let dataset = points.first().map_or("", |point| dataset_title(&point.dataset));
    let (family, listed) = (FamilyName::of(family), epochs.join(", "));
    format!("{family} on {dataset} ({profile}): runs of unequal epochs ({listed}) are not joined by a line.")
}

/// Splits accuracies of one family into lines along which the networks only grow.
fn chains<'a>(mut points: Vec<&'a Observation>, along: Along) -> Vec<Vec<&'a Observation>> {
    // Of several rows for one network in one set, the first: the source's tables come before its figures.
    let mut seen = HashSet::new();
    points.retain(|point| point.kind == Kind::Measured || seen.insert(point.network.as_ref().map(Network::identity)));
    if along == Along::Cost {
        let mut sorted = points.clone();
        sorted.sort_by(|one, other| axes(one).partial_cmp(&axes(other)).unwrap_or(std::cmp::Ordering::Equal));
        sorted.sort_by(|one, other| one.macs.unwrap_or(0.0).total_cmp(&other.macs.unwrap_or(0.0)));
        if sorted.windows(2).all(|pair| grows(pair[0], pair[1])) {
            return vec![sorted];
        }
    }
    let fixed = |point: &Observation| {
        let (width, depth, size) = axes(point);
        match along {
            Along::Cost | Along::Width => format!("{depth} {size:05}"),
            Along::InputSize => format!("{width} {depth}"),
        }
    };
    let mut lines: BTreeMap<String, Vec<&Observation>> = BTreeMap::new();
    for point in points {
        lines.entry(fixed(point)).or_default().push(point);
    }
    let moving = |point: &Observation| if along == Along::InputSize { axes(point).2 } else { axes(point).0 };
    lines.values_mut().for_each(|line| line.sort_by(|one, other| moving(one).total_cmp(&moving(other))));
    // One network trained twice in the same time is two points, not a vertical line.
    let split = |line: Vec<&'a Observation>| {
        let repeats = line.windows(2).any(|pair| moving(pair[0]) == moving(pair[1]));
        if repeats { line.into_iter().map(|point| vec![point]).collect() } else { vec![line] }
    };
    lines.into_values().flat_map(split).collect()
}

fn axes(point: &Observation) -> (f64, f64, f64) {
    point
        .network
        .as_ref()
        .map_or((0.0, 0.0, 0.0), |network| (network.width, network.depth, f64::from(network.input_size)))
}

/// Whether no axis shrinks from one network to the next, and one grows.
fn grows(from: &Observation, to: &Observation) -> bool {
    let ((w0, d0, s0), (w1, d1, s1)) = (axes(from), axes(to));
    w1 >= w0 && d1 >= d0 && s1 >= s0 && (w1, d1, s1) != (w0, d0, s0)
}

/// Positions of those `(cost, accuracy)` that no other beats in both, from the cheapest on.
pub fn front(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..points.len()).collect();
    order.sort_by(|&one, &other| {
        points[one].0.total_cmp(&points[other].0).then(points[other].1.total_cmp(&points[one].1))
    });
    let mut best = f64::NEG_INFINITY;
    order.retain(|&at| {
        let better = points[at].1 > best;
        best = best.max(points[at].1);
        better
    });
    order
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;

    use super::*;

    fn point(model: &str, axes: (f64, f64, u32), epochs: Option<f64>) -> Observation {
        let network = Network::new(&Registry::default(), model, axes, "native");
        Observation {
            id: String::new(),
            kind: if epochs.is_some() { Kind::Measured } else { Kind::Published },
            model: model.into(),
            dataset: "cifar10".into(),
            epochs,
            top1: 70.0 + axes.0,
            deviation: None,
            params: None,
            macs: Some(axes.0 * axes.0 * axes.1 * f64::from(axes.2).powi(2)),
            latency: None,
            set: "set".into(),
            names: vec![],
            network: Some(network),
        }
    }

    fn lengths(points: &[Observation], along: Along) -> Vec<usize> {
        let points: Vec<&Observation> = points.iter().collect();
        curves(&points, along).curves.iter().map(|curve| curve.points.len()).collect()
    }

    #[test]
    fn a_grid_becomes_a_line_of_widths_for_each_size() {
        let grid: Vec<_> = [0.25, 0.5, 1.0]
            .iter()
            .flat_map(|&width| [128, 224].map(|size| point("mobilenet-v1", (width, 1.0, size), None)))
            .collect();
        assert_eq!(lengths(&grid, Along::Cost), [3, 3]);
        assert_eq!(lengths(&grid, Along::Width), [3, 3]);
        assert_eq!(lengths(&grid, Along::InputSize), [2, 2, 2]);
    }

    #[test]
    fn compound_scaling_is_one_line() {
        let points = [
            ("efficientnet-b1", (1.0, 1.1, 240)),
            ("efficientnet-b0", (1.0, 1.0, 224)),
            ("efficientnet-b3", (1.2, 1.4, 300)),
        ];
        let points = points.map(|(model, axes)| point(model, axes, None));
        assert_eq!(lengths(&points, Along::Cost), [3]);
        assert_eq!(lengths(&points, Along::Width), [1, 1, 1]);
    }

    #[test]
    fn runs_of_unequal_epochs_are_not_joined_and_that_is_said() {
        let widths = |epochs: [f64; 3]| {
            [0.35, 0.5, 1.0]
                .iter()
                .zip(epochs)
                .map(|(&width, epochs)| point("mobilenet-v2", (width, 1.0, 32), Some(epochs)))
                .collect()
        };
        let equal: Vec<Observation> = widths([10.0, 10.0, 10.0]);
        assert_eq!(lengths(&equal, Along::Cost), [3]);
        let unequal: Vec<Observation> = widths([10.0, 10.0, 30.0]);
        assert_eq!(lengths(&unequal, Along::Cost), [2, 1]);
        let points: Vec<&Observation> = unequal.iter().collect();
        assert_eq!(
            curves(&points, Along::Cost).notes,
            ["MobileNetV2 on CIFAR-10 (native): runs of unequal epochs (10, 30) are not joined by a line."]
        );
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        let points = [(3.0, 70.0), (1.0, 60.0), (2.0, 59.0), (4.0, 70.0), (1.0, 61.0)];
        assert_eq!(front(&points), [4, 0]);
        assert!(front(&[]).is_empty());
    }
}
