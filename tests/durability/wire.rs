//! An HTTP/1.1 client that knows which bytes it has sent and read, and can break off anywhere.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longer than a slow disk takes for the largest file of these tests.
const PATIENCE: Duration = Duration::from_mins(1);

/// One connection.
pub(crate) struct Wire {
    stream: BufReader<TcpStream>,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
    /// When to come again, in the words of the header.
    pub(crate) retry_after: Option<String>,
    is_last: bool,
}

impl Reply {
    /// Gives the body as JSON; null when it is none.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Says what was answered instead of what was hoped for.
    pub(crate) fn refusal(&self) -> String {
        match &self.retry_after {
            Some(after) => format!("{} Retry-After: {after}", self.status),
            None => format!("{} {}", self.status, self.json()["code"]),
        }
    }

    /// Gives the body for a message.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Wire {
    pub(crate) fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream: BufReader::new(stream) })
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// Sends the same piece again and again until the server answers, closes the connection, or has been given this
    /// much time; gives the bytes that went out.
    pub(crate) fn pour(&mut self, piece: &[u8], patience: Duration) -> u64 {
        let (begun, mut poured) = (Instant::now(), 0);
        self.stream.get_ref().set_write_timeout(Some(Duration::from_millis(500))).unwrap();
        let mut rest = piece;
        while begun.elapsed() < patience && !self.is_answered() {
            match self.stream.get_mut().write(rest) {
                Ok(count) => {
                    poured += count as u64;
                    rest = if count == rest.len() { piece } else { &rest[count..] };
                }
                // It does not read on; then it answers, or never.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        self.stream.get_ref().set_write_timeout(Some(PATIENCE)).unwrap();
        poured
    }

    /// Tells whether the server still takes pieces after its answer, for so long.
    pub(crate) fn outlasts(&mut self, piece: &[u8], patience: Duration) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < patience {
            if self.send(piece).is_err() {
                return false;
            }
        }
        true
    }

    fn is_answered(&self) -> bool {
        let stream = self.stream.get_ref();
        stream.set_nonblocking(true).unwrap();
        let peeked = stream.peek(&mut [0]);
        stream.set_nonblocking(false).unwrap();
        peeked.is_ok()
    }

    /// Reads an answer to its end; an answer that ends early is an error.
    pub(crate) fn reply(&mut self) -> io::Result<Reply> {
        let line = self.line()?;
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(early)?;
        let (mut length, mut is_chunked, mut is_last, mut retry_after) = (0, false, false, None);
        loop {
            let line = self.line()?.to_ascii_lowercase();
            let Some((name, value)) = line.split_once(':') else { break };
            match (name, value.trim()) {
                ("content-length", value) => length = value.parse().map_err(|_| early())?,
                ("transfer-encoding", "chunked") => is_chunked = true,
                ("connection", "close") => is_last = true,
                ("retry-after", value) => retry_after = Some(value.to_owned()),
                _ => {}
            }
        }
        let body = if is_chunked { self.chunks()? } else { self.exactly(length)? };
        Ok(Reply { status, body, retry_after, is_last })
    }

    /// Ends the sending direction in order; the answer can still be read.
    pub(crate) fn end(&self) -> io::Result<()> {
        self.stream.get_ref().shutdown(Shutdown::Write)
    }

    /// Ends the connection with RST, as a crashed client or a cut network does.
    pub(crate) fn reset(self) -> io::Result<()> {
        let stream = self.stream.into_inner();
        stream.set_nonblocking(true)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
        let _entered = runtime.enter();
        // The standard library cannot set this yet.
        tokio::net::TcpStream::from_std(stream)?.set_zero_linger()
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        if line.ends_with('\n') { Ok(line.trim_end().to_owned()) } else { Err(early()) }
    }

    fn exactly(&mut self, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.stream.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn chunks(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let length = usize::from_str_radix(&self.line()?, 16).map_err(|_| early())?;
            bytes.extend(self.exactly(length)?);
            self.line()?;
            if length == 0 {
                return Ok(bytes);
            }
        }
    }
}

fn early() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "the answer ended early")
}

/// Somebody with a key or a token, on one connection that is opened again when it is gone.
pub(crate) struct Client {
    port: u16,
    key: String,
    wire: Option<Wire>,
}

impl Client {
    pub(crate) fn new(port: u16, key: &str) -> Self {
        Self { port, key: key.to_owned(), wire: None }
    }

    /// Asks for something that must be answered with 200, and gives the JSON.
    pub(crate) fn get(&mut self, path: &str) -> Value {
        let reply = self.ask(path).unwrap();
        assert_eq!(reply.status, 200, "{path}: {}", reply.text());
        reply.json()
    }

    /// Asks for something.
    pub(crate) fn ask(&mut self, path: &str) -> io::Result<Reply> {
        let head = self.head("GET", path, "");
        match self.exchange(&[head.as_bytes()]) {
            // The server may have ended a connection that was idle.
            Err(_) => self.exchange(&[head.as_bytes()]),
            answered => answered,
        }
    }

    /// Creates something from a JSON document, and gives its id.
    pub(crate) fn create(&mut self, path: &str, document: &Value) -> String {
        let document = document.to_string();
        let more = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", document.len());
        let head = self.head("POST", path, &more);
        let reply = self.exchange(&[head.as_bytes(), document.as_bytes()]).unwrap();
        assert_eq!(reply.status, 201, "{path}: {}", reply.text());
        reply.json()["id"].as_str().unwrap().to_owned()
    }

    /// Hands in one file.
    pub(crate) fn store(&mut self, conversation: &str, key: &str, bytes: &[u8]) -> io::Result<Reply> {
        let head = self.head_of_file(conversation, key, bytes.len());
        self.exchange(&[head.as_bytes(), bytes])
    }

    /// Gives the head of a request that hands in one file as its body.
    pub(crate) fn head_of_file(&self, conversation: &str, key: &str, length: usize) -> String {
        let more = format!(
            "Idempotency-Key: {key}\r\nContent-Type: application/octet-stream\r\nContent-Length: {length}\r\n"
        );
        self.head("POST", &raw_path(conversation), &more)
    }

    /// Gives the head of a request; `more` are whole lines.
    pub(crate) fn head(&self, method: &str, path: &str, more: &str) -> String {
        let Self { port, key, .. } = self;
        format!(
            "{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n{more}\r\n"
        )
    }

    fn exchange(&mut self, pieces: &[&[u8]]) -> io::Result<Reply> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::connect(self.port)?,
        };
        for piece in pieces {
            wire.send(piece)?;
        }
        let reply = wire.reply()?;
        if !reply.is_last {
            self.wire = Some(wire);
        }
        Ok(reply)
    }
}

/// Gives the address that takes the body as a file.
pub(crate) fn raw_path(conversation: &str) -> String {
    format!("{}?kind=attachment&file_name=x.bin", media_path(conversation))
}

/// Gives the address that takes files in forms and JSON.
pub(crate) fn media_path(conversation: &str) -> String {
    format!("/api/v1/conversations/{conversation}/media")
}
