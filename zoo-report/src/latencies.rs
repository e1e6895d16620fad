//! Which latencies a report shows: those of one condition, and of each network the newest.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use super::network::Network;
use super::rows::{Condition, Latency, Rows};

/// The condition that figures of latency show.
pub fn main_condition(rows: &Rows) -> Option<Condition> {
    let timed = rows.latencies.iter().filter(|(_, row)| row.p50_ms.is_some());
    condition_of(timed.map(|(network, row)| (network, &row.condition)))
}

/// The condition that figures of engines show: of the machine that has most of them, which need not be the one with most
/// networks.
pub fn condition_of_engines(rows: &Rows) -> Option<Condition> {
    let timed = || rows.latencies.iter().filter(|(_, row)| row.p50_ms.is_some());
    let mut engines: BTreeMap<(&str, &str), BTreeSet<(&str, &str)>> = BTreeMap::new();
    for (_, row) in timed() {
        let condition = &row.condition;
        engines.entry(condition.machine()).or_default().insert((&condition.engine, &condition.dtype));
    }
    let most = engines.values().map(BTreeSet::len).max()?;
    let has_most = |condition: &Condition| engines.get(&condition.machine()).is_some_and(|found| found.len() == most);
    condition_of(timed().filter(|(_, row)| has_most(&row.condition)).map(|(network, row)| (network, &row.condition)))
}

/// Of the machine with most networks, the condition that most of them were timed under, one image at a time where there is
/// one; among equals the one with the fewest threads, and of its engines the one that is there on every machine and fastest.
pub fn condition_of<'a>(timed: impl Iterator<Item = (&'a Network, &'a Condition)>) -> Option<Condition> {
    let mut counted: BTreeMap<&Condition, BTreeSet<String>> = BTreeMap::new();
    let mut machines: BTreeMap<(&str, &str), BTreeSet<String>> = BTreeMap::new();
    for (network, condition) in timed {
        counted.entry(condition).or_default().insert(network.identity());
        machines.entry(condition.machine()).or_default().insert(network.identity());
    }
    let (machine, _) = machines.into_iter().max_by_key(|(_, networks)| networks.len())?;
    let on_it = counted.iter().filter(|(condition, _)| condition.machine() == machine);
    let best = on_it.max_by_key(|(condition, networks)| {
        let rank = ["eager", "libtorch", "zoo"].iter().position(|engine| *engine == condition.engine);
        (condition.batch == 1, networks.len(), Reverse(condition.threads), rank)
    });
    best.map(|(condition, _)| (*condition).clone())
}

/// A row of `latency.csv` with its network and its place in the table.
pub type Timed<'a> = (usize, &'a Network, &'a Latency);

/// Of each network and classifier, the newest row under one condition that has a time, in the order of the table.
#[derive(Clone, Debug, Default)]
pub struct Newest<'a>(Vec<Timed<'a>>);

impl<'a> Newest<'a> {
    /// Those of `rows` under `condition`.
    pub fn of(rows: &'a Rows, condition: &Condition) -> Newest<'a> {
        let all = rows.latencies.iter().enumerate();
        let timed = all.filter(|(_, (_, row))| row.condition == *condition && row.p50_ms.is_some());
        // Networks of one name have classifiers of their own, which their MACs tell.
        let newest: BTreeMap<(String, Option<u64>), Timed<'a>> =
            timed.map(|(place, (network, row))| ((network.identity(), row.macs), (place, network, row))).collect();
        let mut newest: Vec<Timed<'a>> = newest.into_values().collect();
        newest.sort_by_key(|(place, ..)| *place);
        Newest(newest)
    }

    /// All of them.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = Timed<'a>> + Clone + '_ {
        self.0.iter().copied()
    }

    /// The median of a network in milliseconds, of the one with these MACs where there is one.
    pub fn ms(&self, network: &Network, macs: Option<u64>) -> Option<f64> {
        let identity = network.identity();
        let mut rows = self.iter().filter(|(_, other, _)| other.identity() == identity);
        let same = rows.clone().find(|(_, _, row)| row.macs.is_some() && row.macs == macs);
        same.or_else(|| rows.next_back()).and_then(|(_, _, row)| row.p50_ms)
    }
}

#[cfg(test)]
mod tests {
    use zoo_core::Registry;
    use zoo_results::timed::ENGINES;

    use super::*;

    fn latency(model: &str, engine: &str, cpu: &str, p50_ms: Option<f64>) -> (Network, Latency) {
        let network = Network::new(&Registry::default(), model, (1.0, 1.0, 224), "native");
        let condition = Condition {
            batch: 1,
            threads: 1,
            dtype: "f32".into(),
            engine: engine.into(),
            device: "cpu".into(),
            cpu: cpu.into(),
        };
        (network, Latency { condition, macs: Some(7), p50_ms, ..Latency::default() })
    }

    #[test]
    fn figures_show_the_best_engine_of_the_machine_with_most_networks() {
        let mut latencies: Vec<_> = ENGINES.iter().map(|engine| latency("a", engine, "one", Some(1.0))).collect();
        let main = |latencies: &[(Network, Latency)]| {
            let rows = Rows { latencies: latencies.to_vec(), ..Rows::default() };
            main_condition(&rows).map(|condition| condition.to_string())
        };
        assert_eq!(main(&latencies).as_deref(), Some("batch 1, 1 thread, f32, zoo, one"));
        latencies.push(latency("b", "libtorch", "one", Some(1.0)));
        assert_eq!(main(&latencies).as_deref(), Some("batch 1, 1 thread, f32, libtorch, one"));
        latencies.extend(["a", "b", "c"].map(|model| latency(model, "eager", "two", Some(1.0))));
        assert_eq!(main(&latencies).as_deref(), Some("batch 1, 1 thread, f32, eager, two"));
    }

    #[test]
    fn a_later_row_without_a_time_hides_no_earlier_one() {
        let latencies = vec![latency("a", "zoo", "one", Some(3.0)), latency("a", "zoo", "one", None)];
        let rows = Rows { latencies, ..Rows::default() };
        let newest = Newest::of(&rows, &main_condition(&rows).unwrap());
        let network = &rows.latencies[0].0;
        assert_eq!((newest.ms(network, Some(7)), newest.ms(network, Some(8))), (Some(3.0), Some(3.0)));
    }

    #[test]
    fn of_a_network_that_was_timed_again_the_newest_row_counts() {
        let mut latencies = [1.0, 2.0, 3.0, 4.0].map(|ms| latency("a", "zoo", "one", Some(ms))).to_vec();
        latencies[1].1.macs = Some(8);
        latencies[3].1.condition.batch = 2;
        let rows = Rows { latencies, ..Rows::default() };
        let newest = Newest::of(&rows, &rows.latencies[0].1.condition);
        assert_eq!(newest.iter().map(|(place, ..)| place).collect::<Vec<_>>(), [1, 2]);
        let network = &rows.latencies[0].0;
        let found = [Some(7), Some(8), None].map(|macs| newest.ms(network, macs));
        assert_eq!(found, [Some(3.0), Some(2.0), Some(3.0)]);
    }
}
