//! What the service's refusal means.
//!
//! Answers name their fault by a code in a header, also where they have no body. Emulators and stores that speak the same
//! protocol use other codes for the same fault, so where a status says enough it decides.

use std::time::Duration;

use azure_core::error::{Error, ErrorKind};
use azure_core::http::headers::HeaderName;

use super::super::{DeliveryError, ItemProblem};
use crate::platform::outbound::OutboundError;

/// A request that did not succeed.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// Nothing when there was no answer.
    pub(super) status: Option<u16>,
    pub(super) code: String,
    retry_after: Option<Duration>,
    /// What to say when there was no answer.
    unanswered: Option<DeliveryError>,
}

impl Fault {
    /// Reads what an error of the SDK knows and writes the detail to the log.
    pub(super) fn of(error: &Error) -> Self {
        let fault = match error.kind() {
            ErrorKind::HttpResponse { status, error_code, raw_response } => {
                let header = |name: &'static str| {
                    let headers = raw_response.as_ref().map(|response| response.headers());
                    headers.and_then(|headers| headers.get_optional_string(&HeaderName::from_static(name)))
                };
                let code = header("x-ms-error-code").or_else(|| error_code.clone()).unwrap_or_default();
                let wait = header("retry-after").and_then(|text| text.parse().ok()).map(Duration::from_secs);
                Self { status: Some((*status).into()), code, retry_after: wait, unanswered: None }
            }
            _ => Self::unanswered(error.downcast_ref::<OutboundError>()),
        };
        tracing::debug!(?fault, "the blob service refused a request");
        fault
    }

    fn unanswered(cause: Option<&OutboundError>) -> Self {
        let said = match cause {
            Some(OutboundError::Other(_)) | None => DeliveryError::transient(BROKE_OFF),
            Some(cause) => DeliveryError::unreached(cause),
        };
        Self { status: None, code: String::new(), retry_after: None, unanswered: Some(said) }
    }

    /// Nothing has this name, or there is no such container.
    pub(super) fn is_missing(&self) -> bool {
        self.status == Some(404)
    }

    /// There is no such container, or no such account.
    pub(super) fn is_missing_container(&self) -> bool {
        self.is_missing() && !matches!(self.code.as_str(), "" | "BlobNotFound")
    }

    /// The account is known but may not do this.
    pub(super) fn is_forbidden(&self) -> bool {
        self.status == Some(403)
            && matches!(
                self.code.as_str(),
                "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions" | "AuthorizationFailure"
            )
    }

    /// Something has this name already.
    pub(super) fn is_taken(&self) -> bool {
        matches!(self.code.as_str(), "BlobAlreadyExists" | "UnauthorizedBlobOverwrite")
            || self.status == Some(412)
            || (self.status == Some(409) && self.code == "BlobImmutableDueToPolicy")
    }

    /// The bytes lie where they cannot be read before hours.
    pub(super) fn is_archived(&self) -> bool {
        self.code == "BlobArchived"
    }

    /// Says what the fault means for a delivery. `doing` ends the sentence "may not …".
    pub(super) fn delivery(&self, doing: &str) -> DeliveryError {
        if let Some(unanswered) = &self.unanswered {
            return unanswered.clone();
        }
        if let Some(sentence) = self.refused(doing) {
            return DeliveryError::endpoint(sentence);
        }
        match self.status.unwrap_or_default() {
            300..=399 => DeliveryError::endpoint(
                "The service points to another address, which is not followed. Check account and server address",
            ),
            404 => DeliveryError::endpoint(
                "There is no container of this name in this account. Create it, or check account, container and server \
                 address",
            ),
            409 => self.wait("The service is busy with another change of the same blob; it is tried again"),
            413 => DeliveryError::item(ItemProblem::TooLarge, "The service does not take blobs of this size"),
            400 | 405 | 411 | 412 | 501 => self.rejected(),
            _ => self.wait("The service could not do it now; it is tried again"),
        }
    }

    /// Says what is wrong with the account, its key or its rights.
    fn refused(&self, doing: &str) -> Option<String> {
        let may_not = || {
            format!(
                "The signature or the account's rights do not let it {doing}. Make one with Create, Write, Read and Delete"
            )
        };
        Some(match self.code.as_str() {
            "AuthorizationPermissionMismatch" | "InsufficientAccountPermissions" => may_not(),
            "AuthorizationProtocolMismatch" => {
                "The signature allows https only. Enter a server address that begins with https".to_owned()
            }
            "AuthorizationSourceIPMismatch" => {
                "The signature does not allow requests from this server's address. Make one without that limit, or with it"
                    .to_owned()
            }
            "AuthorizationResourceTypeMismatch" | "AuthorizationServiceMismatch" => {
                "The signature is not for blobs in containers. Make one for the service Blob and the resource type Object"
                    .to_owned()
            }
            "KeyBasedAuthenticationNotPermitted" => {
                "The account does not allow access keys. Allow them in its configuration, or enter a signature".to_owned()
            }
            "PublicAccessNotPermitted" | "NoAuthenticationInformation" => {
                "The service has seen no signature. Enter the access key or the shared access signature again".to_owned()
            }
            "AccountIsDisabled" | "AccountBeingCreated" => {
                "The storage account is disabled. Enable it, and check that its subscription is paid".to_owned()
            }
            "InvalidAuthenticationInfo" | "AuthenticationFailed" => {
                "The service does not accept the key or the signature. Check that it belongs to this account, was not \
                 renewed and has not ended, and that the clock of this server is right"
                    .to_owned()
            }
            // of real accounts this is the network's word, of emulators that of a wrong key
            "AuthorizationFailure" => format!(
                "The service refuses this key, this signature or this server's address, or they may not {doing}. Check them, \
                 and the account's firewall"
            ),
            _ if matches!(self.status, Some(401 | 403)) => {
                format!("The service refuses this key or signature, or they may not {doing}. Check both")
            }
            _ => return None,
        })
    }

    fn rejected(&self) -> DeliveryError {
        match self.code.as_str() {
            "Md5Mismatch" | "InvalidMd5" | "Crc64Mismatch" | "IncompleteBody" | "InvalidBlockList"
            | "InvalidBlobOrBlock" => self.wait("The bytes did not arrive whole; it is tried again"),
            "InvalidHeaderValue"
            | "UnsupportedHeader"
            | "AccessTierNotSupportedForBlobType"
            | "BlobTierInadequateForContentLength" => DeliveryError::endpoint(
                "The account does not know this access tier. Choose another one, or leave it to the account",
            ),
            "RequestBodyTooLarge" | "BlockCountExceedsLimit" => {
                DeliveryError::item(ItemProblem::TooLarge, "The service does not take blobs of this size")
            }
            "InvalidResourceName" | "OutOfRangeInput" | "InvalidUri" => Self::name_too_long(),
            _ => DeliveryError::item(
                ItemProblem::Rejected,
                "The service does not accept this request. Check container, prefix and access tier",
            ),
        }
    }

    /// Says that the name is longer than the service allows.
    pub(super) fn name_too_long() -> DeliveryError {
        DeliveryError::item(
            ItemProblem::Rejected,
            "The service does not accept this name: with its prefix it may have 1,024 characters. Shorten the endpoint's \
             prefix",
        )
    }

    fn wait(&self, message: &str) -> DeliveryError {
        DeliveryError::Transient { retry_after: self.retry_after, message: message.to_owned() }
    }
}

const BROKE_OFF: &str =
    "unreachable: the service's answer broke off or did not come in time; it is tried again";

#[cfg(test)]
mod tests {
    use super::*;

    fn said(status: u16, code: &str) -> DeliveryError {
        let fault =
            Fault { status: Some(status), code: code.to_owned(), retry_after: None, unanswered: None };
        fault.delivery("write")
    }

    #[test]
    fn each_cause_has_its_class_and_its_cure() {
        for (status, code, class, word) in [
            (403, "AuthenticationFailed", "endpoint", "belongs to this account"),
            (403, "AuthorizationFailure", "endpoint", "firewall"),
            (403, "AuthorizationPermissionMismatch", "endpoint", "Create, Write, Read and Delete"),
            (403, "AuthorizationSourceIPMismatch", "endpoint", "this server's address"),
            (403, "AuthorizationProtocolMismatch", "endpoint", "https"),
            (403, "AuthorizationResourceTypeMismatch", "endpoint", "resource type"),
            (403, "KeyBasedAuthenticationNotPermitted", "endpoint", "does not allow access keys"),
            (403, "AccountIsDisabled", "endpoint", "disabled"),
            (403, "", "endpoint", "refuses"),
            (404, "ContainerNotFound", "endpoint", "no container"),
            (301, "", "endpoint", "not followed"),
            (400, "InvalidHeaderValue", "endpoint", "access tier"),
            (400, "Md5Mismatch", "transient", "whole"),
            (409, "ContainerBeingDeleted", "transient", "busy"),
            (503, "ServerBusy", "transient", "tried again"),
            (500, "OperationTimedOut", "transient", "tried again"),
            (413, "RequestBodyTooLarge", "item", "size"),
            (400, "InvalidResourceName", "item", "1,024"),
        ] {
            let said = said(status, code);
            assert_eq!(said.class(), class, "{status} {code}");
            assert!(said.message().contains(word), "{status} {code}: {said}");
        }
    }
}
