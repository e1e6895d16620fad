//! The images and labels of one step, and how they become tensors and logits.

use std::ops::Range;
use std::sync::mpsc::Sender;

use tch::{Device, TchError, Tensor};
use zoo_core::ImageSize;
use zoo_core::model::{Mode, Model, ModelError};

use super::augment::Mixed;
use super::channels::to_channels;
use super::resident::Resident;
use super::sample::Sample;

/// What the numbers of a batch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Images of this size, three numbers for each pixel.
    Images(ImageSize),
    /// Those of images that the trainer has on its device.
    Samples,
    /// So many features of each image, as the classifier reads them.
    Features(usize),
}

impl Kind {
    /// Numbers of one image.
    pub fn numbers(self) -> usize {
        match self {
            Kind::Images(size) => 3 * size.pixels(),
            Kind::Samples => 0,
            Kind::Features(channels) => channels,
        }
    }
}

/// What a network takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Input {
    /// Where it computes.
    pub device: Device,
    /// The size of its images.
    pub size: ImageSize,
    /// Their channels.
    pub channels: u32,
}

impl Input {
    /// What `model` takes.
    pub fn of(model: &Model) -> Input {
        let plan = model.plan();
        Input { device: model.device(), size: plan.options.input_size, channels: plan.input.c }
    }
}

/// Images and labels of one step, pixels innermost by channel.
#[derive(Debug)]
pub struct Batch {
    pub(super) pixels: Vec<f32>,
    /// Which images these are, where they are on the trainer's device.
    pub(super) samples: Vec<Sample>,
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
            Kind::Images(_) | Kind::Samples => {
                model.forward(&self.images(Input::of(model), resident, piece.clone())?, mode)?
            }
            Kind::Features(_) => model.classify(&self.stored(model.device(), piece.clone())?, mode)?,
        };
        Ok((logits, self.labels_on(model.device(), piece)?))
    }

    /// Logits of the images `piece` by `forward`, and the labels; where `mirrored`, each is the mean of the image's and of its
    /// mirror image's. A batch must be of images.
    ///
    /// # Errors
    /// Where libtorch or `forward` refuses, most often for lack of memory.
    pub fn evaluate<E: From<TchError>>(
        &self,
        input: Input,
        forward: impl Fn(&Tensor) -> Result<Tensor, E>,
        mirrored: bool,
        piece: Range<usize>,
    ) -> Result<(Tensor, Tensor), E> {
        let images = self.images(input, None, piece.clone())?;
        let mut logits = forward(&images)?;
        if mirrored {
            let other = forward(&images.f_flip([3i64].as_slice())?)?;
            logits = logits.f_add(&other)?.f_mul_scalar(0.5)?;
        }
        Ok((logits, self.labels_on(input.device, piece)?))
    }

    /// Features (N x channels x 1 x 1) that the classifier reads, of a batch of images.
    ///
    /// # Errors
    /// As [`classify`](Batch::classify).
    pub fn features(&self, model: &Model) -> Result<Tensor, ModelError> {
        match self.kind {
            Kind::Images(_) | Kind::Samples => {
                model.features(&self.images(Input::of(model), None, 0..self.len())?, Mode::Eval)
            }
            Kind::Features(_) => Ok(self.stored(Device::Cpu, 0..self.len())?),
        }
    }

    /// Whether it holds features, which are for a classifier alone.
    pub(super) fn is_of_features(&self) -> bool {
        matches!(self.kind, Kind::Features(_))
    }

    /// Images as N x C x H x W in channels_last, as the network takes them.
    fn images(&self, input: Input, resident: Option<&Resident>, piece: Range<usize>) -> Result<Tensor, TchError> {
        let images = match (self.kind, resident) {
            (Kind::Images(ImageSize { height, width }), _) => {
                let shape = [piece.len() as i64, height.into(), width.into(), 3];
                let numbers = Tensor::f_from_slice(self.numbers(piece))?.f_view(shape)?;
                numbers.f_permute([0, 3, 1, 2])?.f_to(input.device)?
            }
            (Kind::Samples, Some(resident)) => resident.batch(&self.samples[piece])?,
            // Features are no images, and samples mean nothing without the set that they are of.
            (Kind::Features(_), _) | (Kind::Samples, None) => return Ok(Tensor::new()),
        };
        to_channels(resize(images, input.size)?, input.channels)
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
