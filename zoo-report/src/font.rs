//! How wide words are in the font that figures are drawn with, so that nothing is set over them.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use resvg::usvg;

/// Weight of letters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// As running text.
    Regular,
    /// As names at lines.
    Bold,
}

/// Our font, read once: the same picture on every machine.
static OPTIONS: LazyLock<usvg::Options<'static>> = LazyLock::new(|| {
    let mut fonts = usvg::fontdb::Database::new();
    fonts.load_font_data(notosans::REGULAR_TTF.to_vec());
    fonts.load_font_data(notosans::BOLD_TTF.to_vec());
    // Drawings name other faces first, and text in a face that is not there is left out without a word.
    fonts.set_sans_serif_family("Noto Sans");
    usvg::Options { fontdb: Arc::new(fonts), font_family: "Noto Sans".into(), ..usvg::Options::default() }
});

/// What a renderer is told, with our font.
pub fn options() -> &'static usvg::Options<'static> {
    &OPTIONS
}

/// Width of `text` in pixels at a font size of `size`, letters by themselves: no pair of them is moved together.
pub fn width(text: &str, size: f64, weight: Weight) -> f64 {
    text.chars().map(|letter| advance(letter, weight)).sum::<f64>() * size
}

/// Widths that are known, in units of the font's size.
static ADVANCES: Mutex<BTreeMap<(char, bool), f64>> = Mutex::new(BTreeMap::new());

/// How far a letter moves what comes behind it.
fn advance(letter: char, weight: Weight) -> f64 {
    let mut known = ADVANCES.lock().unwrap_or_else(PoisonError::into_inner);
    *known.entry((letter, weight == Weight::Bold)).or_insert_with(|| {
        // Between others, so that a space counts.
        let between = measured(&format!("|{letter}|"), weight).zip(measured("||", weight));
        between.map_or(0.66, |(with, without)| with - without)
    })
}

/// Width of `text` in units of the font's size; nothing where it cannot be set.
fn measured(text: &str, weight: Weight) -> Option<f64> {
    const SIZE: f64 = 100.0;
    let number = if weight == Weight::Bold { 700 } else { 400 };
    let words = super::canvas::escaped(text);
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9\" height=\"9\"><text font-size=\"{SIZE}\" \
         font-weight=\"{number}\">{words}</text></svg>"
    );
    let tree = usvg::Tree::from_str(&svg, options()).ok()?;
    tree.root().children().iter().find_map(|node| match node {
        usvg::Node::Text(text) => Some(f64::from(text.bounding_box().width()) / SIZE),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As drawings of networks have it.
    #[test]
    fn text_in_faces_that_are_not_there_is_drawn() {
        let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"99\" height=\"20\" font-family=\"Helvetica, Arial, \
                   sans-serif\"><text y=\"9\">words</text></svg>";
        let tree = usvg::Tree::from_str(svg, options()).unwrap();
        assert!(tree.root().children().iter().any(|node| matches!(node, usvg::Node::Text(_))));
    }

    #[test]
    fn words_are_as_wide_as_their_letters() {
        let regular = |text: &str| width(text, 10.0, Weight::Regular);
        assert!(regular("MMMM") > 2.0 * regular("iiii") && regular("iiii") > 5.0);
        assert!(regular("a b") > regular("ab") + 1.0);
        assert!(width("MobileNetV2", 10.0, Weight::Bold) > regular("MobileNetV2"));
        // What is markup is not measured as markup.
        assert!(regular("a<b>") > regular("a"));
    }
}
