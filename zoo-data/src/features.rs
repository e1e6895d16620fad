//! Features in place of images: what a frozen backbone makes of each, computed once.

/// Features of images with their labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Features {
    /// `n x channels` numbers, image by image.
    pub numbers: Vec<f32>,
    /// The class of each image.
    pub labels: Vec<i64>,
    /// Numbers of one image.
    pub channels: usize,
}

impl Features {
    /// How many images there are.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The numbers of image `index`.
    ///
    /// # Panics
    ///
    /// When `index` is not below [`len`](Self::len), as for a slice.
    pub fn image(&self, index: usize) -> &[f32] {
        &self.numbers[index * self.channels..(index + 1) * self.channels]
    }

    /// Keeps the first `count` images, or all of them where there are fewer.
    pub fn truncate(&mut self, count: usize) {
        self.labels.truncate(count);
        self.numbers.truncate(count.saturating_mul(self.channels));
    }
}
