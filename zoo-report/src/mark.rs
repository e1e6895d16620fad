//! What points look like: each family of the registry has a colour and a shape of its own.
//!
//! Fourteen colours are more than a colour-blind reader tells apart, so those that come near each other for one have
//! different shapes.

use super::geometry::Position;

/// The colour of families that say none, and of networks that this program does not know.
pub const GREY: usize = 14;

/// The shape of a point.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    Circle,
    Square,
    Triangle,
    Diamond,
}

impl Shape {
    /// That of the points of a colour.
    pub fn of(colour: usize) -> Shape {
        match colour {
            0..=5 => Shape::Circle,
            6..=9 => Shape::Square,
            10..GREY => Shape::Triangle,
            _ => Shape::Diamond,
        }
    }

    /// An element around a place; all shapes are about as large to the eye.
    pub fn drawn(self, (x, y): Position) -> String {
        let path = match self {
            Shape::Circle => return format!("<circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.6\"/>"),
            Shape::Square => format!("M{:.1} {:.1}h6.4v6.4h-6.4z", x - 3.2, y - 3.2),
            Shape::Triangle => format!("M{x:.1} {:.1}l4.3 7.4h-8.6z", y - 4.8),
            Shape::Diamond => format!("M{x:.1} {:.1}l4.6 4.6l-4.6 4.6l-4.6 -4.6z", y - 4.6),
        };
        format!("<path class=\"dot\" d=\"{path}\"/>")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use zoo_core::Registry;

    use super::*;

    #[test]
    fn every_paper_has_a_colour_of_its_own() {
        let registry = Registry::default();
        let mut of_colours: BTreeMap<usize, Vec<&str>> = BTreeMap::new();
        let tables = registry.entries().map(|entry| entry.architecture);
        for table in tables.filter(|table| !table.family.starts_with("tutorial")) {
            let colour = table.about.colour.unwrap_or(GREY);
            assert!(colour < GREY, "{} has colour {colour}", table.family);
            of_colours.entry(colour).or_default().push(table.family);
        }
        // Tables of one paper share theirs, as do the two of MobileNetV3 with their minimalistic forms.
        for (colour, families) in &of_colours {
            let first = families[0].split("-conv").next().unwrap_or_default().trim_end_matches("-s");
            assert!(families.iter().all(|family| family.starts_with(first)), "colour {colour}: {families:?}");
        }
        assert_eq!(of_colours.len(), GREY, "{of_colours:?}");
    }
}
