//! Random changes to training images, each a pure function of (seed, epoch, image) or, for mixing, (seed, step).
//!
//! Owns which changes there are and their order, that of torchvision's references: crop and flip, which
//! [`source`](super::source) does as it fetches an image; on bytes the [`policy`]'s operations, then colour jitter; on
//! normalised numbers [`erase`]; on the whole batch [`mixing`]. The bytes are interleaved for images in memory and for
//! files alike.

pub mod colour;
pub mod erase;
pub mod geometry;
pub mod mixing;
pub mod operation;
pub mod policy;

pub use colour::Jitter;
pub use mixing::{Mixed, Mixing};

use operation::Raster;

use zoo_settings::Settings;
use zoo_settings::flip::Flip;
use zoo_settings::policy::Policy;

use super::random::mix;

/// What is changed at random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augmentation {
    /// Black pixels put around an image in memory before a crop of its own size is taken.
    pub crop_padding: usize,
    /// Least and greatest share of a file's picture that is taken, by area.
    pub crop_scale: [f64; 2],
    /// When an image is mirrored.
    pub flip: Flip,
    /// How operations on its bytes are chosen.
    pub policy: Policy,
    /// Random brightness, contrast and saturation.
    pub jitter: Jitter,
    /// Probability that a rectangle is erased, 0 to 1.
    pub erasing: f64,
    /// How images are mixed with each other.
    pub mixing: Mixing,
}

impl Default for Augmentation {
    /// Nothing but torchvision's random pieces of files.
    fn default() -> Augmentation {
        Augmentation {
            crop_padding: 0,
            crop_scale: [0.08, 1.0],
            flip: Flip::None,
            policy: Policy::None,
            jitter: Jitter::default(),
            erasing: 0.0,
            mixing: Mixing::default(),
        }
    }
}

impl Augmentation {
    /// What `settings` ask for.
    pub fn of(settings: &Settings) -> Augmentation {
        Augmentation {
            crop_padding: settings.augment.crop_padding,
            crop_scale: settings.crop_scale(),
            flip: settings.augment.flip,
            policy: settings.augment.augment,
            jitter: Jitter { strengths: settings.augment.colour_jitter },
            erasing: settings.augment.random_erasing,
            mixing: Mixing { mixup: settings.augment.mixup, cutmix: settings.augment.cutmix },
        }
    }

    /// Whether there are changes to bytes, other than crop and flip.
    pub fn changes_bytes(&self) -> bool {
        !self.policy.is_none() || !self.jitter.is_none()
    }

    /// Changes the bytes of an image with `side` pixels in a row, channels innermost. `random` is the image's random
    /// number, `copy` is working memory.
    pub fn change_bytes(&self, bytes: &mut [u8], side: usize, random: u64, copy: &mut Vec<[u8; 3]>) {
        let (pixels, _) = bytes.as_chunks_mut();
        let mut image = Raster { pixels, width: side };
        let size = (side, image.height());
        let numbers = |of: u64| move |what: u64| mix(&[random, of, what]);
        let operations = policy::draw(self.policy, size, numbers(0)).chain(self.jitter.draw(numbers(1)));
        operations.for_each(|operation| operation.apply(&mut image, copy));
    }
}

#[cfg(test)]
mod tests;
