//! Families as figures show them: name, short name, colour. All of it stands in the tables (`report`).

use std::cmp::Ordering;
use std::fmt;

use zoo_core::Registry;

use super::mark::GREY;

/// A family; two of them are the same if their tables are.
#[derive(Clone, Debug)]
pub struct Family {
    /// Name of its table; the model's own name where this program does not know it.
    pub name: String,
    /// The name in figures.
    pub title: String,
    /// The same where there is little room.
    pub short: String,
    /// Number of its colour.
    pub colour: usize,
    /// Whether its variants grow in width, depth and input size at once.
    pub compound: bool,
    /// Whether it is one network, which no multiplier scales in the papers.
    pub single: bool,
    /// Its first variant, from which the others are scaled.
    pub base: String,
}

impl Family {
    /// The family of `model`, which this program may not know.
    pub fn of(registry: &Registry, model: &str) -> Family {
        let Ok(entry) = registry.find(model) else {
            let (name, title) = (model.to_string(), shortened(model));
            let (short, base) = (title.clone(), name.clone());
            return Family { name, title, short, colour: GREY, compound: false, single: false, base };
        };
        let (table, about) = (entry.architecture, entry.architecture.about);
        Family {
            name: table.family.into(),
            title: shortened(about.title),
            short: shortened(about.short),
            colour: about.colour.filter(|colour| *colour < GREY).unwrap_or(GREY),
            compound: about.compound,
            single: about.single,
            base: table.variants.first().map_or("", |first| first.name).into(),
        }
    }

    /// Both names, as a legend says them.
    pub fn in_full(&self) -> String {
        if self.title == self.short { self.title.clone() } else { format!("{} ({})", self.title, self.short) }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.title)
    }
}

impl PartialEq for Family {
    fn eq(&self, other: &Family) -> bool {
        self.name == other.name
    }
}

impl Eq for Family {}

impl PartialOrd for Family {
    fn partial_cmp(&self, other: &Family) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Family {
    fn cmp(&self, other: &Family) -> Ordering {
        self.name.cmp(&other.name)
    }
}

/// A name that a figure has room for.
fn shortened(name: &str) -> String {
    const MOST: usize = 24;
    if name.chars().count() <= MOST {
        return name.into();
    }
    name.chars().take(MOST - 1).chain(['…']).collect()
}
