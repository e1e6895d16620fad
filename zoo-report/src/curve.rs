//! Which accuracies belong on one line, and which a reader would be misled by.

use std::collections::BTreeMap;

use zoo_core::InputSize;

use super::family::Family;
use super::network::Network;
use super::observation::{Kind, Observation, rounded};
use super::run::Recipe;

/// Accuracies that one line may join, in its order.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// The family of its networks.
    pub family: Family,
    /// Where its accuracies come from.
    pub kind: Kind,
    /// The accuracies.
    pub points: Vec<&'a Observation>,
}

impl Curve<'_> {
    /// Size of the input, where all its points share one.
    pub fn input_size(&self) -> Option<InputSize> {
        self.shared(|network| network.input_size)
    }

    /// Width multiplier, where all its points share one.
    pub fn width(&self) -> Option<f64> {
        self.shared(|network| network.width)
    }

    fn shared<T: PartialEq + Copy>(&self, axis: impl Fn(&Network) -> T) -> Option<T> {
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
    /// A sentence that names the families whose runs differ in their number of epochs or their recipe, and one for those
    /// that come several times.
    pub notes: Vec<String>,
}

/// What a line has in common, its terms aside: kind, family, profile, set.
type Group<'a> = (Kind, &'a Family, &'a str, &'a str);

/// The lines through `observations`, all of one data set.
pub fn curves<'a>(observations: &[&'a Observation], along: Along) -> Curves<'a> {
    let mut groups: BTreeMap<Group<'a>, Vec<&'a Observation>> = BTreeMap::new();
    for observation in observations {
        if let Some(network) = &observation.network {
            let key = (observation.kind, &network.family, network.profile.as_str(), observation.set.as_str());
            groups.entry(key).or_default().push(observation);
        }
    }
    let mut found = Curves::default();
    let (mut apart, mut repeated) = (Vec::new(), Vec::new());
    for ((kind, family, profile, _), points) in groups {
        let differ = not_joined(&points, along);
        apart.extend(differ.map(|differ| format!("{} {profile} ({differ})", family)));
        let mut curve = |points| found.curves.push(Curve { family: family.clone(), kind, points });
        for points in of_equal_terms(&points).into_values() {
            let (newest, others) = newest(points);
            let lines = chains(newest, along);
            repeated.extend(others.iter().copied().filter(|other| lines.iter().any(|line| passes(line, other))));
            lines.into_iter().for_each(&mut curve);
            others.into_iter().for_each(|other| curve(vec![other]));
        }
    }
    if !apart.is_empty() {
        let apart = apart.join(", ");
        found.notes.push(format!("Runs with different epochs or recipes are not joined by a line: {apart}."));
    }
    if !repeated.is_empty() {
        found.notes.push(several(&repeated));
    }
    found
}

/// Accuracies by their terms. A longer run is better for reasons that are not the network's, and so is another recipe.
/// Published ones do not tell their recipe, and share one.
fn of_equal_terms<'a>(points: &[&'a Observation]) -> BTreeMap<(String, &'a Recipe), Vec<&'a Observation>> {
    let mut groups: BTreeMap<_, Vec<&Observation>> = BTreeMap::new();
    for point in points {
        groups.entry(point.terms()).or_default().push(point);
    }
    groups
}

/// Of several accuracies of one network, the one to draw a line through, and the others. Of ours that is the newest; of one
/// source only the first is shown, as its tables come before its figures.
fn newest(points: Vec<&Observation>) -> (Vec<&Observation>, Vec<&Observation>) {
    let mut kept: Vec<&Observation> = Vec::new();
    let mut others = Vec::new();
    for point in points {
        match kept.iter_mut().find(|other| is_same(other, point)) {
            None => kept.push(point),
            Some(_) if point.kind == Kind::Published => {}
            Some(other) if other.newest < point.newest => others.push(std::mem::replace(other, point)),
            Some(_) => others.push(point),
        }
    }
    (kept, others)
}

/// Whether a line of several networks goes through that of `other`.
fn passes(line: &[&Observation], other: &Observation) -> bool {
    line.len() > 1 && line.iter().any(|point| is_same(point, other))
}

/// In what those differ that would be one line, were it not for the terms.
fn not_joined(points: &[&Observation], along: Along) -> Option<String> {
    let lines = lines(points.to_vec(), along);
    // One network in several terms is no line.
    let differ = |other: &dyn Fn(&Observation, &Observation) -> bool| {
        let pairs = |line: &Vec<&Observation>| {
            line.iter().any(|one| line.iter().any(|two| !is_same(one, two) && other(one, two)))
        };
        lines.iter().any(pairs)
    };
    let epochs = differ(&|one, two| one.terms().0 != two.terms().0).then(|| {
        let mut epochs: Vec<f64> = points.iter().filter_map(|point| point.terms().0.parse().ok()).collect();
        epochs.sort_by(f64::total_cmp);
        epochs.dedup();
        format!("{} epochs", list(epochs.into_iter().map(|value| rounded(value, 2)).collect()))
    });
    let recipes = differ(&|one, two| one.recipe != two.recipe).then(|| "several recipes".to_string());
    let what: Vec<String> = epochs.into_iter().chain(recipes).collect();
    (!what.is_empty()).then(|| what.join(", "))
}

fn several(repeated: &[&Observation]) -> String {
    let mut names: Vec<String> =
        repeated.iter().filter_map(|point| point.network.as_ref()).map(Network::title).collect();
    names.sort();
    names.dedup();
    format!("Where there are several runs of a network ({}), lines go through the newest.", names.join("; "))
}

/// `10, 20 and 30`.
fn list(mut items: Vec<String>) -> String {
    match (items.pop(), items.is_empty()) {
        (None, _) => String::new(),
        (Some(only), true) => only,
        (Some(last), false) => format!("{} and {last}", items.join(", ")),
    }
}

/// Splits accuracies of one family, each of another network, into lines along which the networks only grow.
fn chains(points: Vec<&Observation>, along: Along) -> Vec<Vec<&Observation>> {
    if along == Along::Cost {
        let mut sorted = points.clone();
        sorted.sort_by(|one, other| axes(one).partial_cmp(&axes(other)).unwrap_or(std::cmp::Ordering::Equal));
        sorted.sort_by(|one, other| one.macs.unwrap_or(0.0).total_cmp(&other.macs.unwrap_or(0.0)));
        if sorted.windows(2).all(|pair| grows(pair[0], pair[1])) {
            return vec![sorted];
        }
    }
    lines(points, along)
}

/// Accuracies that differ along one axis alone, in its order.
fn lines(points: Vec<&Observation>, along: Along) -> Vec<Vec<&Observation>> {
    // A family that grows by cells of its table, from variant to variant, and by no multiplier beside it is one line.
    let by_cells = along == Along::Cost && points.windows(2).all(|pair| axes(pair[0]).0 == axes(pair[1]).0);
    let fixed = |point: &Observation| {
        let (width, depth, size) = axes(point);
        match along {
            Along::Cost if by_cells => format!("{depth} {size:05}"),
            Along::Cost | Along::Width => format!("{:?} {depth} {size:05}", varied(point)),
            Along::InputSize => format!("{:?} {width} {depth}", varied(point)),
        }
    };
    let mut lines: BTreeMap<String, Vec<&Observation>> = BTreeMap::new();
    for point in points {
        lines.entry(fixed(point)).or_default().push(point);
    }
    let moving = |point: &Observation| match along {
        Along::InputSize => axes(point).2,
        Along::Cost if by_cells => point.macs.unwrap_or(0.0),
        Along::Cost | Along::Width => axes(point).0,
    };
    lines.values_mut().for_each(|line| line.sort_by(|one, other| moving(one).total_cmp(&moving(other))));
    lines.into_values().collect()
}

fn axes(point: &Observation) -> (f64, f64, f64) {
    point.network.as_ref().map_or((0.0, 0.0, 0.0), |network| (network.width, network.depth, network.side()))
}

/// What its variant has in the cells of its table.
fn varied(point: &Observation) -> Option<&[u32]> {
    point.network.as_ref().map(|network| &network.varied[..])
}

/// Whether two accuracies are of one network.
fn is_same(one: &Observation, other: &Observation) -> bool {
    axes(one) == axes(other) && varied(one) == varied(other)
}

/// Whether no axis shrinks from one network to the next, which is another one. Those of equal axes come by their MACs.
fn grows(from: &Observation, to: &Observation) -> bool {
    let ((w0, d0, s0), (w1, d1, s1)) = (axes(from), axes(to));
    w1 >= w0 && d1 >= d0 && s1 >= s0 && !is_same(from, to)
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
            recipe: Recipe::default(),
            top1: 70.0 + axes.0,
            top1_ema: None,
            deviation: None,
            params: None,
            macs: Some(axes.0 * axes.0 * axes.1 * f64::from(axes.2).powi(2)),
            latency: None,
            set: "set".into(),
            names: vec![],
            table: String::new(),
            apart: String::new(),
            newest: 0,
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
    fn variants_that_differ_in_cells_alone_are_one_line_by_cost_and_points_by_width() {
        let millions = [("shufflenet-v2", 146.0), ("shufflenet-v2-0.5", 41.0), ("shufflenet-v2-2.0", 591.0)];
        let points = |size: u32| {
            millions.map(|(name, at_224)| {
                let macs = Some(at_224 * (f64::from(size) / 224.0).powi(2));
                Observation { macs, ..point(name, (1.0, 1.0, size), None) }
            })
        };
        assert_eq!(lengths(&points(224), Along::Cost), [3]);
        assert_eq!(lengths(&[points(160), points(224)].concat(), Along::Cost), [3, 3]);
        assert_eq!(lengths(&points(224), Along::Width), [1, 1, 1]);
        assert_eq!(lengths(&[points(160), points(224)].concat(), Along::InputSize), [2, 2, 2]);
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
            ["Runs with different epochs or recipes are not joined by a line: MobileNetV2 native (10 and 30 epochs)."]
        );
    }

    fn notes(points: &[Observation]) -> Vec<String> {
        curves(&points.iter().collect::<Vec<_>>(), Along::Cost).notes
    }

    #[test]
    fn runs_of_different_recipes_are_not_joined_and_that_is_said() {
        let mut points = [0.35, 0.5, 1.0].map(|width| point("mobilenet-v2", (width, 1.0, 32), Some(10.0)));
        points[2].recipe.hash = "0a".into();
        assert_eq!(lengths(&points, Along::Cost), [2, 1]);
        let said = "Runs with different epochs or recipes are not joined by a line: MobileNetV2 native (several \
                    recipes).";
        assert_eq!(notes(&points), [said]);
        points[1].recipe.hash = "0a".into();
        points[0].recipe.hash = "0a".into();
        assert_eq!((lengths(&points, Along::Cost), notes(&points)), (vec![3], vec![]));
    }

    #[test]
    fn a_line_goes_through_the_newest_run_of_a_network_and_that_is_said() {
        let mut points = [0.35, 1.0, 1.0, 1.4].map(|width| point("mobilenet-v2", (width, 1.0, 32), Some(10.0)));
        (points[1].newest, points[2].newest) = (1, 2);
        assert_eq!(lengths(&points, Along::Cost), [3, 1]);
        let found: Vec<&Observation> = points.iter().collect();
        let found = curves(&found, Along::Width);
        assert!(found.curves[0].points.iter().any(|point| point.newest == 2));
        let said = "Where there are several runs of a network (mobilenet-v2, 32 px), lines go through the newest.";
        assert_eq!(found.notes, [said]);
        // Alone they are points, and nothing is to be said.
        assert_eq!((lengths(&points[1..3], Along::Cost), notes(&points[1..3])), (vec![1, 1], vec![]));
        // A family that is scaled in all axes stays one line.
        let compound = [
            ("efficientnet-b0", 1.0, 1.0, 224),
            ("efficientnet-b0", 1.0, 1.0, 224),
            ("efficientnet-b1", 1.0, 1.1, 240),
        ];
        let compound = compound.map(|(model, width, depth, size)| point(model, (width, depth, size), Some(10.0)));
        assert_eq!(lengths(&compound, Along::Cost), [2, 1]);
    }

    #[test]
    fn the_front_is_what_nothing_beats() {
        let points = [(3.0, 70.0), (1.0, 60.0), (2.0, 59.0), (4.0, 70.0), (1.0, 61.0)];
        assert_eq!(front(&points), [4, 0]);
        assert!(front(&[]).is_empty());
    }
}
