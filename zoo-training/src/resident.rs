//! A training set that lives on the device which trains: batches are cropped, mirrored and normalised there, at once.
//!
//! A GPU asks for more images than threads of the host can prepare and copy; CIFAR-10 takes 150 MB of its memory. The
//! numbers are those of [`source`](super::source), to the last bit. Only crops and flips are done here: whatever else
//! changes images stays with the threads. Run on the CPU alone so far, where it is tested against them; no GPU was at hand.

use tch::{Device, Kind, TchError, Tensor};
use zoo_core::model::channels_last;

use super::sample::Sample;
use zoo_data::Images;
use zoo_data::normalisation::Normalisation;

/// Images on a device, as bytes.
#[derive(Debug)]
pub struct Resident {
    /// N x 3 x side x side, unsigned bytes.
    images: Tensor,
    /// What each byte of each channel stands for: 3 x 256 numbers.
    numbers: Tensor,
    padding: i64,
}

impl Resident {
    /// Copies `images` to `device`; crops may reach `padding` black pixels beyond them.
    ///
    /// # Errors
    /// Where memory lacks.
    pub fn new(
        images: &Images,
        normalisation: &Normalisation,
        padding: usize,
        device: Device,
    ) -> Result<Resident, TchError> {
        let side = images.side as i64;
        let numbers: Vec<f32> =
            (0..3).flat_map(|channel| (0..=255).map(move |byte| normalisation.number(channel, byte))).collect();
        Ok(Resident {
            images: Tensor::f_from_slice(&images.pixels)?.f_view([-1, 3, side, side])?.f_to(device)?,
            numbers: Tensor::f_from_slice(&numbers)?.f_to(device)?,
            padding: padding as i64,
        })
    }

    /// The images of `samples` as N x 3 x side x side numbers in channels_last order.
    ///
    /// # Errors
    /// Where memory lacks.
    pub fn batch(&self, samples: &[Sample]) -> Result<Tensor, TchError> {
        let (count, side, device) = (samples.len() as i64, self.images.size()[2], self.images.device());
        let indices: Vec<i64> = samples.iter().map(|place| place.index as i64).collect();
        let chosen = self.images.f_index_select(0, &Tensor::f_from_slice(&indices)?.f_to(device)?)?;
        let padded = chosen.f_constant_pad_nd([self.padding; 4])?;
        let bytes = padded.f_flatten(2, 3)?.f_gather(2, &self.pixels(samples)?, false)?;
        let channel = Tensor::f_arange(3, (Kind::Int64, device))?.f_mul_scalar(256)?.f_view([1, 3, 1])?;
        let entries = bytes.f_to_kind(Kind::Int64)?.f_add(&channel)?;
        let images = self.numbers.f_take(&entries)?.f_view([count, 3, side, side])?;
        channels_last(&images)
    }

    /// For each number of each channel, its pixel in the padded image: N x 3 x side². Two numbers an image are copied to the
    /// device; the rest is reckoned there.
    fn pixels(&self, samples: &[Sample]) -> Result<Tensor, TchError> {
        let (side, device) = (self.images.size()[2], self.images.device());
        let wide = side + 2 * self.padding;
        let (mut starts, mut steps) = (Vec::with_capacity(samples.len()), Vec::with_capacity(samples.len()));
        for place in samples {
            let (down, right) = (place.shift.0 as i64 + self.padding, place.shift.1 as i64 + self.padding);
            // A row is read from its left end to the right, or from its right end to the left.
            let (first, step) = if place.mirrored { (side - 1, -1) } else { (0, 1) };
            starts.push(down * wide + right + first);
            steps.push(step);
        }
        let of_images = |numbers: &[i64]| Tensor::f_from_slice(numbers)?.f_to(device)?.f_view([-1, 1, 1]);
        let along = Tensor::f_arange(side, (Kind::Int64, device))?;
        let rows = along.f_mul_scalar(wide)?.f_view([1, side, 1])?;
        let columns = of_images(&steps)?.f_mul(&along)?;
        let pixels = of_images(&starts)?.f_add(&rows)?.f_add(&columns)?;
        pixels.f_view([-1, 1, side * side])?.f_expand([-1, 3, -1], false)
    }
}
