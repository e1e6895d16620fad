//! A file of the Hugging Face hub, from the cache of its own tools or from the hub into it.
//!
//! Owns what Python's `huggingface_hub` owns there, so that both find what the other has fetched: the variables of the
//! environment, the layout of the cache (`models--OWNER--NAME` with `blobs`, `refs`, `snapshots`, and `.locks` beside it) and
//! the headers of the hub. The bytes are [`Download`]'s. Nothing is in a snapshot before its SHA-256 is the hub's.

mod cache;
mod environment;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, header};
use zoo_core::weights::TensorFile;

use super::WeightsFault;
use cache::{cached, place};
use zoo_data::DataError;
use zoo_data::download::{Checksum, Download, Patience, is_passing, retry_after};
use zoo_host::console::say;
use zoo_host::lock::{Lock, Owner};

/// The revision that is asked for.
const REVISION: &str = "main";
/// Redirects within the hub that are followed, as from a repository's earlier name.
const REDIRECTS: usize = 5;
/// Characters of what a hub says that are repeated.
const WORDS: usize = 200;
/// Where the hub is, and the cache of its files.
#[derive(Debug, Clone)]
pub struct Hub {
    /// Its address without a slash at the end.
    pub endpoint: String,
    /// The folder of the cache; what is wrong where there is none.
    pub cache: Result<PathBuf, String>,
    /// The secret that it lets us in by, and where that stands.
    pub token: Option<(String, String)>,
    /// Whether it must not be asked.
    pub offline: bool,
    /// How hard to try.
    pub patience: Patience,
}

/// What the hub says of a file.
struct Told {
    /// Where its bytes are.
    url: String,
    commit: String,
    /// Name of the file's contents, in hexadecimal the SHA-256 of large files.
    etag: String,
}

/// Where a file has moved to within the hub, if it has, and its headers.
type Found = (Option<String>, HeaderMap);

/// Why there is no file: a reason and the way out.
struct Refusal(String, Option<String>);

impl Hub {
    /// The file `file` of `repository`, from the cache where it is there, else from the hub, with progress on stderr.
    ///
    /// # Errors
    /// Where the hub does not give it, or it cannot be kept: one sentence with the way out.
    pub fn file(&self, repository: &str, file: &str) -> Result<PathBuf, WeightsFault> {
        self.find_or_fetch(repository, file).map_err(|Refusal(reason, remedy)| {
            let name = repository.rsplit('/').next().unwrap_or(repository);
            let remedy = remedy.unwrap_or_else(|| {
                format!(
                    "try again later, or download that file elsewhere with a browser, save it as {name}.safetensors \
                     and give it with --weights"
                )
            });
            WeightsFault::Hub { repository: repository.into(), file: file.into(), reason, remedy }
        })
    }

    fn find_or_fetch(&self, repository: &str, file: &str) -> Result<PathBuf, Refusal> {
        let cache = self.cache.as_ref().map_err(|reason| Refusal(reason.clone(), Some("set one of them".into())))?;
        let folder = cache.join(format!("models--{}", repository.replace('/', "--")));
        if let Some(path) = cached(&folder, file) {
            return Ok(path);
        }
        if self.offline {
            let remedy = "unset HF_HUB_OFFLINE, or fetch it on a machine with a network and copy that folder here";
            return Err(Refusal(
                format!("HF_HUB_OFFLINE is set, and the file is not in {}", cache.display()),
                Some(remedy.into()),
            ));
        }
        let told = self.ask(repository, file)?;
        let _lock = self.lock(cache, &folder, &told.etag)?;
        // Another process may have brought it while this one waited.
        match cached(&folder, file) {
            Some(path) => Ok(path),
            None => self.fetch(repository, file, &folder, &told),
        }
    }

    /// Asks for commit and checksum, again where the hub is busy or does not answer.
    fn ask(&self, repository: &str, file: &str) -> Result<Told, Refusal> {
        let mut tried = 0;
        loop {
            let (refusal, asked) = match self.ask_once(repository, file) {
                Ok(Ok((moved, headers))) => return self.told(repository, file, moved, &headers),
                Ok(Err((status, headers))) => {
                    let refusal = self.refusal(status, &headers, repository);
                    match is_passing(status) {
                        true => (refusal, retry_after(&headers)),
                        false => return Err(refusal),
                    }
                }
                Err(error @ ureq::Error::Timeout(_)) => {
                    (Refusal(format!("{} does not answer ({error})", self.endpoint), None), None)
                }
                Err(error) => return Err(Refusal(format!("{} cannot be reached ({error})", self.endpoint), None)),
            };
            tried += 1;
            let pause = self.patience.pause(tried).max(asked.unwrap_or_default());
            if tried >= self.patience.attempts || pause > Duration::from_secs(60) {
                return Err(refusal);
            }
            say!("{}; trying again in {pause:?}", refusal.0);
            thread::sleep(pause);
        }
    }

    /// The headers of the file and where it has moved to, or the status and headers of an answer that is none.
    fn ask_once(&self, repository: &str, file: &str) -> Result<Result<Found, (u16, HeaderMap)>, ureq::Error> {
        // Connections are not kept: some hosts send a body behind the headers that were asked for.
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .timeout_resolve(Some(self.patience.answer))
            .timeout_connect(Some(self.patience.answer))
            .timeout_recv_response(Some(self.patience.answer))
            .build()
            .into();
        let mut url = format!("{}/{repository}/resolve/{REVISION}/{file}", self.endpoint);
        let mut moved = None;
        for _ in 0..REDIRECTS {
            let mut request = agent.head(&url).header(header::ACCEPT_ENCODING, "identity");
            if let Some((token, _)) = &self.token {
                request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
            let response = request.call()?;
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            // What leads to another host, where large files lie, has all that is asked for itself.
            match text(&headers, header::LOCATION.as_str()).filter(|place| place.starts_with('/')) {
                Some(place) if (300..400).contains(&status) => {
                    url = format!("{}{place}", origin(&url));
                    moved = Some(url.clone());
                }
                _ if status < 400 => return Ok(Ok((moved, headers))),
                _ => return Ok(Err((status, headers))),
            }
        }
        Err(ureq::Error::TooManyRedirects)
    }

    fn told(&self, repository: &str, file: &str, moved: Option<String>, headers: &HeaderMap) -> Result<Told, Refusal> {
        let etag = text(headers, "x-linked-etag").or_else(|| text(headers, "etag"));
        let etag = etag.map(|etag| etag.trim_start_matches("W/").trim_matches('"').to_string());
        // Both become names of files.
        let is_name = |word: &String| word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        let commit = text(headers, "x-repo-commit").filter(|commit| is_name(commit) && !commit.is_empty());
        match (commit, etag.filter(|etag| is_name(etag) && !etag.is_empty())) {
            (Some(commit), Some(etag)) => {
                let url = moved.unwrap_or_else(|| format!("{}/{repository}/resolve/{commit}/{file}", self.endpoint));
                Ok(Told { url, commit, etag })
            }
            _ => Err(Refusal(
                format!("{} does not answer as the hub does, with the headers X-Repo-Commit and ETag", self.endpoint),
                Some("set HF_ENDPOINT to the hub or a mirror, or check whether the network requires a login".into()),
            )),
        }
    }

    fn refusal(&self, status: u16, headers: &HeaderMap, repository: &str) -> Refusal {
        let code = text(headers, "x-error-code").unwrap_or_default();
        let words: String = text(headers, "x-error-message").unwrap_or_default().chars().take(WORDS).collect();
        let said = if words.is_empty() { String::new() } else { format!(", {words}") };
        let page = format!("{}/{repository}", self.endpoint);
        let (reason, remedy) = match (status, &self.token) {
            (401 | 403, None) if code == "GatedRepo" => (
                "the repository is gated",
                format!("accept its terms at {page}, and set HF_TOKEN to a token of your account"),
            ),
            (401 | 403, None) => (
                "the repository is private or does not exist",
                format!("set HF_TOKEN to a token of an account that may read {page}"),
            ),
            (401 | 403, Some((_, origin))) => (
                "the hub rejects the token",
                format!("check at {page} that the account may read it, and correct the token in {origin}, or unset it"),
            ),
            (404, _) => ("the hub has no such file", format!("check HF_ENDPOINT, and what is at {page}")),
            (429, None) => {
                ("the hub limits the rate of requests", "wait a few minutes, or set HF_TOKEN for a higher limit".into())
            }
            (429, Some(_)) => ("the hub limits the rate of requests", "wait a few minutes and try again".into()),
            _ => return Refusal(format!("{} answered with HTTP status {status}{said}", self.endpoint), None),
        };
        Refusal(format!("{reason} (HTTP status {status}{said})"), Some(remedy))
    }

    /// Keeps two processes, Python's among them, from writing the same file.
    fn lock(&self, cache: &Path, folder: &Path, etag: &str) -> Result<Option<Lock>, Refusal> {
        let folder = cache.join(".locks").join(folder.file_name().unwrap_or_default());
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        let path = folder.join(format!("{etag}.lock"));
        let mut said = false;
        let wait = |_: Option<&Owner>, _: Duration| {
            if !said {
                say!("waiting for another process that fetches the same file (it has {})", path.display());
            }
            said = true;
            true
        };
        Lock::wait(&path, wait).map_err(|error| unwritable(&path, &error))
    }

    fn fetch(&self, repository: &str, file: &str, folder: &Path, told: &Told) -> Result<PathBuf, Refusal> {
        let Told { url, commit, etag } = told;
        let blobs = folder.join("blobs");
        fs::create_dir_all(&blobs).map_err(|error| unwritable(&blobs, &error))?;
        let is_sha256 = etag.len() == 64 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
        let blob = blobs.join(etag);
        // Without a checksum it is not called by its name before it was looked into.
        let (checksum, target) = match is_sha256 {
            true => (Checksum::Sha256(etag), blob.clone()),
            false => (Checksum::Unknown, blobs.join(format!("{etag}.unproven"))),
        };
        let token = self.token.as_ref().map(|(token, _)| token.as_str());
        let name = format!("{repository}/{file}");
        say!("fetching {url}");
        let patience = self.patience.clone();
        let download = Download { url, target: &target, checksum, token, name: &name, patience, quiet: false };
        download.run().map_err(|error| self.undone(error, repository))?;
        if !is_sha256 {
            if let Err(error) = TensorFile::read(&target) {
                let _ = fs::remove_file(&target);
                let reason = format!("{} sent something other than weights ({error})", self.endpoint);
                let remedy = "check HF_ENDPOINT, or whether the network requires a login";
                return Err(Refusal(reason, Some(remedy.into())));
            }
            fs::rename(&target, &blob).map_err(|error| unwritable(&blob, &error))?;
        }
        place(folder, commit, file, etag).map_err(|error| unwritable(folder, &error))
    }

    /// What a download that failed means here.
    fn undone(&self, error: DataError, repository: &str) -> Refusal {
        match error {
            DataError::Status { status, .. } => self.refusal(status, &HeaderMap::new(), repository),
            DataError::Unreachable { reason, .. } => Refusal(reason, None),
            DataError::Checksum { kind, actual, expected, .. } => {
                let reason = format!("the download is damaged and was deleted ({kind} {actual}, not {expected})");
                Refusal(reason, None)
            }
            DataError::Io { path, source, .. } => unwritable(&path, &source),
            other => Refusal(other.cause(), None),
        }
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Refusal {
    let remedy = match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
            "make room, or name a folder on another disk with HF_HUB_CACHE"
        }
        _ => "name another folder with HF_HUB_CACHE",
    };
    Refusal(format!("{} cannot be written ({error})", path.display()), Some(remedy.into()))
}

/// The value of a header as printable text.
fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.trim().to_string())
}

/// Scheme and host of an address.
fn origin(url: &str) -> &str {
    let host = url.find("://").map_or(0, |at| at + 3);
    url[host..].find('/').map_or(url, |end| &url[..host + end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_that_would_lead_out_of_the_cache_are_refused() {
        let told = |commit: &'static str, etag: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-repo-commit", commit.parse().unwrap());
            headers.insert("etag", etag.parse().unwrap());
            Hub::from_environment().told("a/b", "c", None, &headers).map(|told| (told.commit, told.etag)).ok()
        };
        assert_eq!(told("abc", "W/\"def\""), Some(("abc".into(), "def".into())));
        for (commit, etag) in [("../x", "def"), ("abc", "\"../../x\""), ("", "def"), ("abc", ".."), ("abc", "\"\"")] {
            assert_eq!(told(commit, etag), None, "{commit} {etag}");
        }
    }

    #[test]
    fn the_origin_of_an_address() {
        assert_eq!(origin("http://127.0.0.1:8/a/b"), "http://127.0.0.1:8");
        assert_eq!(origin("https://x"), "https://x");
    }
}
