//! The images and labels of one step, and how they become tensors and logits.

use std::sync::mpsc::Sender;

use tch::{Device, TchError, Tensor};
use zoo_core::model::{Mode, Model, ModelError};

/// What the numbers of a batch are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Square images of this many pixels a side, three numbers for each.
    Images(usize),
    /// So many features of each image, as the classifier reads them.
    Features(usize),
}

impl Kind {
    /// Numbers of one image.
    pub fn numbers(self) -> usize {
        match self {
            Kind::Images(side) => 3 * side * side,
            Kind::Features(channels) => channels,
        }
    }
}

/// Images and labels of one step, pixels innermost by channel.
#[derive(Debug)]
pub struct Batch {
    pub(super) pixels: Vec<f32>,
    pub(super) labels: Vec<i64>,
    pub(super) kind: Kind,
    /// Where the memory of the pixels goes when they are no longer needed.
    pub(super) reuse: Option<Sender<Vec<f32>>>,
}

impl Batch {
    /// Logits of the batch and its labels. Images are resized to the network's input, features go to its classifier.
    ///
    /// # Errors
    /// Where libtorch refuses, most often for lack of memory.
    pub fn classify(&self, model: &Model, mode: Mode) -> Result<(Tensor, Tensor), ModelError> {
        let device = model.device();
        let logits = match self.kind {
            Kind::Images(side) => model.forward(&self.images(side, model.plan().options.input_size, device)?, mode)?,
            Kind::Features(channels) => {
                let features = Tensor::f_from_slice(&self.pixels)?;
                model.classify(&features.f_view([-1, channels as i64, 1, 1])?.f_to(device)?, mode)?
            }
        };
        Ok((logits, Tensor::f_from_slice(&self.labels)?.f_to(device)?))
    }

    /// Features (N x channels x 1 x 1) that the classifier reads, of a batch of images.
    ///
    /// # Errors
    /// As [`classify`](Batch::classify).
    pub fn features(&self, model: &Model) -> Result<Tensor, ModelError> {
        match self.kind {
            Kind::Images(side) => {
                let images = self.images(side, model.plan().options.input_size, model.device())?;
                model.features(&images, Mode::Eval)
            }
            Kind::Features(channels) => Ok(Tensor::f_from_slice(&self.pixels)?.f_view([-1, channels as i64, 1, 1])?),
        }
    }

    /// Images as N x 3 x S x S in channels_last, resized to `input_size`.
    fn images(&self, side: usize, input_size: u32, device: Device) -> Result<Tensor, TchError> {
        let (count, side) = (self.labels.len() as i64, side as i64);
        let images = Tensor::f_from_slice(&self.pixels)?.f_view([count, side, side, 3])?;
        resize(images.f_permute([0, 3, 1, 2])?.f_to(device)?, i64::from(input_size))
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
fn resize(images: Tensor, to: i64) -> Result<Tensor, TchError> {
    let from = images.size()[2];
    match to.cmp(&from) {
        std::cmp::Ordering::Equal => Ok(images),
        std::cmp::Ordering::Greater => images.f_upsample_bilinear2d([to, to], false, None, None),
        std::cmp::Ordering::Less => images.f_internal_upsample_bilinear2d_aa([to, to], false, None, None),
    }
}
