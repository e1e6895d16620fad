//! Draws a figure: axes and grid by plotters, marks and words by hand where plotters says their places are.

use std::fmt::Write;

use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::Axis;
use super::canvas::{Canvas, INKS, SCALE, escaped, pixels};
use super::figure::{Drawing, Figure};
use super::geometry::{Position, Rect};
use super::legend::Legend;
use super::{bars, dots, lines};

/// Size of a figure in pixels, and how it uses them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// For a desk and for files.
    Wide,
    /// For a phone.
    Narrow,
}

impl Size {
    /// Width of a figure and height of its axes with what they hold.
    fn pixels(self, figure: &Figure) -> (u32, u32) {
        match (self, &figure.drawing) {
            (Size::Wide, Drawing::Lines(lines)) => (720, 440 + 8 * lines.series.len().saturating_sub(9) as u32),
            (Size::Narrow, Drawing::Lines(lines)) => (360, 380 + 16 * lines.series.len().saturating_sub(7) as u32),
            (Size::Wide, Drawing::Bars(bars)) => (720, bars.height()),
            (Size::Narrow, Drawing::Bars(bars)) => (360, bars.height()),
            (Size::Wide, Drawing::Dots(dots)) => (720, dots.height()),
            (Size::Narrow, Drawing::Dots(dots)) => (360, dots.height()),
        }
    }

    /// Of letters at axes.
    pub fn font(self) -> f64 {
        match self {
            Size::Wide => 15.0,
            Size::Narrow => 12.0,
        }
    }

    /// Of letters in a legend.
    pub fn legend_font(self) -> f64 {
        match self {
            Size::Wide => 13.0,
            Size::Narrow => 11.5,
        }
    }

    /// Of letters at lines, in bold.
    pub fn small_font(self) -> f64 {
        match self {
            Size::Wide => 13.0,
            Size::Narrow => 11.0,
        }
    }

    fn class(self) -> &'static str {
        match self {
            Size::Wide => "wide",
            Size::Narrow => "narrow",
        }
    }
}

/// The figure as one `svg` element; its colours come from a style sheet.
///
/// # Errors
/// What plotters says, as text.
pub fn draw(figure: &Figure, size: Size) -> Result<String, String> {
    let (width, height) = size.pixels(figure);
    let mut elements = String::new();
    let legend = match &figure.drawing {
        Drawing::Lines(lines) => {
            let unnamed = lines::draw(lines, size, (width, height), &mut elements)?;
            Legend::of_lines(lines, unnamed)
        }
        Drawing::Bars(bars) => {
            bars::draw(bars, size, (width, height), &mut elements)?;
            Legend::of_bars(bars)
        }
        Drawing::Dots(dots) => {
            dots::draw(dots, size, (width, height), &mut elements)?;
            Legend::of_dots(dots)
        }
    };
    let inner = f64::from(width) - 20.0;
    legend.draw((12.0, f64::from(height) + 8.0), inner, size.legend_font(), &mut elements);
    let height = height + (legend.height(inner, size.legend_font()) + 8.0).ceil() as u32;
    // A group and no picture: a reader of the screen hears its points one by one.
    Ok(format!(
        "<svg class=\"chart {}\" viewBox=\"0 0 {width} {height}\" \
         width=\"{width}\" height=\"{height}\" role=\"group\" aria-label=\"{}\">\n{elements}</svg>\n",
        size.class(),
        escaped(&figure.title),
    ))
}

/// The room of a figure, in pixels.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// What it is drawn for.
    pub size: Size,
    /// Width and height.
    pub pixels: (u32, u32),
    /// Left of the plot.
    pub left: u32,
    /// Right of it.
    pub right: u32,
}

/// Draws axes, grid and titles, and returns where each of `places` stands.
pub fn axes(
    (x, y): (&Axis, &Axis),
    Room { size, pixels: (width, height), left, right }: Room,
    places: &[Position],
    elements: &mut String,
) -> Result<(Rect, Vec<Position>), String> {
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
    let backend = |place: &Position| {
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

/// Appends words.
pub fn text(elements: &mut String, class: &str, (x, y): Position, size: f64, anchor: &str, words: &str) {
    let words = escaped(words);
    put(
        elements,
        format_args!(
            "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\" font-size=\"{size}\" text-anchor=\"{anchor}\">{words}</text>\n"
        ),
    );
}

/// Appends an element.
pub fn put(elements: &mut String, arguments: std::fmt::Arguments<'_>) {
    // Writing into a string cannot fail.
    let _ = elements.write_fmt(arguments);
}

/// What makes a mark name itself, under a pointer, to a keyboard and to a reader of the screen.
pub fn named(title: &str) -> (String, String) {
    let title = escaped(title);
    (format!("tabindex=\"0\" role=\"img\" aria-label=\"{title}\""), format!("<title>{title}</title>"))
}
