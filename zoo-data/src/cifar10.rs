//! CIFAR-10 (Krizhevsky, "Learning Multiple Layers of Features from Tiny Images", 2009) in its official binary layout.
//!
//! A record is a label byte, then 1,024 bytes of red, 1,024 of green and 1,024 of blue, row by row; six files hold
//! 10,000 records each. The module reads those files; [`get`](super::get) is what fetches them.
//!
//! Every load hashes the very bytes that it decodes. That costs some 0.4 s on two cores, and so there is no stamp file
//! that says "checked before": a stamp would miss what changed on the disk without a new time or size, and could
//! itself be stale.

use std::path::Path;
use std::thread;

use super::manifest::{FileSum, Manifest};
use super::{DataError, Dataset, Images, Split};

/// Height and width of the images.
pub const SIDE: usize = 32;
/// Bytes of one image.
const PIXELS: usize = 3 * SIDE * SIDE;
/// Bytes of one record: the label and the image.
pub const RECORD: usize = 1 + PIXELS;
/// The class names, by label.
pub const CLASSES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];
/// Mean of each channel over the training images.
pub const MEAN: [f32; 3] = [0.4914, 0.4822, 0.4465];
/// Standard deviation of each channel over the training images.
pub const DEVIATION: [f32; 3] = [0.2470, 0.2435, 0.2616];

/// The official files and where they are published.
pub const OFFICIAL: Manifest<'static> = Manifest {
    base_url: "https://www.cs.toronto.edu/~kriz",
    archive: "cifar-10-binary.tar.gz",
    archive_md5: "c32a1d4ab5d03f1284b67883e8d87530",
    folder: "cifar-10-batches-bin",
    train: &[
        batch("data_batch_1.bin", "5dd7e06a14cb22eb9f671a540d1b7c25"),
        batch("data_batch_2.bin", "5ea93a67294ea407fff1d09f752e9692"),
        batch("data_batch_3.bin", "942cd6a4bcdd0dd3c604fbe906cb4421"),
        batch("data_batch_4.bin", "ae636b3ba5c66a11e91e8cb52e771fcb"),
        batch("data_batch_5.bin", "53f37980c15c3d472c316c40844f3f0d"),
    ],
    test: &[batch("test_batch.bin", "803d5f7f4d78ea53de84dbe85f74fb6d")],
};

const fn batch(name: &'static str, md5: &'static str) -> FileSum<'static> {
    FileSum { name, bytes: 10_000 * RECORD as u64, md5 }
}

/// Reads CIFAR-10 from `cifar-10-batches-bin` in `dir`, or from `dir` where that is this folder itself.
///
/// # Errors
///
/// The first file that is missing, cut short, altered or unreadable; nothing is returned of the others then.
pub fn load(dir: &Path) -> Result<Dataset, DataError> {
    load_with(&OFFICIAL, dir)
}

/// As [`load`], for files that another manifest describes.
pub fn load_with(manifest: &Manifest, dir: &Path) -> Result<Dataset, DataError> {
    let folder = manifest.folder_in(dir);
    let (train, test) = thread::scope(|scope| {
        let train = scope.spawn(|| read_all(manifest.train, &folder));
        let test = read_all(manifest.test, &folder);
        (train.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), test)
    });
    Ok(Dataset {
        name: "cifar10".to_string(),
        train: Split::Memory(train?),
        test: Split::Memory(test?),
        classes: CLASSES.map(String::from).to_vec(),
        wnids: None,
        mean: MEAN,
        deviation: DEVIATION,
    })
}

/// Reads `files` side by side, a thread each, as hashing takes longer than reading; each fills its own part of the images,
/// so that no file is held beside them.
fn read_all(files: &[FileSum], folder: &Path) -> Result<Images, DataError> {
    let count = files.iter().map(|file| file.bytes as usize / RECORD).sum::<usize>();
    let mut all = Images { pixels: vec![0; count * PIXELS], labels: vec![0; count], side: SIDE };
    let (mut pixels, mut labels) = (all.pixels.as_mut_slice(), all.labels.as_mut_slice());
    thread::scope(|scope| {
        let mut readers = Vec::new();
        for file in files {
            let records = file.bytes as usize / RECORD;
            let part = Part {
                pixels: pixels.split_off_mut(..records * PIXELS).unwrap_or_default(),
                labels: labels.split_off_mut(..records).unwrap_or_default(),
            };
            readers.push(scope.spawn(move || read_part(file, folder, part)));
        }
        readers
            .into_iter()
            .try_for_each(|reader| reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
    })?;
    Ok(all)
}

/// Where the records of a file go.
struct Part<'a> {
    pixels: &'a mut [u8],
    labels: &'a mut [u16],
}

fn read_part(file: &FileSum, folder: &Path, part: Part) -> Result<(), DataError> {
    const TOGETHER: usize = 64;
    let path = folder.join(file.name);
    whole_records(&path, file.bytes as usize)?;
    let (mut done, mut faults) = (0, Ok(()));
    file.read_pieces(folder, TOGETHER * RECORD, |records| {
        let count = records.len() / RECORD;
        let into = Part {
            pixels: &mut part.pixels[done * PIXELS..(done + count) * PIXELS],
            labels: &mut part.labels[done..done + count],
        };
        if faults.is_ok() {
            faults = decode(&path, records, done, into);
        }
        done += count;
    })?;
    faults
}

fn whole_records(path: &Path, bytes: usize) -> Result<usize, DataError> {
    let count = bytes / RECORD;
    match bytes.is_multiple_of(RECORD) {
        true => Ok(count),
        false => {
            let (actual, expected) = (bytes as u64, ((count + 1) * RECORD) as u64);
            Err(DataError::Size { path: path.to_path_buf(), actual, expected })
        }
    }
}

/// Takes whole records apart, the first of which is number `first` of the file; `path` is only for the message.
fn decode(path: &Path, bytes: &[u8], first: usize, into: Part) -> Result<(), DataError> {
    for (index, record) in bytes.chunks_exact(RECORD).enumerate() {
        let label = record[0];
        if usize::from(label) >= CLASSES.len() {
            let (path, record) = (path.to_path_buf(), first + index);
            return Err(DataError::Label { path, record, label, classes: CLASSES.len() });
        }
        into.labels[index] = label.into();
        into.pixels[index * PIXELS..(index + 1) * PIXELS].copy_from_slice(&record[1..]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn encode(images: &Images) -> Vec<u8> {
        let record = |i: usize| [&[images.labels[i] as u8], images.image(i)].concat();
        (0..images.len()).flat_map(record).collect()
    }

    /// Reads `bytes` as a file of their own.
    fn read_back(bytes: &[u8]) -> Result<Images, DataError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x.bin"), bytes).unwrap();
        let md5 = super::super::manifest::md5_hex(bytes);
        read_all(&[FileSum { name: "x.bin", bytes: bytes.len() as u64, md5: &md5 }], dir.path())
    }

    fn some_images() -> impl Strategy<Value = Images> {
        prop::collection::vec((0u16..10, prop::collection::vec(any::<u8>(), PIXELS)), 0..4).prop_map(|records| Images {
            labels: records.iter().map(|(label, _)| *label).collect(),
            pixels: records.into_iter().flat_map(|(_, pixels)| pixels).collect(),
            side: SIDE,
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn records_read_back_as_written(images in some_images()) {
            prop_assert_eq!(read_back(&encode(&images)).unwrap(), images);
        }

        #[test]
        fn a_cut_is_always_noticed(images in some_images(), cut in 1..RECORD) {
            let mut bytes = encode(&images);
            prop_assume!(!bytes.is_empty());
            bytes.truncate(bytes.len() - cut);
            prop_assert!(matches!(read_back(&bytes), Err(DataError::Size { .. })), "cut by {}", cut);
        }

        #[test]
        fn a_label_beyond_the_classes_is_named(mut images in some_images(), at in any::<prop::sample::Index>(), label in 10u16..256) {
            prop_assume!(!images.is_empty());
            let at = at.index(images.len());
            images.labels[at] = label;
            match read_back(&encode(&images)) {
                Err(DataError::Label { record, label: found, .. }) => prop_assert_eq!((record, u16::from(found)), (at, label)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn the_official_manifest_is_well_formed() {
        assert_eq!(OFFICIAL.files().count(), 6);
        for file in OFFICIAL.files() {
            assert_eq!((file.bytes, file.md5.len()), (30_730_000, 32), "{}", file.name);
        }
    }
}
