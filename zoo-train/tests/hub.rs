//! The hub that behaves badly: each of its ways ends in the file or in one sentence, and nothing wrong stays in the cache.

#[path = "common/hub.rs"]
mod server;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use server::{Answer, COMMIT, TOKEN, sha256};
use tempfile::{TempDir, tempdir};
use zoo_train::data::download::Patience;
use zoo_train::weights::hub::Hub;

const REPOSITORY: &str = "timm/mobilenetv2_100.ra_in1k";
const FILE: &str = "model.safetensors";

/// Nothing that compresses or repeats.
fn file() -> Vec<u8> {
    let mut state = 1u32;
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    (0..200_000).map(|_| next()).collect()
}

struct Trial {
    hub: server::Hub,
    cache: TempDir,
    token: Option<&'static str>,
}

impl Trial {
    fn new(answers: &[Answer]) -> Trial {
        Trial { hub: server::Hub::start(file(), answers), cache: tempdir().unwrap(), token: None }
    }

    fn client(&self) -> Hub {
        let patience = Patience {
            backoff: Duration::from_millis(1),
            silence: Duration::from_millis(100),
            attempts: 3,
            ..Patience::default()
        };
        Hub {
            endpoint: self.hub.url.clone(),
            cache: Ok(self.cache.path().into()),
            token: self.token.map(|token| (token.to_string(), "HF_TOKEN".to_string())),
            offline: false,
            patience,
        }
    }

    fn fetch(&self) -> Result<PathBuf, String> {
        self.client().file(REPOSITORY, FILE).map_err(|error| error.to_string())
    }

    #[track_caller]
    fn arrives(&self) {
        let path = self.fetch().unwrap();
        assert_eq!(fs::read(&path).unwrap(), file());
    }

    /// Fails with one sentence of these words, and leaves nothing that is taken for the file.
    #[track_caller]
    fn refused(&self, words: &[&str]) {
        let error = self.fetch().unwrap_err();
        assert!(error.starts_with(&format!("cannot fetch {REPOSITORY}/{FILE}: ")), "{error}");
        assert!(words.iter().all(|word| error.contains(word)) && !error.contains('\n'), "no {words:?} in\n{error}");
        assert_eq!(whole_files(self.cache.path()), Vec::<PathBuf>::new());
    }
}

/// Files of a cache that could be taken for what was asked for.
fn whole_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            found.extend(whole_files(&entry));
        } else if entry.extension().is_none_or(|extension| extension != "lock" && extension != "part") {
            found.push(entry);
        }
    }
    found
}

#[test]
fn a_file_is_where_pythons_tools_look_for_it_and_fetched_once() {
    let trial = Trial::new(&[Answer::Good]);
    trial.arrives();
    let folder = trial.cache.path().join("models--timm--mobilenetv2_100.ra_in1k");
    let link = fs::read_link(folder.join("snapshots").join(COMMIT).join(FILE)).unwrap();
    assert_eq!(link, Path::new("../../blobs").join(sha256(&file())));
    assert_eq!(fs::read_to_string(folder.join("refs/main")).unwrap(), COMMIT);
    let asked: Vec<(String, String)> = trial.hub.requests().into_iter().map(|one| (one.method, one.path)).collect();
    let path = |revision: &str| format!("/{REPOSITORY}/resolve/{revision}/{FILE}");
    assert_eq!(asked, [("HEAD".into(), path("main")), ("GET".into(), path(COMMIT))]);
    trial.arrives();
    let offline = Hub { offline: true, ..trial.client() };
    assert!(offline.file(REPOSITORY, FILE).is_ok());
    assert_eq!(trial.hub.requests().len(), 2, "the cache was not used");
}

#[test]
fn redirects_are_followed_and_the_token_stays_with_the_hub() {
    Trial::new(&[Answer::Redirect]).arrives();
    let other = server::Hub::start(file(), &[Answer::Good]);
    let away = Trial { token: Some(TOKEN), ..Trial::new(&[Answer::Elsewhere(other.url.clone())]) };
    away.arrives();
    assert!(away.hub.requests().iter().all(|request| request.token.as_deref() == Some(TOKEN)));
    let there = other.requests();
    assert!(!there.is_empty() && there.iter().all(|request| request.token.is_none()), "{there:?}");
}

#[test]
fn a_gated_repository_wants_a_token() {
    let gated = Trial::new(&[Answer::Gated]);
    gated.refused(&["gated", "accept its terms", "HF_TOKEN"]);
    Trial { token: Some(TOKEN), ..gated }.arrives();
    let wrong = Trial { token: Some("hf_wrong"), ..Trial::new(&[Answer::Gated]) };
    wrong.refused(&["rejects the token", "the token in HF_TOKEN"]);
}

#[test]
fn each_status_is_a_sentence_with_a_way_out() {
    let status = |status, code| Trial::new(&[Answer::Status(status, code)]);
    status(401, "RepoNotFound").refused(&["private", "HF_TOKEN", "words of the hub"]);
    status(403, "GatedRepo").refused(&["gated", "HF_TOKEN"]);
    status(404, "EntryNotFound").refused(&["no such file", "HF_ENDPOINT"]);
    let busy = status(429, "");
    busy.refused(&["rate of requests", "HF_TOKEN"]);
    assert_eq!(busy.hub.requests().len(), 3);
    status(503, "").refused(&["HTTP status 503", "--weights"]);
    Trial::new(&[Answer::Status(429, ""), Answer::Status(503, ""), Answer::Good]).arrives();
    Trial::new(&[Answer::Good, Answer::Status(503, ""), Answer::Good]).arrives();
}

#[test]
fn a_transfer_that_breaks_off_goes_on_where_it_was() {
    let cut = Trial::new(&[Answer::Good, Answer::Cut(90_000)]);
    cut.arrives();
    let from: Vec<Option<usize>> = cut.hub.requests().iter().skip(1).map(|request| request.from).collect();
    assert_eq!(from, [None, Some(90_000), Some(180_000)]);
    // One that gives no ranges begins anew.
    Trial::new(&[Answer::Good, Answer::Cut(150_000), Answer::NoRange]).arrives();
}

#[test]
fn what_an_earlier_attempt_left_is_not_fetched_again() {
    let trial = Trial::new(&[Answer::Good, Answer::Cut(120_000), Answer::Status(404, ""), Answer::Good]);
    trial.refused(&["no such file"]);
    trial.arrives();
    assert_eq!(trial.hub.requests().last().unwrap().from, Some(120_000));
}

#[test]
fn a_host_that_falls_silent_again_and_again_is_given_up() {
    let silent = Trial::new(&[Answer::Good, Answer::Hang(1_000)]);
    silent.refused(&["--weights"]);
    assert_eq!(silent.hub.requests().len(), 1 + 3);
    // One that brings a good part each time is not.
    Trial::new(&[Answer::Good, Answer::Hang(70_000)]).arrives();
}

#[test]
fn what_is_damaged_or_no_weights_is_thrown_away() {
    let corrupt = Trial::new(&[Answer::Corrupt]);
    corrupt.refused(&["damaged", "was deleted", &sha256(&file())]);
    Trial::new(&[Answer::Page(true)]).refused(&["something other than weights", "web page", "login"]);
    Trial::new(&[Answer::Page(false)]).refused(&["X-Repo-Commit", "login"]);
}

#[test]
fn offline_nothing_is_asked() {
    let trial = Trial::new(&[Answer::Good]);
    let error = Hub { offline: true, ..trial.client() }.file(REPOSITORY, FILE).unwrap_err().to_string();
    assert!(error.contains("HF_HUB_OFFLINE is set") && error.contains("unset"), "{error}");
    assert!(trial.hub.requests().is_empty());
    let nobody = Hub { endpoint: "http://127.0.0.1:9".into(), ..trial.client() };
    let error = nobody.file(REPOSITORY, FILE).unwrap_err().to_string();
    assert!(error.contains("cannot be reached") && error.contains("--weights"), "{error}");
}
