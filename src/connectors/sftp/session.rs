//! A connection to the one server that holds the pinned host key.

use std::borrow::Cow;
use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use russh::client::{self, DisconnectReason};
use russh::keys::{Algorithm, PublicKeyOrCertificate};
use russh::{Preferred, SshId, cipher, compression, kex, mac};
use tokio::time::timeout;
use tokio_util::sync::DropGuard;

use super::super::{DeliveryError, Ground};
use super::fault::Handshake;
use super::files::Files;
use super::host_key::{ALGORITHMS, Fingerprint, HostKey};
use super::link::Link;
use super::{Secrets, Settings, sign_in};

/// How long a handshake may take on a standing connection: some ten round trips, and the server's arithmetic.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// A connection on which the server says nothing for so long ends by itself, used or not. Longer than every single wait
/// in [`super::files`], which have sentences of their own.
const SILENCE: Duration = Duration::from_mins(2);
/// What a server may send before we acknowledge it; at 50 ms there and back this leaves room for 160 MB/s.
const WINDOW: u32 = 8 * 1024 * 1024;

/// A signed-in connection with the file protocol on it.
pub(super) struct Session {
    pub(super) files: Files,
    /// The folders that were swept over this connection.
    swept: Mutex<HashSet<String>>,
    ssh: Ssh,
}

impl Session {
    /// Connects, proves who the server is, signs in and starts the file protocol.
    pub(super) async fn open(
        settings: &Settings,
        secrets: &Secrets,
        ground: &Ground,
    ) -> Result<Self, DeliveryError> {
        let mut ssh = identify(settings, ground).await?;
        sign_in::run(&mut ssh, settings, secrets).await?;
        Self::start(ssh).await
    }

    /// Starts the file protocol on a signed-in connection.
    pub(super) async fn start(ssh: Ssh) -> Result<Self, DeliveryError> {
        let files = Files::start(&ssh.handle).await?;
        Ok(Self { files, swept: Mutex::default(), ssh })
    }

    /// Gives the address at the other end.
    pub(super) fn peer(&self) -> IpAddr {
        self.ssh.peer
    }

    /// Tells whether a folder is met for the first time over this connection.
    pub(super) fn meets(&self, folder: &str) -> bool {
        self.swept.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.to_owned())
    }

    /// Tells whether the connection still stands, as far as one knows without asking the server.
    pub(super) fn is_open(&self) -> bool {
        !self.ssh.handle.is_closed()
    }
}

/// An encrypted connection to a server that has proven its host key. Ends when it is dropped.
pub(super) struct Ssh {
    pub(super) handle: client::Handle<Guard>,
    pub(super) host_key: HostKey,
    pub(super) farewell: Farewell,
    peer: IpAddr,
    _tie: DropGuard,
}

/// What the server said when it ended the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Farewell(Arc<Mutex<Option<String>>>);

impl Farewell {
    /// Gives the server's last words, if it had any.
    pub(super) fn words(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Connects to the server with the pinned host key.
///
/// A server has several keys and shows the one of the type that is asked for first. When another one comes than the
/// pinned one, the types that were not shown yet are asked for in turn; only a server that has the pinned key under none
/// of them is somebody else. Nothing but handshakes happens until then.
pub(super) async fn identify(settings: &Settings, ground: &Ground) -> Result<Ssh, DeliveryError> {
    let pinned = &settings.host_key_fingerprint;
    let mut asked = ALGORITHMS.to_vec();
    let mut first = None;
    loop {
        let fault = match shake_hands(&settings.host, settings.port.get(), ground, &asked, Some(pinned))
            .boxed()
            .await
        {
            Ok(ssh) => return Ok(ssh),
            Err(fault) => fault,
        };
        let Handshake::Stranger(shown) = fault else {
            // once a stranger has answered, only the network may excuse what follows
            let is_network = matches!(fault, Handshake::Unreached(_));
            return Err(first.filter(|_| !is_network).unwrap_or(fault).delivery(pinned));
        };
        let before = asked.len();
        asked.retain(|algorithm| !shown.is_shown_for(algorithm));
        let is_over = asked.is_empty() || asked.len() == before;
        let stranger = first.get_or_insert(Handshake::Stranger(shown));
        if is_over {
            return Err(stranger.delivery(pinned));
        }
    }
}

/// Asks a server for its host key and goes.
pub(super) async fn host_key(host: &str, port: u16, ground: &Ground) -> Result<HostKey, Handshake> {
    match shake_hands(host, port, ground, ALGORITHMS, None).boxed().await {
        Err(Handshake::Stranger(shown)) => Ok(shown),
        Err(fault) => Err(fault),
        Ok(ssh) => Ok(ssh.host_key),
    }
}

async fn shake_hands(
    host: &str,
    port: u16,
    ground: &Ground,
    algorithms: &[Algorithm],
    pinned: Option<&Fingerprint>,
) -> Result<Ssh, Handshake> {
    let stream = ground.outbound.connect(host, port).await.map_err(Handshake::Unreached)?;
    let peer = stream.peer_addr().map_err(russh::Error::IO)?.ip();
    let (link, tie) = Link::tie(stream);
    let farewell = Farewell::default();
    let shown = Arc::new(Mutex::new(None));
    let guard = Guard { pinned: pinned.cloned(), shown: Arc::clone(&shown), farewell: farewell.clone() };
    let config = Arc::new(config(algorithms));
    let shaken = timeout(HANDSHAKE, client::connect_stream(config, link, guard)).await;
    let handle = shaken.map_err(|_| Handshake::Late)??;
    let host_key = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
    let host_key = host_key.ok_or(Handshake::Broken(russh::Error::UnknownKey))?;
    Ok(Ssh { handle, host_key, farewell, peer, _tie: tie })
}

/// What we do when the server shows its key or says goodbye.
pub(super) struct Guard {
    /// Without one every key is a stranger's.
    pinned: Option<Fingerprint>,
    shown: Arc<Mutex<Option<HostKey>>>,
    farewell: Farewell,
}

impl client::Handler for Guard {
    type Error = Handshake;

    async fn check_server_key(&mut self, shown: &PublicKeyOrCertificate) -> Result<bool, Handshake> {
        // certificates are not asked for
        let PublicKeyOrCertificate::PublicKey { key, .. } = shown else { return Ok(false) };
        let Some(shown) = HostKey::of(key) else { return Ok(false) };
        if self.pinned.as_ref() != Some(&shown.fingerprint) {
            return Err(Handshake::Stranger(shown));
        }
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        Ok(true)
    }

    async fn disconnected(&mut self, reason: DisconnectReason<Handshake>) -> Result<(), Handshake> {
        match reason {
            DisconnectReason::ReceivedDisconnect(info) => {
                tracing::debug!(reason = ?info.reason_code, message = info.message, "the server said goodbye");
                *self.farewell.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(info.message);
                Ok(())
            }
            DisconnectReason::Error(error) => Err(error),
        }
    }
}

/// Current algorithms only. What is missing on purpose: SHA-1 in every place, CBC, Diffie-Hellman below 2048 bits, and
/// compression, which costs more than it brings with pictures and recordings.
fn config(algorithms: &[Algorithm]) -> client::Config {
    client::Config {
        client_id: SshId::Standard(Cow::Borrowed(concat!("SSH-2.0-Mediaport_", env!("CARGO_PKG_VERSION")))),
        window_size: WINDOW,
        inactivity_timeout: Some(SILENCE),
        nodelay: true,
        preferred: Preferred {
            kex: Cow::Borrowed(KEX),
            key: Cow::Owned(algorithms.to_vec()),
            cipher: Cow::Borrowed(CIPHERS),
            mac: Cow::Borrowed(MACS),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

const KEX: &[kex::Name] = &[
    kex::MLKEM768X25519_SHA256,
    kex::CURVE25519,
    kex::CURVE25519_PRE_RFC_8731,
    kex::ECDH_SHA2_NISTP256,
    kex::ECDH_SHA2_NISTP384,
    kex::ECDH_SHA2_NISTP521,
    kex::DH_GEX_SHA256,
    kex::DH_G18_SHA512,
    kex::DH_G16_SHA512,
    kex::DH_G14_SHA256,
    // not algorithms: what both sides can do beside them; the last one keeps others from removing messages
    kex::EXTENSION_SUPPORT_AS_CLIENT,
    kex::EXTENSION_OPENSSH_STRICT_KEX_AS_CLIENT,
];

/// AES first: processors have instructions for it.
const CIPHERS: &[cipher::Name] = &[
    cipher::AES_256_GCM,
    cipher::CHACHA20_POLY1305,
    cipher::AES_256_CTR,
    cipher::AES_192_CTR,
    cipher::AES_128_CTR,
];

const MACS: &[mac::Name] = &[mac::HMAC_SHA256_ETM, mac::HMAC_SHA512_ETM, mac::HMAC_SHA256, mac::HMAC_SHA512];
