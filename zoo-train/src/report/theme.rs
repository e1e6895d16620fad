//! Colours and the style sheet of figures. Hues are Okabe and Ito's, which colour-blind readers tell apart, darkened for
//! words on white and lightened for a dark page.

use std::fmt::Write;

/// A colour that depends on the page: its variable, on a light and on a dark one.
type Colour = (&'static str, &'static str, &'static str);

/// Everything that has a colour.
const COLOURS: [Colour; 30] = [
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
    ("s6", "#6b7178", "#b3bac1"),
    ("n0", "#936000", "#e8a72e"),
    ("n1", "#1f6f9f", "#6fc0ef"),
    ("n2", "#00755a", "#2fc399"),
    ("n3", "#b04d00", "#f0813a"),
    ("n4", "#005d92", "#6fb3e6"),
    ("n5", "#96406f", "#dd8fbe"),
    ("n6", "#555b62", "#b3bac1"),
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
    for number in 0..=6 {
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
        assert!(rules().contains("var(--s6)"));
        assert!(!plain("<svg></svg>").contains("var("));
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
