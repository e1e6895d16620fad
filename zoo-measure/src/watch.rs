//! What is heard of a measurement while it goes on, so that it can be shown, and kept where it is stopped.

use super::network::Network;
use super::{LatencyError, Measurement};

/// Somebody who hears of it. None of this is called while anything is timed.
pub trait Watch {
    /// Cell `cell` is built next.
    fn builds(&mut self, _cell: usize) {}
    /// It is built.
    fn built(&mut self, _cell: usize, _network: &Network) {}
    /// It is warmed up next.
    fn warms(&mut self, _cell: usize) {}
    /// A round of it is over, with these runs in milliseconds.
    fn round(&mut self, _cell: usize, _runs: &[f64]) {}
    /// It failed.
    fn failed(&mut self, _cell: usize, _error: &LatencyError) {}
    /// All that was asked for of it is there.
    fn measured(&mut self, _cell: usize, _measurement: &Measurement) {}
}

/// Nobody.
impl Watch for () {}

/// Somebody who counts cells, where what is measured are those at `places` among them.
pub(super) struct Places<'a> {
    pub places: &'a [usize],
    pub watch: &'a mut dyn Watch,
}

impl Watch for Places<'_> {
    fn warms(&mut self, cell: usize) {
        self.watch.warms(self.places[cell]);
    }

    fn round(&mut self, cell: usize, runs: &[f64]) {
        self.watch.round(self.places[cell], runs);
    }

    fn failed(&mut self, cell: usize, error: &LatencyError) {
        self.watch.failed(self.places[cell], error);
    }
}
