//! Writing safetensors: a file appears whole or not at all.
//!
//! The header is put together here and not by the crate `safetensors`, whose writer sorts by name and lists metadata in
//! an order that changes from run to run.

use std::collections::{BTreeMap, HashSet};
use std::io::{self, Write};
use std::path::Path;

use ::safetensors::tensor::{Dtype, TensorInfo};
use tch::{Device, TchError, Tensor};

use super::error::WeightsError;
use super::kind;
use crate::whole_file;

/// The header's length is a multiple of it, so that the data is aligned.
const ALIGNMENT: usize = 8;

/// Writes `tensors` and `metadata` to `path`: beside its place, synced, then renamed.
///
/// Wider elements come before narrower ones, which keeps each tensor aligned; otherwise the order is the given one. The
/// same input makes the same bytes.
///
/// # Errors
/// Where two tensors have one name or one has elements that safetensors does not know, and where the disk is full or the
/// folder may not be written to; an earlier file at `path` is kept.
pub fn write_safetensors(
    path: &Path,
    tensors: &[(String, Tensor)],
    metadata: &BTreeMap<String, String>,
) -> Result<(), WeightsError> {
    let unwritable = |reason: String| WeightsError::Unwritable { path: path.into(), reason };
    let mut names = HashSet::new();
    let mut entries = Vec::with_capacity(tensors.len());
    for (name, tensor) in tensors {
        if !names.insert(name) || name == "__metadata__" {
            return Err(unwritable(format!("the name `{name}` is given twice, or is reserved by the format")));
        }
        let kind = tensor.f_kind()?;
        let dtype = kind::to_safetensors(kind)
            .ok_or_else(|| unwritable(format!("`{name}` holds {kind:?}, which safetensors cannot store")))?;
        entries.push((name, tensor, dtype));
    }
    entries.sort_by_key(|(_, _, dtype)| std::cmp::Reverse(dtype.bitsize()));
    let header = header(&entries, metadata);
    whole_file::write_with(path, |file| write(file, &header, &entries)).map_err(|source| WeightsError::File {
        what: "write",
        path: path.into(),
        source,
    })
}

type Entry<'a> = (&'a String, &'a Tensor, Dtype);

fn header(entries: &[Entry], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let mut fields = Vec::with_capacity(entries.len() + 1);
    if !metadata.is_empty() {
        fields.push(format!("\"__metadata__\":{}", serde_json::json!(metadata)));
    }
    let mut end = 0;
    for (name, tensor, dtype) in entries {
        let begin = end;
        end += tensor.numel() * dtype.bitsize() / 8;
        let shape = tensor.size().iter().map(|size| *size as usize).collect();
        let info = TensorInfo { dtype: *dtype, shape, data_offsets: (begin, end) };
        fields.push(format!("{}:{}", serde_json::json!(name), serde_json::json!(info)));
    }
    let mut header = format!("{{{}}}", fields.join(",")).into_bytes();
    header.resize(header.len().next_multiple_of(ALIGNMENT), b' ');
    header
}

fn write(file: &mut impl Write, header: &[u8], entries: &[Entry]) -> io::Result<()> {
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header)?;
    for (_, tensor, dtype) in entries {
        file.write_all(&data(tensor, *dtype).map_err(|error| io::Error::other(error.to_string()))?)?;
    }
    Ok(())
}

fn data(tensor: &Tensor, dtype: Dtype) -> Result<Vec<u8>, TchError> {
    let mut data = vec![0; tensor.numel() * dtype.bitsize() / 8];
    tensor.f_detach()?.f_to_device(Device::Cpu)?.f_copy_data_u8(&mut data, tensor.numel())?;
    Ok(data)
}
