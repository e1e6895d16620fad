//! `latency.csv`: one row a network that was timed on one engine.

use crate::timed::timed;
use crate::{cells, row, status};

timed! {
    /// A network on one engine, with its times.
    pub struct Row {
        /// Multiply-accumulates for one image; none where the options give no network.
        pub macs: Option<u64>,
        /// Median in milliseconds; like all that follows from runs, none where it failed.
        #[serde(serialize_with = "cells::maybe_digits::<_, 3>")]
        pub p50_ms: Option<f64>,
        /// 90th percentile in milliseconds.
        #[serde(serialize_with = "cells::maybe_digits::<_, 3>")]
        pub p90_ms: Option<f64>,
        /// 99th percentile in milliseconds.
        #[serde(serialize_with = "cells::maybe_digits::<_, 3>")]
        pub p99_ms: Option<f64>,
        /// Mean in milliseconds, outliers included.
        #[serde(serialize_with = "cells::maybe_digits::<_, 3>")]
        pub mean_ms: Option<f64>,
        /// Standard deviation in milliseconds, outliers included.
        #[serde(serialize_with = "cells::maybe_digits::<_, 3>")]
        pub std_ms: Option<f64>,
        /// Runs far from the others.
        pub outliers: Option<u64>,
        /// Runs that count.
        pub runs: Option<u64>,
        /// Peak resident memory of the process in MiB, where the system tells.
        #[serde(serialize_with = "cells::maybe_digits::<_, 0>")]
        pub peak_mb: Option<f64>,
        /// How far rounds lie apart, in percent.
        #[serde(serialize_with = "cells::maybe_digits::<_, 2>")]
        pub noise: Option<f64>,
        /// Rounds that do not count.
        pub disturbed: Option<u64>,
        /// Name of the profile.
        pub profile: String,
        /// Trainable parameters.
        pub params: Option<u64>,
        /// `done`, or why there are no times.
        pub status: String,
        /// Where tensors lived.
        pub device: String,
        /// Name of the processor.
        pub cpu: String,
        /// Version of libtorch.
        pub libtorch: String,
        /// Of the maps.
        pub memory_format: String,
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
    const FILE: &'static str = "latency.csv";
    const OLDEST: Option<&'static str> = Some("revision");

    fn is_superseded_by(&self, newer: &Row) -> bool {
        // The parameters tell the number of classes.
        self.status == status::INTERRUPTED && self.is_of_the_same(newer) && self.params == newer.params
    }
}
