//! A hub on 127.0.0.1 with one file under every address, as the Hugging Face hub serves it: with the headers that its
//! clients ask for, in ranges, and with the ways in which it, or what is between, fails.
#![allow(dead_code, reason = "every test file uses its own share")]

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use sha2::{Digest, Sha256};

/// The revision that it has.
pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";
/// What lets one in where it is gated.
pub const TOKEN: &str = "hf_secret";

/// How one request is answered.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// As it should be.
    Good,
    /// Below `/timm` with the way to `/cdn`, and there as it should be.
    Redirect,
    /// With the way to another server, for whatever is not a `HEAD`.
    Elsewhere(String),
    /// As it should be for those who have the token.
    Gated,
    /// With a status, and the name of the error that the hub has for it.
    Status(u16, &'static str),
    /// With the whole file whatever range is asked for.
    NoRange,
    /// Broken off behind so many bytes.
    Cut(usize),
    /// Silent behind so many bytes.
    Hang(usize),
    /// With zeros.
    Corrupt,
    /// With the page of a network that wants a login, with or without the headers of the hub.
    Page(bool),
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// `HEAD` or `GET`.
    pub method: String,
    /// The path.
    pub path: String,
    /// The first byte of the range.
    pub from: Option<usize>,
    /// What stood behind `Bearer`.
    pub token: Option<String>,
}

/// A server that runs until the test ends.
pub struct Hub {
    /// Where it is, without a slash at the end.
    pub url: String,
    requests: Arc<Mutex<Vec<Request>>>,
}

impl Hub {
    /// Serves `file`. The answers are given in turn, and the last of them from then on.
    pub fn start(file: Vec<u8>, answers: &[Answer]) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers, file) = (Arc::clone(&requests), answers.to_vec(), Arc::new(file));
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let answer = answers[index.min(answers.len() - 1)].clone();
                let (seen, file) = (Arc::clone(&seen), Arc::clone(&file));
                // A client that went away is its own affair.
                thread::spawn(move || serve(stream.unwrap(), &file, &answer, &seen));
            }
        });
        Hub { url, requests }
    }

    /// Requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }
}

/// The SHA-256 of a file in hexadecimal.
pub fn sha256(file: &[u8]) -> String {
    Sha256::digest(file).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(stream: &TcpStream) -> std::io::Result<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next().unwrap_or(Ok(String::new()))?;
    let mut words = first.split_whitespace().map(String::from);
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { method, path, from: None, token: None };
    for line in lines {
        let line = line?;
        let Some((name, value)) = line.split_once(": ") else { break };
        match name.to_ascii_lowercase().as_str() {
            "range" => request.from = value.trim_start_matches("bytes=").trim_end_matches('-').parse().ok(),
            "authorization" => request.token = value.strip_prefix("Bearer ").map(String::from),
            _ => {}
        }
    }
    Ok(request)
}

fn serve(stream: TcpStream, file: &[u8], answer: &Answer, seen: &Mutex<Vec<Request>>) -> std::io::Result<()> {
    let request = read(&stream)?;
    seen.lock().unwrap().push(request.clone());
    let etag = sha256(file);
    let own = format!("ETag: \"{etag}\"\r\nX-Linked-ETag: \"{etag}\"\r\nX-Repo-Commit: {COMMIT}\r\n");
    let is_head = request.method == "HEAD";
    let reply = |status: &str, headers: &str, body: &[u8], length: usize| {
        let mut stream = &stream;
        write!(stream, "HTTP/1.1 {status}\r\n{headers}Content-Length: {length}\r\nConnection: close\r\n\r\n")?;
        if is_head { Ok(()) } else { stream.write_all(body) }
    };
    let from = request.from.filter(|_| *answer != Answer::NoRange);
    let rest = &file[from.unwrap_or(0).min(file.len())..];
    let (status, ranged) = match from {
        Some(from) => {
            let range = format!("Content-Range: bytes {from}-{}/{}\r\n", file.len() - 1, file.len());
            ("206 Partial Content", format!("{own}{range}"))
        }
        None => ("200 OK", own.clone()),
    };
    match answer {
        Answer::Gated if request.token.as_deref() != Some(TOKEN) => {
            reply("401 Unauthorized", "X-Error-Code: GatedRepo\r\n", b"{}", 2)
        }
        Answer::Status(status, code) => {
            let headers = format!("X-Error-Code: {code}\r\nX-Error-Message: words of the hub\r\nRetry-After: 0\r\n");
            reply(&format!("{status} Told So"), &headers, b"{}", 2)
        }
        Answer::Redirect if request.path.starts_with("/timm") => {
            reply("302 Found", &format!("{own}Location: /cdn{}\r\n", request.path), b"", 0)
        }
        Answer::Elsewhere(other) if !is_head => reply("302 Found", &format!("{own}Location: {other}/file\r\n"), b"", 0),
        Answer::Page(true) => reply("200 OK", &format!("ETag: \"x\"\r\nX-Repo-Commit: {COMMIT}\r\n"), PAGE, PAGE.len()),
        Answer::Page(false) => reply("200 OK", "Content-Type: text/html\r\n", PAGE, PAGE.len()),
        Answer::Cut(bytes) => reply(status, &ranged, &rest[..rest.len().min(*bytes)], rest.len()),
        Answer::Hang(bytes) => {
            reply(status, &ranged, &rest[..rest.len().min(*bytes)], rest.len())?;
            // Longer than any test waits.
            thread::sleep(if is_head { Duration::ZERO } else { Duration::from_secs(600) });
            Ok(())
        }
        Answer::Corrupt => reply(status, &ranged, &vec![0; rest.len()], rest.len()),
        _ => reply(status, &ranged, rest, rest.len()),
    }
}

const PAGE: &[u8] = b"<!DOCTYPE html><html>Please log in to the Wi-Fi of the hotel</html>";
