//! One container as the SDK sees it.

use std::sync::Arc;

use async_trait::async_trait;
use azure_core::http::headers::HeaderName;
use azure_core::http::policies::{Policy, PolicyResult};
use azure_core::http::{ClientOptions, Context, Method, Request, RetryOptions, Transport};
use azure_storage_blob::clients::{BlobClient, BlobClientOptions};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use url::Url;
use zeroize::Zeroizing;

use super::super::{DeliveryError, Ground};
use super::settings::{Secrets, Settings, key};
use crate::platform::clock::{Clock, Timestamp};

/// A container with the account that writes to it.
pub(super) struct Container<'a> {
    pub(super) settings: &'a Settings,
    secrets: &'a Secrets,
    options: ClientOptions,
}

impl<'a> Container<'a> {
    /// Prepares requests; nothing is sent. The queue repeats what failed, so that the SDK need not.
    pub(super) fn open(settings: &'a Settings, secrets: &'a Secrets, ground: &Ground) -> Self {
        let mut options = ClientOptions {
            retry: RetryOptions::none(),
            transport: Some(Transport::new(Arc::new(ground.outbound.clone()))),
            ..ClientOptions::default()
        };
        if let Secrets::AccessKey(text) = secrets
            && let Some(key) = key(text.expose())
        {
            let signer = SharedKey { account: settings.account.clone(), key: Arc::new(key) };
            options.per_try_policies.push(Arc::new(signer));
        }
        Self { settings, secrets, options }
    }

    /// Gives the client of one blob.
    pub(super) fn blob(&self, name: &str) -> Result<BlobClient, DeliveryError> {
        let malformed = || DeliveryError::endpoint(MALFORMED);
        let mut url = self.settings.url(name).ok_or_else(malformed)?;
        if let Secrets::SasToken(query) = self.secrets {
            url.set_query(Some(query.expose()));
        }
        let options =
            BlobClientOptions { client_options: self.options.clone(), ..BlobClientOptions::default() };
        BlobClient::new(url, None, Some(options)).map_err(|_| malformed())
    }

    /// Tells when the signature ended, if it has.
    pub(super) fn ended(&self) -> Option<Timestamp> {
        self.settings.sas_expires_at.filter(|end| *end <= Clock::system().now())
    }
}

pub(super) const MALFORMED: &str =
    "These settings do not make a valid address. Check account, container and server address";

/// Signs each request with the account's key, as the service's "Shared Key" describes it; the SDK itself knows only
/// signatures in the address and tokens of a directory.
struct SharedKey {
    account: String,
    key: Arc<Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for SharedKey {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("SharedKey").field("account", &self.account).finish_non_exhaustive()
    }
}

#[async_trait]
impl Policy for SharedKey {
    async fn send(&self, context: &Context, request: &mut Request, next: &[Arc<dyn Policy>]) -> PolicyResult {
        request.insert_header("x-ms-date", Clock::system().now().http_date());
        let signed = self.sign(&text_to_sign(&self.account, request));
        request.insert_header("authorization", format!("SharedKey {}:{signed}", self.account));
        let Some((first, rest)) = next.split_first() else {
            let message = "nothing sends the request";
            return Err(azure_core::Error::with_message(azure_core::error::ErrorKind::Other, message));
        };
        first.send(context, request, rest).await
    }
}

impl SharedKey {
    fn sign(&self, text: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).expect("HMAC takes a key of any length");
        mac.update(text.as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }
}

/// The headers that a signature covers, in their order.
const SIGNED: [&str; 11] = [
    "content-encoding",
    "content-language",
    "content-length",
    "content-md5",
    "content-type",
    "date",
    "if-modified-since",
    "if-match",
    "if-none-match",
    "if-unmodified-since",
    "range",
];

fn text_to_sign(account: &str, request: &Request) -> String {
    let header = |name: &'static str| match name {
        "content-length" => match request.body().len() {
            None | Some(0) => String::new(),
            Some(length) => length.to_string(),
        },
        _ => request.headers().get_optional_string(&HeaderName::from_static(name)).unwrap_or_default(),
    };
    let mut text = verb(request.method()).to_owned();
    for name in SIGNED {
        text.push('\n');
        text.push_str(&header(name));
    }
    let mut own: Vec<_> = request
        .headers()
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-ms-"))
        .map(|(name, value)| format!("\n{}:{}", name.as_str(), value.as_str().trim()))
        .collect();
    own.sort_unstable();
    text.extend(own);
    text.push('\n');
    text.push_str(&resource(account, request.url()));
    text
}

fn verb(method: Method) -> &'static str {
    match method {
        Method::Get => "GET",
        Method::Head => "HEAD",
        Method::Put => "PUT",
        Method::Delete => "DELETE",
        Method::Post => "POST",
        Method::Patch => "PATCH",
        _ => "",
    }
}

fn resource(account: &str, url: &Url) -> String {
    let mut pairs: Vec<_> =
        url.query_pairs().map(|(name, value)| (name.to_ascii_lowercase(), value.into_owned())).collect();
    pairs.sort_unstable();
    let mut text = format!("/{account}{}", url.path());
    let mut last = None;
    for (name, value) in pairs {
        if last.as_ref() == Some(&name) {
            text.push(',');
        } else {
            text.extend(["\n", &name, ":"]);
        }
        text.push_str(&value);
        last = Some(name);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_signed_is_what_the_service_reads() {
        let url =
            "https://clinicfiles.blob.core.windows.net/pictures/a%20b.jpg?comp=block&blockid=AAA%3D&B=2&b=1";
        let mut request = Request::new(url.parse().expect("an address"), Method::Put);
        request.set_body(bytes::Bytes::from_static(b"12345"));
        request.insert_header("x-ms-version", "2024-11-04");
        request.insert_header("x-ms-date", "Sun, 06 Nov 1994 08:49:37 GMT");
        request.insert_header("content-md5", "XrY7u+Ae7tCTyyK7j1rNww==");
        request.insert_header("if-none-match", "*");
        let text = text_to_sign("clinicfiles", &request);
        assert_eq!(
            text,
            "PUT\n\n\n5\nXrY7u+Ae7tCTyyK7j1rNww==\n\n\n\n\n*\n\n\n\
             x-ms-date:Sun, 06 Nov 1994 08:49:37 GMT\nx-ms-version:2024-11-04\n\
             /clinicfiles/pictures/a%20b.jpg\nb:1,2\nblockid:AAA=\ncomp:block"
        );
        request.set_body(bytes::Bytes::new());
        assert!(text_to_sign("clinicfiles", &request).starts_with("PUT\n\n\n\n"), "no length is not 0");
    }

    #[test]
    fn printing_a_signer_shows_no_key() {
        let key = Arc::new(Zeroizing::new(b"hunter2".to_vec()));
        assert!(!format!("{:?}", SharedKey { account: "a".to_owned(), key }).contains("104"));
    }
}
