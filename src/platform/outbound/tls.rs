//! The one TLS configuration for everything that goes out.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};
use rustls_platform_verifier::BuilderVerifierExt;
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use crate::platform::clock::Timestamp;

/// Gives a configuration that trusts what the machine trusts. On Linux `SSL_CERT_FILE` and `SSL_CERT_DIR` name other
/// roots, which is how a private authority is added.
pub(super) fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_platform_verifier()?
        .with_no_client_auth())
}

/// Tells when the certificate ends by which the other side has proven who it is.
#[must_use]
pub fn certificate_end(stream: &TlsStream<TcpStream>) -> Option<Timestamp> {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates()?.first()?;
    let (_, read) = x509_parser::parse_x509_certificate(certificate).ok()?;
    Some(Timestamp::from_millis(read.validity().not_after.timestamp().saturating_mul(1000)))
}
