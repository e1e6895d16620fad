//! A tensor among the bytes of a file: where its elements lie, checked once, copied out on demand.

use std::ops::Range;
use std::sync::Arc;

use tch::{Kind, Tensor};

use super::error::{Problem, WeightsError, damaged};

/// How a tensor lies in a storage, in elements. As it comes from a file, nothing of it is checked.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    pub kind: Kind,
    pub offset: i64,
    pub shape: Arc<[i64]>,
    pub strides: Arc<[i64]>,
}

impl Layout {
    /// Elements in order, the last axis innermost.
    pub fn contiguous(kind: Kind, shape: Arc<[i64]>) -> Layout {
        let mut strides = vec![1i64; shape.len()];
        for axis in (1..shape.len()).rev() {
            strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
        }
        Layout { kind, offset: 0, shape, strides: strides.into() }
    }

    fn is_contiguous(&self) -> bool {
        let plain = Layout::contiguous(self.kind, self.shape.clone());
        let mut axes = self.shape.iter().zip(self.strides.iter().zip(&*plain.strides));
        self.shape.contains(&0) || axes.all(|(size, (stride, plain))| *size == 1 || stride == plain)
    }

    fn is_possible(&self) -> bool {
        let mut numbers = self.shape.iter().chain(&*self.strides).chain([&self.offset]);
        self.shape.len() == self.strides.len() && numbers.all(|number| *number >= 0)
    }

    /// Number of elements; axes of size 0 are counted as 1, so that the others cannot overflow behind one.
    fn elements(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |count, size| count.checked_mul(usize::try_from(*size).ok()?.max(1)))
    }

    /// Index of the last element, where there are any.
    fn last(&self) -> Option<usize> {
        let mut axes = self.shape.iter().zip(&*self.strides);
        let last = axes.try_fold(self.offset, |at, (size, stride)| at.checked_add((size - 1).checked_mul(*stride)?));
        usize::try_from(last?).ok()
    }
}

/// A tensor whose elements lie within its storage, and that within the file.
#[derive(Clone, Debug)]
pub(super) struct View {
    /// From its first to its last element.
    range: Range<usize>,
    layout: Layout,
}

impl View {
    /// A tensor in the bytes `storage` of a file of `file_size`.
    pub fn new(storage: Range<usize>, layout: &Layout, file_size: usize) -> Result<View, Problem> {
        let Layout { kind, offset, shape, strides } = layout;
        let fails =
            |how: &str| damaged(format!("a tensor of shape {shape:?}, strides {strides:?} and offset {offset} {how}"));
        if !layout.is_possible() {
            return fails("is impossible");
        }
        let element = kind.elt_size_in_bytes();
        // A view may repeat elements, without end if it were let: none is larger than the file that it came in.
        let bytes = layout.elements().and_then(|elements| elements.checked_mul(element));
        let is_empty = shape.contains(&0) && bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok());
        if !is_empty && bytes.is_none_or(|bytes| bytes > file_size) {
            return fails("is larger than the file");
        }
        if is_empty {
            return Ok(View { range: 0..0, layout: layout.clone() });
        }
        let byte = |index: usize| index.checked_mul(element)?.checked_add(storage.start);
        let first = usize::try_from(*offset).ok().and_then(byte);
        let end = layout.last().and_then(|last| byte(last.checked_add(1)?));
        match first.zip(end).filter(|(_, end)| *end <= storage.end) {
            Some((first, end)) => Ok(View { range: first..end, layout: layout.clone() }),
            None => fails(&format!("reaches beyond its storage of {} bytes", storage.len())),
        }
    }

    /// Its shape.
    pub fn shape(&self) -> &[i64] {
        &self.layout.shape
    }

    /// The kind of its elements.
    pub fn kind(&self) -> Kind {
        self.layout.kind
    }

    /// Copies it out of the file's bytes, contiguous.
    pub fn copy(&self, bytes: &[u8]) -> Result<Tensor, WeightsError> {
        let Layout { kind, shape, strides, .. } = &self.layout;
        let data = &bytes[self.range.clone()];
        if self.layout.is_contiguous() {
            return Ok(Tensor::f_from_data_size(data, shape, *kind)?);
        }
        let length = data.len() / kind.elt_size_in_bytes();
        let flat = Tensor::f_from_data_size(data, &[length as i64], *kind)?;
        Ok(flat.f_as_strided(&shape[..], &strides[..], 0)?.f_contiguous()?)
    }

    /// Whether every byte can be an element: libtorch's behaviour is undefined for a `bool` other than 0 and 1.
    pub fn is_valid(&self, bytes: &[u8]) -> bool {
        self.layout.kind != Kind::Bool || bytes[self.range.clone()].iter().all(|byte| *byte <= 1)
    }
}
