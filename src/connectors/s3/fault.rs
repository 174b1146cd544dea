//! What a store's refusal means.
//!
//! Stores use different codes for the same fault, so the HTTP status is asked first and the code only tells apart what
//! one status mixes. Sentences must be true for every store.

use std::error::Error;
use std::time::Duration;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_types::byte_stream::error::Error as ByteStreamError;

use super::super::{DeliveryError, ItemProblem};
use crate::platform::outbound::OutboundError;

/// A request that did not succeed.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// Nothing when there was no answer.
    pub(super) status: Option<u16>,
    pub(super) code: String,
    /// Whether the message speaks of a header that we sent as a condition.
    about_condition: bool,
    /// Whether the message speaks of a checksum.
    about_checksum: bool,
    region: Option<String>,
    retry_after: Option<Duration>,
    /// What to say when there was no answer.
    unanswered: Option<DeliveryError>,
}

impl Fault {
    /// Reads what an SDK error knows and writes the detail to the log.
    pub(super) fn of<E: ProvideErrorMetadata>(error: &SdkError<E, HttpResponse>) -> Self {
        let response = error.raw_response();
        let header = |name| response.and_then(|response| response.headers().get(name));
        let message = error.message().unwrap_or_default();
        let status = response.map(|response| response.status().as_u16());
        let unanswered = status.is_none().then(|| unanswered(error));
        let fault = Self {
            status,
            code: error.code().unwrap_or_default().to_owned(),
            about_condition: message.to_ascii_lowercase().contains("if-none-match"),
            about_checksum: message.to_ascii_lowercase().contains("checksum"),
            region: header("x-amz-bucket-region").map(str::to_owned),
            retry_after: header("retry-after").and_then(|value| value.parse().ok()).map(Duration::from_secs),
            unanswered,
        };
        tracing::debug!(?fault, message, request = header("x-amz-request-id"), "the store refused a request");
        fault
    }

    /// An answer that broke off.
    pub(super) fn cut(cause: &ByteStreamError) -> Self {
        tracing::debug!(%cause, "the store's answer broke off");
        Self {
            status: None,
            code: String::new(),
            about_condition: false,
            about_checksum: false,
            region: None,
            retry_after: None,
            unanswered: Some(DeliveryError::transient(BROKE_OFF)),
        }
    }

    /// Nothing has this key, or there is no such bucket.
    pub(super) fn is_missing(&self) -> bool {
        self.status == Some(404)
    }

    /// There is no such bucket.
    pub(super) fn is_missing_bucket(&self) -> bool {
        self.is_missing() && self.code == "NoSuchBucket"
    }

    /// The account is known but may not do this; stores that hide a wrong key behind it are caught by the write.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self.status, Some(401 | 403)) && self.sign_in_problem().is_none() && !self.is_full()
    }

    /// Refused without a reason that can be read: answers to HEAD have no body, so the next request has to tell.
    pub(super) fn is_mute(&self) -> bool {
        self.is_forbidden() || (self.code.is_empty() && matches!(self.status, Some(300..=400 | 405)))
    }

    /// The condition "only if nothing is there" did not hold.
    pub(super) fn is_taken(&self) -> bool {
        self.status == Some(412)
    }

    /// The store does not know conditions on writing.
    pub(super) fn knows_no_condition(&self) -> bool {
        match self.status {
            Some(501) => true,
            Some(400) => self.code == "NotImplemented" || self.about_condition,
            _ => false,
        }
    }

    /// The store may not know the checksum that was sent along. Some say no more than that they do not know something.
    pub(super) fn may_mean_checksums(&self) -> bool {
        match self.status {
            Some(501) => true,
            Some(400) => {
                self.about_checksum
                    || matches!(self.code.as_str(), "NotImplemented" | "InvalidArgument" | "InvalidRequest")
            }
            _ => false,
        }
    }

    fn is_full(&self) -> bool {
        self.status == Some(507) || self.code.contains("QuotaExceeded") || self.code.contains("StorageFull")
    }

    /// Says what is wrong with the keys, when the store says so.
    fn sign_in_problem(&self) -> Option<&'static str> {
        match self.code.as_str() {
            "SignatureDoesNotMatch" => Some(
                "The store does not accept the signature. Check that the secret access key belongs to the access key ID, and that the region is right",
            ),
            "InvalidAccessKeyId" | "InvalidAccessKey" => Some(
                "The store does not know the access key ID. Check it, and whether the key was deleted or disabled",
            ),
            "ExpiredToken" | "InvalidToken" | "TokenRefreshRequired" => {
                Some("The store says that the access key has expired. Enter a permanent access key")
            }
            _ => None,
        }
    }

    /// Says what the fault means for a delivery. `doing` ends the sentence "may not …".
    pub(super) fn delivery(&self, doing: &str) -> DeliveryError {
        if let Some(unanswered) = &self.unanswered {
            return unanswered.clone();
        }
        if self.is_full() {
            return self.wait(
                "The bucket's quota or the store's disk is full. Make room; delivery goes on by itself",
            );
        }
        match self.status.unwrap_or_default() {
            _ if self.code == "RequestTimeTooSkewed" => {
                self.wait("The clocks of the store and of this server differ by minutes. Set this server's clock right")
            }
            300..=399 => DeliveryError::endpoint(self.elsewhere()),
            _ if matches!(self.code.as_str(), "AuthorizationHeaderMalformed" | "IllegalLocationConstraintException") => {
                DeliveryError::endpoint(self.elsewhere())
            }
            401 | 403 => DeliveryError::endpoint(self.sign_in_problem().map_or_else(
                || format!("The store refuses these keys, or they may not {doing}. Check both keys and the bucket's policy"),
                str::to_owned,
            )),
            404 => DeliveryError::endpoint("There is no bucket of this name at this server. Check bucket, region and server address"),
            409 => self.wait("The store is busy with another change of the same object; it is tried again"),
            413 => Self::too_large(),
            400 if self.code == "EntityTooLarge" => Self::too_large(),
            400 | 405 | 411 | 412 | 501 => self.rejected(),
            _ => self.wait("The store could not do it now; it is tried again"),
        }
    }

    fn rejected(&self) -> DeliveryError {
        match self.code.as_str() {
            "BadDigest"
            | "InvalidDigest"
            | "XAmzContentSHA256Mismatch"
            | "IncompleteBody"
            | "RequestTimeout"
            | "RequestTimeoutException" => self.wait("The bytes did not arrive whole; it is tried again"),
            "InvalidStorageClass"
            | "InvalidEncryptionAlgorithmError"
            | "KMS.NotFoundException"
            | "KMS.DisabledException" => DeliveryError::endpoint(
                "The store does not accept the storage class or the encryption. Check these fields",
            ),
            "KeyTooLongError" => Self::name_too_long(),
            _ => DeliveryError::item(
                ItemProblem::Rejected,
                "The store does not accept this request. Check storage class and encryption; for stores that are not Amazon's also try the checksum setting md5 or none",
            ),
        }
    }

    /// Says that the key is longer than the protocol allows.
    pub(super) fn name_too_long() -> DeliveryError {
        DeliveryError::item(
            ItemProblem::Rejected,
            "The object's key is longer than 1,024 bytes. Shorten the endpoint's prefix",
        )
    }

    fn too_large() -> DeliveryError {
        DeliveryError::item(ItemProblem::TooLarge, "The store does not take objects of this size")
    }

    fn elsewhere(&self) -> String {
        match &self.region {
            Some(region) => format!("The bucket lies in the region {region}. Enter it as the region"),
            None => {
                "The bucket lies in another region or at another address. Check region and server address"
                    .to_owned()
            }
        }
    }

    fn wait(&self, message: &str) -> DeliveryError {
        DeliveryError::Transient { retry_after: self.retry_after, message: message.to_owned() }
    }
}

const BROKE_OFF: &str =
    "unreachable: the store's answer broke off or did not come in time; it is tried again";

/// Says why there was no answer, as far as our own way out knows.
fn unanswered<E>(error: &SdkError<E, HttpResponse>) -> DeliveryError {
    match error {
        SdkError::ConstructionFailure(_) => DeliveryError::endpoint(
            "These settings do not make a valid request. Check bucket, region and server address",
        ),
        SdkError::DispatchFailure(failure) => {
            let source = failure.as_connector_error().and_then(Error::source);
            let ours = source.and_then(|source| source.downcast_ref::<OutboundError>());
            ours.map_or_else(|| DeliveryError::transient(BROKE_OFF), DeliveryError::unreached)
        }
        _ => DeliveryError::transient(BROKE_OFF),
    }
}
