//! Progressive input size: training images grow from step to step of the run, so that early epochs cost less
//! (Howard 2018, fast.ai's DAWNBench entry; Tan & Le 2021, arXiv:2104.00298, section 4).

use zoo_core::ImageSize;

/// Share of the run after which images have their full size.
const RISE: f64 = 0.75;
/// Sides before that at most: the first one then lasts for an eighth of the run, over which a budget is turned into steps.
const MOST_SMALL: u32 = 6;

/// Sides that images have, in equal stretches of the first part of a run; the last of them from then on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progressive {
    sizes: Vec<ImageSize>,
}

impl Progressive {
    /// From a shorter side of `from` (if that is asked for) to `size`, in steps of about an eighth of that and a multiple of
    /// 4, so that maps behind the strides stay whole for the most part. The longer side keeps its proportion.
    pub fn new(from: Option<u32>, size: ImageSize) -> Progressive {
        let to = size.shorter();
        let first = from.unwrap_or(to).min(to);
        let least = (to - first).div_ceil(MOST_SMALL).next_multiple_of(4);
        let step = (to / 8 / 4 * 4).max(4).max(least);
        let sides = (0..).map(|index| first + index * step).take_while(|side| *side < to);
        let mut sizes: Vec<ImageSize> = sides.map(|side| size.times(f64::from(side) / f64::from(to))).collect();
        sizes.push(size);
        Progressive { sizes }
    }

    /// The sizes, smallest first.
    pub fn sizes(&self) -> &[ImageSize] {
        &self.sizes
    }

    /// Which of the sides step `step` of `steps` has.
    pub fn index(&self, step: u64, steps: u64) -> usize {
        let small = (self.sizes.len() - 1) as f64;
        let progress = step as f64 / (steps.max(1) as f64 * RISE);
        ((progress * small) as usize).min(self.sizes.len() - 1)
    }

    /// Share of a run's steps that each side has.
    fn shares(&self) -> Vec<f64> {
        let small = self.sizes.len() - 1;
        let mut shares = vec![RISE / small.max(1) as f64; small];
        shares.push(if small == 0 { 1.0 } else { 1.0 - RISE });
        shares
    }

    /// Mean of `seconds` of a step, one for each side, over a run.
    pub fn mean(&self, seconds: &[f64]) -> f64 {
        self.shares().iter().zip(seconds).map(|(share, seconds)| share * seconds).sum()
    }

    /// The sum of `seconds` of a step, one for each side, over the first `done` of `steps` steps.
    pub fn sum(&self, seconds: &[f64], done: u64, steps: u64) -> f64 {
        let mut left = done as f64 / steps.max(1) as f64;
        let mut sum = 0.0;
        for (share, seconds) in self.shares().iter().zip(seconds) {
            let taken = left.min(*share);
            sum += taken * steps as f64 * seconds;
            left -= taken;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_grow_in_equal_stretches_and_stay() {
        let progressive = Progressive::new(Some(20), 32.into());
        assert_eq!(progressive.sizes(), [20, 24, 28, 32].map(ImageSize::square));
        assert_eq!([0, 24, 25, 49, 50, 74, 75, 99].map(|step| progressive.index(step, 100)), [0, 0, 1, 1, 2, 2, 3, 3]);
        assert_eq!(Progressive::new(Some(128), 224.into()).sizes(), [128, 156, 184, 212, 224].map(ImageSize::square));
        assert_eq!(Progressive::new(None, 32.into()).sizes(), [ImageSize::square(32)]);
        let wide = Progressive::new(Some(80), ImageSize { height: 160, width: 320 });
        assert_eq!(
            wide.sizes().iter().map(ToString::to_string).collect::<Vec<_>>(),
            ["80x160", "100x200", "120x240", "140x280", "160x320"]
        );
        assert_eq!(Progressive::new(None, 32.into()).index(5, 10), 0);
    }

    /// A budget is turned into steps within the first eighth: until then, the size must not depend on their number.
    #[test]
    fn the_first_size_lasts_for_an_eighth_of_the_run() {
        for (from, to) in [(8, 32), (8, 64), (32, 224), (8, 600)] {
            let progressive = Progressive::new(Some(from), to.into());
            assert_eq!((progressive.sizes()[0], *progressive.sizes().last().unwrap()), (from.into(), to.into()));
            assert!((0..128).all(|step| progressive.index(step, 1024) == 0), "{:?}", progressive.sizes());
        }
    }

    #[test]
    fn time_is_the_sum_over_the_stretches() {
        let progressive = Progressive::new(Some(24), 32.into());
        let seconds = [1.0, 2.0, 4.0];
        assert_eq!(progressive.mean(&seconds), 0.375 + 0.75 + 1.0);
        let stepwise = |done: u64| (0..done).map(|step| seconds[progressive.index(step, 80)]).sum::<f64>();
        for done in [0, 10, 30, 45, 60, 80] {
            assert!((progressive.sum(&seconds, done, 80) - stepwise(done)).abs() < 1e-9, "{done}");
        }
    }
}
