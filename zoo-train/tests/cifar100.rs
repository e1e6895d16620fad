//! CIFAR-100 from files of its layout that are made here: fetched, read and trained on, and what is said where it is missing.

#[path = "common/command.rs"]
mod command;
mod common;

use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use command::{csv, run};
use common::http::{Answer, Server, nobody};
use flate2::{Compression, write::GzEncoder};
use zoo_core::Registry;
use zoo_train::data::cifar100::{self, OFFICIAL, RECORD};
use zoo_train::data::get::{self, GetOptions};
use zoo_train::data::manifest::{FileSum, Manifest, md5_hex};
use zoo_train::settings::Settings;
use zoo_train::training::comm::Comm;
use zoo_train::training::folder::Resume;
use zoo_train::training::progress::Verbosity;
use zoo_train::training::run::{Ending, Request, run as training};

/// Records of two label bytes and noise; all classes come in turn, and superclasses are not asked for.
fn records(images: usize, salt: usize) -> Vec<u8> {
    let byte = |i: usize| match i % RECORD {
        0 => 255,
        1 => (i / RECORD % 100) as u8,
        _ => ((i as u32 + salt as u32 * 99_991).wrapping_mul(2_654_435_761) >> 24) as u8,
    };
    (0..images * RECORD).map(byte).collect()
}

fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (name, bytes) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, format!("{}/{name}", OFFICIAL.folder), *bytes).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

/// The binary takes the official files alone, so that the run is one of the library.
#[test]
fn what_was_fetched_is_trained_on_and_its_row_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (train, test) = (records(200, 1), records(100, 2));
    let archive = archive(&[("train.bin", &train), ("test.bin", &test), ("fine_label_names.txt", b"apple\n")]);
    let (train_sum, test_sum, archive_sum) = (md5_hex(&train), md5_hex(&test), md5_hex(&archive));
    let file = |name, bytes: &[u8], md5| FileSum { set: "cifar100", name, bytes: bytes.len() as u64, md5 };
    let manifest = Manifest {
        archive_md5: &archive_sum,
        train: &[file("train.bin", &train, &train_sum)],
        test: &[file("test.bin", &test, &test_sum)],
        ..OFFICIAL
    };
    let server = Server::start(archive, &[Answer::Good]);
    let data_dir = dir.path().join("data");
    let options = GetOptions { mirror: Some(server.url), quiet: true, ..GetOptions::into_folder(data_dir.clone()) };
    assert_eq!(get::from_archive(&manifest, &options).unwrap(), data_dir.join("cifar-100-binary"));

    let dataset = cifar100::load_with(&manifest, &data_dir).unwrap();
    assert_eq!((dataset.train.len(), dataset.test.len(), dataset.classes.len()), (200, 100, 100));
    assert_eq!(dataset.train.in_memory().unwrap().labels[98..102], [98, 99, 0, 1]);
    assert_eq!(dataset.train.in_memory().unwrap().image(3), &train[3 * RECORD + 2..4 * RECORD]);

    let text = "model = 'mobilenet-v3-small-0.35'\ndataset = 'cifar100'\nsteps = 3\nbatch_size = 16\nthreads = 1";
    let (settings, _) = Settings::layered(None, text.parse().unwrap()).unwrap();
    let request = Request {
        entry: Registry::default().find("mobilenet-v3-small-0.35").unwrap(),
        settings,
        budget: None,
        weights: None,
        resume: Resume::No,
        results: dir.path().join("results"),
        device: tch::Device::Cpu,
        begun: Instant::now(),
        verbosity: Verbosity::Quiet,
        comm: Rc::new(Comm::alone()),
    };
    let ending = training(&request, dataset, &AtomicBool::new(false)).unwrap();
    assert!(matches!(ending, Ending::Done(_)), "{ending:?}");
    let rows = csv(&dir.path().join("results/accuracy.csv")).rows;
    let [row] = &rows[..] else { panic!("{} rows", rows.len()) };
    let said = ["dataset", "classes", "split", "steps", "status"].map(|column| row[column].as_str());
    assert_eq!(said, ["cifar100", "100", "test", "3", "done"]);
}

#[test]
fn where_it_is_missing_the_command_that_fetches_it_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let run = |words: &str| run(folder.path(), &words.split(' ').collect::<Vec<_>>());
    let fetch = "data get cifar100`";
    run("mobilenet-v2 --dataset cifar100 --data-dir nowhere").refused(&["train.bin is missing", fetch]);
    run("data check cifar100 --data-dir nowhere").refused(&["train.bin is missing", fetch]);
    run(&format!("data get cifar100 --data-dir here --mirror {}", nobody())).refused(&["cifar-100-binary.tar.gz"]);
    let short = folder.path().join("short/cifar-100-binary");
    std::fs::create_dir_all(&short).unwrap();
    std::fs::write(short.join("train.bin"), records(1, 0)).unwrap();
    run("data check cifar100 --data-dir short").refused(&["3074 bytes where the official file has 153700000", fetch]);
    assert!(!Path::new(&folder.path().join("results")).exists());
}
