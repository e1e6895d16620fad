//! Boxes and pieces of lines on the plane, in pixels.

/// A place.
pub type Position = (f64, f64);

/// A piece of a line.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Segment {
    /// Where it begins.
    pub from: Position,
    /// Where it ends.
    pub to: Position,
}

/// A box.
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

impl Segment {
    /// The place on it that is nearest to `place`.
    pub fn nearest(&self, (x, y): Position) -> Position {
        let (along, up) = (self.to.0 - self.from.0, self.to.1 - self.from.1);
        let length = along * along + up * up;
        let part = if length > 0.0 { ((x - self.from.0) * along + (y - self.from.1) * up) / length } else { 0.0 };
        let part = part.clamp(0.0, 1.0);
        (self.from.0 + part * along, self.from.1 + part * up)
    }

    /// How far `place` is from it.
    pub fn distance(&self, place: Position) -> f64 {
        apart(self.nearest(place), place)
    }

    /// Whether it begins or ends at `place`.
    pub fn ends_at(&self, place: Position) -> bool {
        self.from == place || self.to == place
    }

    /// Whether the two have a place in common.
    pub fn crosses(&self, other: &Segment) -> bool {
        let side = |segment: &Segment, (x, y): Position| {
            (segment.to.0 - segment.from.0) * (y - segment.from.1)
                - (segment.to.1 - segment.from.1) * (x - segment.from.0)
        };
        let parts = |one: &Segment, other: &Segment| side(one, other.from) * side(one, other.to) <= 0.0;
        let spans = |one: (f64, f64), other: (f64, f64)| {
            one.0.min(one.1) <= other.0.max(other.1) && other.0.min(other.1) <= one.0.max(one.1)
        };
        parts(self, other)
            && parts(other, self)
            && spans((self.from.0, self.to.0), (other.from.0, other.to.0))
            && spans((self.from.1, self.to.1), (other.from.1, other.to.1))
    }
}

impl Rect {
    /// With a margin around it.
    pub fn grown(&self, margin: f64) -> Rect {
        Rect {
            left: self.left - margin,
            top: self.top - margin,
            right: self.right + margin,
            bottom: self.bottom + margin,
        }
    }

    /// Moved as little as it takes to lie within `area`.
    pub fn within(&self, area: &Rect) -> Rect {
        let right = (area.right - self.right).min(0.0).max(area.left - self.left);
        let down = (area.bottom - self.bottom).min(0.0).max(area.top - self.top);
        Rect { left: self.left + right, right: self.right + right, top: self.top + down, bottom: self.bottom + down }
    }

    /// Whether all of `other` lies in it.
    pub fn holds(&self, other: &Rect) -> bool {
        self.left <= other.left && other.right <= self.right && self.top <= other.top && other.bottom <= self.bottom
    }

    /// Whether the two have an area in common.
    pub fn overlaps(&self, other: &Rect) -> bool {
        self.left < other.right && other.left < self.right && self.top < other.bottom && other.top < self.bottom
    }

    /// Whether `place` lies in it.
    pub fn contains(&self, (x, y): Position) -> bool {
        self.left <= x && x <= self.right && self.top <= y && y <= self.bottom
    }

    /// The place in it that is nearest to `place`.
    pub fn nearest(&self, (x, y): Position) -> Position {
        (x.clamp(self.left, self.right), y.clamp(self.top, self.bottom))
    }

    /// How far `place` is from it.
    pub fn distance(&self, place: Position) -> f64 {
        apart(self.nearest(place), place)
    }

    fn edges(&self) -> [Segment; 4] {
        let corners =
            [(self.left, self.top), (self.right, self.top), (self.right, self.bottom), (self.left, self.bottom)];
        [0, 1, 2, 3].map(|at| Segment { from: corners[at], to: corners[(at + 1) % 4] })
    }

    /// Whether some of `segment` lies in it: what is left of it between all four edges.
    pub fn is_crossed_by(&self, segment: &Segment) -> bool {
        let Segment { from, to } = segment;
        let (mut first, mut last) = (0.0, 1.0);
        for (start, end, low, high) in [(from.0, to.0, self.left, self.right), (from.1, to.1, self.top, self.bottom)] {
            let along = end - start;
            if along == 0.0 {
                if start < low || start > high {
                    return false;
                }
                continue;
            }
            let (enters, leaves) = ((low - start) / along, (high - start) / along);
            first = f64::max(first, f64::min(enters, leaves));
            last = f64::min(last, f64::max(enters, leaves));
            if first > last {
                return false;
            }
        }
        true
    }

    /// How far `segment` is from it.
    pub fn distance_of_segment(&self, segment: &Segment) -> f64 {
        if self.is_crossed_by(segment) {
            return 0.0;
        }
        let ends = [segment.from, segment.to].map(|end| self.distance(end));
        let corners = self.edges().map(|edge| segment.distance(edge.from));
        ends.into_iter().chain(corners).fold(f64::INFINITY, f64::min)
    }
}

fn apart(one: Position, other: Position) -> f64 {
    (one.0 - other.0).hypot(one.1 - other.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOX: Rect = Rect { left: 0.0, top: 0.0, right: 10.0, bottom: 4.0 };

    fn segment(from: Position, to: Position) -> Segment {
        Segment { from, to }
    }

    #[test]
    fn a_line_through_a_box_crosses_it_though_it_ends_outside() {
        assert!(BOX.is_crossed_by(&segment((-5.0, 2.0), (15.0, 2.0))));
        assert!(BOX.is_crossed_by(&segment((1.0, 1.0), (2.0, 2.0))));
        assert!(!BOX.is_crossed_by(&segment((-5.0, 6.0), (15.0, 5.0))));
        assert!(!BOX.is_crossed_by(&segment((-9.0, 2.0), (-1.0, 2.0))));
    }

    #[test]
    fn distances_are_the_shortest() {
        assert_eq!(BOX.distance((13.0, 8.0)), 5.0);
        assert_eq!(BOX.distance((5.0, 2.0)), 0.0);
        assert_eq!(BOX.distance_of_segment(&segment((-5.0, 6.0), (15.0, 6.0))), 2.0);
        assert_eq!(BOX.distance_of_segment(&segment((-5.0, 2.0), (15.0, 2.0))), 0.0);
        assert_eq!(segment((0.0, 0.0), (4.0, 0.0)).distance((7.0, 4.0)), 5.0);
    }

    #[test]
    fn a_box_is_moved_no_further_than_it_must() {
        let area = Rect { left: 0.0, top: 0.0, right: 20.0, bottom: 20.0 };
        let outside = Rect { left: 15.0, top: -3.0, right: 25.0, bottom: 1.0 };
        assert_eq!(outside.within(&area), Rect { left: 10.0, top: 0.0, right: 20.0, bottom: 4.0 });
    }
}
