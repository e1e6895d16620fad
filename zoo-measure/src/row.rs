//! Measurements as rows of the tables of `results/`.

use zoo_results::{Environment, latency, stages, status, throughput};

use super::throughput::{Load, Throughput};
use super::{LatencyError, Measurement, Statistics};
use zoo_core::Cost;

impl Measurement {
    /// Its row of `latency.csv`, on a machine.
    pub fn row(&self, environment: &Environment) -> latency::Row {
        let cell = &self.cell;
        let timing = self.timing.as_ref().ok();
        let ms = |pick: fn(&Statistics) -> f64| timing.map(|timing| pick(&timing.statistics));
        latency::Row {
            model: cell.entry.variant.name.into(),
            width: cell.options.width,
            depth: cell.options.depth,
            input_size: cell.options.input(),
            batch: cell.batch,
            threads: self.threads.unsigned_abs(),
            dtype: cell.dtype.name().into(),
            engine: cell.engine.name().into(),
            macs: self.cost.map(|cost| cost.macs),
            p50_ms: ms(|statistics| statistics.p50),
            p90_ms: ms(|statistics| statistics.p90),
            p99_ms: ms(|statistics| statistics.p99),
            mean_ms: ms(|statistics| statistics.mean),
            std_ms: ms(|statistics| statistics.std),
            outliers: timing.map(|timing| timing.statistics.outliers as u64),
            runs: timing.map(|timing| timing.statistics.count as u64),
            peak_mb: timing.and_then(|timing| timing.peak_mb),
            noise: timing.map(|timing| timing.counted.noise),
            disturbed: timing.map(|timing| timing.counted.disturbed as u64),
            profile: cell.profile.clone(),
            params: self.cost.map(|cost| cost.params),
            status: self.status(),
            device: environment.device.clone(),
            cpu: environment.cpu.clone(),
            libtorch: environment.libtorch.clone(),
            memory_format: timing.map(|timing| timing.format.name().to_string()).unwrap_or_default(),
            revision: environment.revision.into(),
            engine_version: cell.engine.version().unwrap_or_default(),
            simd: environment.simd.into(),
            peak_gflops: environment.peak_gflops,
        }
    }

    /// Its rows of `latency-stages.csv`; none where stages were not timed.
    pub fn stage_rows(&self, environment: &Environment) -> Vec<stages::Row> {
        let cell = &self.cell;
        let found = self.timing.as_ref().ok().and_then(|timing| timing.stages.as_deref()).unwrap_or_default();
        let row = |stage: &super::Stage| stages::Row {
            model: cell.entry.variant.name.into(),
            width: cell.options.width,
            depth: cell.options.depth,
            input_size: cell.options.input(),
            batch: cell.batch,
            threads: self.threads.unsigned_abs(),
            dtype: cell.dtype.name().into(),
            engine: cell.engine.name().into(),
            stage: stage.name.clone(),
            macs: stage.macs,
            ms: stage.ms,
            share: Some(stage.share),
            profile: cell.profile.clone(),
            device: environment.device.clone(),
            cpu: environment.cpu.clone(),
            revision: environment.revision.into(),
            engine_version: cell.engine.version().unwrap_or_default(),
            simd: environment.simd.into(),
            peak_gflops: environment.peak_gflops,
        };
        found.iter().map(row).collect()
    }

    /// The status of its row.
    pub fn status(&self) -> String {
        match &self.timing {
            Ok(timing) if timing.whole => status::DONE.into(),
            Ok(_) => status::INTERRUPTED.into(),
            Err(error @ LatencyError::Plan(_)) => format!("{}{error}", status::IMPOSSIBLE),
            Err(error) => status::of(&error.to_string()),
        }
    }
}

impl Load {
    /// The row of `throughput.csv` of `found`, or of the reason why there is nothing.
    pub fn row(
        &self,
        cost: Option<Cost>,
        found: Result<&Throughput, &str>,
        environment: &Environment,
    ) -> throughput::Row {
        let measured = found.ok();
        throughput::Row {
            model: self.entry.variant.name.into(),
            width: self.options.width,
            depth: self.options.depth,
            input_size: self.options.input(),
            batch: self.batch,
            threads: self.threads.unsigned_abs(),
            dtype: self.pass.dtype().into(),
            engine: self.pass.name().into(),
            macs: cost.map(|cost| cost.macs),
            images_per_second: measured.map(|found| found.images_per_second),
            p50_ms: measured.map(|found| found.p50_ms),
            noise: measured.map(|found| found.counted.noise),
            disturbed: measured.map(|found| found.counted.disturbed as u64),
            runs: measured.map(|found| found.counted.runs.len() as u64),
            peak_mb: measured.and_then(|found| found.peak_mb),
            profile: self.profile.clone(),
            params: cost.map(|cost| cost.params),
            status: found.map_or_else(status::of, |found| found.status().into()),
            device: environment.device.clone(),
            cpu: environment.cpu.clone(),
            libtorch: environment.libtorch.clone(),
            memory_format: measured.map(|found| found.format.to_string()).unwrap_or_default(),
            revision: environment.revision.into(),
            engine_version: self.pass.version(),
            simd: environment.simd.into(),
            peak_gflops: environment.peak_gflops,
        }
    }
}
