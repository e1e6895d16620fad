//! What the ways to grow a network cost in time where they cost the same MACs.

use super::super::axis::Axis;
use super::super::family::Family;
use super::super::figure::{Bars, Drawing, Figure, Group, Missing, Part};
use super::super::latencies::{Newest, Timed, main_condition};
use super::super::observation::scaled;
use super::super::rows::Rows;
use super::way::Way;

/// MACs within this factor of the least are called equal.
const EQUAL: f64 = 1.02;

/// Fewer ways than these are no comparison.
const FEWEST_WAYS: usize = 3;

/// Networks of equal MACs that have grown from one base, each in its own way.
struct Rivals<'a> {
    base: Timed<'a>,
    grown: Vec<(Way, Timed<'a>)>,
}

/// A group of bars for each family whose rows have several ways to the same MACs.
pub fn latency(rows: &Rows) -> Result<Figure, Missing> {
    let missing = || Missing {
        sentence: "No latency at equal MACs yet: no family has latencies of several ways to scale to the same MACs."
            .into(),
    };
    let condition = main_condition(rows).ok_or_else(missing)?;
    let newest = Newest::of(rows, &condition);
    let mut families: Vec<&Family> = newest.iter().map(|(_, network, _)| &network.family).collect();
    families.sort_by_key(|family| (!family.compound, *family));
    families.dedup();
    let of_family = |family: &&Family| {
        let mine: Vec<Timed<'_>> = newest.iter().filter(|(_, network, _)| network.family == **family).collect();
        rivals(&mine)
    };
    let groups: Vec<Group> = families.iter().filter_map(of_family).map(|rivals| rivals.group()).collect();
    let times = groups.iter().flat_map(|group| &group.bars).flat_map(|(_, parts)| parts).map(|part| part.length);
    let longest = times.reduce(f64::max).ok_or_else(missing)?;
    Ok(Figure {
        name: "latency-equal-macs".into(),
        title: "Latency at equal MACs".into(),
        caption: vec![
            "One base network, scaled in each way to the same MACs within 2 %: what does each way cost in time?".into(),
            format!("Measured here: {condition}."),
        ],
        drawing: Drawing::Bars(Bars {
            x: Axis::fixed("median latency, ms", 0.0, 1.05 * longest),
            groups,
            keys: Vec::new(),
        }),
    })
}

/// Those of the most ways, and among them those of the most MACs, where the ways differ most.
fn rivals<'a>(timed: &[Timed<'a>]) -> Option<Rivals<'a>> {
    let plain = |(_, network, _): &&Timed<'_>| network.width == 1.0 && network.depth == 1.0;
    let from = |base: &Timed<'a>| {
        let base = *base;
        timed.iter().filter_map(move |least| Some(of_equal_macs(timed, base, least.2.macs?)))
    };
    let all = timed.iter().filter(plain).flat_map(from);
    all.filter(|rivals| rivals.grown.len() >= FEWEST_WAYS)
        .max_by_key(|rivals| (rivals.grown.len(), rivals.least_macs()))
}

/// The first network of each way with at least `macs`, and hardly more.
fn of_equal_macs<'a>(timed: &[Timed<'a>], base: Timed<'a>, macs: u64) -> Rivals<'a> {
    let equal = |row: &&Timed<'a>| {
        row.2.macs.is_some_and(|other| other >= macs && other as f64 <= EQUAL * macs as f64)
            && row.1.profile == base.1.profile
    };
    let first = |way: Way| {
        let mut on_the_way = timed.iter().filter(equal).filter(|row| Way::of(row.1, base.1) == Some(way));
        Some((way, *on_the_way.next()?))
    };
    Rivals { base, grown: Way::ALL.into_iter().filter_map(first).collect() }
}

impl Rivals<'_> {
    fn least_macs(&self) -> u64 {
        self.grown.iter().filter_map(|(_, row)| row.2.macs).min().unwrap_or(0)
    }

    fn group(&self) -> Group {
        let bar = |(way, (_, network, row)): &(Way, Timed<'_>)| {
            let ms = row.p50_ms?;
            let title = format!("{}: {ms:.2} ms, {} MACs", network.title(), scaled(row.macs? as f64));
            Some((way.label().short, vec![Part { name: format!("{ms:.2} ms"), colour: 0, length: ms, title }]))
        };
        let bars = self.grown.iter().filter_map(bar).collect();
        let (_, base, _) = self.base;
        let label = format!("{} scaled to {} MACs", base.model, scaled(self.least_macs() as f64));
        Group { label, bars }
    }
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;

    use super::super::super::network::Network;
    use super::super::super::rows::{Condition, Latency};
    use super::*;

    fn timed(model: &str, axes: (f64, f64, u32), macs: u64, ms: f64) -> (Network, Latency) {
        let network = Network::new(&Registry::default(), model, axes, "native");
        let condition = Condition { batch: 1, threads: 1, engine: "zoo".into(), ..Condition::default() };
        (network, Latency { condition, macs: Some(macs), p50_ms: Some(ms), ..Latency::default() })
    }

    /// A group's label, and the name and length of each of its bars.
    type Shown = (String, Vec<(String, f64)>);

    fn bars(latencies: Vec<(Network, Latency)>) -> Option<Vec<Shown>> {
        let figure = latency(&Rows { latencies, ..Rows::default() }).ok()?;
        let Drawing::Bars(bars) = figure.drawing else { panic!("no bars") };
        let of =
            |group: Group| (group.label, group.bars.into_iter().map(|(way, parts)| (way, parts[0].length)).collect());
        Some(bars.groups.into_iter().map(of).collect())
    }

    #[test]
    fn ways_to_the_most_macs_that_are_equal_stand_side_by_side() {
        let mut rows = vec![
            timed("mobilenet-v2", (1.0, 1.0, 224), 300, 4.0),
            timed("mobilenet-v2", (1.4, 1.0, 224), 580, 7.0),
            timed("mobilenet-v2", (2.2, 1.0, 224), 1470, 18.0),
            timed("mobilenet-v2", (1.0, 4.5, 224), 1480, 19.0),
        ];
        assert_eq!(bars(rows.clone()), None);
        rows.push(timed("mobilenet-v2", (1.0, 1.0, 481), 1500, 21.0));
        assert_eq!(bars(rows.clone()), None, "2.04 % more is not equal");
        rows.push(timed("mobilenet-v2", (1.0, 1.0, 480), 1490, 20.0));
        let found = bars(rows).unwrap();
        let expected = [("width", 18.0), ("depth", 19.0), ("resolution", 20.0)].map(|(way, ms)| (way.to_string(), ms));
        assert_eq!(found, [("mobilenet-v2 scaled to 1.47 k MACs".to_string(), expected.to_vec())]);
    }

    #[test]
    fn every_family_has_its_group_and_compound_scaling_stands_first() {
        let of = |model: &str| {
            [
                timed(model, (1.0, 1.0, 224), 300, 4.0),
                timed(model, (2.0, 1.0, 224), 1470, 18.0),
                timed(model, (1.0, 4.5, 224), 1470, 19.0),
                timed(model, (1.0, 1.0, 480), 1470, 20.0),
                timed(model, (1.2, 1.4, 300), 1470, 17.0),
            ]
        };
        let found = bars([of("mobilenet-v2"), of("efficientnet-b0")].concat()).unwrap();
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].1.len(), found[0].1[0].clone()), (4, ("compound".to_string(), 17.0)));
        assert!(found[0].0.starts_with("efficientnet-b0"), "{found:?}");
    }
}
