//! A hub on 127.0.0.1 with one file under every address, as the Hugging Face hub serves it: with the headers that its
//! clients ask for, in ranges.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// A server that runs until the test ends.
pub struct Hub {
    /// Where it is, without a slash at the end.
    pub url: String,
    requests: Arc<AtomicUsize>,
}

impl Hub {
    /// Serves `file`.
    pub fn start(file: Vec<u8>) -> Hub {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(AtomicUsize::new(0));
        let seen = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming() {
                seen.fetch_add(1, Ordering::Relaxed);
                // A client that went away is its own affair.
                let _ = serve(stream.unwrap(), &file);
            }
        });
        Hub { url, requests }
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }
}

fn serve(mut stream: TcpStream, file: &[u8]) -> std::io::Result<()> {
    let mut range = None;
    for line in BufReader::new(stream.try_clone()?).lines() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(bytes) = line.strip_prefix("range: bytes=") {
            let (first, last) = bytes.split_once('-').unwrap_or((bytes, ""));
            let last = last.parse().unwrap_or(file.len() - 1).min(file.len() - 1);
            range = Some((first.parse().unwrap_or(0), last));
        }
    }
    let (first, last) = range.unwrap_or((0, file.len() - 1));
    let status = if range.is_some() { "206 Partial Content" } else { "200 OK" };
    let body = &file[first..=last];
    write!(
        stream,
        "HTTP/1.1 {status}\r\nETag: \"0123456789abcdef\"\r\nX-Repo-Commit: 0123456789abcdef0123\r\n\
         Content-Range: bytes {first}-{last}/{}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        file.len(),
        body.len()
    )?;
    stream.write_all(body)
}
