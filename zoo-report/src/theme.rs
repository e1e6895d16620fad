//! Colours and the style sheet of figures. The first six hues are Okabe and Ito's, which colour-blind readers tell apart; all
//! are darkened for words on white and lightened for a dark page.

use std::fmt::Write;

use super::mark::GREY;

/// A colour that depends on the page: its variable, on a light and on a dark one.
type Colour = (&'static str, &'static str, &'static str);

/// Everything that has a colour.
const COLOURS: [Colour; 46] = [
    ("page", "#ffffff", "#14171a"),
    ("ink", "#1c2126", "#e4e7ea"),
    ("soft", "#5a636c", "#a2abb4"),
    ("grid", "#e6e9ec", "#2a3036"),
    ("axis", "#8a939c", "#707a84"),
    ("front", "#8a939c", "#8f99a3"),
    ("s0", "#d08700", "#e8a72e"),
    ("s1", "#2f93cf", "#6fc0ef"),
    ("s2", "#009e73", "#2fc399"),
    ("s3", "#d55e00", "#f0813a"),
    ("s4", "#0072b2", "#4b9fdd"),
    ("s5", "#b5588f", "#dd8fbe"),
    ("s6", "#7b4fb5", "#b79bea"),
    ("s7", "#00979d", "#3ccfd4"),
    ("s8", "#a3262a", "#f0746c"),
    ("s9", "#5f8f00", "#a5cc4e"),
    ("s10", "#d6336c", "#ff86ac"),
    ("s11", "#3f51c4", "#8f9dff"),
    ("s12", "#8a8f00", "#d3d84f"),
    ("s13", "#8a6a3c", "#cfae7a"),
    ("s14", "#6b7178", "#b3bac1"),
    ("n0", "#936000", "#e8a72e"),
    ("n1", "#1f6f9f", "#6fc0ef"),
    ("n2", "#00755a", "#2fc399"),
    ("n3", "#b04d00", "#f0813a"),
    ("n4", "#005d92", "#6fb3e6"),
    ("n5", "#96406f", "#dd8fbe"),
    ("n6", "#6a3fa3", "#b79bea"),
    ("n7", "#00717a", "#3ccfd4"),
    ("n8", "#8f1d22", "#f0746c"),
    ("n9", "#486d00", "#a5cc4e"),
    ("n10", "#b3205a", "#ff86ac"),
    ("n11", "#3543a8", "#98a5ff"),
    ("n12", "#666a00", "#d3d84f"),
    ("n13", "#735528", "#cfae7a"),
    ("n14", "#555b62", "#b3bac1"),
    ("p0", "#440154", "#6b2c7d"),
    ("p1", "#482878", "#6a4f98"),
    ("p2", "#3e4a89", "#5a67ab"),
    ("p3", "#31688e", "#3f7fab"),
    ("p4", "#26828e", "#2b95a3"),
    ("p5", "#1f9e89", "#22ab95"),
    ("p6", "#35b779", "#3bbf80"),
    ("p7", "#6dcd59", "#76cf63"),
    ("p8", "#b4de2c", "#b9da48"),
    ("p9", "#fde725", "#f3e04a"),
];

/// Rules of a figure, in variables.
pub fn rules() -> String {
    let mut rules = include_str!("chart.css").to_string();
    for number in 0..=GREY {
        let _ = write!(
            rules,
            ".s{number} .dot,.s{number} .bar,.line.s{number}{{stroke:var(--s{number})}}\n\
             .measured.s{number} .dot{{fill:var(--s{number})}}\n.name.s{number}{{fill:var(--n{number})}}\n\
             .leader.s{number}{{stroke:var(--n{number})}}\n"
        );
    }
    for number in 0..=9 {
        let _ = writeln!(rules, ".p{number} rect{{fill:var(--p{number})}}");
    }
    rules
}

/// The variables of a light page and, for readers who asked for it, of a dark one.
pub fn variables() -> String {
    let list = |dark: bool| -> String {
        let value = |colour: &Colour| format!("--{}:{};", colour.0, if dark { colour.2 } else { colour.1 });
        COLOURS.iter().map(value).collect()
    };
    format!(
        ":root{{color-scheme:light dark;{}}}\n@media screen and (prefers-color-scheme:dark){{:root{{{}}}}}\n",
        list(false),
        list(true)
    )
}

/// A figure as a file of its own, light or dark as its reader has it.
pub fn standalone(svg: &str) -> String {
    with_style(svg, &(variables() + &rules()))
}

/// A figure with the light colours written out, for programs that know no variables.
pub fn plain(svg: &str) -> String {
    let mut rules = rules();
    for (name, light, _) in COLOURS {
        rules = rules.replace(&format!("var(--{name})"), light);
    }
    with_style(svg, &rules)
}

fn with_style(svg: &str, style: &str) -> String {
    let at = svg.find('>').map_or(0, |at| at + 1);
    let (open, body) = svg.split_at(at);
    let open = open.replacen("<svg", "<svg xmlns=\"http://www.w3.org/2000/svg\"", 1);
    format!("{open}\n<style>{style}</style>\n<rect class=\"page\" width=\"100%\" height=\"100%\"/>{body}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_variable_has_a_colour() {
        assert!(rules().contains("var(--s14)"));
        assert!(!plain("<svg></svg>").contains("var("));
    }

    /// Contrast of two colours, WCAG 2.1.
    fn contrast(one: &str, other: &str) -> f64 {
        let luminance = |colour: &str| -> f64 {
            let channel = |at: usize| {
                let value = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap_or_default()) / 255.0;
                if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
            };
            0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
        };
        let (one, other) = (luminance(one) + 0.05, luminance(other) + 0.05);
        one.max(other) / one.min(other)
    }

    #[test]
    fn names_can_be_read_and_marks_be_seen_on_both_pages() {
        let (_, light, dark) = COLOURS[0];
        for (name, on_light, on_dark) in COLOURS {
            // The yellow of the first family is what Okabe and Ito have.
            let least = if name.starts_with('n') {
                4.5
            } else if name.starts_with('s') {
                2.9
            } else {
                continue;
            };
            assert!(contrast(on_light, light) >= least, "{name}: {:.2}", contrast(on_light, light));
            assert!(contrast(on_dark, dark) >= least, "{name}: {:.2}", contrast(on_dark, dark));
        }
    }

    #[test]
    fn a_figure_of_its_own_knows_both_pages() {
        let svg = standalone("<svg width=\"1\"><g/></svg>");
        assert!(
            svg.contains(" width=\"1\">\n<style>")
                && svg.contains("prefers-color-scheme:dark")
                && svg.ends_with("<g/></svg>")
        );
    }
}
