//! One bucket as the SDK sees it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_sdk_s3::config::endpoint::{DefaultResolver, Params, ResolveEndpoint};
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{
    BehaviorVersion, Credentials, IdentityCache, Region, RequestChecksumCalculation,
    ResponseChecksumValidation, StalledStreamProtectionConfig,
};
use aws_sdk_s3::primitives::{ByteStream, SdkBody};
use bytes::Bytes;
use futures_util::stream::{BoxStream, StreamExt};
use url::Url;

use super::super::Ground;
use super::{Secrets, Settings};

/// How long a stream may stand still before the SDK gives up; bytes come from and go to slow disks as well.
const STALLED: Duration = Duration::from_mins(1);

/// A bucket with the account that writes to it.
pub(super) struct Bucket<'a> {
    pub(super) client: aws_sdk_s3::Client,
    pub(super) settings: &'a Settings,
}

impl<'a> Bucket<'a> {
    /// Prepares requests; nothing is sent.
    pub(super) fn open(settings: &'a Settings, secrets: &Secrets, ground: &Ground) -> Self {
        let secret = secrets.secret_access_key.expose().as_str();
        let credentials = Credentials::new(&settings.access_key_id, secret, None, None, "endpoint");
        let mut config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .http_client(ground.outbound.clone())
            .region(Region::new(settings.region.clone()))
            .credentials_provider(credentials)
            .identity_cache(IdentityCache::no_cache())
            .retry_config(RetryConfig::disabled())
            .timeout_config(TimeoutConfig::disabled())
            .stalled_stream_protection(StalledStreamProtectionConfig::enabled().grace_period(STALLED).build())
            // we send and compare our own checksums; the SDK's trailers are refused by many stores
            .request_checksum_calculation(RequestChecksumCalculation::WhenRequired)
            .response_checksum_validation(ResponseChecksumValidation::WhenRequired)
            .disable_s3_express_session_auth(true)
            .force_path_style(settings.path_style);
        if let Some(url) = &settings.endpoint_url {
            config = config.endpoint_url(url);
        }
        Self { client: aws_sdk_s3::Client::from_conf(config.build()), settings }
    }

    /// Gives the address that requests go to: depending on the style, the bucket is part of the host's name.
    pub(super) async fn url(&self) -> Option<Url> {
        let mut params = Params::builder()
            .bucket(&self.settings.bucket)
            .region(&self.settings.region)
            .force_path_style(self.settings.path_style);
        if let Some(url) = &self.settings.endpoint_url {
            params = params.endpoint(url);
        }
        let resolver = DefaultResolver::new();
        let endpoint = ResolveEndpoint::resolve_endpoint(&resolver, &params.build().ok()?).await.ok()?;
        Url::parse(endpoint.url()).ok()
    }
}

/// An item's bytes as a request body, with a note whether reading them failed: the SDK reports that like a broken
/// connection, but it says nothing about the destination.
pub(super) struct Upload {
    failed: Arc<AtomicBool>,
}

impl Upload {
    /// Wraps a stream of bytes.
    pub(super) fn new(source: BoxStream<'static, io::Result<Bytes>>) -> (Self, ByteStream) {
        let failed = Arc::new(AtomicBool::new(false));
        let note = Arc::clone(&failed);
        let source = source.inspect(move |piece| {
            if let Err(cause) = piece {
                tracing::debug!(%cause, "reading an item failed");
                note.store(true, Ordering::Relaxed);
            }
        });
        let body = reqwest::Body::wrap_stream(source);
        (Self { failed }, ByteStream::new(SdkBody::from_body_1_x(body)))
    }

    /// Tells whether our own side failed.
    pub(super) fn failed(&self) -> bool {
        self.failed.load(Ordering::Relaxed)
    }
}
