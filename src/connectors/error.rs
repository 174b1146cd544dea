//! Why a delivery did not succeed, judged where the protocol is understood.

use std::time::Duration;

use crate::platform::outbound::OutboundError;
use crate::text_enum;

/// Why bytes did not arrive or could not be verified. Every message is a sentence for an admin and names the likely
/// cure; protocol detail goes to the log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeliveryError {
    /// May succeed later without anybody's help: network, overload, a full disk.
    #[error("{message}")]
    Transient {
        /// How long the destination asked to be left alone.
        retry_after: Option<Duration>,
        /// What happened and what helps.
        message: String,
    },
    /// This item needs a person; others to the same endpoint may go on.
    #[error("{message}")]
    Item {
        /// What is wrong with the item.
        reason: ItemProblem,
        /// What happened and what helps.
        message: String,
    },
    /// Nothing can be delivered until somebody repairs the endpoint's settings or rights.
    #[error("{message}")]
    Endpoint {
        /// What has to be repaired.
        reason: EndpointProblem,
        /// What happened and what helps.
        message: String,
    },
}

text_enum! {
    /// What keeps an endpoint from taking anything.
    EndpointProblem {
        /// Its settings, its rights, or what stands at its address.
        Setup = "setup",
        /// Whoever answers is not the one that the admin confirmed. Nothing may be sent there before somebody has looked.
        Identity = "identity",
    }
}

text_enum! {
    /// Why one item is held while its endpoint works.
    ItemProblem {
        /// Something else already has the item's name at the destination.
        Conflict = "conflict",
        /// The destination takes no file of this size.
        TooLarge = "too_large",
        /// The destination refuses the name, the type or the bytes; or our own copy is damaged.
        Rejected = "rejected",
    }
}

impl DeliveryError {
    /// Makes a [`DeliveryError::Transient`] without a requested wait.
    pub fn transient(message: impl Into<String>) -> Self {
        Self::Transient { retry_after: None, message: message.into() }
    }

    /// Makes a [`DeliveryError::Item`].
    pub fn item(reason: ItemProblem, message: impl Into<String>) -> Self {
        Self::Item { reason, message: message.into() }
    }

    /// Makes a [`DeliveryError::Endpoint`].
    pub fn endpoint(message: impl Into<String>) -> Self {
        Self::Endpoint { reason: EndpointProblem::Setup, message: message.into() }
    }

    /// Says that whoever answers is not the one that the admin confirmed; makes a [`DeliveryError::Endpoint`].
    pub fn impostor(message: impl Into<String>) -> Self {
        Self::Endpoint { reason: EndpointProblem::Identity, message: message.into() }
    }

    /// Says why a destination was not reached, beginning with one of three words: more would make an endpoint test a
    /// port scanner.
    #[must_use]
    pub fn unreached(cause: &OutboundError) -> Self {
        tracing::debug!(error = ?cause, "a destination was not reached");
        let message = format!("{}: {}", cause.word(), cure(cause));
        match cause {
            OutboundError::Refused(_) | OutboundError::Tls(_) => Self::endpoint(message),
            OutboundError::Unreachable(_) | OutboundError::TimedOut | OutboundError::Other(_) => {
                Self::Transient { retry_after: None, message }
            }
        }
    }

    /// Says that the media's own bytes could not be read here, which is no fault of the destination.
    #[must_use]
    pub fn unreadable() -> Self {
        Self::transient(
            "The stored file could not be read here; nothing was kept at the destination. Check the media store",
        )
    }

    /// Says that the media's own bytes no longer have the hash under which they were accepted.
    #[must_use]
    pub fn damaged() -> Self {
        Self::item(
            ItemProblem::Rejected,
            "The stored file is damaged here: its SHA-256 is not the one it was accepted with. Restore it from a backup",
        )
    }

    /// Says that an item's path could lead out of where it belongs.
    #[must_use]
    pub fn unsafe_path() -> Self {
        Self::item(
            ItemProblem::Rejected,
            "The file's path is not a safe relative path. Hand it in under another name",
        )
    }

    /// Gives the sentence for people.
    #[must_use]
    pub fn message(&self) -> &str {
        match self {
            Self::Transient { message, .. } | Self::Item { message, .. } | Self::Endpoint { message, .. } => {
                message
            }
        }
    }

    /// Gives the class as one word, for attempts and metrics.
    #[must_use]
    pub fn class(&self) -> &'static str {
        match self {
            Self::Transient { .. } => "transient",
            Self::Item { .. } => "item",
            Self::Endpoint { .. } => "endpoint",
        }
    }
}

fn cure(cause: &OutboundError) -> &'static str {
    match cause {
        OutboundError::Refused(_) => {
            "this installation may not connect there. The operator can allow private networks and plain http to them"
        }
        OutboundError::Unreachable(_) | OutboundError::TimedOut => {
            "no answer from there. Check the address and the network between"
        }
        OutboundError::Tls(_) => {
            "the server did not prove who it is. Check the address and the server's certificate"
        }
        OutboundError::Other(_) => {
            "the server broke off. Check that the address is that of the right service"
        }
    }
}
