//! Pictures have three channels; a network may take them as one.

use tch::{Kind, TchError, Tensor};

/// Shares of red, green and blue in the luminance, by ITU-R BT.601 as in PIL's mode `L`.
const LUMINANCE: [f32; 3] = [0.299, 0.587, 0.114];

/// Pictures (N x 3 x H x W, normalised alike in all channels) as a network of `channels` takes them: their luminance where
/// that is one.
///
/// # Errors
/// Where memory lacks.
pub fn to_channels(pictures: Tensor, channels: u32) -> Result<Tensor, TchError> {
    if channels != 1 {
        return Ok(pictures);
    }
    let shares = Tensor::f_from_slice(&LUMINANCE)?.f_view([1, 3, 1, 1])?.f_to(pictures.device())?;
    pictures.f_mul(&shares)?.f_sum_dim_intlist([1i64].as_slice(), true, None::<Kind>)
}

/// Whether pictures can be shown to a network of `channels`.
///
/// # Errors
/// The sentence with the way out.
pub fn check(channels: u32) -> Result<(), String> {
    match channels {
        1 | 3 => Ok(()),
        _ => Err(format!(
            "pictures have 3 channels, or 1 as luminance, and this network takes {channels}: give --in-channels 3 or 1"
        )),
    }
}

#[cfg(test)]
mod tests {
    use tch::Device;

    use super::*;

    /// `Image.fromarray(...).convert("L")` of PIL rounds to whole numbers: 76, 150, 29, 143.
    #[test]
    fn luminance_is_that_of_pil() -> Result<(), TchError> {
        let pixels = [[255.0, 0.0, 0.0], [0.0, 255.0, 0.0], [0.0, 0.0, 255.0], [200.0, 123.0, 100.0f32]];
        let pictures = Tensor::f_from_slice(&pixels.concat())?.f_view([4, 1, 1, 3])?.f_permute([0, 3, 1, 2])?;
        let grey = to_channels(pictures.shallow_clone(), 1)?;
        assert_eq!(grey.size(), [4, 1, 1, 1]);
        let expected = Tensor::f_from_slice(&[76.0, 150.0, 29.0, 143.0f32])?.f_view([4, 1, 1, 1])?;
        assert!((grey - expected).f_abs()?.f_max()?.f_double_value(&[])? <= 0.5);
        assert!(to_channels(pictures.shallow_clone(), 3)?.equal(&pictures));
        // What is equal in all channels is left as it is: the shares come to one.
        let white = Tensor::f_ones([1, 3, 2, 2], (Kind::Float, Device::Cpu))?;
        assert!((to_channels(white, 1)? - 1.0).f_abs()?.f_max()?.f_double_value(&[])? < 1e-6);
        Ok(())
    }
}
