//! A destination's slow side: a proxy before an object store that holds files while they are being sent.

use std::collections::{BTreeSet, HashMap};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// As much of a connection as is passed on at once.
const PIECE: usize = 64 * 1024;

/// Where a file is held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Before the store has seen anything of it.
    Request,
    /// When the store has it whole, and nobody has been told.
    Answer,
}

/// A proxy that passes everything on, until it is told to hold files.
pub(crate) struct Gate {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    upstream: SocketAddr,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// How files are held whose path contains the text.
    rule: Option<(Hold, String)>,
    /// The files that are to be held, by connection.
    held: HashMap<u64, File>,
    /// The paths of everything that was asked for.
    asked: Vec<String>,
    /// Both ends of each connection.
    open: HashMap<u64, [TcpStream; 2]>,
    opened: u64,
}

struct File {
    path: String,
    /// Whether it has come to the place where it is held.
    is_there: bool,
}

impl Gate {
    /// Starts before a store.
    pub(crate) fn before(upstream: SocketAddr) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { upstream, state: Mutex::default(), changed: Condvar::new() });
        let accepting = Arc::clone(&shared);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                // The store, or whoever has connected, may be gone again: both see an end of the connection.
                drop(stream.and_then(|stream| accepting.connect(stream)));
            }
        });
        Self { address, shared }
    }

    /// Gives the address to use instead of the store's.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on holds each file whose path contains `text`.
    pub(crate) fn close(&self, hold: Hold, text: &str) {
        self.shared.state().rule = Some((hold, text.to_owned()));
        self.shared.changed.notify_all();
    }

    /// Lets what is held go on, and holds nothing any more.
    pub(crate) fn open(&self) {
        self.shared.state().rule = None;
        self.shared.changed.notify_all();
    }

    /// Ends every connection, as the end of the process that has them does; what is held gets no further.
    pub(crate) fn cut(&self) {
        let mut state = self.shared.state();
        for stream in state.open.drain().flat_map(|(_, streams)| streams) {
            // The other side may have gone first.
            drop(stream.shutdown(Shutdown::Both));
        }
        state.held.clear();
        drop(state);
        self.shared.changed.notify_all();
    }

    /// Gives the paths of the files that are held now.
    pub(crate) fn held(&self) -> BTreeSet<String> {
        let State { held, rule, .. } = &*self.shared.state();
        let is_held = |file: &&File| {
            file.is_there && rule.as_ref().is_some_and(|(_, text)| file.path.contains(text.as_str()))
        };
        held.values().filter(is_held).map(|file| file.path.clone()).collect()
    }

    /// Gives the path of everything that was asked for since this was called last.
    pub(crate) fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut self.shared.state().asked)
    }

    /// Gives the paths of everything that was asked for since [`Gate::take_asked`].
    pub(crate) fn asked(&self) -> BTreeSet<String> {
        self.shared.state().asked.iter().cloned().collect()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    fn connect(self: &Arc<Self>, client: TcpStream) -> std::io::Result<()> {
        let store = TcpStream::connect(self.upstream)?;
        for stream in [&client, &store] {
            stream.set_nodelay(true)?;
        }
        let mut state = self.state();
        state.opened += 1;
        let number = state.opened;
        state.open.insert(number, [client.try_clone()?, store.try_clone()?]);
        drop(state);
        for (from, to, is_up) in [(client.try_clone()?, store.try_clone()?, true), (store, client, false)] {
            let shared = Arc::clone(self);
            std::thread::spawn(move || {
                // An error is the end of the connection, which both sides see.
                drop(shared.pass(number, &from, &to, is_up));
                drop(to.shutdown(Shutdown::Both));
                drop(from.shutdown(Shutdown::Both));
                shared.state().open.remove(&number);
            });
        }
        Ok(())
    }

    fn pass(
        &self,
        number: u64,
        mut from: &TcpStream,
        mut to: &TcpStream,
        is_up: bool,
    ) -> std::io::Result<()> {
        let mut piece = vec![0; PIECE];
        loop {
            let count = from.read(&mut piece)?;
            if count == 0 {
                return Ok(());
            }
            let goes_on = if is_up {
                self.note(number, &piece[..count]);
                self.wait(number, Hold::Request)
            } else {
                self.wait(number, Hold::Answer)
            };
            if !goes_on {
                return Ok(());
            }
            to.write_all(&piece[..count])?;
        }
    }

    /// Looks whether a piece begins a request. Nobody sends one before the last was answered, so it is at the beginning.
    fn note(&self, number: u64, piece: &[u8]) {
        let line = piece.split(|byte| *byte == b'\r').next().and_then(|line| std::str::from_utf8(line).ok());
        let Some((method, path)) = line.and_then(|line| line.strip_suffix(" HTTP/1.1")?.split_once(' '))
        else {
            return;
        };
        let path = path.split('?').next().unwrap_or(path).to_owned();
        let mut state = self.state();
        let is_held =
            method == "PUT" && state.rule.as_ref().is_some_and(|(_, text)| path.contains(text.as_str()));
        if is_held {
            state.held.insert(number, File { path: path.clone(), is_there: false });
        }
        state.asked.push(path);
    }

    /// Waits while this connection's file is held here; false when the connection was cut meanwhile.
    fn wait(&self, number: u64, here: Hold) -> bool {
        let is_held = |state: &mut State| {
            let State { held, rule, open, .. } = state;
            let (Some(file), Some((hold, text))) = (held.get_mut(&number), rule) else { return false };
            let is_held = *hold == here && file.path.contains(text.as_str()) && open.contains_key(&number);
            file.is_there |= is_held;
            is_held
        };
        let mut state = self.changed.wait_while(self.state(), is_held).unwrap();
        // A file that need not wait for its answer either is on its way.
        if here == Hold::Answer || state.rule.as_ref().is_none_or(|(hold, _)| *hold == Hold::Request) {
            state.held.remove(&number);
        }
        state.open.contains_key(&number)
    }
}
