//! Finds room for the names of lines and points: beside them where that is clear, else further off with a leader.

use super::geometry::{Position, Rect, Segment};

/// How far a name stays from the middle of a mark, so that it covers none.
const CLEAR: f64 = 5.5;

/// A name this near to its mark belongs to it at a glance, where nothing else is nearer; others need a leader.
const BESIDE: f64 = 9.0;

/// Distances from a mark that are tried.
const GAPS: [f64; 13] = [7.5, 13.0, 20.0, 28.0, 37.0, 47.0, 58.0, 72.0, 88.0, 106.0, 126.0, 150.0, 180.0];

/// Directions that are tried.
const DIRECTIONS: u32 = 24;

/// The best of a name's places that are weighed against those of other names; of a crowd, fewer each.
const MOST_CANDIDATES: usize = 320;

/// More names than these are a crowd, where a long search finds little.
const CROWD: usize = 30;

/// Sweeps over all names in search of better places; each costs less than a millisecond.
const SWEEPS: usize = 30;

/// Orders without a reason that are tried beside those with one.
const ORDERS: usize = 20;

/// What no good place has: more of it than all other costs together.
const WRONG: f64 = 1e4;

/// What has to be named: a line or a single point, or points that look alike.
#[derive(Clone, Debug)]
pub struct Named {
    /// Where its marks are.
    pub marks: Vec<Position>,
    /// The pieces of its line, if it has one.
    pub segments: Vec<Segment>,
    /// The marks that a name may stand at, the best first.
    pub ends: Vec<Position>,
    /// Width of its name in pixels.
    pub width: f64,
    /// Height of its name in pixels.
    pub height: f64,
}

/// Where a name stands.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Placed {
    /// The name's box.
    pub rect: Rect,
    /// From the mark to the box, where the name is not right beside it.
    pub leader: Option<Segment>,
}

impl Placed {
    /// The box around the name and its leader.
    fn bounds(&self) -> Rect {
        let Some(Segment { from: (x, y), .. }) = self.leader else { return self.rect };
        let Rect { left, top, right, bottom } = self.rect;
        Rect { left: left.min(x), top: top.min(y), right: right.max(x), bottom: bottom.max(y) }
    }
}

#[derive(Clone, Copy, Debug)]
struct Candidate {
    placed: Placed,
    bounds: Rect,
    cost: f64,
}

/// A place within `area` for the name of each of `all`, clear of every mark, of the other names and, as far as that goes, of
/// lines. A name is beside its own and nearer to it than to anything else, or a leader tells whose it is; where there is no
/// room for it, it has none. `bars` are lines that have no name.
pub fn place(all: &[Named], bars: &[Segment], area: Rect) -> Vec<Option<Placed>> {
    let candidates: Vec<Vec<Candidate>> = (0..all.len()).map(|own| candidates(own, all, bars, area)).collect();
    let count = all.len();
    // The order in which names are set decides where such a search ends; a few are tried.
    let by = |key: &dyn Fn(usize) -> f64| {
        let mut order: Vec<usize> = (0..count).collect();
        order.sort_by(|&one, &other| key(one).total_cmp(&key(other)));
        order
    };
    let end = |at: usize| all[at].ends.first().copied().unwrap_or((0.0, 0.0));
    let fewest = |at: usize| candidates[at].iter().filter(|candidate| candidate.cost < WRONG).count() as f64;
    let mut orders =
        vec![by(&fewest), by(&|at| end(at).0), by(&|at| -end(at).0), by(&|at| end(at).1), by(&|at| -end(at).1)];
    let shuffled = |turn: usize| by(&|at| ((7919 * (turn + 1) * (at + 13)) % 1013) as f64);
    if count > CROWD {
        orders.truncate(2);
    } else {
        orders.extend((0..ORDERS).map(shuffled));
    }
    let settled = orders.iter().map(|order| settle(order, &candidates));
    let best = settled.min_by(|one, other| one.0.total_cmp(&other.0));
    let chosen = best.map(|(_, chosen)| chosen).unwrap_or_default();
    let chosen: Vec<Candidate> = chosen.iter().zip(&candidates).map(|(&at, candidates)| candidates[at]).collect();
    clear(&chosen)
}

/// Leaves out names, as few as that takes, until none covers a mark or another one.
fn clear(chosen: &[Candidate]) -> Vec<Option<Placed>> {
    let mut kept: Vec<Option<&Candidate>> = chosen.iter().map(Some).collect();
    loop {
        let wrongs = |at: usize| {
            let one = kept[at]?;
            let others = kept.iter().enumerate().filter(|(other, _)| *other != at).filter_map(|(_, other)| *other);
            let clashes = others.filter(|other| clash(one, other) >= WRONG).count();
            Some(clashes + usize::from(one.cost >= WRONG))
        };
        let worst = (0..kept.len()).filter_map(|at| Some((wrongs(at)?, at))).max();
        match worst {
            Some((wrongs, at)) if wrongs > 0 => kept[at] = None,
            _ => return kept.into_iter().map(|one| one.map(|one| one.placed)).collect(),
        }
    }
}

/// Moves one name after the other to its cheapest place beside the others, until none moves.
fn settle(order: &[usize], candidates: &[Vec<Candidate>]) -> (f64, Vec<usize>) {
    let mut chosen: Vec<usize> = vec![0; order.len()];
    let mut set = vec![false; order.len()];
    let cost = |own: usize, candidate: &Candidate, chosen: &[usize], set: &[bool]| {
        let others = (0..order.len()).filter(|&other| other != own && set[other]);
        let clashes = others.map(|other| clash(candidate, &candidates[other][chosen[other]]));
        candidate.cost + clashes.sum::<f64>()
    };
    let sweeps = if order.len() > CROWD { SWEEPS / 5 } else { SWEEPS };
    for _ in 0..sweeps {
        let mut moved = false;
        for &own in order {
            let mut best = (f64::INFINITY, 0);
            for (at, candidate) in candidates[own].iter().enumerate() {
                // They are in the order of what they cost by themselves.
                if candidate.cost >= best.0 {
                    break;
                }
                let cost = cost(own, candidate, &chosen, &set);
                if cost < best.0 {
                    best = (cost, at);
                }
            }
            let best = best.1;
            moved |= !set[own] || best != chosen[own];
            chosen[own] = best;
            set[own] = true;
        }
        if !moved {
            break;
        }
    }
    let total = (0..order.len()).map(|own| cost(own, &candidates[own][chosen[own]], &chosen, &set)).sum();
    (total, chosen)
}

/// What it costs that two names stand where they stand.
fn clash(one: &Candidate, other: &Candidate) -> f64 {
    // Most are far from each other.
    if !one.bounds.grown(1.0).overlaps(&other.bounds) {
        return 0.0;
    }
    let (one, other) = (one.placed, other.placed);
    let mut cost = 0.0;
    if one.rect.grown(1.0).overlaps(&other.rect) {
        cost += WRONG;
    }
    for (leader, rect) in [(one.leader, other.rect), (other.leader, one.rect)] {
        if leader.is_some_and(|leader| rect.grown(1.0).is_crossed_by(&leader)) {
            cost += WRONG;
        }
    }
    if let (Some(one), Some(other)) = (one.leader, other.leader)
        && one.crosses(&other)
    {
        cost += WRONG / 4.0;
    }
    cost
}

/// The places for the name of `own`, the cheapest first; never none.
fn candidates(own: usize, all: &[Named], bars: &[Segment], area: Rect) -> Vec<Candidate> {
    let Named { ends, width, height, .. } = &all[own];
    let mut found = Vec::new();
    for (rank, end) in ends.iter().enumerate() {
        for (at, gap) in GAPS.iter().enumerate() {
            for direction in 0..DIRECTIONS {
                let angle = f64::from(direction) * std::f64::consts::TAU / f64::from(DIRECTIONS);
                let rect = towards(*end, angle, *gap, (*width, *height));
                if !area.holds(&rect) {
                    continue;
                }
                // To the right is where a reader looks, and the last end is where a line leads to.
                let taste = 0.4 * (1.0 - angle.cos()) + 0.2 * angle.sin().abs() + 1.5 * rank.min(2) as f64;
                let placed = Placed { rect, leader: None };
                found.extend(weighed(own, *end, placed, all, bars, taste + 0.1 * at as f64));
            }
        }
    }
    found.sort_by(|one, other| one.cost.total_cmp(&other.cost));
    found.truncate(if all.len() > CROWD { MOST_CANDIDATES / 4 } else { MOST_CANDIDATES });
    if found.is_empty() {
        // The area is smaller than the name.
        let end = ends.first().copied().unwrap_or((area.left, area.top));
        let rect = towards(end, 0.0, GAPS[0], (*width, *height));
        let rect = rect.within(&area);
        found.push(Candidate { placed: Placed { rect, leader: None }, bounds: rect, cost: WRONG });
    }
    found
}

/// The box of a name at a distance and in a direction from a mark.
fn towards((x, y): Position, angle: f64, gap: f64, (width, height): (f64, f64)) -> Rect {
    let (right, down) = (angle.cos(), angle.sin());
    let middle = (
        x + gap * right + 0.5 * width * (2.0 * right).clamp(-1.0, 1.0),
        y + gap * down + 0.5 * height * (2.0 * down).clamp(-1.0, 1.0),
    );
    Rect {
        left: middle.0 - 0.5 * width,
        top: middle.1 - 0.5 * height,
        right: middle.0 + 0.5 * width,
        bottom: middle.1 + 0.5 * height,
    }
}

/// A place with what is against it, other names aside; none where it would be read as another's.
fn weighed(
    own: usize,
    end: Position,
    mut placed: Placed,
    all: &[Named],
    bars: &[Segment],
    taste: f64,
) -> Option<Candidate> {
    let rect = placed.rect;
    let gap = rect.distance(end);
    let mut cost = taste;
    let nearest = |named: &Named| {
        let marks = named.marks.iter().map(|mark| rect.distance(*mark));
        let lines = named.segments.iter().map(|segment| rect.distance_of_segment(segment));
        marks.chain(lines).fold(f64::INFINITY, f64::min)
    };
    let others = all.iter().enumerate().filter(|(at, _)| *at != own);
    if gap > BESIDE || others.map(|(_, other)| nearest(other)).fold(f64::INFINITY, f64::min) < nearest(&all[own]) + 2.0
    {
        let leader = Segment { from: end, to: rect.nearest(end) };
        if gap < BESIDE {
            return None;
        }
        cost += 4.0 + 0.22 * gap;
        placed.leader = Some(leader);
    }
    for (at, named) in all.iter().enumerate() {
        let covered = named.marks.iter().filter(|mark| rect.grown(CLEAR).contains(**mark)).count();
        let crossed = named.segments.iter().filter(|segment| rect.is_crossed_by(segment)).count();
        cost += WRONG * covered as f64 + if at == own { 7.0 } else { 14.0 } * crossed as f64;
        if let Some(leader) = placed.leader {
            let through = named.marks.iter().filter(|mark| **mark != end && leader.distance(**mark) < CLEAR);
            let across = named.segments.iter().filter(|segment| !segment.ends_at(end) && segment.crosses(&leader));
            cost += 400.0 * through.count() as f64 + 5.0 * across.count() as f64;
        }
    }
    cost += 3.0 * bars.iter().filter(|bar| rect.is_crossed_by(bar)).count() as f64;
    Some(Candidate { placed, bounds: placed.bounds(), cost })
}

#[cfg(test)]
mod tests {
    use super::*;

    const AREA: Rect = Rect { left: 0.0, top: 0.0, right: 300.0, bottom: 200.0 };

    fn point(end: Position) -> Named {
        Named { marks: vec![end], segments: vec![], ends: vec![end], width: 80.0, height: 13.0 }
    }

    fn line(from: Position, to: Position) -> Named {
        Named { marks: vec![from, to], segments: vec![Segment { from, to }], ends: vec![to, from], ..point(to) }
    }

    #[test]
    fn a_name_stands_to_the_right_where_there_is_room() {
        let placed = place(&[point((50.0, 100.0))], &[], AREA);
        let Some(Placed { rect, leader: None }) = placed[0] else { panic!("{placed:?}") };
        assert!((rect.left - 57.5).abs() < 1e-9 && (rect.top - 93.5).abs() < 1e-9, "{rect:?}");
    }

    #[test]
    fn names_stay_within_their_area_and_off_each_other_and_off_marks() {
        let ends = [(299.0, 2.0), (298.0, 4.0), (297.0, 6.0), (290.0, 8.0), (296.0, 20.0)];
        let all: Vec<Named> = ends.map(point).to_vec();
        let placed: Vec<Placed> = place(&all, &[], AREA).into_iter().flatten().collect();
        // In a corner, one of so many may find no room.
        assert!(placed.len() + 1 >= all.len(), "{placed:?}");
        for (at, one) in placed.iter().enumerate() {
            assert!(AREA.holds(&one.rect), "{placed:?}");
            assert!(!ends.iter().any(|mark| one.rect.grown(4.0).contains(*mark)), "{placed:?}");
            assert!(placed[at + 1..].iter().all(|other| !one.rect.overlaps(&other.rect)), "{placed:?}");
        }
    }

    #[test]
    fn a_name_between_two_lines_is_nearer_to_its_own_or_has_a_leader() {
        let all = [line((20.0, 100.0), (150.0, 60.0)), line((20.0, 110.0), (151.0, 70.0))];
        for (at, placed) in place(&all, &[], AREA).iter().flatten().enumerate() {
            let near = |named: &Named| named.marks.iter().map(|mark| placed.rect.distance(*mark)).fold(1e9, f64::min);
            assert!(placed.leader.is_some() || near(&all[at]) < near(&all[1 - at]), "{placed:?}");
        }
    }

    #[test]
    fn a_name_avoids_lines() {
        let across = line((50.0, 100.0), (300.0, 100.0));
        let placed = place(&[point((50.0, 100.0)), across.clone()], &[], AREA)[0];
        assert!(placed.is_some_and(|placed| !placed.rect.is_crossed_by(&across.segments[0])));
    }

    #[test]
    fn where_there_is_no_room_for_all_names_some_are_left_out_and_none_covers_another() {
        let narrow = Rect { right: 60.0, ..AREA };
        assert_eq!(place(&[point((50.0, 100.0))], &[], narrow), [None]);
        let crowd: Vec<Named> =
            (0..120u32).map(|at| point((10.0 + f64::from(at % 12) * 24.0, 10.0 + f64::from(at / 12) * 18.0))).collect();
        let placed: Vec<Placed> = place(&crowd, &[], AREA).into_iter().flatten().collect();
        assert!(placed.len() < crowd.len());
        for (at, one) in placed.iter().enumerate() {
            assert!(placed[at + 1..].iter().all(|other| !one.rect.overlaps(&other.rect)), "{placed:?}");
            assert!(!crowd.iter().any(|named| one.rect.grown(4.0).contains(named.ends[0])), "{placed:?}");
        }
    }
}
