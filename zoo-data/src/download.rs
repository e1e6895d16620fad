//! Fetching one file over HTTP so that an interruption costs nothing that was already there.
//!
//! Bytes go to `NAME.part`; a later attempt, in this run or the next, asks for the rest with a `Range` header. Only a
//! file with the right checksum is renamed to `NAME`. The module does not know what the file is for.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::config::RedirectAuthHeaders;
use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};

use super::DataError;
use super::manifest::{hex, md5_of_file};
use super::progress::Progress;

/// How hard to try.
#[derive(Debug, Clone)]
pub struct Patience {
    /// How long a host may take to accept a connection. Short, as there is a second source.
    pub connect: Duration,
    /// How long a host may take to begin its answer.
    pub answer: Duration,
    /// How long one answer may take. A connection that stalls is cut at that point and taken up again where it was; a
    /// slow one that gets on loses nothing.
    pub body: Duration,
    /// How long nothing may come of an answer that has begun.
    pub silence: Duration,
    /// How many attempts in a row may bring nothing new.
    pub attempts: u32,
    /// The pause after the first such attempt; it doubles with each further one.
    pub backoff: Duration,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            body: Duration::from_secs(120),
            silence: Duration::from_secs(30),
            attempts: 5,
            backoff: Duration::from_secs(1),
        }
    }
}

/// A file to fetch.
#[derive(Debug, Clone)]
pub struct Download<'a> {
    /// Where from.
    pub url: &'a str,
    /// Where to.
    pub target: &'a Path,
    /// What it must hash to.
    pub checksum: Checksum<'a>,
    /// What the host, and no other that it sends us to, is told to let us in.
    pub token: Option<&'a str>,
    /// What progress calls it.
    pub name: &'a str,
    /// How hard to try.
    pub patience: Patience,
    /// No progress on stderr.
    pub quiet: bool,
}

/// What a file must hash to, in hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Checksum<'a> {
    /// MD5.
    Md5(&'a str),
    /// SHA-256.
    Sha256(&'a str),
    /// Nobody knows: only the length can be checked, and the contents are for others to judge.
    Unknown,
}

impl Checksum<'_> {
    /// What the file at `path` hashes to where that is not what it must.
    fn differs(&self, path: &Path) -> Result<Option<DataChecksum>, DataError> {
        let (kind, actual, expected) = match self {
            Checksum::Md5(expected) => ("MD5", md5_of_file(path)?, expected),
            Checksum::Sha256(expected) => ("SHA-256", sha256_of_file(path)?, expected),
            Checksum::Unknown => return Ok(None),
        };
        let different = !actual.eq_ignore_ascii_case(expected);
        Ok(different.then(|| DataChecksum { kind, actual, expected: expected.to_string() }))
    }
}

/// Two checksums that should be the same.
struct DataChecksum {
    kind: &'static str,
    actual: String,
    expected: String,
}

fn sha256_of_file(path: &Path) -> Result<String, DataError> {
    let mut file = File::open(path).map_err(DataError::io("read", path))?;
    let mut hash = Sha256::new();
    io::copy(&mut file, &mut hash).map_err(DataError::io("read", path))?;
    Ok(hex(&hash.finalize()))
}

/// A stalled answer that brought less is as good as none: a host that sends a little and falls silent, again and again,
/// would keep us for ever.
const SOMETHING: u64 = 64 * 1024;
/// A longer pause is not waited for when a host asks for it.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// How an attempt failed.
enum Failure {
    /// Trying again makes no sense.
    Final(DataError),
    /// The connection could not be made.
    Connect(String),
    /// It broke off.
    Passing(String),
    /// Nothing more came.
    Stalled(String),
    /// The host is busy, and may have said for how long.
    Busy(u16, Option<Duration>),
}

impl Download<'_> {
    /// Fetches the file, or finds it already there.
    ///
    /// # Errors
    ///
    /// [`DataError::Unreachable`] at once where there is no connection from the beginning, and after the attempts of
    /// [`Patience`] where it broke off; [`DataError::Status`], [`DataError::Checksum`] and [`DataError::Io`].
    pub fn run(&self) -> Result<(), DataError> {
        if self.checksum != Checksum::Unknown && self.target.is_file() && self.checksum.differs(self.target)?.is_none()
        {
            return Ok(());
        }
        // Bytes left by an earlier run may belong to another version of the file: if the whole is wrong, they are
        // thrown away and the file is fetched once more from its beginning.
        let resumed = self.length_so_far() > 0;
        self.fetch()?;
        match self.accept() {
            Err(DataError::Checksum { .. }) if resumed => {
                self.fetch()?;
                self.accept()
            }
            outcome => outcome,
        }
    }

    fn part(&self) -> PathBuf {
        let mut name = self.target.as_os_str().to_owned();
        name.push(".part");
        PathBuf::from(name)
    }

    fn length_so_far(&self) -> u64 {
        fs::metadata(self.part()).map_or(0, |part| part.len())
    }

    /// Attempts until the part file is whole.
    fn fetch(&self) -> Result<(), DataError> {
        let mut progress = Progress::new(self.name, self.quiet);
        let mut resumable = true;
        let (mut connected, mut furthest, mut fruitless) = (false, self.length_so_far(), 0);
        loop {
            let failure = match self.attempt(&mut resumable, &mut progress) {
                Ok(()) => return Ok(()),
                Err(failure) => failure,
            };
            let (mut least, mut asked) = (1, None);
            let (error, reason) = match failure {
                Failure::Final(error) => return Err(error),
                Failure::Connect(reason) if !connected => return Err(self.unreachable(reason)),
                Failure::Connect(reason) | Failure::Passing(reason) => (self.unreachable(reason.clone()), reason),
                Failure::Stalled(reason) => {
                    least = SOMETHING;
                    (self.unreachable(reason.clone()), reason)
                }
                Failure::Busy(status, pause) => {
                    asked = pause;
                    (DataError::Status { url: self.url.to_string(), status }, format!("HTTP status {status}"))
                }
            };
            connected = true;
            let reached = self.length_so_far();
            fruitless = if reached >= furthest + least { 0 } else { fruitless + 1 };
            furthest = furthest.max(reached);
            if fruitless >= self.patience.attempts || asked.is_some_and(|pause| pause > LONGEST_PAUSE) {
                return Err(error);
            }
            let pause = self.patience.pause(fruitless).max(asked.unwrap_or_default());
            progress.say(&format!("{}: {reason}; trying again in {pause:?}", self.name));
            thread::sleep(pause);
        }
    }

    /// One request, for what is still missing.
    fn attempt(&self, resumable: &mut bool, progress: &mut Progress) -> Result<(), Failure> {
        let have = self.length_so_far();
        let response = self.request(have, *resumable)?;
        let status = response.status().as_u16();
        let (start, total) = match status {
            200 => {
                *resumable &= have == 0;
                (0, content_length(response.headers()))
            }
            206 => match content_range(response.headers()) {
                Some((start, total)) if start <= have => (start, total),
                _ => return Err(self.start_over("the host sent a range other than the one requested")),
            },
            // There is nothing after what we have: it is whole, or it is more than the file. The checksum decides.
            416 if have > 0 => return Ok(()),
            status if is_passing(status) => return Err(Failure::Busy(status, retry_after(response.headers()))),
            _ => {
                return Err(Failure::Final(DataError::Status { url: self.url.to_string(), status }));
            }
        };
        self.receive(response, start, total, progress)
    }

    fn request(&self, have: u64, resumable: bool) -> Result<Response<Body>, Failure> {
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .timeout_resolve(Some(self.patience.connect))
            .timeout_connect(Some(self.patience.connect))
            .timeout_recv_response(Some(self.patience.answer))
            // A host that always starts from the beginning must be let finish.
            .timeout_recv_body(resumable.then_some(self.patience.body))
            .timeout_per_read(Some(self.patience.silence))
            .redirect_auth_headers(RedirectAuthHeaders::Never)
            .build()
            .into();
        let mut request = agent.get(self.url);
        if let Some(token) = self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        if have > 0 {
            request = request.header(header::RANGE, format!("bytes={have}-"));
        }
        request.call().map_err(|error| match &error {
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Failure::Final(self.unreachable(format!("this is not a valid address ({error})")))
            }
            ureq::Error::Timeout(ureq::Timeout::RecvResponse | ureq::Timeout::RecvBody | ureq::Timeout::PerRead) => {
                Failure::Stalled(error.to_string())
            }
            _ => Failure::Connect(error.to_string()),
        })
    }

    /// Writes the body from `start` on; `total` is the length of the whole file.
    fn receive(
        &self,
        response: Response<Body>,
        start: u64,
        total: Option<u64>,
        progress: &mut Progress,
    ) -> Result<(), Failure> {
        let path = self.part();
        let mut file = open_at(&path, start).map_err(|error| Failure::Final(DataError::io("write", &path)(error)))?;
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 64 * 1024];
        let mut done = start;
        loop {
            let count = match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if is_timeout(&error) => {
                    return Err(Failure::Stalled(format!("no more data came ({error})")));
                }
                Err(error) => {
                    return Err(Failure::Passing(format!("the connection was lost ({error})")));
                }
            };
            file.write_all(&buffer[..count]).map_err(|error| Failure::Final(DataError::io("write", &path)(error)))?;
            done += count as u64;
            progress.at(done, total);
        }
        match total {
            Some(total) if done < total => Err(Failure::Passing(format!("it ended after {done} of {total} bytes"))),
            _ => file.sync_all().map_err(|error| Failure::Final(DataError::io("write", &path)(error))),
        }
    }

    /// Renames the part file if it is what was asked for, and removes it otherwise.
    fn accept(&self) -> Result<(), DataError> {
        let part = self.part();
        let Some(DataChecksum { kind, actual, expected }) = self.checksum.differs(&part)? else {
            return fs::rename(&part, self.target).map_err(DataError::io("write", self.target));
        };
        fs::remove_file(&part).map_err(DataError::io("remove", &part))?;
        Err(DataError::Checksum { url: self.url.to_string(), kind, actual, expected })
    }

    fn start_over(&self, reason: &str) -> Failure {
        match fs::remove_file(self.part()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Failure::Final(DataError::io("remove", &self.part())(error))
            }
            _ => Failure::Passing(reason.to_string()),
        }
    }

    fn unreachable(&self, reason: String) -> DataError {
        DataError::Unreachable { url: self.url.to_string(), reason }
    }
}

/// Opens `path` with the first `start` bytes kept and the rest cut off, ready to append.
fn open_at(path: &Path, start: u64) -> io::Result<File> {
    let file = OpenOptions::new().create(true).append(true).open(path)?;
    file.set_len(start)?;
    Ok(file)
}

impl Patience {
    /// The pause after so many attempts in a row that brought nothing new.
    pub fn pause(&self, fruitless: u32) -> Duration {
        self.backoff * 2u32.pow(fruitless.min(6))
    }
}

/// Whether a host with this status may have the file in a while.
pub fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// How long a host asks to be left alone.
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}

/// Whether an answer took longer than it may, which the HTTP client says within an error of reading.
fn is_timeout(error: &io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<ureq::Error>());
    error.kind() == io::ErrorKind::TimedOut || matches!(inner, Some(ureq::Error::Timeout(_)))
}

fn content_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.trim().parse().ok()
}

/// First byte and total length from `bytes 5-9/10`; the total may be unknown, as in `bytes 5-9/*`.
fn content_range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let value = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = value.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = range.split_once('-')?;
    let total = if total == "*" { None } else { Some(total.parse().ok()?) };
    Some((start.parse().ok()?, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(value: &'static str) -> Option<(u64, Option<u64>)> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_RANGE, value.parse().unwrap());
        content_range(&headers)
    }

    #[test]
    fn content_ranges_are_read_strictly() {
        assert_eq!(range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(range("bytes 5-9/*"), Some((5, None)));
        for bad in ["", "bytes", "bytes */10", "bytes 5/10", "bytes 5-9/x", "items 5-9/10", "bytes -5-9/10"] {
            assert_eq!(range(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_part_file_is_cut_where_the_answer_begins() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.part");
        fs::write(&path, b"abcdef").unwrap();
        open_at(&path, 3).unwrap().write_all(b"XY").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abcXY");
    }
}
