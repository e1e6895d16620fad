//! As much of tch as the readers of weights use, without libtorch, which takes longer to build than all targets together.
//!
//! It is stricter: what libtorch would have to refuse is a panic here, as the readers are to have checked it.

use std::fmt;

/// Kinds of elements that weights may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Kind {
    Uint8,
    Int8,
    Int16,
    Int,
    Int64,
    Half,
    Float,
    Double,
    Bool,
    BFloat16,
}

impl Kind {
    /// Bytes of an element.
    pub fn elt_size_in_bytes(self) -> usize {
        match self {
            Kind::Uint8 | Kind::Int8 | Kind::Bool => 1,
            Kind::Int16 | Kind::Half | Kind::BFloat16 => 2,
            Kind::Int | Kind::Float => 4,
            Kind::Int64 | Kind::Double => 8,
        }
    }
}

/// Never made.
#[derive(Debug)]
pub enum TchError {}

impl fmt::Display for TchError {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {}
    }
}

impl std::error::Error for TchError {}

type Made = Result<Tensor, TchError>;

/// Contiguous elements.
#[derive(Debug)]
pub struct Tensor {
    bytes: Vec<u8>,
    shape: Vec<i64>,
    kind: Kind,
}

impl Tensor {
    /// A tensor of just these bytes.
    pub fn f_from_data_size(bytes: &[u8], shape: &[i64], kind: Kind) -> Made {
        assert_eq!(elements(shape).checked_mul(kind.elt_size_in_bytes()), Some(bytes.len()), "{shape:?} {kind:?}");
        assert!(kind != Kind::Bool || bytes.iter().all(|byte| *byte <= 1), "a truth that is neither");
        Ok(Tensor { bytes: bytes.to_vec(), shape: shape.to_vec(), kind })
    }

    /// Its elements as another view; copied, where libtorch copies with [`f_contiguous`](Tensor::f_contiguous).
    pub fn f_as_strided(&self, shape: &[i64], strides: &[i64], offset: i64) -> Made {
        assert_eq!(shape.len(), strides.len());
        let size = self.kind.elt_size_in_bytes();
        let count = elements(shape);
        let mut bytes = Vec::with_capacity(count * size);
        let mut place = vec![0; shape.len()];
        for _ in 0..count {
            let steps = place.iter().zip(strides).map(|(index, stride)| index * stride);
            let at = usize::try_from(offset + steps.sum::<i64>()).expect("no element stands before the first") * size;
            bytes.extend_from_slice(&self.bytes[at..at + size]);
            for (index, end) in place.iter_mut().zip(shape).rev() {
                *index += 1;
                if *index < *end {
                    break;
                }
                *index = 0;
            }
        }
        Ok(Tensor { bytes, shape: shape.to_vec(), kind: self.kind })
    }

    /// Itself.
    pub fn f_contiguous(self) -> Made {
        Ok(self)
    }

    /// Its kind.
    pub fn f_kind(&self) -> Result<Kind, TchError> {
        Ok(self.kind)
    }

    /// Number of its elements.
    pub fn numel(&self) -> usize {
        elements(&self.shape)
    }

    /// Itself: what it computes is nobody's concern here.
    pub fn f_to_kind(self, _: Kind) -> Made {
        Ok(self)
    }

    /// A truth.
    pub fn f_isfinite(&self) -> Made {
        self.truth()
    }

    /// A truth.
    pub fn f_all(&self) -> Made {
        self.truth()
    }

    /// A number.
    pub fn f_min(&self) -> Made {
        assert!(self.numel() > 0, "the least of nothing");
        self.truth()
    }

    /// One.
    pub fn f_int64_value(&self, _: &[i64]) -> Result<i64, TchError> {
        Ok(1)
    }

    /// One.
    pub fn f_double_value(&self, _: &[i64]) -> Result<f64, TchError> {
        Ok(1.0)
    }

    fn truth(&self) -> Made {
        Tensor::f_from_data_size(&[1], &[], Kind::Bool)
    }
}

fn elements(shape: &[i64]) -> usize {
    shape.iter().map(|size| usize::try_from(*size).expect("no axis is negative")).product()
}
