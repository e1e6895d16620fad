//! Reads what is drawn in a figure of a report: where marks, lines, names and leaders are.
#![allow(dead_code, reason = "every test file uses its own share")]

use std::collections::BTreeMap;

/// A place in pixels.
pub type Position = (f64, f64);

/// What belongs to one series of a chart.
#[derive(Debug, Default)]
pub struct Series {
    /// Its marks.
    pub marks: Vec<Position>,
    /// The corners of its line.
    pub line: Vec<Position>,
    /// Its names: the words, and the left, upper, right and lower edge of their boxes.
    pub names: Vec<(String, [f64; 4])>,
    /// The ends of its leader.
    pub leaders: Vec<Vec<Position>>,
}

/// A chart of lines and points.
#[derive(Debug, Default)]
pub struct Chart {
    /// Width and height.
    pub size: Position,
    /// Its series by their numbers.
    pub series: BTreeMap<String, Series>,
}

impl Chart {
    /// The charts of points and lines in `page`.
    pub fn all(page: &str) -> Vec<Chart> {
        let bodies = page.split("<svg class=\"chart").skip(1).map(|rest| rest.split("</svg>").next().unwrap());
        bodies.map(Chart::read).filter(|chart| !chart.series.is_empty()).collect()
    }

    fn read(svg: &str) -> Chart {
        let mut chart = Chart::default();
        let mut current = String::new();
        let view: Vec<f64> = attribute(svg, "viewBox").unwrap().split(' ').map(|part| part.parse().unwrap()).collect();
        chart.size = (view[2], view[3]);
        for element in svg.split('<').skip(1) {
            let (tag, words) = element.split_once('>').unwrap_or((element, ""));
            let class = attribute(tag, "class").unwrap_or_default();
            let number = attribute(tag, "data-series");
            if class.starts_with("mark") {
                current = number.clone().unwrap();
            }
            if class == "hit" && !current.is_empty() && !tag.contains("key") {
                let at = |name| attribute(tag, name).unwrap().parse().unwrap();
                chart.of(&current).marks.push((at("cx"), at("cy")));
                current.clear();
            }
            let Some(number) = number else { continue };
            match class.split(' ').next().unwrap() {
                "line" => chart.of(&number).line = places(&attribute(tag, "d").unwrap()),
                "leader" => {
                    let ends = places(&attribute(tag, "d").unwrap());
                    chart.of(&number).leaders.push(ends);
                }
                "name" => {
                    let at = |name: &str| attribute(tag, name).unwrap().parse::<f64>().unwrap();
                    let (x, y, size, wide) = (at("x"), at("y"), at("font-size"), at("textLength"));
                    // Letters reach so far above and below the line that they stand on.
                    let rect = [x, y - 0.76 * size, x + wide, y + 0.24 * size];
                    chart.of(&number).names.push((words.to_string(), rect));
                }
                _ => {}
            }
        }
        chart
    }

    fn of(&mut self, number: &str) -> &mut Series {
        self.series.entry(number.into()).or_default()
    }
}

impl Series {
    /// How far the nearest mark or piece of its line is from a box.
    pub fn distance(&self, rect: &[f64; 4]) -> f64 {
        let marks = self.marks.iter().copied();
        marks
            .chain(self.line.windows(2).flat_map(|pair| along(pair[0], pair[1])))
            .map(|place| distance(rect, place))
            .fold(f64::INFINITY, f64::min)
    }

    /// The marks that its name may stand at: the ends of a line, or any where there is none.
    pub fn ends(&self) -> Vec<Position> {
        match (self.line.first(), self.line.last()) {
            (Some(first), Some(last)) => vec![*first, *last],
            _ => self.marks.clone(),
        }
    }
}

/// The value of an attribute.
fn attribute(tag: &str, name: &str) -> Option<String> {
    let from = tag.find(&format!(" {name}=\""))? + name.len() + 3;
    tag[from..].split('"').next().map(String::from)
}

fn places(path: &str) -> Vec<Position> {
    path.trim_start_matches('M')
        .split('L')
        .map(|place| {
            let (x, y) = place.split_once(' ').unwrap();
            (x.parse().unwrap(), y.parse().unwrap())
        })
        .collect()
}

/// Places on a piece of a line, closer to each other than a pixel.
pub fn along(from: Position, to: Position) -> Vec<Position> {
    let steps = (to.0 - from.0).hypot(to.1 - from.1).ceil() as u32 + 1;
    let at = |step: u32| f64::from(step) / f64::from(steps);
    (0..=steps).map(|step| (from.0 + at(step) * (to.0 - from.0), from.1 + at(step) * (to.1 - from.1))).collect()
}

/// How far a place is from a box.
pub fn distance([left, top, right, bottom]: &[f64; 4], (x, y): Position) -> f64 {
    (x - x.clamp(*left, *right)).hypot(y - y.clamp(*top, *bottom))
}

/// Whether two boxes have an area in common.
pub fn overlap(one: &[f64; 4], other: &[f64; 4]) -> bool {
    one[0] < other[2] && other[0] < one[2] && one[1] < other[3] && other[1] < one[3]
}
