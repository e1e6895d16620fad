//! An HTTP server on 127.0.0.1 that misbehaves as told: one file, one answer a connection.
#![allow(dead_code, reason = "every test file uses its own share")]

use std::io::{BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// How the server answers one request.
#[derive(Debug, Clone)]
pub enum Answer {
    /// As it should: the whole file, or the range that was asked for.
    Good,
    /// As [`Good`](Answer::Good), but the connection breaks off after so many bytes.
    Cut(usize),
    /// The whole file, whatever range was asked for.
    IgnoreRange,
    /// As [`IgnoreRange`](Answer::IgnoreRange), and broken off after so many bytes.
    IgnoreRangeCut(usize),
    /// Another file.
    Other(Vec<u8>),
    /// Another file, without saying how long it is.
    Unsized(Vec<u8>),
    /// The first bytes of the file in place of the range that was asked for, and called so.
    WrongRange,
    /// An empty answer with this status.
    Status(u16),
}

/// A server that runs until the test ends.
pub struct Server {
    /// Where it is, without a slash at the end.
    pub url: String,
    ranges: Arc<Mutex<Vec<Option<u64>>>>,
}

impl Server {
    /// Serves `file` under any path. The answers are given in turn, and the last of them from then on.
    pub fn start(file: Vec<u8>, answers: &[Answer]) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let ranges = Arc::new(Mutex::new(Vec::new()));
        let (seen, answers) = (ranges.clone(), answers.to_vec());
        thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                // A client that went away is its own affair.
                let _ = serve(stream.unwrap(), &file, &answers[index.min(answers.len() - 1)], &seen);
            }
        });
        Server { url, ranges }
    }

    /// For each request so far, the first byte of the range that it asked for.
    pub fn ranges(&self) -> Vec<Option<u64>> {
        self.ranges.lock().unwrap().clone()
    }
}

/// The address of a port where nothing listens.
pub fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn serve(mut stream: TcpStream, file: &[u8], answer: &Answer, seen: &Mutex<Vec<Option<u64>>>) -> std::io::Result<()> {
    let asked = read_request(&stream)?;
    seen.lock().unwrap().push(asked);
    let start = asked.unwrap_or(0) as usize;
    let ranged = |stream: &mut TcpStream, limit: usize| match asked {
        None => whole(stream, file, limit),
        Some(_) if start >= file.len() => status(stream, 416),
        Some(_) => part(stream, file, start, limit),
    };
    match answer {
        Answer::Good => ranged(&mut stream, usize::MAX),
        Answer::Cut(limit) => ranged(&mut stream, *limit),
        Answer::IgnoreRange => whole(&mut stream, file, usize::MAX),
        Answer::IgnoreRangeCut(limit) => whole(&mut stream, file, *limit),
        Answer::Other(other) => whole(&mut stream, other, usize::MAX),
        Answer::Unsized(other) => {
            stream.write_all(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")?;
            stream.write_all(other)
        }
        Answer::WrongRange => {
            let last = file.len() - 1;
            write!(
                stream,
                "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: 1\r\nContent-Range: bytes {last}-{last}/{}\r\n\r\n",
                file.len()
            )?;
            stream.write_all(&file[last..])
        }
        Answer::Status(code) => status(&mut stream, *code),
    }?;
    stream.shutdown(Shutdown::Both)
}

/// Reads the header lines and returns the first byte of a `Range`.
fn read_request(stream: &TcpStream) -> std::io::Result<Option<u64>> {
    let mut start = None;
    for line in BufReader::new(stream).lines() {
        let line = line?.to_ascii_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().ok();
        }
    }
    Ok(start)
}

fn status(stream: &mut TcpStream, code: u16) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {code} Told So\r\nConnection: close\r\nContent-Length: 0\r\n\r\n")
}

fn whole(stream: &mut TcpStream, file: &[u8], limit: usize) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: {}\r\n\r\n", file.len())?;
    stream.write_all(&file[..limit.min(file.len())])
}

fn part(stream: &mut TcpStream, file: &[u8], start: usize, limit: usize) -> std::io::Result<()> {
    let rest = &file[start..];
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Length: {}\r\nContent-Range: bytes {start}-{}/{}\r\n\r\n",
        rest.len(),
        file.len() - 1,
        file.len()
    )?;
    stream.write_all(&rest[..limit.min(rest.len())])
}
