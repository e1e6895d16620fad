//! Draws a figure: axes and grid by plotters, marks and words by hand where plotters says their places are.

use std::fmt::Write;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::canvas::{Canvas, INKS, SCALE, escaped, pixels, text_width};
use super::figure::{Bars, Drawing, Figure, Lines, Part, Point, Series};
use super::observation::Kind;
use super::place::{Place, Rect, Segment, Words, place};

/// Size of a figure in pixels, and how it uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For a desk and for files.
    Wide,
    /// For a phone.
    Narrow,
}

impl Size {
    fn pixels(self, figure: &Figure) -> (u32, u32) {
        match (self, &figure.drawing) {
            (Size::Wide, Drawing::Lines(_)) => (720, 440),
            (Size::Narrow, Drawing::Lines(_)) => (360, 380),
            (Size::Wide, Drawing::Bars(bars)) => (720, bars.height()),
            (Size::Narrow, Drawing::Bars(bars)) => (360, bars.height()),
        }
    }

    fn font(self) -> f64 {
        match self {
            Size::Wide => 15.0,
            Size::Narrow => 12.0,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Size::Wide => "wide",
            Size::Narrow => "narrow",
        }
    }
}

impl Bars {
    fn height(&self) -> u32 {
        let bars: usize = self.groups.iter().map(|group| group.bars.len()).sum();
        (bars * 24 + self.groups.len() * 34 + 70) as u32
    }
}

/// The figure as one `svg` element; its colours come from a style sheet.
///
/// # Errors
/// What plotters says, as text.
pub fn draw(figure: &Figure, size: Size) -> Result<String, String> {
    let (width, height) = size.pixels(figure);
    let mut elements = String::new();
    match &figure.drawing {
        Drawing::Lines(lines) => draw_lines(lines, size, (width, height), &mut elements)?,
        Drawing::Bars(bars) => draw_bars(bars, size, (width, height), &mut elements)?,
    }
    Ok(format!(
        "<svg class=\"chart {}\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"img\" aria-label=\"{}\">\n{elements}</svg>\n",
        size.class(),
        escaped(&figure.title),
    ))
}

/// A series, and for each of its points the places of the mark and of both ends of its error bar.
type Drawn<'a> = (&'a Series, Vec<&'a [Place]>);

/// The room of a figure, in pixels.
#[derive(Clone, Copy, Debug)]
struct Room {
    size: Size,
    pixels: (u32, u32),
    left: u32,
    right: u32,
}

/// Draws axes, grid and titles, and returns where each of `places` stands.
fn axes(
    (x, y): (&Axis, &Axis),
    Room { size, pixels: (width, height), left, right }: Room,
    places: &[Place],
    elements: &mut String,
) -> Result<(Rect, Vec<Place>), String> {
    let [grid, axis, label] = INKS.map(|(colour, _)| colour);
    let unit = |length: u32| length * SCALE as u32;
    let font = |colour: RGBColor, h, v| {
        ("sans-serif", size.font() * f64::from(SCALE)).into_font().color(&colour).pos(Pos::new(h, v))
    };
    let root = Canvas::new((width, height), elements).into_drawing_area();
    let x_axis = x.clone().with_labels(if size == Size::Wide { 9 } else { 5 });
    let mut chart = ChartBuilder::on(&root)
        .margin_top(unit(26))
        .margin_right(unit(right))
        .x_label_area_size(unit(46))
        .y_label_area_size(unit(left))
        .build_cartesian_2d(x_axis, y.clone())
        .map_err(|error| error.to_string())?;
    let mut mesh = chart.configure_mesh();
    mesh.x_labels(20)
        .y_labels(20)
        .set_all_tick_mark_size(4 * SCALE)
        .bold_line_style(grid)
        .axis_style(axis)
        .x_label_style(font(label, HPos::Center, VPos::Top))
        .y_label_style(font(label, HPos::Right, VPos::Center))
        .axis_desc_style(font(label, HPos::Center, VPos::Top))
        .x_desc(x.title.clone());
    mesh.draw().map_err(|error| error.to_string())?;
    let backend = |place: &Place| {
        let (x, y) = chart.backend_coord(place);
        (pixels(x), pixels(y))
    };
    let (columns, rows) = chart.plotting_area().get_pixel_range();
    let plot = Rect {
        left: pixels(columns.start),
        top: pixels(rows.start),
        right: pixels(columns.end),
        bottom: pixels(rows.end),
    };
    Ok((plot, places.iter().map(backend).collect()))
}

fn text(elements: &mut String, class: &str, (x, y): Place, size: f64, anchor: &str, words: &str) {
    let words = escaped(words);
    put(
        elements,
        format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\">{words}</text>\n"
        ),
    );
}

fn put(elements: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = elements.write_fmt(arguments);
}

fn path(places: &[Place]) -> String {
    let places: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    format!("M{}", places.join("L"))
}

fn draw_lines(lines: &Lines, size: Size, pixels: (u32, u32), elements: &mut String) -> Result<(), String> {
    let longest = lines.series.iter().filter_map(|series| Some(text_width(name(series, size)?, size.font())));
    let names = if lines.names_outside { longest.fold(0.0, f64::max) as u32 } else { 0 };
    let room = Room { size, pixels, left: 46, right: 20 + names };
    let mut wanted: Vec<Place> = Vec::new();
    for point in lines.series.iter().flat_map(|series| &series.points) {
        let (low, high) = point.spread.unwrap_or((point.y, point.y));
        wanted.extend([(point.x, point.y), (point.x, low), (point.x, high)]);
    }
    wanted.extend(lines.fronts.iter().flatten());
    let (mut plot, places) = axes((&lines.x, &lines.y), room, &wanted, elements)?;
    text(elements, "label title", (6.0, 15.0), size.font(), "start", &lines.y.title);
    let (marks, fronts) = places.split_at(places.len() - lines.fronts.iter().map(Vec::len).sum::<usize>());
    draw_fronts(&lines.fronts, fronts, elements);
    let mut marks = marks.chunks_exact(3);
    let mut drawn: Vec<Drawn<'_>> = Vec::new();
    for series in &lines.series {
        drawn.push((series, marks.by_ref().take(series.points.len()).collect()));
    }
    for (series, places) in &drawn {
        if series.joined && places.len() > 1 {
            let line: Vec<Place> = places.iter().map(|place| place[0]).collect();
            put(elements, format_args!("<path class=\"line {}\" d=\"{}\"/>\n", look(series), path(&line)));
        }
    }
    // What was measured here lies on top.
    drawn.sort_by_key(|(series, _)| series.kind == Kind::Measured);
    for (series, places) in &drawn {
        for (point, place) in series.points.iter().zip(places) {
            mark(point, series, place, elements);
        }
    }
    plot.right = f64::from(pixels.0) - 4.0;
    draw_labels(&drawn, plot, size, elements);
    Ok(())
}

/// What a series is called in a figure of that size.
fn name(series: &Series, size: Size) -> Option<&str> {
    let label = series.label.as_ref()?;
    Some(if size == Size::Wide { &label.long } else { &label.short })
}

/// The classes by which a style sheet colours a series.
fn look(series: &Series) -> String {
    let kind = if series.kind == Kind::Measured { "measured" } else { "published" };
    format!("s{} {kind}", series.colour)
}

/// The steps of a front: nothing lies above and to the left of them.
fn draw_fronts(fronts: &[Vec<Place>], mut places: &[Place], elements: &mut String) {
    for front in fronts {
        let (these, rest) = places.split_at(front.len());
        places = rest;
        let mut steps = Vec::new();
        for (at, place) in these.iter().enumerate() {
            if at > 0 {
                steps.push((place.0, these[at - 1].1));
            }
            steps.push(*place);
        }
        if steps.len() > 1 {
            put(elements, format_args!("<path class=\"front\" d=\"{}\"/>\n", path(&steps)));
        }
    }
}

fn mark(point: &Point, series: &Series, place: &[Place], elements: &mut String) {
    let (x, y) = place[0];
    put(
        elements,
        format_args!(
            "<g class=\"mark {}\" data-row=\"{}\"><title>{}</title>",
            look(series),
            escaped(&point.row),
            escaped(&point.title)
        ),
    );
    if point.spread.is_some() {
        let (low, high) = (place[1].1, place[2].1);
        put(
            elements,
            format_args!(
                "<path class=\"bar\" d=\"M{x:.1} {low:.1}V{high:.1}M{:.1} {low:.1}h6M{:.1} {high:.1}h6\"/>",
                x - 3.0,
                x - 3.0
            ),
        );
    }
    put(
        elements,
        format_args!(
            "<circle class=\"hit\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\"/><circle class=\"dot\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3.6\"/></g>\n"
        ),
    );
}

fn draw_labels(drawn: &[Drawn<'_>], plot: Rect, size: Size, elements: &mut String) {
    let dots: Vec<Place> = drawn.iter().flat_map(|(_, places)| places.iter().map(|place| place[0])).collect();
    let segments: Vec<Segment> = drawn
        .iter()
        .filter(|(series, _)| series.joined)
        .flat_map(|(_, places)| places.windows(2).map(|pair| (pair[0][0], pair[1][0])))
        .collect();
    let mut words = Vec::new();
    let mut looks = Vec::new();
    for (series, places) in drawn {
        if let (Some(text), Some(end)) = (name(series, size), places.last()) {
            words.push(Words {
                text: text.to_string(),
                end: end[0],
                width: text_width(text, size.font()),
                height: size.font(),
            });
            looks.push(look(series));
        }
    }
    for ((words, rect), look) in words.iter().zip(place(&words, plot, &dots, &segments)).zip(looks) {
        // Against the edge it is held there: a reader's font may be wider than the estimate.
        let (x, anchor) = if rect.right < plot.right - 0.5 { (rect.left, "start") } else { (rect.right, "end") };
        text(elements, &format!("name {look}"), (x, rect.bottom - 3.0), words.height, anchor, &words.text);
    }
}

fn draw_bars(bars: &Bars, size: Size, pixels: (u32, u32), elements: &mut String) -> Result<(), String> {
    let lengths: Vec<f64> =
        bars.groups.iter().flat_map(|group| &group.bars).flat_map(|(_, parts)| ends(parts)).collect();
    let places: Vec<Place> = lengths.iter().map(|length| (*length, 0.0)).collect();
    let y = Axis::unlabelled();
    let names = bars.groups.iter().flat_map(|group| &group.bars).map(|(name, _)| text_width(name, size.font()));
    let left = names.fold(0.0, f64::max).ceil() as u32 + 14;
    let (plot, places) = axes((&bars.x, &y), Room { size, pixels, left, right: 14 }, &places, elements)?;
    let mut ends = places.iter().map(|(x, _)| *x);
    let mut top = plot.top + 4.0;
    for group in &bars.groups {
        text(elements, "label title", (plot.left, top + size.font()), size.font(), "start", &group.label);
        top += 22.0;
        for (name, parts) in &group.bars {
            text(elements, "label", (plot.left - 8.0, top + 14.5), size.font(), "end", name);
            let mut left = plot.left;
            for (number, part) in parts.iter().enumerate() {
                let right = ends.next().unwrap_or(left);
                bar(part, number, (left, right), top, size, elements);
                left = right;
            }
            top += 24.0;
        }
        top += 12.0;
    }
    Ok(())
}

/// Where each part of a bar ends.
fn ends(parts: &[Part]) -> impl Iterator<Item = f64> {
    parts.iter().scan(0.0, |end, part| {
        *end += part.length;
        Some(*end)
    })
}

fn bar(part: &Part, number: usize, (left, right): Place, top: f64, size: Size, elements: &mut String) {
    let (number, width) = (number % 10, (right - left).max(0.0));
    put(
        elements,
        format_args!(
            "<g class=\"part p{number}\"><title>{}</title><rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{width:.1}\" height=\"20\"/>",
            escaped(&part.title)
        ),
    );
    if text_width(&part.name, size.font() - 2.0) + 4.0 < width {
        text(elements, "inside", ((left + right) / 2.0, top + 14.0), size.font() - 2.0, "middle", &part.name);
    }
    elements.push_str("</g>\n");
}
