//! The images and labels of one step, and how they become tensors and logits.

use std::ops::Range;
use std::sync::mpsc::Sender;

use tch::{Device, TchError, Tensor};
use zoo_core::ImageSize;
use zoo_core::model::{Mode, Model, ModelError};

use super::augment::Mixed;
use super::channels::to_channels;
use super::place::Place;
use super::resident::Resident;

/// What the numbers of a batch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Images of this size, three numbers for each pixel.
    Images(ImageSize),
    /// Those of images that the trainer has on its device.
    Places,
    /// So many features of each image, as the classifier reads them.
    Features(usize),
}

impl Kind {
    /// Numbers of one image.
    pub fn numbers(self) -> usize {
        match self {
            Kind::Images(size) => 3 * size.pixels(),
            Kind::Places => 0,
            Kind::Features(channels) => channels,
        }
    }
}

/// Images and labels of one step, pixels innermost by channel.
#[derive(Debug)]
pub struct Batch {
    pub(super) pixels: Vec<f32>,
    /// Which images these are, where they are on the trainer's device.
    pub(super) places: Vec<Place>,
    pub(super) labels: Vec<i64>,
    /// What the images have of each other, where they were mixed.
    pub(super) mixed: Option<Mixed>,
    pub(super) kind: Kind,
    /// Where the memory of the pixels goes when they are no longer needed.
    pub(super) reuse: Option<Sender<Vec<f32>>>,
}

impl Batch {
    /// Logits of the images `piece`, which may be those of `resident`, and their labels. Images are resized to the network's
    /// input, features go to its classifier.
    ///
    /// # Errors
    /// Where libtorch refuses, most often for lack of memory.
    pub fn classify(
        &self,
        model: &Model,
        resident: Option<&Resident>,
        mode: Mode,
        piece: Range<usize>,
    ) -> Result<(Tensor, Tensor), ModelError> {
        let logits = match self.kind {
            Kind::Images(_) | Kind::Places => model.forward(&self.images(model, resident, piece.clone())?, mode)?,
            Kind::Features(_) => model.classify(&self.stored(model.device(), piece.clone())?, mode)?,
        };
        Ok((logits, self.labels_on(model.device(), piece)?))
    }

    /// Logits of the images `piece` by `forward`, which is `model` as one deploys it, and the labels; where `mirrored`, each is the mean of
    /// the image's and of its mirror image's.
    ///
    /// # Errors
    /// As [`classify`](Batch::classify).
    pub fn evaluate(
        &self,
        model: &Model,
        forward: impl Fn(&Tensor) -> Result<Tensor, ModelError>,
        mirrored: bool,
        piece: Range<usize>,
    ) -> Result<(Tensor, Tensor), ModelError> {
        if let Kind::Features(_) = self.kind {
            return self.classify(model, None, Mode::Eval, piece);
        }
        let images = self.images(model, None, piece.clone())?;
        let mut logits = forward(&images)?;
        if mirrored {
            let other = forward(&images.f_flip([3i64].as_slice())?)?;
            logits = logits.f_add(&other)?.f_mul_scalar(0.5)?;
        }
        Ok((logits, self.labels_on(model.device(), piece)?))
    }

    /// Features (N x channels x 1 x 1) that the classifier reads, of a batch of images.
    ///
    /// # Errors
    /// As [`classify`](Batch::classify).
    pub fn features(&self, model: &Model) -> Result<Tensor, ModelError> {
        match self.kind {
            Kind::Images(_) | Kind::Places => model.features(&self.images(model, None, 0..self.len())?, Mode::Eval),
            Kind::Features(_) => Ok(self.stored(Device::Cpu, 0..self.len())?),
        }
    }

    /// Images as N x C x H x W in channels_last, resized to the input of `model`.
    fn images(&self, model: &Model, resident: Option<&Resident>, piece: Range<usize>) -> Result<Tensor, TchError> {
        let images = match (self.kind, resident) {
            (Kind::Images(ImageSize { height, width }), _) => {
                let shape = [piece.len() as i64, height.into(), width.into(), 3];
                let numbers = Tensor::f_from_slice(self.numbers(piece))?.f_view(shape)?;
                numbers.f_permute([0, 3, 1, 2])?.f_to(model.device())?
            }
            (Kind::Places, Some(resident)) => resident.batch(&self.places[piece])?,
            // Features are no images, and places mean nothing without the set that they are of.
            (Kind::Features(_), _) | (Kind::Places, None) => return Ok(Tensor::new()),
        };
        let plan = model.plan();
        to_channels(resize(images, plan.options.input_size)?, plan.input.c)
    }

    /// Features that were computed before.
    fn stored(&self, device: Device, piece: Range<usize>) -> Result<Tensor, TchError> {
        let channels = self.kind.numbers() as i64;
        Tensor::f_from_slice(self.numbers(piece))?.f_view([-1, channels, 1, 1])?.f_to(device)
    }

    fn numbers(&self, piece: Range<usize>) -> &[f32] {
        let each = self.kind.numbers();
        &self.pixels[piece.start * each..piece.end * each]
    }

    fn labels_on(&self, device: Device, piece: Range<usize>) -> Result<Tensor, TchError> {
        Tensor::f_from_slice(&self.labels[piece])?.f_to(device)
    }

    /// The classes of what the images `piece` were mixed with, and the share that is left of their own.
    pub(super) fn partners(&self, piece: Range<usize>) -> Option<(&[i64], f64)> {
        self.mixed.as_ref().map(|mixed| (&mixed.partners[piece], mixed.share))
    }

    /// The class of each image.
    pub fn labels(&self) -> &[i64] {
        &self.labels
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }
}

impl Drop for Batch {
    fn drop(&mut self) {
        if let Some(reuse) = self.reuse.take() {
            // A worker that is gone needs no memory.
            let _ = reuse.send(std::mem::take(&mut self.pixels));
        }
    }
}

/// Bilinear, with antialiasing where it shrinks.
fn resize(images: Tensor, to: ImageSize) -> Result<Tensor, TchError> {
    let (from, to) = (images.size(), [to.height, to.width].map(i64::from));
    if from[2..] == to {
        Ok(images)
    } else if to[0] >= from[2] && to[1] >= from[3] {
        images.f_upsample_bilinear2d(to, false, None, None)
    } else {
        images.f_internal_upsample_bilinear2d_aa(to, false, None, None)
    }
}
