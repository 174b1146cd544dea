//! What a refusal of the API means.
//!
//! One status stands for many causes, so the reasons that Google names beside it are asked first.

use std::time::Duration;

use http::response::Parts;
use serde::Deserialize;

use super::super::{DeliveryError, ItemProblem};
use super::api::Drive;
use super::token::SCOPE;
use crate::platform::clock::Clock;
use crate::platform::outbound::retry_after;

/// Why a call gave nothing.
pub(super) enum Trouble {
    /// It was answered with a refusal.
    Answer(Fault),
    /// It was not answered, or in a way that leaves no question.
    Delivery(DeliveryError),
}

impl From<DeliveryError> for Trouble {
    fn from(error: DeliveryError) -> Self {
        Self::Delivery(error)
    }
}

impl Trouble {
    /// Gives the status of a refusal.
    pub(super) fn status(&self) -> Option<u16> {
        match self {
            Self::Answer(fault) => Some(fault.status),
            Self::Delivery(_) => None,
        }
    }

    /// Tells whether nothing has this identifier, as far as the account can see.
    pub(super) fn is_missing(&self) -> bool {
        self.status() == Some(404)
    }

    /// Tells whether the account is known and may not do it.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Answer(fault) if fault.status == 403 && !fault.is_about_limits())
    }

    /// Says what it means for a delivery. `doing` ends the sentence "may not …".
    pub(super) fn delivery(self, drive: &Drive<'_>, doing: &str) -> DeliveryError {
        match self {
            Self::Answer(fault) => fault.delivery(drive, doing),
            Self::Delivery(error) => error,
        }
    }
}

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    pub(super) status: u16,
    reasons: Vec<String>,
    pub(super) retry_after: Option<Duration>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Body {
    error: Said,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Said {
    message: String,
    errors: Vec<Reason>,
    details: Vec<Reason>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Reason {
    reason: String,
}

const RATE: &[&str] =
    &["rateLimitExceeded", "userRateLimitExceeded", "RATE_LIMIT_EXCEEDED", "sharingRateLimitExceeded"];
const DAILY: &[&str] = &["dailyLimitExceeded", "dailyLimitExceededUnreg", "quotaExceeded"];
const FULL: &[&str] =
    &["teamDriveFileLimitExceeded", "numChildrenInNonRootLimitExceeded", "activeItemCreationLimitExceeded"];

impl Fault {
    /// Reads a refusal; what cannot be read is judged by its status alone.
    pub(super) fn of(head: &Parts, said: &[u8]) -> Self {
        let body: Body = serde_json::from_slice(said).unwrap_or_default();
        let all = body.error.errors.into_iter().chain(body.error.details);
        let reasons = all.map(|one| one.reason).filter(|reason| !reason.is_empty()).collect();
        let fault = Self {
            status: head.status.as_u16(),
            reasons,
            retry_after: retry_after(&head.headers, Clock::system().now()),
        };
        tracing::debug!(?fault, message = body.error.message, "Google refused a call");
        fault
    }

    fn is(&self, reasons: &[&str]) -> bool {
        self.reasons.iter().any(|reason| reasons.contains(&reason.as_str()))
    }

    fn is_about_limits(&self) -> bool {
        self.is(RATE) || self.is(DAILY) || self.is(FULL) || self.is(&["storageQuotaExceeded"])
    }

    /// Tells whether the same may work in a moment.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self.status, 408 | 500..=599)
    }

    fn delivery(&self, drive: &Drive<'_>, doing: &str) -> DeliveryError {
        let account = drive.settings.account();
        match self.status {
            429 => self.too_fast(),
            _ if self.is(RATE) => self.too_fast(),
            _ if self.is(DAILY) => self.wait("Google takes no more from this account today; it is tried again later"),
            _ if self.is(&["storageQuotaExceeded"]) => self.no_storage(drive),
            _ if self.is(FULL) => {
                self.wait("The folder or its shared drive holds as many files as Google allows. Make room, or enter another folder")
            }
            _ if self.is(&["accessNotConfigured", "SERVICE_DISABLED"]) => DeliveryError::endpoint(format!(
                "The Google Drive API is not enabled in the project of {}. Enable it in the Google Cloud console, under \
                 APIs & Services, and try again a few minutes later",
                drive.settings.client_email
            )),
            _ if self.is(&["insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT"]) => DeliveryError::endpoint(
                format!("The sign-in does not cover Google Drive. Have an administrator allow the scope {SCOPE}"),
            ),
            _ if self.is(&["parentNotAFolder"]) => {
                DeliveryError::endpoint("The folder ID is that of a file. Enter that of a folder")
            }
            _ if self.is(&["teamDriveHierarchyTooDeep", "myDriveHierarchyDepthLimitExceeded"]) => {
                DeliveryError::endpoint("The folder lies too deep for Google to make folders in it. Enter another one")
            }
            _ if self.is(&["domainPolicy"]) => DeliveryError::endpoint(format!(
                "A rule of the organisation keeps {account} out of Google Drive. Ask its administrator"
            )),
            401 => self.wait("Google has ended the sign-in before its time; it is tried again with a new one"),
            403 => DeliveryError::endpoint(format!(
                "{account} may not {doing}. Make it a Content manager of the shared drive, or an Editor of the folder"
            )),
            404 => DeliveryError::endpoint(format!(
                "There is no such folder, or it is not shared with {account}. Check the folder ID, and share the folder \
                 or its shared drive with that address"
            )),
            413 => DeliveryError::item(ItemProblem::TooLarge, "Google Drive takes no file of this size"),
            300..=399 => DeliveryError::endpoint(
                "Google's address points to another one. Redirects are not followed; have the operator check google.api_url",
            ),
            408 | 500..=599 => self.wait("Google Drive could not do it now; it is tried again"),
            status => DeliveryError::item(
                ItemProblem::Rejected,
                format!("Google Drive refuses this file ({status}). Hand it in under another name, then retry"),
            ),
        }
    }

    fn too_fast(&self) -> DeliveryError {
        self.wait("Google takes no more calls of this account for the moment; it is tried again")
    }

    /// Service accounts own no storage: whatever they store has to belong to somebody else.
    fn no_storage(&self, drive: &Drive<'_>) -> DeliveryError {
        if drive.settings.impersonate.is_some() || drive.settings.shared_drive_id.is_some() {
            return self
                .wait("The storage behind this folder is full. Make room; deliveries go on by themselves");
        }
        DeliveryError::endpoint(format!(
            "{} has no storage of its own. Use a folder in a shared drive, or impersonate a person",
            drive.settings.client_email
        ))
    }

    fn wait(&self, message: &str) -> DeliveryError {
        DeliveryError::Transient { retry_after: self.retry_after, message: message.to_owned() }
    }
}
