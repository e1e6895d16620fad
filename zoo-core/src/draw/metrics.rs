//! Widths of text in Helvetica, which every PDF viewer has and every SVG fallback here matches.
//!
//! The numbers are the advance widths of the Adobe font metrics for the printable ASCII characters, in thousandths of
//! the font size. What the WinAnsi encoding of PDF cannot say is drawn as a question mark in all formats alike.

const FIRST: u8 = b' ';

#[rustfmt::skip]
const REGULAR: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];

#[rustfmt::skip]
const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611,
    556, 333, 611, 611, 278, 278, 556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389,
    280, 389, 584,
];

/// Width of `text` in points.
pub(super) fn width(text: &str, size: f64, bold: bool) -> f64 {
    encode(text).iter().map(|&code| f64::from(advance(code, bold))).sum::<f64>() * size / 1000.0
}

/// `text` in the WinAnsi encoding.
pub(super) fn encode(text: &str) -> Vec<u8> {
    let code = |character| match character {
        ' '..='~' => character as u8,
        '–' => 0x96,
        '·' => 0xB7,
        '×' => 0xD7,
        _ => b'?',
    };
    text.chars().map(code).collect()
}

/// `text` with what the encoding does not have replaced, for formats that could say more.
pub(super) fn printable(text: &str) -> String {
    let character = |character| match character {
        ' '..='~' | '–' | '·' | '×' => character,
        _ => '?',
    };
    text.chars().map(character).collect()
}

fn advance(code: u8, bold: bool) -> u16 {
    match code {
        0x96 => 556,
        0xB7 => 278,
        0xD7 => 584,
        code => (if bold { BOLD } else { REGULAR })[usize::from(code.saturating_sub(FIRST).min(94))],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_are_those_of_the_font() {
        // Sums of the published advance widths.
        assert!((width("Helvetica", 1000.0, false) - 4112.0).abs() < 1e-6);
        assert!((width("3 × 3", 10.0, true) - (556.0 * 2.0 + 278.0 * 2.0 + 584.0) / 100.0).abs() < 1e-9);
    }

    #[test]
    fn unknown_characters_become_question_marks() {
        assert_eq!(encode("a×b→ü"), [b'a', 0xD7, b'b', b'?', b'?']);
        assert_eq!(printable("a×b→ü"), "a×b??");
    }
}
