//! As much of zoo-measure as sweep files name, without libtorch.

/// What images pass through.
pub mod throughput {
    /// The words of it.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
    pub struct Pass(&'static str);

    impl Pass {
        /// The work of that name.
        pub fn find(name: &str) -> Option<Pass> {
            ["train", "eager", "folded", "jit", "native"].into_iter().find(|work| *work == name).map(Pass)
        }
    }
}
