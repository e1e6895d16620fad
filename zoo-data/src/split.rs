//! One half of a data set, training or test, wherever its images are.

use super::{Features, ImageFiles, Images};

/// Labelled images, decoded in memory or as files.
#[derive(Debug, Clone, PartialEq)]
pub enum Split {
    /// All of one size, decoded once.
    Memory(Images),
    /// Of any sizes, decoded whenever they are needed.
    Files(ImageFiles),
    /// What a frozen backbone made of them.
    Features(Features),
}

impl Default for Split {
    fn default() -> Split {
        Split::Memory(Images::default())
    }
}

impl Split {
    /// How many images there are.
    pub fn len(&self) -> usize {
        match self {
            Split::Memory(images) => images.len(),
            Split::Files(files) => files.len(),
            Split::Features(features) => features.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The images, where they are in memory.
    pub fn in_memory(&self) -> Option<&Images> {
        match self {
            Split::Memory(images) => Some(images),
            Split::Files(_) | Split::Features(_) => None,
        }
    }

    /// Keeps `count` images, or all of them where there are fewer: the first ones in memory, whose order is random, and
    /// files evenly spread over the list, which is sorted by class.
    pub fn truncate(&mut self, count: usize) {
        match self {
            Split::Memory(images) => images.truncate(count),
            Split::Files(files) => files.truncate(count),
            Split::Features(features) => features.truncate(count),
        }
    }

    /// The files that were left out because they could not be read, with the reason, sorted by path.
    pub fn skipped(&self) -> Vec<String> {
        match self {
            Split::Memory(_) | Split::Features(_) => Vec::new(),
            Split::Files(files) => files.skipped(),
        }
    }
}
