//! Random numbers by counter: a pure function of what they are for, so that neither threads nor a resume change them.

/// Mixes numbers into one that looks random, by the finaliser of SplitMix64 (Steele, Lea & Flood 2014).
pub fn mix(numbers: &[u64]) -> u64 {
    numbers.iter().fold(0x9e37_79b9_7f4a_7c15, |state, number| {
        let mut z = (state ^ number).wrapping_add(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    })
}

/// A number from 0 to `bound - 1`. The bias of the multiplication is under 2⁻³² for the bounds used here.
pub fn below(random: u64, bound: usize) -> usize {
    ((u128::from(random) * bound as u128) >> 64) as usize
}

/// A number of at least 0 and under 1.
pub fn uniform(random: u64) -> f64 {
    (random >> 11) as f64 / (1u64 << 53) as f64
}

/// The order of an epoch: a permutation of `0..length`.
pub fn permutation(seed: u64, epoch: u64, length: usize) -> Vec<u32> {
    let mut order: Vec<u32> = (0..length as u32).collect();
    for last in (1..length).rev() {
        let other = below(mix(&[seed, epoch, last as u64, 1]), last + 1);
        order.swap(last, other);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_permutation_has_every_index_once_and_depends_on_seed_and_epoch() {
        let order = permutation(3, 5, 1000);
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..1000).collect::<Vec<_>>());
        assert_eq!(order, permutation(3, 5, 1000));
        assert_ne!(order, permutation(3, 6, 1000));
        assert_ne!(order, permutation(4, 5, 1000));
    }

    #[test]
    fn below_is_even() {
        let mut counts = [0; 9];
        for index in 0..90_000u64 {
            counts[below(mix(&[7, index]), 9)] += 1;
        }
        assert!(counts.iter().all(|count| (9_600..10_400).contains(count)), "{counts:?}");
    }
}
