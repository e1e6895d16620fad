//! The ways in which a network grows from its base.

use super::super::figure::Label;
use super::super::network::Network;

/// How a network differs from its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// Wider alone.
    Width,
    /// Deeper alone.
    Depth,
    /// At larger inputs alone.
    Resolution,
    /// Deeper, and wider or at larger inputs.
    Compound,
}

impl Way {
    /// In the order of figures.
    pub const ALL: [Way; 4] = [Way::Compound, Way::Width, Way::Depth, Way::Resolution];

    /// Of a network with this base; `None` where it is the base, or smaller in something.
    pub fn of(network: &Network, base: &Network) -> Option<Way> {
        let grown = [network.width > base.width, network.depth > base.depth, network.side() > base.side()];
        let shrunk = network.width < base.width || network.depth < base.depth || network.side() < base.side();
        match grown {
            _ if shrunk => None,
            [false, false, false] => None,
            [true, false, false] => Some(Way::Width),
            [false, true, false] => Some(Way::Depth),
            [false, false, true] => Some(Way::Resolution),
            [_, true, _] => Some(Way::Compound),
            // Wider or at larger inputs but no deeper, as the grids of the MobileNets are: not what scaling is about.
            _ => None,
        }
    }

    /// What its line is called.
    pub fn label(self) -> Label {
        let (long, short) = match self {
            Way::Width => ("width alone", "width"),
            Way::Depth => ("depth alone", "depth"),
            Way::Resolution => ("resolution alone", "resolution"),
            Way::Compound => ("compound", "compound"),
        };
        Label { long: long.into(), short: short.into() }
    }

    /// Its index into the palette.
    pub fn colour(self) -> usize {
        match self {
            Way::Width => 0,
            Way::Depth => 2,
            Way::Resolution => 3,
            Way::Compound => 4,
        }
    }
}
