//! Folders of images as data sets: what is trained on, what is refused, what is skipped.

#[path = "common/command.rs"]
mod command;
#[path = "common/pictures.rs"]
mod pictures;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use command::{Output, assert_same_tensors, csv, metrics, run, run_folder, train};
use pictures::{COLOURS, folder, jpeg};
use tempfile::{TempDir, tempdir};

/// A folder `pictures` of two classes in an empty folder.
fn two_classes() -> TempDir {
    let dir = tempdir().unwrap();
    folder(&dir.path().join("pictures"), &["cat", "dog"], 16, 6);
    dir
}

/// Trains on `pictures` in `dir`.
fn train_in(dir: &TempDir, more: &[&str]) -> Output {
    train(dir.path(), &[&["--dataset", "folder:pictures"], more].concat())
}

fn pictures(dir: &TempDir) -> PathBuf {
    dir.path().join("pictures")
}

/// Changes the folder, and expects to be refused with one sentence.
#[track_caller]
fn refused(change: impl FnOnce(&Path), words: &[&str]) {
    let dir = two_classes();
    change(&pictures(&dir));
    train_in(&dir, &["--steps", "1"]).refused(words);
    assert!(!dir.path().join("results").exists() || words.contains(&"--skip-bad"), "something was left behind");
}

#[test]
fn a_folder_is_trained_on_and_evaluated() {
    let dir = two_classes();
    let flags = ["--epochs", "8", "--batch-size", "8", "--learning-rate", "0.05"];
    let output = train_in(&dir, &flags).code(0);
    assert!(output.stderr.contains("32 training and 12 test images"), "{}", output.stderr);
    let row = csv(&dir.path().join("results/accuracy.csv")).rows.remove(0);
    assert_eq!((row["dataset"].as_str(), row["classes"].as_str()), ("folder:pictures", "2"));
    let top1: f64 = row["top1"].parse().unwrap();
    assert!(top1 > 80.0, "{top1} % of two colours");

    let weights = run_folder(dir.path()).join("last.safetensors");
    let eval = ["eval", "--weights", weights.to_str().unwrap(), "--format", "json", "--threads", "1"];
    let found: serde_json::Value = serde_json::from_slice(&run(dir.path(), &eval).code(0).stdout).unwrap();
    assert_eq!(
        (found["top1"].as_f64().map(|top1| format!("{top1:.2}")), &found["images"]),
        (Some(format!("{top1:.2}")), &12.into())
    );
}

/// With all that is random in an image, which is drawn by its place in the run and not by the thread that has it.
#[test]
fn the_number_of_workers_changes_nothing() {
    let steps = ["--steps", "5", "--batch-size", "8"];
    let augmentation = ["--augment", "randaugment:2:9", "--colour-jitter", "0.4,0.4,0.4", "--random-erasing", "0.5"];
    let mixing = ["--mixup", "0.2", "--cutmix", "1"];
    let trained = |flags: &[&[&str]]| {
        let dir = two_classes();
        train_in(&dir, &flags.concat()).code(0);
        (run_folder(dir.path()), dir)
    };
    let all = [&steps[..], &augmentation, &mixing];
    let [(one, _first), (three, _second)] =
        ["1", "3"].map(|workers| trained(&[&all[..], &[&["--workers", workers]]].concat()));
    assert_same_tensors(&one.join("last.safetensors"), &three.join("last.safetensors"));
    assert_eq!(metrics(&one), metrics(&three));
    // Each of the two is at work on files, too.
    let [(plain, _third), (coloured, _fourth)] = [trained(&[&steps]), trained(&[&steps, &augmentation])];
    let losses = [&plain, &coloured, &one].map(|run| metrics(run)[0]["train_loss"].clone());
    assert!(losses[0] != losses[1] && losses[1] != losses[2], "{losses:?}");
}

#[test]
fn the_crop_is_a_setting() {
    let losses = ["", "augment.crop_scale = [0.9, 1.0]\n"].map(|text| {
        let dir = two_classes();
        fs::write(dir.path().join("my.toml"), text).unwrap();
        train_in(&dir, &["--steps", "2", "--config", "my.toml"]).code(0);
        metrics(&run_folder(dir.path()))[0]["train_loss"].clone()
    });
    assert_ne!(losses[0], losses[1]);
    let dir = two_classes();
    fs::write(dir.path().join("my.toml"), "augment.crop_scale = [1.0, 0.5]\n").unwrap();
    train_in(&dir, &["--steps", "2", "--config", "my.toml"]).refused(&["crop_scale"]);
}

#[test]
fn a_folder_that_is_not_laid_out_so_is_named() {
    refused(|path| fs::remove_dir_all(path).unwrap(), &["pictures is not a folder", "--dataset"]);
    refused(|path| fs::remove_dir_all(path.join("val")).unwrap(), &["pictures/val is not a folder"]);
    refused(|path| fs::remove_dir_all(path.join("train")).unwrap(), &["no training images", "train"]);
    refused(
        |path| fs::remove_dir_all(path.join("val/dog")).unwrap(),
        &["pictures/val has no folder", "dog", "--subset"],
    );
    refused(|path| fs::remove_dir_all(path.join("train/cat")).unwrap(), &["pictures/train has no folder", "cat"]);
    let empty = |path: &Path| {
        fs::remove_dir_all(path.join("train/cat")).unwrap();
        fs::create_dir(path.join("train/cat")).unwrap();
        fs::write(path.join("train/cat/notes.txt"), "none yet").unwrap();
    };
    refused(empty, &["pictures/train/cat holds no image files"]);
    let none = |path: &Path| {
        fs::remove_dir_all(path.join("val")).unwrap();
        fs::create_dir(path.join("val")).unwrap();
    };
    refused(none, &["pictures/val holds no folders"]);
    let flat = |path: &Path| {
        fs::remove_dir_all(path.join("val")).unwrap();
        fs::create_dir(path.join("val")).unwrap();
        fs::write(path.join("val/ILSVRC2012_val_00000001.JPEG"), jpeg(40, 40, COLOURS[0], 0)).unwrap();
    };
    refused(flat, &["pictures/val holds images", "ILSVRC2012_val_00000001.JPEG", "folder for each class"]);
    let around = |path: &Path| symlink(path.join("train"), path.join("train/cat/again")).unwrap();
    refused(around, &["folders deep", "link"]);
}

/// What is in a file named as a picture, and what is said of it.
fn bad_files() -> [(&'static str, Vec<u8>, &'static str); 6] {
    let good = jpeg(50, 50, COLOURS[0], 0);
    [
        ("aa-text.jpg", b"not found".to_vec(), "is not a JPEG, PNG, WebP, GIF or BMP file"),
        ("aa-empty.jpg", Vec::new(), "is empty"),
        ("aa-cut.jpg", good[..good.len() / 2].to_vec(), "is cut short"),
        ("aa-cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec(), "is "),
        ("aa-photo.webp", b"RIFF____WEBP".to_vec(), "is "),
        ("aa-photo", b"II*\0\x08\0\0\0".to_vec(), "is a TIFF file, which is not supported"),
    ]
}

#[test]
fn a_bad_file_is_named_wherever_it_is() {
    for (name, bytes, problem) in bad_files() {
        for half in ["train", "val"] {
            let place = format!("pictures/{half}/cat/{name}");
            refused(
                |path| fs::write(path.join(half).join("cat").join(name), &bytes).unwrap(),
                &[&place, problem, "--skip-bad"],
            );
        }
    }
    let dangling = |path: &Path| symlink("nowhere.jpg", path.join("train/cat/aa-link.jpg")).unwrap();
    refused(dangling, &["aa-link.jpg is a broken link", "--skip-bad"]);
}

#[test]
fn bad_files_are_skipped_counted_and_listed() {
    let runs = ["1", "2"].map(|workers| {
        let dir = two_classes();
        for (name, bytes, _) in bad_files() {
            fs::write(pictures(&dir).join("train/cat").join(name), &bytes).unwrap();
            fs::write(pictures(&dir).join("val/dog").join(name), &bytes).unwrap();
        }
        let flags = ["--epochs", "2", "--batch-size", "4", "--skip-bad", "--workers", workers];
        let output = train_in(&dir, &flags).code(0);
        for line in ["skipped 6 training images", "skipped 6 test images", "train/cat/aa-cut.jpg is cut short"] {
            assert!(output.stderr.contains(line), "no `{line}` in\n{}", output.stderr);
        }
        dir
    });
    let [one, two] = runs.each_ref().map(|dir| run_folder(dir.path()));
    assert_same_tensors(&one.join("last.safetensors"), &two.join("last.safetensors"));
    let weights = one.join("last.safetensors");
    let eval = ["eval", "--weights", weights.to_str().unwrap(), "--format", "json"];
    let found: serde_json::Value = serde_json::from_slice(&run(runs[0].path(), &eval).code(0).stdout).unwrap();
    assert_eq!(found["images"], 12, "those that can be decoded");
}

#[test]
fn a_folder_of_bad_files_only_is_refused_all_the_same() {
    let dir = two_classes();
    for entry in fs::read_dir(pictures(&dir).join("val/cat"))
        .unwrap()
        .chain(fs::read_dir(pictures(&dir).join("val/dog")).unwrap())
    {
        fs::write(entry.unwrap().path(), "no picture").unwrap();
    }
    train_in(&dir, &["--steps", "1", "--skip-bad"]).refused(&["none of the 12 images can be decoded", "--dataset"]);
}

#[test]
fn links_and_nested_folders_are_followed_and_hidden_files_are_not() {
    let dir = two_classes();
    let path = pictures(&dir);
    fs::create_dir(path.join("train/cat/more")).unwrap();
    fs::write(path.join("train/cat/more/one.jpg"), jpeg(40, 40, COLOURS[0], 0)).unwrap();
    symlink("../dog/000.JPEG", path.join("train/cat/linked.jpg")).unwrap();
    fs::write(path.join("train/cat/._hidden.jpg"), "no picture").unwrap();
    fs::write(path.join("train/cat/notes.txt"), "no picture").unwrap();
    fs::create_dir(path.join("train/.cache")).unwrap();
    fs::rename(path.join("val/cat"), dir.path().join("elsewhere")).unwrap();
    symlink("../../elsewhere", path.join("val/cat")).unwrap();
    let output = run(dir.path(), &["data", "check", "folder:pictures"]).code(0);
    assert_eq!(output.text(), "34 training and 12 test images of 2 classes, all of them intact\n");
}

#[test]
fn a_check_lists_what_cannot_be_decoded() {
    let dir = two_classes();
    fs::write(pictures(&dir).join("val/dog/x.png"), "no picture").unwrap();
    let output = run(dir.path(), &["data", "check", "folder:pictures"]).refused(&["1 image is damaged", "--skip-bad"]);
    assert_eq!(output.text(), "pictures/val/dog/x.png is not a JPEG, PNG, WebP, GIF or BMP file\n");
    run(dir.path(), &["data", "check", "folder:nowhere"]).refused(&["nowhere is not a folder"]);
    run(dir.path(), &["data", "check", "mnist"]).refused(&["mnist", "folder:PATH"]);
}

/// A decoder makes something of all of these.
#[test]
fn a_check_finds_what_decoding_passes_over() {
    let dir = two_classes();
    let good = jpeg(50, 50, COLOURS[0], 0);
    let half = [&good[..good.len() * 2 / 3], &[0xff, 0xd9]].concat();
    fs::write(pictures(&dir).join("train/cat/half.jpg"), half).unwrap();
    let mut picture = Vec::new();
    let mut encoder = png::Encoder::new(&mut picture, 2, 1);
    encoder.set_color(png::ColorType::Rgb);
    encoder.write_header().unwrap().write_image_data(&[1, 2, 3, 4, 5, 6]).unwrap();
    let length = picture.len();
    picture[length - 14] ^= 1;
    fs::write(pictures(&dir).join("val/cat/sum.png"), picture).unwrap();
    let output = run(dir.path(), &["data", "check", "folder:pictures"]).refused(&["2 images are damaged"]);
    let lines: Vec<String> = output.text().lines().map(String::from).collect();
    assert!(lines.len() == 2 && lines[0].contains("half.jpg is damaged"), "{lines:?}");
    assert!(lines[1].contains("sum.png is damaged (the checksum of IDAT is wrong)"), "{lines:?}");
}

/// Whoever reads the list may have read enough, and the disk behind it may be full.
#[test]
fn a_check_ends_as_it_would_where_nobody_listens() {
    let dir = two_classes();
    fs::write(pictures(&dir).join("val/dog/x.png"), "no picture").unwrap();
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut command = command::zoo(dir.path(), &["data", "check", "folder:pictures"]);
    let output = command.stdout(full).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.code() == Some(1) && said.contains("1 image is damaged"), "{said}");
    fs::remove_file(pictures(&dir).join("val/dog/x.png")).unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = command::zoo(dir.path(), &["data", "check", "folder:pictures"]);
    let status = command.stdout(writer.try_clone().unwrap()).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
}

#[test]
fn images_are_told_by_their_contents_and_the_rest_is_counted() {
    let dir = two_classes();
    let folder = pictures(&dir).join("train/cat");
    for name in ["one.jfif", "two.jpe", "three", "four.photo"] {
        fs::write(folder.join(name), jpeg(40, 40, COLOURS[0], 0)).unwrap();
    }
    fs::write(folder.join("LICENSE"), "free").unwrap();
    fs::write(folder.join("notes.txt"), "none").unwrap();
    fs::write(pictures(&dir).join("val/dog/list.csv"), "").unwrap();
    let output = run(dir.path(), &["data", "check", "folder:pictures"]).code(0);
    assert!(output.text().starts_with("36 training and 12 test images"), "{}", output.text());
    for note in [
        "note: 2 files in pictures/train are not images and are skipped, such as pictures/train/cat/LICENSE",
        "note: pictures/val/dog/list.csv is not an image and is skipped",
    ] {
        assert!(output.stderr.contains(note), "{}", output.stderr);
    }
}

#[test]
fn classes_that_are_numbers_come_in_their_order() {
    let dir = tempdir().unwrap();
    folder(&dir.path().join("pictures"), &["1", "2", "10"], 4, 2);
    let output = train_in(&dir, &["--steps", "1", "--batch-size", "4"]).code(0);
    let note = "by number (1, 2, 10, ...), not alphabetically (1, 10, 2, ...)";
    assert!(output.stderr.contains(note), "{}", output.stderr);
    let weights = fs::read(run_folder(dir.path()).join("last.safetensors")).unwrap();
    let text = String::from_utf8_lossy(&weights[..weights.len().min(1 << 16)]).into_owned();
    let places = ["1", "2", "10"].map(|class| text.find(&format!("\\\"{class}\\\"")));
    assert!(places.is_sorted() && places[0].is_some(), "{places:?}");
    // One that is no number: the order of letters, and not a word.
    let words = tempdir().unwrap();
    folder(&words.path().join("pictures"), &["1", "2", "10", "x"], 4, 2);
    let output = train_in(&words, &["--steps", "1", "--batch-size", "4"]).code(0);
    assert!(!output.stderr.contains("sorted by number"), "{}", output.stderr);
}

#[test]
fn folders_that_cannot_be_classes_are_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let wild = |path: &Path| fs::create_dir(path.join("train").join(OsStr::from_bytes(b"caf\xe9"))).unwrap();
    refused(wild, &["pictures/train holds a folder whose name is not UTF-8: caf\\xe9", "rename it"]);
    let alone = |path: &Path| {
        fs::remove_dir_all(path.join("train/dog")).unwrap();
        fs::remove_dir_all(path.join("val/dog")).unwrap();
    };
    refused(alone, &["one class, cat", "at least two"]);
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let fifo = |path: &Path| {
        let made = std::process::Command::new("mkfifo").arg(path.join("train/cat/aa.jpg")).status().unwrap();
        assert!(made.success());
    };
    refused(fifo, &["train/cat/aa.jpg cannot be read (it is not a regular file)", "--skip-bad"]);
    let zeros = |path: &Path| symlink("/dev/zero", path.join("train/cat/aa.jpg")).unwrap();
    refused(zeros, &["train/cat/aa.jpg cannot be read (it is not a regular file)", "--skip-bad"]);
    let dir = two_classes();
    symlink("/dev/random", dir.path().join("list.txt")).unwrap();
    train_in(&dir, &["--subset", "list.txt"]).refused(&["list.txt cannot be read (it is not a regular file)"]);
    // Nameless: it is looked into, and is no image.
    symlink("/dev/zero", pictures(&dir).join("train/cat/zeros")).unwrap();
    let output = run(dir.path(), &["data", "check", "folder:pictures"]).code(0);
    assert!(output.stderr.contains("train/cat/zeros is not an image"), "{}", output.stderr);
}

#[test]
fn paths_begin_at_the_home_where_they_say_so() {
    let dir = two_classes();
    let with = |arguments: &[&str], home: Option<&Path>| {
        let mut command = command::zoo(dir.path(), arguments);
        command.env_remove("XDG_CACHE_HOME").env_remove("HOME");
        if let Some(home) = home {
            command.env("HOME", home);
        }
        command.output().unwrap()
    };
    assert!(with(&["data", "check", "folder:~/pictures"], Some(dir.path())).status.success());
    fs::write(dir.path().join("one.txt"), "\u{feff}cat  # a class\r\n\r\n  dog\r\n").unwrap();
    let subset = ["data", "check", "folder:~/pictures", "--subset=~/one.txt"];
    let output = with(&subset, Some(dir.path()));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    for command in [["data", "check", "cifar10"], ["data", "get", "cifar10"], ["data", "check", "imagenette"]] {
        let output = with(&command, None);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success() && said.contains("neither HOME nor XDG_CACHE_HOME is set"), "{said}");
    }
    assert!(!dir.path().join(".cache").exists());
}

#[test]
fn a_subset_takes_the_classes_that_it_lists() {
    let dir = tempdir().unwrap();
    let wnids = ["n01440764", "n02102040", "n03888257"];
    folder(&dir.path().join("pictures"), &wnids, 8, 4);
    let list = dir.path().join("two.txt");
    fs::write(&list, "n03888257 # parachute\n# and\nn01440764\n").unwrap();
    for dataset in ["imagenet:pictures", "folder:pictures"] {
        let flags = ["--dataset", dataset, "--subset", "two.txt", "--steps", "1", "--batch-size", "8"];
        let output = train(dir.path(), &flags).code(0);
        assert!(output.stderr.contains("16 training and 8 test images"), "{}", output.stderr);
    }
    let rows = csv(&dir.path().join("results/accuracy.csv")).rows;
    assert_eq!((rows[0]["dataset"].as_str(), rows[0]["classes"].as_str()), ("imagenet", "2"));

    let imagenet = |list: &str| {
        fs::write(dir.path().join("list.txt"), list).unwrap();
        train(dir.path(), &["--dataset", "imagenet:pictures", "--subset", "list.txt", "--steps", "1"])
    };
    imagenet("n01440764\nn00000000\n").refused(&["n00000000", "--subset"]);
    imagenet("n01440764\nn01443537\n").refused(&["pictures/train has no folder for the class n01443537"]);
    imagenet("n01440764 tench\n").refused(&["list.txt", "line 1", "--subset"]);
    imagenet("").refused(&["list.txt lists no class"]);
    train(dir.path(), &["--dataset", "imagenet:pictures"]).refused(&["997 of 1000 classes", "n01443537", "--subset"]);
    train(dir.path(), &["--dataset", "imagenet:pictures", "--subset", "no.txt"]).refused(&["no.txt cannot be read"]);
    train(dir.path(), &["--subset", "two.txt"]).refused(&["--subset", "folder:PATH"]);
    train(dir.path(), &["--dataset", "folder:"]).misused(&["give `folder:PATH`"]);
    let empty = ["--dataset", "imagenette", "--data-dir", "nothing-there"];
    train(dir.path(), &empty).refused(&["imagenette2-320 is missing", "data get imagenette", "--data-dir"]);
}

#[test]
fn a_run_goes_on_with_the_classes_that_it_was_trained_on_alone() {
    let dir = two_classes();
    train_in(&dir, &["--batch-size", "8", "--steps", "2"]).code(0);
    let run = run_folder(dir.path());
    let longer = ["--batch-size", "8", "--steps", "4", "--resume", run.to_str().unwrap()];
    folder(&pictures(&dir), &["bird"], 16, 6);
    let words = ["was trained on 2 classes, but folder:pictures now has 3 classes: class 1 was `cat` and is now \
                  `bird`"];
    train_in(&dir, &longer).refused(&words);
    fs::remove_dir_all(pictures(&dir).join("train/bird")).unwrap();
    fs::remove_dir_all(pictures(&dir).join("val/bird")).unwrap();
    train_in(&dir, &longer).code(0);
}

#[test]
fn fewer_images_come_from_all_classes() {
    let dir = two_classes();
    let output =
        train_in(&dir, &["--limit-train", "8", "--limit-test", "4", "--batch-size", "4", "--steps", "2"]).code(0);
    assert!(output.stderr.contains("8 training and 4 test images"), "{}", output.stderr);
}

#[test]
fn a_set_without_training_images_can_be_evaluated_on() {
    let dir = two_classes();
    train_in(&dir, &["--steps", "1"]).code(0);
    fs::remove_dir_all(pictures(&dir).join("train")).unwrap();
    let weights = run_folder(dir.path()).join("last.safetensors");
    run(dir.path(), &["eval", "--weights", weights.to_str().unwrap()]).code(0);
}
