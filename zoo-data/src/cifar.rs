//! The binary layout of CIFAR-10 and CIFAR-100: records of labels and pixels, one after the other.
//!
//! A record is one or two label bytes, then 1,024 bytes of red, 1,024 of green and 1,024 of blue, row by row. Every load
//! hashes the very bytes that it decodes. That costs some 0.4 s on two cores, and so there is no stamp file that says
//! "checked before": a stamp would miss what changed on the disk without a new time or size, and could itself be stale.

use std::path::Path;
use std::thread;

use super::manifest::{FileSum, Manifest};
use super::sets::Statistics;
use super::{DataError, Dataset, Images, Split};

/// Height and width of the images.
pub const SIDE: usize = 32;
/// Bytes of one image.
pub const PIXELS: usize = 3 * SIDE * SIDE;

/// What tells the data sets of this layout apart.
#[derive(Debug, Clone, Copy)]
pub struct Layout {
    /// What results call the data set.
    pub name: &'static str,
    /// Label bytes of a record; the last one is the class.
    pub labels: usize,
    /// The class names, by label.
    pub classes: &'static [&'static str],
    /// What pixels are normalised by.
    pub statistics: Statistics,
}

impl Layout {
    /// Bytes of one record: the labels and the image.
    pub const fn record(&self) -> usize {
        self.labels + PIXELS
    }
}

/// Reads the files of `manifest` in `dir`, or in the folder of their name there.
///
/// # Errors
///
/// The first file that is missing, cut short, altered or unreadable; nothing is returned of the others then.
pub fn load(layout: &Layout, manifest: &Manifest, dir: &Path) -> Result<Dataset, DataError> {
    let folder = manifest.folder_in(dir);
    let (train, test) = thread::scope(|scope| {
        let train = scope.spawn(|| read_all(layout, manifest.train, &folder));
        let test = read_all(layout, manifest.test, &folder);
        (train.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), test)
    });
    Ok(Dataset {
        name: layout.name.to_string(),
        train: Split::Memory(train?),
        test: Split::Memory(test?),
        classes: layout.classes.iter().map(|class| class.to_string()).collect(),
        wnids: None,
        mean: layout.statistics.mean,
        deviation: layout.statistics.deviation,
    })
}

/// Reads `files` side by side, a thread each, as hashing takes longer than reading; each fills its own part of the images,
/// so that no file is held beside them.
fn read_all(layout: &Layout, files: &[FileSum], folder: &Path) -> Result<Images, DataError> {
    let count = files.iter().map(|file| file.bytes as usize / layout.record()).sum::<usize>();
    let mut all = Images { pixels: vec![0; count * PIXELS], labels: vec![0; count], side: SIDE };
    let (mut pixels, mut labels) = (all.pixels.as_mut_slice(), all.labels.as_mut_slice());
    thread::scope(|scope| {
        let mut readers = Vec::new();
        for file in files {
            let records = file.bytes as usize / layout.record();
            let part = Part {
                pixels: pixels.split_off_mut(..records * PIXELS).unwrap_or_default(),
                labels: labels.split_off_mut(..records).unwrap_or_default(),
            };
            readers.push(scope.spawn(move || read_part(layout, file, folder, part)));
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

fn read_part(layout: &Layout, file: &FileSum, folder: &Path, part: Part) -> Result<(), DataError> {
    const TOGETHER: usize = 64;
    let path = folder.join(file.name);
    let record = layout.record() as u64;
    if !file.bytes.is_multiple_of(record) {
        let expected = (file.bytes / record + 1) * record;
        return Err(DataError::Size { path, actual: file.bytes, expected, set: file.set.to_string() });
    }
    let (mut done, mut faults) = (0, Ok(()));
    file.read_pieces(folder, TOGETHER * layout.record(), |records| {
        let count = records.len() / layout.record();
        let into = Part {
            pixels: &mut part.pixels[done * PIXELS..(done + count) * PIXELS],
            labels: &mut part.labels[done..done + count],
        };
        if faults.is_ok() {
            faults = decode(layout, &path, records, done, into);
        }
        done += count;
    })?;
    faults
}

/// Takes whole records apart, the first of which is number `first` of the file; `path` is only for the message.
fn decode(layout: &Layout, path: &Path, bytes: &[u8], first: usize, into: Part) -> Result<(), DataError> {
    for (index, record) in bytes.chunks_exact(layout.record()).enumerate() {
        let (labels, pixels) = record.split_at(layout.labels);
        let label = labels.last().copied().unwrap_or_default();
        if usize::from(label) >= layout.classes.len() {
            let (path, record) = (path.to_path_buf(), first + index);
            return Err(DataError::Label { path, record, label, classes: layout.classes.len(), set: layout.name });
        }
        into.labels[index] = label.into();
        into.pixels[index * PIXELS..(index + 1) * PIXELS].copy_from_slice(pixels);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::manifest::md5_hex;

    const NAMES: [&str; 100] = ["some class"; 100];
    const STATISTICS: Statistics = Statistics { mean: [0.5; 3], deviation: [0.25; 3] };
    const TEN: Layout = Layout { name: "ten", labels: 1, classes: NAMES.split_at(10).0, statistics: STATISTICS };
    const HUNDRED: Layout = Layout { name: "hundred", labels: 2, classes: &NAMES, statistics: STATISTICS };

    fn encode(layout: &Layout, images: &Images) -> Vec<u8> {
        // The labels before the last one are passed over, whatever they are.
        let record = |i: usize| [&[255][..layout.labels - 1], &[images.labels[i] as u8], images.image(i)].concat();
        (0..images.len()).flat_map(record).collect()
    }

    /// Reads `bytes` as a file of their own.
    fn read_back(layout: &Layout, bytes: &[u8]) -> Result<Images, DataError> {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("x.bin"), bytes).unwrap();
        let md5 = md5_hex(bytes);
        let file = FileSum { set: "ten", name: "x.bin", bytes: bytes.len() as u64, md5: &md5 };
        read_all(layout, &[file], dir.path())
    }

    /// A layout and images of its classes.
    fn some_images() -> impl Strategy<Value = (Layout, Images)> {
        prop::sample::select(vec![TEN, HUNDRED]).prop_flat_map(|layout| {
            let image = (0..layout.classes.len() as u16, prop::collection::vec(any::<u8>(), PIXELS));
            prop::collection::vec(image, 0..4).prop_map(move |records| {
                let images = Images {
                    labels: records.iter().map(|(label, _)| *label).collect(),
                    pixels: records.into_iter().flat_map(|(_, pixels)| pixels).collect(),
                    side: SIDE,
                };
                (layout, images)
            })
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn records_read_back_as_written((layout, images) in some_images()) {
            prop_assert_eq!(read_back(&layout, &encode(&layout, &images)).unwrap(), images);
        }

        #[test]
        fn a_cut_is_always_noticed((layout, images) in some_images(), cut in 1..=PIXELS) {
            let mut bytes = encode(&layout, &images);
            prop_assume!(!bytes.is_empty());
            bytes.truncate(bytes.len() - cut);
            prop_assert!(matches!(read_back(&layout, &bytes), Err(DataError::Size { .. })), "cut by {}", cut);
        }

        #[test]
        fn a_label_beyond_the_classes_is_named(
            (layout, mut images) in some_images(),
            at in any::<prop::sample::Index>(),
            over in 0u16..156,
        ) {
            prop_assume!(!images.is_empty());
            let at = at.index(images.len());
            let label = layout.classes.len() as u16 + over;
            images.labels[at] = label;
            match read_back(&layout, &encode(&layout, &images)) {
                Err(DataError::Label { record, label: found, .. }) => prop_assert_eq!((record, u16::from(found)), (at, label)),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }
}
