//! What a table calls the weights that a run started from.

use std::io;
use std::path::Path;

use md5::{Digest, Md5};

use super::pretrained::Source;

/// Of a run that starts from random weights.
pub const NONE: &str = "none";

/// The name of the weights that a run of `model` starts from. A file is told by its name and the first eight digits of its
/// MD5 (`best.safetensors@0cc175b9`), as any folder has a `best.safetensors`; weights of the hub by their repository.
pub fn name(model: &str, file: Option<&str>, tag: Option<&str>) -> String {
    match (file, tag) {
        (Some(file), _) => {
            let name = zoo_data::folder::name_of(Path::new(file));
            // A run that goes on needs its weights no more, and they may be gone.
            digits(Path::new(file)).map_or_else(|_| name.clone(), |digits| format!("{name}@{digits}"))
        }
        (None, Some(tag)) => {
            let source = Source::find(model, Some(tag).filter(|tag| !tag.is_empty()));
            source.map_or_else(|_| tag.to_string(), |source| source.repository)
        }
        (None, None) => NONE.into(),
    }
}

fn digits(path: &Path) -> io::Result<String> {
    let mut hash = Md5::new();
    io::copy(&mut zoo_core::regular_file::open(path)?.0, &mut hash)?;
    Ok(hash.finalize().iter().take(4).map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_told_by_their_bytes_or_their_repository() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("best.safetensors");
        std::fs::write(&path, "a").unwrap();
        let of_file = || name("mobilenet-v2", path.to_str(), None);
        assert_eq!(of_file(), "best.safetensors@0cc175b9");
        std::fs::remove_file(&path).unwrap();
        assert_eq!(of_file(), "best.safetensors");
        assert_eq!(name("mobilenet-v2", None, Some("")), "timm/mobilenetv2_100.ra_in1k");
        assert_eq!(name("mobilenet-v2", None, None), "none");
    }
}
