//! The page: figures, table and origins in one file that loads nothing.

use std::fmt::Write;

use super::canvas::escaped;
use super::chart::Size;
use super::figure::{Figure, Missing};
use super::origin::{Made, Origin};
use super::table::Comparison;
use super::theme;

/// Everything that the page shows.
#[derive(Debug)]
pub struct Page<'a> {
    /// The figures with their two drawings, or the sentences in their place.
    pub figures: &'a [Result<Drawn, Missing>],
    /// Rows of the table.
    pub comparisons: &'a [Comparison],
    /// Where rows come from.
    pub origins: &'a [Origin],
    /// The tables that were read.
    pub tables: &'a [String],
    /// What was mended in them.
    pub warnings: &'a [String],
    /// When it was made, and by what.
    pub made: &'a str,
    /// The machines that rows were measured on.
    pub machines: &'a [String],
    /// Rows of interruptions of runs that came to their end.
    pub superseded: usize,
}

/// A figure with its drawings.
#[derive(Debug)]
pub struct Drawn {
    /// What it shows.
    pub figure: Figure,
    /// Drawn for a desk.
    pub wide: String,
    /// Drawn for a phone.
    pub narrow: String,
}

impl Drawn {
    /// Draws `figure` in both sizes.
    ///
    /// # Errors
    /// What the drawing code says, as text.
    pub fn new(figure: Figure) -> Result<Drawn, (String, String)> {
        let draw = |size| super::chart::draw(&figure, size).map_err(|problem| (figure.name.clone(), problem));
        let (wide, narrow) = (draw(Size::Wide)?, draw(Size::Narrow)?);
        Ok(Drawn { figure, wide, narrow })
    }
}

impl Page<'_> {
    /// The page as HTML.
    pub fn html(&self) -> String {
        let mut body = String::new();
        self.head(&mut body);
        self.figures(&mut body);
        self.table(&mut body);
        self.origins(&mut body);
        format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>Trade-off curves</title>\n\
             <style>\n{}{}{}</style>\n</head>\n<body>\n<main>\n{body}</main>\n<script>\n{}</script>\n</body>\n</html>\n",
            theme::variables(),
            theme::rules(),
            include_str!("page.css"),
            include_str!("page.js"),
        )
    }

    fn head(&self, out: &mut String) {
        let drawn = self.figures.iter().filter(|figure| figure.is_ok()).count();
        put(
            out,
            format_args!(
                "<header>\n<h1>Trade-off curves</h1>\n<p>Accuracy, compute and latency of the networks of the zoo: \
                 what was measured and counted here, beside what the papers print. {drawn} figures, {} rows.</p>\n",
                self.comparisons.len()
            ),
        );
        let machines: Vec<String> = self.machines.iter().map(|machine| escaped(machine)).collect();
        if !machines.is_empty() {
            put(out, format_args!("<p class=\"measured-on\">Measured on {}.</p>\n", machines.join("; ")));
        }
        put(out, format_args!("<p class=\"made\">{}</p>\n", escaped(self.made)));
        for warning in self.warnings {
            put(out, format_args!("<p class=\"warning\">{}</p>\n", escaped(warning)));
        }
        out.push_str("</header>\n");
        self.contents(out);
    }

    fn contents(&self, out: &mut String) {
        out.push_str("<nav aria-label=\"Contents\">\n<ol>\n");
        for Drawn { figure, .. } in self.figures.iter().flatten() {
            put(out, format_args!("<li><a href=\"#{}\">{}</a></li>\n", figure.name, escaped(&figure.title)));
        }
        for (id, title) in [("table", TABLE), ("origins", ORIGINS)] {
            put(out, format_args!("<li><a href=\"#{id}\">{title}</a></li>\n"));
        }
        out.push_str("</ol>\n</nav>\n");
    }

    fn figures(&self, out: &mut String) {
        out.push_str("<section class=\"figures\">\n");
        for Drawn { figure, wide, narrow } in self.figures.iter().flatten() {
            let caption: Vec<String> = figure.caption.iter().map(|sentence| escaped(sentence)).collect();
            put(
                out,
                format_args!(
                    "<figure id=\"{0}\">\n<h2>{1}</h2>\n{wide}{narrow}<figcaption>{2} <a href=\"{0}.svg\">SVG</a> \
                <a href=\"{0}.png\">PNG</a></figcaption>\n<p class=\"picked\" aria-live=\"polite\" hidden></p>\n</figure>\n",
                    figure.name,
                    escaped(&figure.title),
                    caption.join(" ")
                ),
            );
        }
        out.push_str("</section>\n");
        let missing: Vec<String> = self
            .figures
            .iter()
            .filter_map(|figure| figure.as_ref().err())
            .map(|missing| escaped(&missing.sentence))
            .collect();
        if !missing.is_empty() {
            put(out, format_args!("<p class=\"missing\">{}</p>\n", missing.join(" ")));
        }
    }

    fn table(&self, out: &mut String) {
        let mut quantities: Vec<&str> = Vec::new();
        for comparison in self.comparisons {
            if !quantities.contains(&comparison.quantity) {
                quantities.push(comparison.quantity);
            }
        }
        put(out, format_args!("<section id=\"table\">\n<h2>{TABLE}</h2>\n"));
        out.push_str(
            "<form class=\"filter\">\n\
            <label>Show rows with <input type=\"search\" id=\"words\" placeholder=\"v2 224\"></label>\n\
            <label>Quantity <select id=\"quantity\"><option value=\"\">all</option>",
        );
        for quantity in quantities {
            put(out, format_args!("<option>{}</option>", escaped(quantity)));
        }
        out.push_str(
            "</select></label>\n<label><input type=\"checkbox\" id=\"both\"> only with both values</label>\n\
            <output id=\"shown\"></output>\n</form>\n<div class=\"scroll\">\n<table id=\"comparisons\">\n<thead><tr>",
        );
        for (name, numeric) in COLUMNS {
            let class = if numeric { " class=\"number\"" } else { "" };
            put(out, format_args!("<th{class} scope=\"col\"><button type=\"button\">{name}</button></th>"));
        }
        out.push_str("</tr></thead>\n<tbody>\n");
        for comparison in self.comparisons {
            row(comparison, out);
        }
        let alone = self.comparisons.iter().filter(|comparison| comparison.difference().is_none()).count();
        out.push_str("</tbody>\n</table>\n</div>\n<p class=\"caption\">Differences of accuracies are in points, those of counts in per cent of \
            the printed figure; a printed figure that is off by more than its rounding is marked, and the note says why where that is known.</p>\n");
        if alone > 0 {
            put(
                out,
                format_args!(
                    "<p class=\"caption on-paper\">{alone} more rows, which have only one of the two values, and the \
                     origins of latencies and counts are on the page, but not printed.</p>\n"
                ),
            );
        }
        out.push_str("</section>\n");
    }

    fn origins(&self, out: &mut String) {
        let tables: Vec<String> = self.tables.iter().map(|table| format!("<code>{}</code>", escaped(table))).collect();
        put(
            out,
            format_args!(
                "<section id=\"origins\">\n<h2>{ORIGINS}</h2>\n<p class=\"caption\">{}</p>\n",
                tables.join(" ")
            ),
        );
        for (table, heading) in [
            ("accuracy", "Training runs"),
            ("deployed", "Evaluations of deployed networks"),
            ("latency", "Latencies"),
            ("count", "Counts"),
        ] {
            let rows: Vec<&Origin> = self.origins.iter().filter(|origin| origin.table == table).collect();
            if rows.is_empty() {
                continue;
            }
            let failed = rows.iter().filter(|origin| !origin.is_done()).count();
            let failed = if failed > 0 { format!(", {failed} of them without a result") } else { String::new() };
            let superseded = match self.superseded {
                count if count > 0 && table == "accuracy" => {
                    format!(", and {count} more of interrupted runs that were finished later")
                }
                _ => String::new(),
            };
            put(
                out,
                format_args!(
                    "<details class=\"{table}\"{}><summary>{heading}: {} rows{failed}{superseded}</summary>\n<div class=\"scroll\"><table class=\"origins\">\n<thead><tr>\
                <th scope=\"col\">Row</th><th scope=\"col\">Status</th><th scope=\"col\">Command</th><th scope=\"col\">Machine</th></tr></thead>\n<tbody>\n",
                    if rows.len() <= 12 { " open" } else { "" },
                    rows.len()
                ),
            );
            for origin in rows {
                let class = if origin.is_done() { "" } else { " class=\"failed\"" };
                let made = match &origin.made {
                    Made::By(command) => format!("<code>{}</code>", escaped(command)),
                    Made::Lost(reason) => escaped(reason),
                };
                put(
                    out,
                    format_args!(
                        "<tr{class}><td>{}</td><td>{}</td><td>{made}</td><td>{}</td></tr>\n",
                        escaped(&origin.name),
                        escaped(&origin.status),
                        escaped(&origin.machine)
                    ),
                );
            }
            out.push_str("</tbody>\n</table></div></details>\n");
        }
        out.push_str("</section>\n");
    }
}

/// Heading of the table.
const TABLE: &str = "Measured, published, difference";

/// Heading of the origins.
const ORIGINS: &str = "Where the rows come from";

/// Headings of the table, and whether numbers stand below them.
const COLUMNS: [(&str, bool); 9] = [
    ("Network", false),
    ("Quantity", false),
    ("Conditions", false),
    ("Here", true),
    ("Published", true),
    ("Difference", true),
    ("Epochs", true),
    ("Run or source", false),
    ("Note", false),
];

fn row(comparison: &Comparison, out: &mut String) {
    let Comparison {
        id,
        network,
        conditions,
        quantity,
        here,
        deviation,
        published,
        relative,
        epochs,
        origin,
        note,
        noisy,
    } = comparison;
    let number = |value: &Option<f64>| value.map(|value| format!("{value:.2}")).unwrap_or_default();
    let deviation = deviation.map(|value| format!(" ± {value:.2}")).unwrap_or_default();
    // A count has the digits that the paper prints.
    let printed =
        if *relative { published.map(|value| value.to_string()).unwrap_or_default() } else { number(published) };
    let difference = comparison.difference();
    // Without the sign of a zero.
    let rounded = |value: f64| (100.0 * value).round() / 100.0 + 0.0;
    let shown = |value| format!("{:+.2}{}", rounded(value), if *relative { " %" } else { "" });
    let shown = difference.map(shown).unwrap_or_default();
    let mut classes = Vec::new();
    classes.extend(difference.is_none().then_some("alone"));
    match (comparison.is_off(), noisy) {
        (true, _) => classes.push("off"),
        (false, true) => classes.push("noisy"),
        (false, false) => {}
    }
    let classes = if classes.is_empty() { String::new() } else { format!(" class=\"{}\"", classes.join(" ")) };
    put(
        out,
        format_args!(
            "<tr id=\"{}\"{classes} data-quantity=\"{}\"><th scope=\"row\">{}</th><td>{}</td><td>{}</td>",
            escaped(id),
            escaped(quantity),
            escaped(network),
            escaped(quantity),
            escaped(conditions)
        ),
    );
    for (value, text) in [(here, number(here) + &deviation), (published, printed), (&difference, shown)] {
        let value = value.map(|value| format!(" data-value=\"{value}\"")).unwrap_or_default();
        put(out, format_args!("<td class=\"number\"{value}>{text}</td>"));
    }
    put(
        out,
        format_args!(
            "<td class=\"number\">{}</td><td>{}</td><td>{}</td></tr>\n",
            escaped(epochs),
            escaped(origin),
            escaped(note)
        ),
    );
}

fn put(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = out.write_fmt(arguments);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_has_the_digits_of_the_paper_and_a_difference_of_nothing_has_no_minus() {
        let shown = |here: f64, published: f64, relative: bool| {
            let mut out = String::new();
            let (here, published) = (Some(here), Some(published));
            row(&Comparison { here, published, relative, ..Comparison::default() }, &mut out);
            out
        };
        let count = shown(87.979, 87.98, true);
        assert!(count.contains(">87.98</td>") && count.contains(">+0.00 %</td>"), "{count}");
        assert!(shown(568.74, 600.0, true).contains(">600</td>"));
        assert!(shown(70.0, 70.6, false).contains(">70.60</td>") && shown(70.0, 70.6, false).contains(">-0.60</td>"));
    }
}
