//! Mail: the one sender of an installation.
//!
//! Where TLS is asked for, nothing is said before it stands: a server that offers no STARTTLS learns neither a name, nor a
//! password, nor a line of a mail. Names are resolved, judged and connected to by [`super::outbound`] alone, and it is its
//! TLS that proves who the server is. Every wait has a limit. A mail goes to one recipient and is held in memory while it
//! is sent, since it has to be encoded as a whole.

mod address;
mod error;
mod letter;
mod server;
mod session;
mod wire;

use std::sync::Arc;

use lettre::transport::smtp::client::AsyncSmtpConnection;
use lettre::transport::smtp::extension::ClientId;
use tokio::net::TcpStream;

pub use address::MailAddress;
pub use error::{MailError, Refusal, Stage};
pub use letter::{Attachment, Letter};
pub use server::{Account, Security, Server, WrongServer};
pub use session::Session;
use wire::Wire;

use super::outbound::{Outbound, Refused, Verdict};

/// Which server takes mail, and who sends it.
#[derive(Debug, Clone)]
pub struct MailSettings {
    /// The server.
    pub server: Server,
    /// Whom mails come from.
    pub from: MailAddress,
}

/// Sends mail. Clones share the settings.
#[derive(Debug, Clone)]
pub struct Mailer {
    outbound: Outbound,
    settings: Arc<MailSettings>,
}

/// A connection on which everything that was asked for stands, and nothing has been said but what led there.
#[derive(Debug)]
pub struct Secured {
    wire: Wire,
    name: ClientId,
}

impl Mailer {
    /// Makes the sender; opens nothing.
    #[must_use]
    pub fn new(outbound: Outbound, settings: MailSettings) -> Self {
        Self { outbound, settings: Arc::new(settings) }
    }

    /// Gives whom mails come from.
    #[must_use]
    pub fn from(&self) -> &MailAddress {
        &self.settings.from
    }

    /// Gives the server as people write it: `mail.example.com:587`.
    #[must_use]
    pub fn place(&self) -> String {
        let Server { host, port, .. } = &self.settings.server;
        format!("{host}:{port}")
    }

    /// Tells how the connection is protected.
    #[must_use]
    pub fn security(&self) -> Security {
        self.settings.server.security
    }

    /// Tells whether there is an account to sign in with.
    #[must_use]
    pub fn has_account(&self) -> bool {
        self.settings.server.account.is_some()
    }

    /// Finds the server's addresses and judges them. In clear only those are good that the operator allowed.
    pub async fn resolve(&self) -> Result<(), MailError> {
        let Server { host, port, security, .. } = &self.settings.server;
        for place in self.outbound.resolve(host, *port).await? {
            self.permit(*security, place.ip())?;
        }
        Ok(())
    }

    fn permit(&self, security: Security, address: std::net::IpAddr) -> Result<(), MailError> {
        match (
            self.outbound.judge(address).map_err(|refused| MailError::Unreached(refused.into()))?,
            security,
        ) {
            (Verdict::Public, Security::None) => {
                Err(MailError::Unreached(Refused::Unencrypted(address).into()))
            }
            _ => Ok(()),
        }
    }

    /// Opens a connection, on which nothing is said yet.
    pub async fn connect(&self) -> Result<TcpStream, MailError> {
        let Server { host, port, security, .. } = &self.settings.server;
        let stream = self.outbound.connect(host, *port).await?;
        let peer = stream.peer_addr().map_err(|_| MailError::Broken(Stage::Greeting))?;
        self.permit(*security, peer.ip())?;
        Ok(stream)
    }

    /// Proves who the server is, where TLS is asked for.
    pub async fn secure(&self, mut stream: TcpStream) -> Result<Secured, MailError> {
        let Server { host, security, .. } = &self.settings.server;
        let own = stream.local_addr().map_err(|_| MailError::Broken(Stage::Greeting))?.ip();
        let name = match own {
            std::net::IpAddr::V4(four) => ClientId::Ipv4(four),
            std::net::IpAddr::V6(six) => ClientId::Ipv6(six),
        };
        let wire = match security {
            Security::None => Wire::plain(stream),
            Security::Tls => Wire::encrypted(self.outbound.tls(host, stream).await?, String::new()),
            Security::StartTls => {
                let greeting = wire::ask_for_tls(&mut stream, &name).await?;
                Wire::encrypted(self.outbound.tls(host, stream).await?, greeting)
            }
        };
        Ok(Secured { wire, name })
    }

    /// Greets the server and signs in, where there is an account.
    pub async fn sign_in(&self, secured: Secured) -> Result<Session, MailError> {
        let Secured { wire, name } = secured;
        let greeting = AsyncSmtpConnection::connect_with_transport(Box::new(wire), &name);
        let connection = session::timed(Stage::Greeting, greeting).await?;
        Session::start(connection, name, &self.settings).await
    }

    /// Does all of that at once.
    pub async fn open(&self) -> Result<Session, MailError> {
        self.resolve().await?;
        let stream = self.connect().await?;
        let secured = self.secure(stream).await?;
        self.sign_in(secured).await
    }
}
