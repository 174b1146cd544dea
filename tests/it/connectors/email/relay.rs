//! A line to the mail server on which somebody sits.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::peer;

/// What the one on the line does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// Nothing but listen.
    None,
    /// Takes STARTTLS out of what the server offers.
    StripsTheOffer,
    /// Answers STARTTLS itself, with a no.
    RefusesTls,
    /// Puts an answer of its own behind the server's consent to TLS.
    Smuggles,
    /// Hangs up instead of passing on that the server has taken a mail.
    LosesTheConsent,
}

/// A relay before one of the server's ports.
pub(super) struct Relay {
    address: SocketAddr,
    said: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Relay {
    pub(super) fn before(port: u16, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let behind: u16 = peer("TEST_SMTP_PORT").parse().expect("a port");
        let said: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
        let notes = Arc::clone(&said);
        std::thread::spawn(move || {
            for caller in listener.incoming().flatten() {
                let server = TcpStream::connect(("127.0.0.1", behind + port)).expect("the server");
                let number = {
                    let mut notes = notes.lock().expect("the notes");
                    notes.push(Vec::new());
                    notes.len() - 1
                };
                let notes = Arc::clone(&notes);
                let (from, to) = (caller.try_clone().expect("a clone"), server.try_clone().expect("a clone"));
                std::thread::spawn(move || listen(from, to, fault, &notes, number));
                std::thread::spawn(move || answer(server, caller, fault));
            }
        });
        Self { address, said }
    }

    pub(super) fn url(&self, scheme: &str, account: &str) -> String {
        format!("{scheme}://{account}{}", self.address)
    }

    /// Gives what each caller said.
    pub(super) fn said(&self) -> Vec<Vec<u8>> {
        self.said.lock().expect("the notes").clone()
    }
}

/// Passes on what a caller says and keeps it.
fn listen(mut from: TcpStream, mut to: TcpStream, fault: Fault, notes: &Mutex<Vec<Vec<u8>>>, number: usize) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let piece = &buffer[..length];
        notes.lock().expect("the notes")[number].extend_from_slice(piece);
        if fault == Fault::RefusesTls && piece.starts_with(b"STARTTLS") {
            // a caller that has gone need not hear it
            drop(from.write_all(b"454 4.7.0 TLS not available\r\n"));
        } else if to.write_all(piece).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}

/// Passes on what the server answers, with the fault in it. Its answers are short enough to come in one piece.
fn answer(mut from: TcpStream, mut to: TcpStream, fault: Fault) {
    let mut buffer = [0; 4096];
    while let Ok(length @ 1..) = from.read(&mut buffer) {
        let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
        let passed = match fault {
            Fault::StripsTheOffer => text.replace("STARTTLS", "XXXXXXXX").into_bytes(),
            Fault::Smuggles if text.starts_with("220 TLS") => {
                format!("{text}250-mail.localhost\r\n250 AUTH PLAIN\r\n").into_bytes()
            }
            Fault::LosesTheConsent if text.starts_with("250 OK id=") => break,
            _ => buffer[..length].to_vec(),
        };
        if to.write_all(&passed).is_err() {
            break;
        }
    }
    drop(to.shutdown(Shutdown::Both));
}
