//! The one TLS configuration for everything that goes out.

use std::sync::Arc;

use rustls::ClientConfig;
use rustls::version::{TLS12, TLS13};
use rustls_platform_verifier::BuilderVerifierExt;

/// Gives a configuration that trusts what the machine trusts. On Linux `SSL_CERT_FILE` and `SSL_CERT_DIR` name other
/// roots, which is how a private authority is added.
pub(super) fn client_config() -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13, &TLS12])?
        .with_platform_verifier()?
        .with_no_client_auth())
}
