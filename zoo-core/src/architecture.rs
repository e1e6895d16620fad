//! An architecture: the table that `network!` read, as data.

use crate::names::Naming;
use crate::plan::{Options, PlanBuilder, Rules};

/// A table and its named variants. Made by [`network!`](crate::network) alone.
#[derive(Debug)]
pub struct Architecture {
    /// Name of the family in lower case with dashes, such as `efficientnet`.
    pub family: &'static str,
    /// Whether each of width and depth is an axis that a user may set.
    pub axes: Axes,
    /// Names of the profiles; the first is `native`.
    pub profiles: &'static [&'static str],
    /// The named variants, in the order of the table.
    pub variants: &'static [Variant],
    /// Counts that were checked when the table was compiled.
    pub claims: &'static [Claim],
    /// Who has weights for it, and how they call its tensors; of those of one project the usual names come first.
    pub names: &'static [Naming],
    /// How reports show it.
    pub about: About,
    /// What the table says once.
    pub rules: Rules,
    /// Emits the network into a builder that holds the options.
    pub build: fn(&mut PlanBuilder<'_>),
}

/// How reports show a family: the `report` section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its name in figures.
    pub title: &'static str,
    /// The same where there is little room.
    pub short: &'static str,
    /// Number of its colour, which has a shape of points, too; without one it is grey, as others are.
    pub colour: Option<usize>,
    /// Whether its variants grow in width, depth and input size at once.
    pub compound: bool,
    /// Whether it is one network, which no multiplier scales in the papers.
    pub single: bool,
}

/// The axes of the `scale` section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axes {
    /// Whether the width multiplier may be set.
    pub width: bool,
    /// Whether the depth multiplier may be set.
    pub depth: bool,
}

/// A row of the `variants` section.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Variant {
    /// Its name, as on the command line.
    pub name: &'static str,
    /// What it stands for.
    pub options: Options,
}

/// A row of the `claims` section.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Claim {
    /// The variant's name.
    pub name: &'static str,
    /// The options that the counts hold for.
    pub options: Options,
    /// Claimed trainable parameters, if claimed.
    pub params: Option<u64>,
    /// Claimed multiply-accumulates, if claimed.
    pub macs: Option<u64>,
}

impl Architecture {
    /// The variant of that name.
    pub fn variant(&self, name: &str) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == name)
    }

    /// The index of a profile by name, for [`Options::profile`].
    pub fn profile(&self, name: &str) -> Option<u32> {
        self.profiles.iter().position(|profile| *profile == name).map(|index| index as u32)
    }

    /// The name of the profile that [`Options::profile`] stands for; `native` where the table has none of that index.
    pub fn profile_name(&self, index: u32) -> &'static str {
        self.profiles.get(index as usize).copied().unwrap_or("native")
    }
}
