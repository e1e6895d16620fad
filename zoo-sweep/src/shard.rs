//! A part of a grid: the same cells for the same file and number of parts, about as much work in each.

use std::fmt;
use std::str::FromStr;

/// Part `index` of `count`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    index: usize,
    count: usize,
}

impl Default for Shard {
    /// All of it.
    fn default() -> Shard {
        Shard { index: 1, count: 1 }
    }
}

impl FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Shard, String> {
        let parts = text.split_once('/').and_then(|(index, count)| Some((index.parse().ok()?, count.parse().ok()?)));
        match parts {
            Some((index, count)) if (1..=count).contains(&index) => Ok(Shard { index, count }),
            _ => Err(format!("invalid part `{text}`; expected i/n with i from 1 to n, such as 2/8")),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.index, self.count)
    }
}

impl Shard {
    /// The part at `place`, counted from 0, of `count`; none where there are not as many.
    pub fn at(place: usize, count: usize) -> Option<Shard> {
        (place < count).then_some(Shard { index: place + 1, count })
    }

    /// How many there are.
    pub fn count(self) -> usize {
        self.count
    }

    /// Whether it is all there is.
    pub fn is_whole(self) -> bool {
        self.count == 1
    }

    /// Places of its cells, in their order, where each has a weight. They are dealt from the heaviest on, to and fro.
    pub fn places(self, weights: &[f64]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..weights.len()).collect();
        // The sort is stable: cells of one weight keep their order.
        order.sort_by(|&one, &other| weights[other].total_cmp(&weights[one]));
        let mut mine: Vec<usize> =
            order.into_iter().enumerate().filter(|(dealt, _)| self.gets(*dealt)).map(|(_, at)| at).collect();
        mine.sort_unstable();
        mine
    }

    fn gets(self, dealt: usize) -> bool {
        let (round, seat) = (dealt / self.count, dealt % self.count);
        let seat = if round.is_multiple_of(2) { seat } else { self.count - 1 - seat };
        seat == self.index - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_written_as_i_of_n() {
        assert_eq!("2/8".parse(), Ok(Shard { index: 2, count: 8 }));
        for wrong in ["3/2", "0/2", "1", "1/0", "a/b", "-1/2", ""] {
            assert!(wrong.parse::<Shard>().is_err_and(|error| error.contains("such as 2/8")), "{wrong}");
        }
    }

    #[test]
    fn every_cell_is_in_one_part_and_the_work_is_even() {
        let weights: Vec<f64> = (0..37).map(|at| f64::from(at * at % 17)).collect();
        let parts: Vec<Vec<usize>> = (1..=4).map(|index| Shard { index, count: 4 }.places(&weights)).collect();
        let mut all: Vec<usize> = parts.iter().flatten().copied().collect();
        all.sort_unstable();
        assert_eq!(all, (0..37).collect::<Vec<_>>());
        let work: Vec<f64> = parts.iter().map(|part| part.iter().map(|&at| weights[at]).sum()).collect();
        let (least, most) = (work.iter().copied().fold(f64::MAX, f64::min), work.iter().copied().fold(0.0, f64::max));
        assert!(most - least <= 17.0, "{work:?}");
        assert_eq!(Shard::default().places(&[1.0, 2.0]), [0, 1]);
    }
}
