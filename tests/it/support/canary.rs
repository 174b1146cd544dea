//! Places that must not be called, and servers that try to lead there.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A place that must not be called.
pub(crate) struct Canary(TcpListener);

impl Canary {
    /// Sits down at an address, on a free port.
    pub(crate) fn at(address: &str) -> Self {
        Self::sit(SocketAddr::new(address.parse().unwrap(), 0))
    }

    /// Sits down at an address and port.
    pub(crate) fn sit(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        Self(listener)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.0.local_addr().unwrap()
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/x", self.address())
    }

    /// Gives the number of calls since it was asked last.
    pub(crate) fn calls(&self) -> usize {
        std::iter::from_fn(|| match self.0.accept() {
            Ok(call) => Some(call),
            Err(error) if error.kind() == ErrorKind::WouldBlock => None,
            Err(error) => panic!("{error}"),
        })
        .count()
    }

    #[track_caller]
    pub(crate) fn assert_silent(&self) {
        assert_eq!(self.calls(), 0, "{} was called", self.address());
    }
}

/// A server that is an honest face of another one until it begins to send its callers elsewhere.
pub(crate) struct Turncoat {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    behind: SocketAddr,
    answer: Option<String>,
    answered: usize,
    open: Vec<TcpStream>,
}

impl Turncoat {
    /// Stands before a server on this machine.
    pub(crate) fn before(behind: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { behind, answer: None, answered: 0, open: Vec::new() };
        let state = Arc::new(Mutex::new(state));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                let (caller, state) = (caller.unwrap(), Arc::clone(&shared));
                std::thread::spawn(move || serve(caller, &state));
            }
        });
        Self { address, state }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Answers everything with this status and these lines from now on, also to those who are connected.
    pub(crate) fn turn(&self, status: u16, lines: &str) {
        let mut state = self.state.lock().unwrap();
        let answer =
            format!("HTTP/1.1 {status} Elsewhere\r\n{lines}Content-Length: 0\r\nConnection: close\r\n\r\n");
        state.answer = Some(answer);
        state.cut();
    }

    /// Is an honest face again.
    pub(crate) fn repent(&self) {
        let mut state = self.state.lock().unwrap();
        state.answer = None;
        state.cut();
    }

    /// Gives how many requests it has sent elsewhere.
    pub(crate) fn answered(&self) -> usize {
        self.state.lock().unwrap().answered
    }
}

impl State {
    fn cut(&mut self) {
        for stream in self.open.drain(..) {
            drop(stream.shutdown(Shutdown::Both)); // it may have gone
        }
    }
}

fn serve(mut caller: TcpStream, state: &Mutex<State>) {
    let (answer, behind) = {
        let mut state = state.lock().unwrap();
        state.answered += usize::from(state.answer.is_some());
        state.open.push(caller.try_clone().unwrap());
        (state.answer.clone(), state.behind)
    };
    if let Some(answer) = answer {
        read_head(&mut caller);
        drop(caller.write_all(answer.as_bytes()));
        return;
    }
    let mut server = TcpStream::connect(behind).unwrap();
    let (mut from_server, mut to_caller) = (server.try_clone().unwrap(), caller.try_clone().unwrap());
    std::thread::spawn(move || {
        drop(std::io::copy(&mut from_server, &mut to_caller));
        drop(to_caller.shutdown(Shutdown::Both));
    });
    drop(std::io::copy(&mut caller, &mut server));
    drop(server.shutdown(Shutdown::Both));
}

/// Reads the head of a request, and no byte of what follows.
pub(crate) fn read_head(caller: &mut TcpStream) {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") && caller.read(&mut byte).unwrap_or(0) == 1 {
        head.extend_from_slice(&byte);
    }
}
