//! A line to a server that can be led elsewhere, or cut.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Listens on a port of its own and passes everything on.
pub(super) struct Line {
    port: u16,
    target: Arc<AtomicU16>,
    /// How many bytes still go up over all connections together.
    left: Arc<AtomicU64>,
    generation: watch::Sender<()>,
}

impl Line {
    /// Opens a line to a port of this machine.
    pub(super) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let own = listener.local_addr().expect("an address").port();
        let target = Arc::new(AtomicU16::new(port));
        let left = Arc::new(AtomicU64::new(u64::MAX));
        let generation = watch::Sender::new(());
        let (to, budget, ends) = (Arc::clone(&target), Arc::clone(&left), generation.clone());
        #[expect(clippy::disallowed_methods, reason = "this stands on the server's side of the line")]
        tokio::task::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (port, budget, mut ended) =
                    (to.load(Ordering::SeqCst), Arc::clone(&budget), ends.subscribe());
                tokio::task::spawn(async move {
                    tokio::select! {
                        () = pass(stream, port, &budget) => (),
                        _ = ended.changed() => (),
                    }
                });
            }
        });
        Self { port: own, target, left, generation }
    }

    pub(super) fn port(&self) -> String {
        self.port.to_string()
    }

    /// Leads to another port from now on, and ends what is open.
    pub(super) fn lead_to(&self, port: u16) {
        self.target.store(port, Ordering::SeqCst);
        self.generation.send_replace(());
    }

    /// Cuts the line after so many more bytes to the server.
    pub(super) fn cut_after(&self, bytes: u64) {
        self.left.store(bytes, Ordering::SeqCst);
    }
}

#[expect(clippy::disallowed_methods, reason = "this stands on the server's side of the line")]
async fn pass(stream: TcpStream, port: u16, budget: &AtomicU64) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ((mut from_us, mut to_us), (mut from_server, mut to_server)) =
        (stream.into_split(), server.into_split());
    let up = async {
        let mut bytes = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = from_us.read(&mut bytes).await {
            let left =
                budget.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(read as u64));
            if left.is_err() || to_server.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    let down = tokio::io::copy(&mut from_server, &mut to_us);
    tokio::select! { () = up => (), _ = down => () }
}
