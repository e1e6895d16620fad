//! The form of `.pth` before PyTorch 1.6: four pickles, then the list of storages, then each one's length and elements.

use std::collections::HashMap;
use std::ops::Range;

use super::bytes::{Cursor, size};
use super::error::{Problem, damaged, quoted};
use super::file::Contents;
use super::pickle::{Object, Pickle, Value};

/// 0x1950a86a20f9469cfc6c, as a pickle has it.
const MAGIC: [u8; 10] = [0x6c, 0xfc, 0x9c, 0x46, 0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19];
const PROTOCOL: i64 = 1001;

/// The tensors of a file.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, Problem> {
    let magic = Pickle::read(bytes, 0)?;
    if !matches!(magic.root, Value::Long(number) if *number == MAGIC) {
        return Err(Problem::Foreign("a pickle that torch.save did not write"));
    }
    let protocol = Pickle::read(bytes, magic.end)?;
    if !matches!(protocol.root, Value::Integer(PROTOCOL)) {
        return Err(Problem::Unsupported("is of an unknown version of torch.save's old format".into()));
    }
    // Storages are little-endian whatever the machine that wrote them, so what this one says of it does not matter.
    let system = Pickle::read(bytes, protocol.end)?;
    let pickle = Pickle::read(bytes, system.end)?;
    let storages = storages(bytes, &pickle)?;
    Contents::of_pickle(&pickle, bytes.len(), |name, storage| match storages.get(storage.key) {
        Some(data) => storage.within(data.clone()),
        None => damaged(format!("the storage of `{}` is missing", quoted(name))),
    })
}

/// Where each storage is, by its key.
fn storages<'a>(bytes: &'a [u8], pickle: &Pickle<'a>) -> Result<HashMap<&'a str, Range<usize>>, Problem> {
    let mut sizes = HashMap::new();
    for storage in pickle.storages() {
        sizes.entry(storage.key).or_insert(storage.kind.elt_size_in_bytes());
    }
    let keys = Pickle::read(bytes, pickle.end)?;
    let Some(Object::List(list)) = keys.object(keys.root) else {
        return damaged("its list of storages is not a list");
    };
    let mut cursor = Cursor::new(bytes, keys.end);
    let mut storages = HashMap::new();
    for key in list {
        let Value::Text(key) = *key else {
            return damaged("its list of storages holds something other than names");
        };
        let Some(element) = sizes.get(key) else {
            return damaged(format!("its storage `{}` belongs to no tensor", quoted(key)));
        };
        let length = size(cursor.u64()?).saturating_mul(*element);
        if storages.insert(key, cursor.range(length)?).is_some() {
            return damaged(format!("it has two storages `{}`", quoted(key)));
        }
    }
    Ok(storages)
}
