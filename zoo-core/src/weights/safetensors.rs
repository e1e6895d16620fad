//! Reading safetensors: the header by the crate of that name, the limits by ourselves.

use std::collections::BTreeMap;

use ::safetensors::tensor::Metadata;

use super::bytes::{Cursor, size};
use super::error::{Problem, damaged, quoted};
use super::file::{Contents, Set};
use super::kind;
use super::said::Said;
use super::view::{Layout, View};

/// Tensors that a file may have: ten times those of a checkpoint of the largest network here, with averages and optimizer.
const MOST_TENSORS: usize = 50_000;

/// Refuses a file of more tensors than any network has.
pub(super) fn bound(tensors: usize) -> Result<(), Problem> {
    match tensors > MOST_TENSORS {
        true => Err(Problem::Unsupported(format!("holds over {MOST_TENSORS} tensors, more than any network has"))),
        false => Ok(()),
    }
}

/// The tensors of a file, in the order of their data.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, Problem> {
    let mut cursor = Cursor::new(bytes, 0);
    let length = size(cursor.u64()?);
    let header = cursor.take(length)?;
    let start = cursor.position();
    // The crate's own check of the file's length adds without a check for overflow (0.8.0), hence this one.
    let header: Metadata = match serde_json::from_slice(header) {
        Ok(header) => header,
        Err(error) => return damaged(format!("its header is not a safetensors header ({error})")),
    };
    if header.data_len() != bytes.len() - start {
        let (expected, found) = (header.data_len(), bytes.len() - start);
        return damaged(format!("its header describes {expected} bytes of data, but there are {found}"));
    }
    let by_name = header.tensors();
    bound(by_name.len())?;
    let mut infos: Vec<_> = by_name.into_iter().collect();
    infos.sort_by(|(name, info), (other, next)| (info.data_offsets, name).cmp(&(next.data_offsets, other)));
    let tensors = infos.into_iter().map(|(name, info)| {
        let Some(kind) = kind::of_safetensors(info.dtype) else {
            let dtype = info.dtype;
            return Err(Problem::Unsupported(format!("holds `{}` as {dtype}, an unsupported dtype", quoted(&name))));
        };
        let shape = info.shape.iter().map(|size| i64::try_from(*size).unwrap_or(i64::MAX)).collect();
        let (begin, end) = info.data_offsets;
        Ok((name, View::new(start + begin..start + end, &Layout::contiguous(kind, shape), bytes.len())?))
    });
    let tensors: Vec<(String, View)> = tensors.collect::<Result<_, Problem>>()?;
    let metadata: BTreeMap<String, String> = header.metadata().clone().unwrap_or_default().into_iter().collect();
    let said = Said::of_metadata(&metadata);
    Ok(Contents { sets: vec![Set { path: String::new(), tensors }], metadata, said })
}
