//! `latency-stages.csv`: one row a stage of a network that was timed.

use crate::timed::timed;
use crate::{cells, row};

timed! {
    /// A stage of a network, with its part of the time.
    pub struct Row {
        /// `stem`, `stages.0` and so on, `head` or `top`; `stem+stages.0` where the engine ran both as one.
        pub stage: String,
        /// Multiply-accumulates of the stage for one image.
        pub macs: u64,
        /// Median in milliseconds.
        #[serde(serialize_with = "cells::digits::<_, 3>")]
        pub ms: f64,
        /// Share of the sum over all stages, in percent.
        #[serde(serialize_with = "cells::maybe_digits::<_, 2>")]
        pub share: Option<f64>,
        /// Name of the profile.
        pub profile: String,
        /// Where tensors lived.
        pub device: String,
        /// Name of the processor.
        pub cpu: String,
        /// Git revision that the binary was built from.
        pub revision: String,
        /// Version of the engine.
        pub engine_version: String,
        /// The vector instructions of our kernels; empty in older rows.
        pub simd: String,
        /// Billions of floating-point operations a second of which one thread was capable in the same minute.
        #[serde(serialize_with = "cells::maybe_digits::<_, 1>")]
        pub peak_gflops: Option<f64>,
    }
}

impl row::Row for Row {
    const FILE: &'static str = "latency-stages.csv";
    const OLDEST: Option<&'static str> = Some("revision");

    fn together(rows: Vec<Row>) -> Vec<Vec<Row>> {
        let mut measurements: Vec<Vec<Row>> = Vec::new();
        for row in rows {
            let goes_on = |group: &[Row]| {
                group.iter().all(|other| other.stage != row.stage)
                    && group.iter().all(|other| other.is_of_the_same(&row) && other.revision == row.revision)
            };
            match measurements.last_mut().filter(|group| goes_on(group)) {
                Some(group) => group.push(row),
                None => measurements.push(vec![row]),
            }
        }
        measurements
    }
}

/// The rows of one network under one condition, measurement by measurement: one begins where a stage comes again.
pub fn groups<T>(rows: impl IntoIterator<Item = T>, name: impl Fn(&T) -> String) -> Vec<Vec<T>> {
    let mut groups: Vec<Vec<T>> = Vec::new();
    for row in rows {
        match groups.last_mut() {
            Some(group) if group.iter().all(|other| name(other) != name(&row)) => group.push(row),
            _ => groups.push(vec![row]),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::groups;

    #[test]
    fn a_measurement_begins_where_a_stage_comes_again() {
        let rows = ["stem", "stages.0", "stem", "stages.0", "top", "stem"];
        let found = groups(rows, |row| (*row).to_string());
        assert_eq!(found, [vec!["stem", "stages.0"], vec!["stem", "stages.0", "top"], vec!["stem"]]);
    }
}
