//! Fetching Imagenette from a server of our own, and noticing what is no longer as it was.

mod common;
#[path = "common/pictures.rs"]
mod pictures;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::http::{Answer, Server, nobody};
use flate2::{Compression, write::GzEncoder};
use tempfile::TempDir;
use zoo_train::data::download::Patience;
use zoo_train::data::get::GetOptions;
use zoo_train::data::imagenette::{self, OFFICIAL, Release};
use zoo_train::data::manifest::md5_hex;
use zoo_train::data::{DataError, imagenet};

const CLASSES: [&str; 2] = ["n01440764", "n03888257"];

/// A release of two classes, with files that are not wanted.
struct Tiny {
    archive: Vec<u8>,
    sum: String,
    dir: TempDir,
}

impl Tiny {
    fn new(classes: &[&str]) -> Tiny {
        let made = tempfile::tempdir().unwrap();
        pictures::folder(made.path(), classes, 3, 2);
        fs::write(made.path().join("noisy_imagenette.csv"), "path,label\n").unwrap();
        fs::write(made.path().join("val").join(classes[0]).join("._000.JPEG"), "hidden").unwrap();
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        builder.append_dir_all(OFFICIAL.folder, made.path()).unwrap();
        let archive = builder.into_inner().unwrap().finish().unwrap();
        Tiny { sum: md5_hex(&archive), archive, dir: tempfile::tempdir().unwrap() }
    }

    fn release(&self) -> Release<'_> {
        Release { base_url: "http://127.0.0.1:1/never-asked", archive_md5: &self.sum, classes: &CLASSES, ..OFFICIAL }
    }

    fn get(&self, mirror: &str) -> Result<PathBuf, DataError> {
        let patience = Patience { backoff: Duration::from_millis(1), ..Patience::default() };
        let data_dir = self.dir.path().to_path_buf();
        let options = GetOptions { data_dir, mirror: Some(mirror.to_string()), quiet: true, patience };
        imagenette::get(&self.release(), &options)
    }

    fn get_through(&self, answers: &[Answer]) -> Result<PathBuf, DataError> {
        let server = Server::start(self.archive.clone(), answers);
        self.get(&server.url)
    }

    fn check(&self) -> Result<PathBuf, DataError> {
        imagenette::check(&self.release(), self.dir.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// What happens to the file at a path.
type Damage<'a> = &'a dyn Fn(&Path);

#[test]
fn the_images_and_nothing_else_come_out_of_the_archive() {
    let tiny = Tiny::new(&CLASSES);
    let folder = tiny.get_through(&[Answer::Cut(1000), Answer::Good]).unwrap();
    assert_eq!(names(&folder), ["MD5SUMS", "train", "val"]);
    assert_eq!(names(&folder.join("val/n01440764")), ["000.JPEG", "001.JPEG"]);
    assert_eq!(names(tiny.dir.path()), [".lock", OFFICIAL.folder], "the archive is gone");
    assert_eq!(tiny.check().unwrap(), folder);
    assert_eq!(tiny.get(&nobody()).unwrap(), folder, "what is there is not fetched again");

    let dataset = imagenette::load(&tiny.release(), tiny.dir.path(), false).unwrap();
    assert_eq!((dataset.name.as_str(), dataset.train.len(), dataset.test.len()), ("imagenette", 6, 4));
    assert_eq!(dataset.classes, ["tench", "parachute"]);
    assert_eq!(dataset.imagenet_indices(), Some(vec![0, 701]));
    assert_eq!(imagenet::index(&dataset.wnids.unwrap()[1]), Some(701));
    let itself = imagenette::load(&tiny.release(), &folder, false).unwrap();
    assert_eq!(itself.train.len(), 6, "its folder may be named itself");
}

#[test]
fn what_was_altered_or_lost_is_named_and_repaired() {
    let damages: [(&str, Damage); 3] = [
        ("was altered", &|path| fs::write(path, "another picture").unwrap()),
        ("is missing", &|path| fs::remove_file(path).unwrap()),
        ("MD5SUMS is missing", &|path| fs::remove_file(path.ancestors().nth(3).unwrap().join("MD5SUMS")).unwrap()),
    ];
    for (problem, damage) in damages {
        let tiny = Tiny::new(&CLASSES);
        let folder = tiny.get_through(&[Answer::Good]).unwrap();
        damage(&folder.join("train/n03888257/001.JPEG"));
        let message = tiny.check().unwrap_err().to_string();
        assert!(message.contains(problem) && message.contains("data get imagenette"), "{message}");
        tiny.get_through(&[Answer::Good]).unwrap();
        tiny.check().unwrap();
    }
}

#[test]
fn an_archive_that_is_another_or_lacks_a_class_is_refused() {
    let tiny = Tiny::new(&CLASSES);
    let error = tiny.get_through(&[Answer::Other(Tiny::new(&CLASSES[..1]).archive)]).unwrap_err();
    assert!(matches!(error, DataError::Checksum { .. }), "{error}");
    let error = Tiny::new(&CLASSES[..1]).get_through(&[Answer::Good]).unwrap_err();
    assert!(error.to_string().contains("holds no images in imagenette2-320/train/n03888257"), "{error}");
}

#[test]
fn the_official_release_is_well_formed() {
    assert!(OFFICIAL.classes.is_sorted() && OFFICIAL.archive_md5.len() == 32);
    assert!(OFFICIAL.classes.iter().all(|wnid| imagenet::index(wnid).is_some()));
}
