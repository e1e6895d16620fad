//! What is done where memory does not hold a batch: it is computed in pieces.

use std::ops::Range;

use zoo_core::model::ModelError;
use zoo_engines::EngineError;
use zoo_results::status::lacks_memory;

/// Whether libtorch says that memory does not suffice: `CUDA out of memory` there, `can't allocate memory` on the CPU. It
/// may say so within kernels of ours.
pub fn is_lacking(error: &ModelError) -> bool {
    match error {
        ModelError::Torch(error) => lacks_memory(&error.to_string()),
        ModelError::Native(error) => lacks_memory(&error.to_string()),
        _ => false,
    }
}

/// An error that may be of a lack of memory.
pub trait MayLackMemory {
    /// Whether it is.
    fn is_of_memory(&self) -> bool;
}

impl MayLackMemory for ModelError {
    fn is_of_memory(&self) -> bool {
        is_lacking(self)
    }
}

impl MayLackMemory for EngineError {
    fn is_of_memory(&self) -> bool {
        match self {
            EngineError::Model(error) => is_lacking(error),
            EngineError::Refused { problem, .. } => lacks_memory(problem),
            _ => false,
        }
    }
}

/// Half of a piece, of at least one image, to go on with where memory did not hold it; none where it was one image.
pub fn half(piece: usize) -> Option<usize> {
    (piece > 1).then(|| piece.div_ceil(2))
}

/// Runs `compute` on pieces of `count` images, of at most `most` each, and gives what it found to `add`. A piece that memory
/// does not hold is halved, and so are those after it: `most` says so.
///
/// # Errors
/// What `compute` says of a single image, or of another trouble; what `add` says.
pub fn in_pieces<T, F: MayLackMemory, E: From<F>>(
    count: usize,
    most: &mut usize,
    compute: impl Fn(Range<usize>) -> Result<T, F>,
    mut add: impl FnMut(T) -> Result<(), E>,
) -> Result<(), E> {
    let mut done = 0;
    while done < count {
        let piece = done..count.min(done.saturating_add(*most));
        match compute(piece.clone()) {
            Ok(found) => {
                add(found)?;
                done = piece.end;
            }
            Err(error) => match half(piece.len()).filter(|_| error.is_of_memory()) {
                Some(half) => *most = half,
                None => return Err(error.into()),
            },
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use tch::{Device, Kind, Tensor};
    use zoo_native::depthwise::{Padding, depthwise_conv2d};

    use super::*;

    const AT: (Kind, Device) = (Kind::Float, Device::Cpu);

    fn refused() -> ModelError {
        Tensor::f_zeros([1 << 50], AT).unwrap_err().into()
    }

    #[test]
    fn a_lack_of_memory_is_told_from_other_errors() {
        assert!(is_lacking(&refused()));
        // A map of a petabyte that takes four bytes until somebody wants to write one like it.
        let map = Tensor::zeros([1, 1, 1, 1], AT).expand([1 << 14, 16, 1 << 14, 1 << 14], false);
        let error = depthwise_conv2d(&map, &Tensor::zeros([16, 1, 3, 3], AT), 1, Padding::symmetric(1)).unwrap_err();
        assert!(is_lacking(&error.into()));
        assert!(!is_lacking(&Tensor::zeros([2], AT).f_view([3]).unwrap_err().into()));
    }

    #[test]
    fn pieces_are_halved_until_they_fit_and_cover_all() {
        let mut seen = Vec::new();
        let mut most = usize::MAX;
        let compute = |piece: Range<usize>| if piece.len() > 60 { Err(refused()) } else { Ok(piece) };
        in_pieces(250, &mut most, compute, |piece| -> Result<(), ModelError> {
            seen.extend(piece);
            Ok(())
        })
        .unwrap();
        assert_eq!((seen, most), ((0..250).collect(), 32));
        let nothing_fits = |_: Range<usize>| -> Result<(), ModelError> { Err(refused()) };
        assert!(in_pieces(4, &mut most, nothing_fits, |()| Ok::<(), ModelError>(())).is_err());
    }
}
