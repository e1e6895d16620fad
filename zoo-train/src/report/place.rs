//! Finds room for the names of lines beside their ends, so that a reader needs no legend.

/// A place in pixels.
pub type Place = (f64, f64);

/// A piece of a line, from one place to another.
pub type Segment = (Place, Place);

/// A box in pixels.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rect {
    /// Left edge.
    pub left: f64,
    /// Upper edge.
    pub top: f64,
    /// Right edge.
    pub right: f64,
    /// Lower edge.
    pub bottom: f64,
}

/// Words that want to stand beside the end of a line.
#[derive(Clone, Debug)]
pub struct Words {
    /// The words.
    pub text: String,
    /// The end of the line.
    pub end: Place,
    /// Their width in pixels.
    pub width: f64,
    /// Their height in pixels.
    pub height: f64,
}

/// Places of the lower left corner around the end of a line, from the best: in units of width and height, then pixels.
const AROUND: [(f64, f64, f64, f64); 18] = [
    (0.0, 0.5, 8.0, 0.0),
    (0.0, 0.0, 6.0, -5.0),
    (0.0, 1.0, 6.0, 5.0),
    (-0.5, 0.0, 0.0, -9.0),
    (-0.5, 1.0, 0.0, 9.0),
    (-1.0, 0.0, -4.0, -6.0),
    (-1.0, 1.0, -4.0, 6.0),
    (-1.0, 0.5, -9.0, 0.0),
    (-0.5, -1.0, 0.0, -9.0),
    (-0.5, 2.0, 0.0, 9.0),
    (0.0, -1.0, 6.0, -5.0),
    (0.0, 2.0, 6.0, 5.0),
    (-1.0, -1.0, -4.0, -6.0),
    (-1.0, 2.0, -4.0, 6.0),
    (0.0, -0.6, 8.0, 0.0),
    (0.0, 1.6, 8.0, 0.0),
    (0.0, -1.7, 8.0, 0.0),
    (0.0, 2.7, 8.0, 0.0),
];

/// Where each of `words` stands within `plot`, clear of `dots`, of lines and of each other as far as that goes.
pub fn place(words: &[Words], plot: Rect, dots: &[Place], segments: &[Segment]) -> Vec<Rect> {
    let mut placed: Vec<Rect> = Vec::with_capacity(words.len());
    for words in words {
        let candidates = AROUND.iter().enumerate().map(|(rank, offset)| {
            let rect = within(beside(words, *offset), plot);
            let over_words = placed.iter().filter(|other| overlap(&rect, other)).count() as f64;
            let over_dots = dots.iter().filter(|dot| holds(&rect, **dot, 4.0)).count() as f64;
            let over_lines = segments.iter().filter(|segment| crosses(&rect, segment)).count() as f64;
            (100.0 * over_words + 10.0 * over_dots + 6.0 * over_lines + rank as f64, rect)
        });
        let best = candidates.min_by(|one, other| one.0.total_cmp(&other.0));
        placed.extend(best.map(|(_, rect)| rect));
    }
    placed
}

fn beside(words: &Words, (wide, high, right, down): (f64, f64, f64, f64)) -> Rect {
    let left = words.end.0 + wide * words.width + right;
    let bottom = words.end.1 + high * words.height + down;
    Rect { left, top: bottom - words.height, right: left + words.width, bottom }
}

/// Moved as little as it takes to lie within `plot`.
fn within(rect: Rect, plot: Rect) -> Rect {
    let right = (plot.right - rect.right).min(0.0).max(plot.left - rect.left);
    let down = (plot.bottom - rect.bottom).min(0.0).max(plot.top - rect.top);
    Rect { left: rect.left + right, right: rect.right + right, top: rect.top + down, bottom: rect.bottom + down }
}

fn overlap(one: &Rect, other: &Rect) -> bool {
    one.left < other.right && other.left < one.right && one.top < other.bottom && other.top < one.bottom
}

fn holds(rect: &Rect, (x, y): Place, margin: f64) -> bool {
    let (columns, rows) = (rect.left - margin..rect.right + margin, rect.top - margin..rect.bottom + margin);
    columns.contains(&x) && rows.contains(&y)
}

/// Whether a line goes through the box: some of its points do.
fn crosses(rect: &Rect, (from, to): &Segment) -> bool {
    const POINTS: u32 = 24;
    let at = |step: u32| {
        let part = f64::from(step) / f64::from(POINTS);
        (from.0 + part * (to.0 - from.0), from.1 + part * (to.1 - from.1))
    };
    (0..=POINTS).any(|step| holds(rect, at(step), 0.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLOT: Rect = Rect { left: 0.0, top: 0.0, right: 300.0, bottom: 200.0 };

    fn words(end: (f64, f64)) -> Words {
        Words { text: "MobileNetV2".into(), end, width: 80.0, height: 13.0 }
    }

    #[test]
    fn names_stand_to_the_right_where_there_is_room() {
        assert_eq!(
            place(&[words((50.0, 100.0))], PLOT, &[], &[]),
            [Rect { left: 58.0, top: 93.5, right: 138.0, bottom: 106.5 }]
        );
    }

    #[test]
    fn names_stay_within_the_plot_and_off_each_other() {
        let ends = [words((299.0, 2.0)), words((298.0, 4.0)), words((297.0, 6.0))];
        let placed = place(&ends, PLOT, &[], &[]);
        assert!(placed.iter().all(|rect| rect.left >= 0.0 && rect.right <= 300.0 && rect.top >= 0.0), "{placed:?}");
        let overlaps = |at: usize, other: usize| overlap(&placed[at], &placed[other]);
        assert!(!overlaps(0, 1) && !overlaps(0, 2) && !overlaps(1, 2), "{placed:?}");
    }

    #[test]
    fn names_avoid_lines() {
        let line = ((50.0, 100.0), (300.0, 100.0));
        assert!(!crosses(&place(&[words((50.0, 100.0))], PLOT, &[], &[line])[0], &line));
    }
}
