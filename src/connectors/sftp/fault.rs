//! What a server's refusal means.
//!
//! The protocol has few words: one code stands for a full disk, a used-up quota and everything else that went wrong, so
//! what was being done decides which cure is the likely one.

use russh::{AlgorithmKind, Error as SshError};
use russh_sftp::client::error::Error as SftpError;
use russh_sftp::protocol::{Status, StatusCode};

use super::super::{DeliveryError, ItemProblem};
use super::host_key::{Fingerprint, HostKey};
use crate::platform::outbound::OutboundError;

/// Why no connection to the right server came about. No attempt to sign in was made.
#[derive(Debug)]
pub(super) enum Handshake {
    /// No connection at all.
    Unreached(OutboundError),
    /// Somebody answered with a host key that was not asked for.
    Stranger(HostKey),
    /// The protocol broke down.
    Broken(SshError),
    /// No answer in time.
    Late,
}

impl From<SshError> for Handshake {
    fn from(error: SshError) -> Self {
        Self::Broken(error)
    }
}

impl Handshake {
    /// Says what it means for a delivery to the server with this host key. Begins with one of the three words.
    pub(super) fn delivery(&self, pinned: &Fingerprint) -> DeliveryError {
        match self {
            Self::Stranger(shown) => DeliveryError::impostor(format!(
                "rejected: the server shows the {} host key {}, but {pinned} was confirmed for this end point. Nothing was \
                 sent to it. Ask the server's operator; only when the key was changed on purpose, fetch and confirm the \
                 new one",
                shown.kind(),
                shown.fingerprint
            )),
            other => other.unproven(),
        }
    }

    /// The same where no host key is known yet.
    pub(super) fn unproven(&self) -> DeliveryError {
        match self {
            Self::Unreached(cause) => DeliveryError::unreached(cause),
            Self::Broken(error) => not_proven(error),
            Self::Stranger(_) => not_proven(&SshError::UnknownKey),
            Self::Late => DeliveryError::transient(
                "unreachable: the connection opens, but nobody says anything there. Check that host and port are those of \
                 an SFTP server",
            ),
        }
    }
}

fn not_proven(error: &SshError) -> DeliveryError {
    tracing::debug!(%error, "an SFTP server did not prove who it is");
    match error {
        SshError::WrongServerSig => DeliveryError::impostor(
            "rejected: the server shows a host key that it does not hold. Nothing was sent to it. Ask the server's operator \
             whether somebody stands between",
        ),
        SshError::NoCommonAlgo { kind, theirs, .. } => DeliveryError::endpoint(outdated(kind, theirs)),
        SshError::Version => {
            DeliveryError::endpoint("rejected: what answers there does not speak SSH. Check host and port")
        }
        _ => DeliveryError::transient(
            "rejected: the server broke off before it had said who it is. It may be too busy, shut this address out, or not \
             speak SSH. Check host and port, and the server's log",
        ),
    }
}

fn outdated(kind: &AlgorithmKind, theirs: &[String]) -> String {
    let what = match kind {
        AlgorithmKind::Kex => "key exchange",
        AlgorithmKind::Key => "host keys",
        AlgorithmKind::Cipher => "encryption",
        AlgorithmKind::Mac => "checksums",
        AlgorithmKind::Compression => "compression",
    };
    // what somebody else's server says is shown, so in bounds and harmless
    let harmless = |name: &String| name.len() < 64 && name.chars().all(|c| c.is_ascii_graphic());
    let names: Vec<_> = theirs.iter().filter(|name| harmless(name)).take(4).map(String::as_str).collect();
    format!(
        "rejected: for {what} the server offers only what is no longer safe or not known here ({}). Have its operator update \
         it, or enable current algorithms",
        names.join(", ")
    )
}

/// Says what a broken connection means once the server has proven who it is.
pub(super) fn broken(error: &SshError) -> DeliveryError {
    tracing::debug!(%error, "an SFTP connection broke");
    broke_off()
}

/// The connection ended in the middle.
pub(super) fn broke_off() -> DeliveryError {
    DeliveryError::transient(
        "The server ended the connection in the middle; it is tried again. If this goes on, look into the server's log",
    )
}

/// Nothing moved for so long that waiting makes no sense.
pub(super) fn stood_still() -> DeliveryError {
    DeliveryError::transient(
        "The server has stopped answering in the middle; it is tried again. If this goes on, check the server and the \
         network between",
    )
}

/// What was being done when the server refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Doing {
    /// Asking what has a name.
    Looking,
    /// Reading a stored file.
    Reading,
    /// Making a folder.
    MakingFolder,
    /// Making the temporary file.
    Creating,
    /// Storing bytes.
    Writing,
    /// Giving a file its final name.
    Renaming,
    /// Removing a file of ours.
    Removing,
}

impl Doing {
    fn words(self) -> &'static str {
        match self {
            Self::Looking => "look into the folder",
            Self::Reading => "read stored files",
            Self::MakingFolder => "make folders",
            Self::Creating | Self::Writing => "write files",
            Self::Renaming => "rename files",
            Self::Removing => "remove files",
        }
    }
}

/// Says what an error of the file protocol means for a delivery.
pub(super) fn delivery(error: &SftpError, doing: Doing) -> DeliveryError {
    tracing::debug!(%error, ?doing, "an SFTP server refused");
    match error {
        SftpError::Status(status) => refused(status, doing),
        SftpError::Timeout => stood_still(),
        _ => broke_off(),
    }
}

fn refused(status: &Status, doing: Doing) -> DeliveryError {
    let may = doing.words();
    match (status.status_code, doing) {
        (StatusCode::PermissionDenied, _) => DeliveryError::endpoint(format!(
            "The account may not {may} there. Give it the right, or enter another folder"
        )),
        (StatusCode::OpUnsupported, _) => DeliveryError::endpoint(format!(
            "The server does not let anybody {may}. It cannot take deliveries; use another one"
        )),
        (StatusCode::BadMessage, _) => DeliveryError::item(
            ItemProblem::Rejected,
            "The server does not accept this file name. Hand the file in under a shorter and plainer name",
        ),
        (StatusCode::ConnectionLost | StatusCode::NoConnection, _) => broke_off(),
        (StatusCode::NoSuchFile, Doing::MakingFolder | Doing::Creating) => DeliveryError::endpoint(
            "The folder does not exist on the server and could not be made. Check its path and the account's rights",
        ),
        (StatusCode::NoSuchFile, _) => DeliveryError::transient(
            "A file has gone from the server while it was delivered; it is tried again. Check whether somebody clears the \
             folder",
        ),
        (_, Doing::Creating | Doing::Writing) => DeliveryError::transient(
            "The server takes no more bytes. Its disk or the account's quota is probably full: make room; delivery goes on \
             by itself",
        ),
        _ => DeliveryError::transient(format!(
            "The server could not {may} and does not say why; it is tried again. Look into the server's log"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(code: StatusCode, doing: Doing) -> DeliveryError {
        let status = Status {
            id: 1,
            status_code: code,
            error_message: "secret detail".to_owned(),
            language_tag: String::new(),
        };
        let said = delivery(&SftpError::Status(status), doing);
        assert!(!said.message().contains("secret detail"), "the server's words stay in the log");
        said
    }

    #[test]
    fn the_class_follows_from_code_and_doing() {
        for (code, doing, class) in [
            (StatusCode::PermissionDenied, Doing::Creating, "endpoint"),
            (StatusCode::PermissionDenied, Doing::Looking, "endpoint"),
            (StatusCode::OpUnsupported, Doing::Renaming, "endpoint"),
            (StatusCode::NoSuchFile, Doing::Creating, "endpoint"),
            (StatusCode::NoSuchFile, Doing::Reading, "transient"),
            (StatusCode::BadMessage, Doing::Looking, "item"),
            (StatusCode::Failure, Doing::Writing, "transient"),
            (StatusCode::Failure, Doing::Renaming, "transient"),
            (StatusCode::ConnectionLost, Doing::Writing, "transient"),
        ] {
            assert_eq!(said(code, doing).class(), class, "{code:?} {doing:?}");
        }
        assert!(said(StatusCode::Failure, Doing::Writing).message().contains("full"));
    }

    #[test]
    fn before_the_host_key_only_three_words_are_said() {
        let pinned = Fingerprint::parse("SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA").unwrap();
        let old = SshError::NoCommonAlgo {
            kind: AlgorithmKind::Kex,
            ours: vec![],
            theirs: vec!["diffie-hellman-group1-sha1".to_owned(), "<b>\u{7}".to_owned()],
        };
        for (fault, class) in [
            (Handshake::Late, "transient"),
            (Handshake::Broken(SshError::HUP), "transient"),
            (Handshake::Broken(SshError::Version), "endpoint"),
            (Handshake::Broken(SshError::WrongServerSig), "endpoint"),
            (Handshake::Broken(old), "endpoint"),
        ] {
            let said = fault.delivery(&pinned);
            assert_eq!(said.class(), class, "{fault:?}");
            let word = said.message().split_once(": ").map(|(word, _)| word);
            assert!(matches!(word, Some("unreachable" | "rejected")), "{said}");
            assert!(!said.message().contains('<'));
        }
    }
}
