//! Draws points and lines, and their names where they cover nothing.

use super::canvas::escaped;
use super::chart::{Room, Size, axes, named, put, text};
use super::figure::{Lines, Point, Series};
use super::font::{Weight, width};
use super::geometry::{Position, Rect, Segment};
use super::observation::Kind;
use super::place::{Named, Placed, place};

/// Points of a cloud that are tried as the one its name stands at.
const MOST_ENDS: usize = 16;

/// A series with its number, and for each of its points the places of the mark and of both ends of its error bar.
struct Drawn<'a> {
    number: usize,
    series: &'a Series,
    places: Vec<&'a [Position]>,
}

impl Drawn<'_> {
    fn marks(&self) -> Vec<Position> {
        self.places.iter().map(|place| place[0]).collect()
    }

    fn segments(&self) -> Vec<Segment> {
        let marks = self.marks();
        let pieces = marks.windows(2).map(|pair| Segment { from: pair[0], to: pair[1] });
        if self.series.joined { pieces.collect() } else { Vec::new() }
    }

    /// Where its name may stand: at either end of a line, the last first, or at any point of a cloud.
    fn ends(&self) -> Vec<Position> {
        let marks = self.marks();
        if self.series.joined {
            let mut ends: Vec<Position> = marks.last().into_iter().chain(marks.first()).copied().collect();
            ends.dedup();
            return ends;
        }
        let step = marks.len().div_ceil(MOST_ENDS).max(1);
        marks.into_iter().rev().step_by(step).collect()
    }
}

/// Draws `lines` in a figure of `pixels`, and returns for how many of its names there was no room.
///
/// # Errors
/// What plotters says, as text.
pub fn draw(lines: &Lines, size: Size, pixels: (u32, u32), elements: &mut String) -> Result<usize, String> {
    let longest = lines.series.iter().map(|series| width(name(series, size), size.small_font(), Weight::Bold));
    let names = if lines.names_outside { longest.fold(0.0, f64::max) as u32 + 10 } else { 0 };
    let room = Room { size, pixels, left: 46, right: 20 + names };
    let mut wanted: Vec<Position> = Vec::new();
    for point in lines.series.iter().flat_map(|series| &series.points) {
        let (low, high) = point.spread.unwrap_or((point.y, point.y));
        wanted.extend([(point.x, point.y), (point.x, low), (point.x, high)]);
    }
    wanted.extend(lines.fronts.iter().flatten());
    // Its height is that of the plot.
    wanted.extend(lines.limit.iter().map(|(x, _)| (*x, 0.0)));
    let (mut plot, mut places) = axes((&lines.x, &lines.y), room, &wanted, elements)?;
    let limit = lines.limit.as_ref().and_then(|_| places.pop());
    if let Some((x, _)) = limit.filter(|(x, _)| (plot.left..=plot.right).contains(x)) {
        put(elements, format_args!("<path class=\"limit\" d=\"M{x:.1} {:.1}V{:.1}\"/>\n", plot.top, plot.bottom));
    }
    text(elements, "label title", (6.0, 15.0), size.font(), "start", &lines.y.title);
    let (marks, fronts) = places.split_at(places.len() - lines.fronts.iter().map(Vec::len).sum::<usize>());
    draw_fronts(&lines.fronts, fronts, elements);
    let mut marks = marks.chunks_exact(3);
    let mut drawn: Vec<Drawn<'_>> = Vec::new();
    for (number, series) in lines.series.iter().enumerate() {
        drawn.push(Drawn { number, series, places: marks.by_ref().take(series.points.len()).collect() });
    }
    drawn.retain(|one| !one.places.is_empty());
    for Drawn { number, series, places } in &drawn {
        if series.joined && places.len() > 1 {
            let line: Vec<Position> = places.iter().map(|place| place[0]).collect();
            let (look, path) = (look(series), path(&line));
            put(elements, format_args!("<path class=\"line {look}\" data-series=\"{number}\" d=\"{path}\"/>\n"));
        }
    }
    plot.right = f64::from(pixels.0) - 4.0;
    let names = place_names(&drawn, plot, size);
    // Leaders end at marks, which lie on top; so does what was measured here.
    for (one, placed) in drawn.iter().zip(&names) {
        if let Some(Placed { leader: Some(Segment { from, to }), .. }) = *placed {
            let (look, number) = (look(one.series), one.number);
            let path = path(&[from, to]);
            put(elements, format_args!("<path class=\"leader {look}\" data-series=\"{number}\" d=\"{path}\"/>\n"));
        }
    }
    for kind in [Kind::Published, Kind::Measured] {
        for one in drawn.iter().filter(|one| one.series.kind == kind) {
            for (point, place) in one.series.points.iter().zip(&one.places) {
                mark(point, one, place, elements);
            }
        }
    }
    for (one, placed) in drawn.iter().zip(&names) {
        if let Some(placed) = placed {
            write_name(one, placed, size, elements);
        }
    }
    Ok(names.iter().filter(|placed| placed.is_none()).count())
}

/// What a series is called in a figure of that size.
fn name(series: &Series, size: Size) -> &str {
    if size == Size::Wide { &series.label.long } else { &series.label.short }
}

/// The classes by which a style sheet colours a series.
fn look(series: &Series) -> String {
    let kind = if series.kind == Kind::Measured { "measured" } else { "published" };
    format!("s{} {kind}", series.colour)
}

fn path(places: &[Position]) -> String {
    let places: Vec<String> = places.iter().map(|(x, y)| format!("{x:.1} {y:.1}")).collect();
    format!("M{}", places.join("L"))
}

/// The steps of a front: nothing lies above and to the left of them.
fn draw_fronts(fronts: &[Vec<Position>], mut places: &[Position], elements: &mut String) {
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

fn mark(point: &Point, one: &Drawn<'_>, place: &[Position], elements: &mut String) {
    let (x, y) = place[0];
    let (attributes, title) = named(&point.title);
    let (look, number, row) = (look(one.series), one.number, escaped(&point.row));
    put(
        elements,
        format_args!(
            "<g class=\"mark {look}\" data-series=\"{number}\" data-row=\"{row}\" {attributes}>{title}<circle class=\"hit\" \
             cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"9\"/>"
        ),
    );
    if point.spread.is_some() {
        let (low, high, left) = (place[1].1, place[2].1, x - 3.0);
        put(
            elements,
            format_args!(
                "<path class=\"bar\" d=\"M{x:.1} {low:.1}V{high:.1}M{left:.1} {low:.1}h6M{left:.1} {high:.1}h6\"/>"
            ),
        );
    }
    put(elements, format_args!("{}</g>\n", one.series.shape.drawn((x, y))));
}

fn place_names(drawn: &[Drawn<'_>], plot: Rect, size: Size) -> Vec<Option<Placed>> {
    let all: Vec<Named> = drawn
        .iter()
        .map(|one| Named {
            marks: one.marks(),
            segments: one.segments(),
            ends: one.ends(),
            width: width(name(one.series, size), size.small_font(), Weight::Bold) + 2.0,
            height: 1.2 * size.small_font(),
        })
        .collect();
    let bars = drawn.iter().flat_map(|one| one.places.iter().map(|place| Segment { from: place[1], to: place[2] }));
    let bars: Vec<Segment> = bars.filter(|bar| bar.from != bar.to).collect();
    place(&all, &bars, plot)
}

fn write_name(one: &Drawn<'_>, placed: &Placed, size: Size, elements: &mut String) {
    let (rect, font) = (placed.rect, size.small_font());
    // The words fill their box in whatever font a reader has, and no more than it.
    put(
        elements,
        format_args!(
            "<text class=\"name {}\" data-series=\"{}\" x=\"{:.1}\" y=\"{:.1}\" font-size=\"{font}\" textLength=\"{:.1}\" \
             lengthAdjust=\"spacingAndGlyphs\">{}</text>\n",
            look(one.series),
            one.number,
            rect.left + 1.0,
            rect.bottom - 0.29 * font,
            rect.right - rect.left - 2.0,
            escaped(name(one.series, size))
        ),
    );
}
