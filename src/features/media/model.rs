//! What is known about a stored file.

use schemars::JsonSchema;
use serde::Serialize;

use crate::features::apps::AppId;
use crate::features::conversations::ConversationId;
use crate::formats::kinds::Kind;
use crate::platform::clock::Timestamp;
use crate::platform::form::Check;
use crate::platform::web::pagination::{Filter, Moment};
use crate::{text_enum, typed_id};

typed_id! {
    /// Names a media, and its bytes in the store.
    MediaId
}

text_enum! {
    /// Whether the bytes are there.
    MediaState {
        /// They were ordered from an address and are on their way.
        Fetching = "fetching",
        /// They are here.
        Stored = "stored",
        /// They could not be fetched.
        Failed = "failed",
        /// They are gone.
        Deleted = "deleted",
    }
}

text_enum! {
    /// Why a file could not be fetched. The words are part of the interface.
    FailedReason {
        /// The address leads where this installation may not go.
        RefusedByPolicy = "refused_by_policy",
        /// No connection came about, or nothing moved on it.
        Unreachable = "unreachable",
        /// The server gave no trusted connection, or said no.
        Rejected = "rejected",
        /// The server could not serve it for a long time.
        Unavailable = "unavailable",
        /// The server has no such file.
        NotFound = "not_found",
        /// The server pointed elsewhere.
        Redirected = "redirected",
        /// The file never came whole.
        Incomplete = "incomplete",
        /// Nothing would have told whether the file is whole.
        LengthUnknown = "length_unknown",
        /// The server compressed it.
        Encoded = "encoded",
        /// It is larger than the operator allows.
        TooLarge = "too_large",
        /// It was called a picture and is none.
        NotAPicture = "not_a_picture",
        /// It has another size or hash than was ordered.
        Mismatch = "mismatch",
        /// Fetching it broke the program.
        Poison = "poison",
    }
}

impl FailedReason {
    /// Gives the sentence for people.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::RefusedByPolicy => {
                "The address leads to a network that this installation may not reach. Use one on the public internet, or \
                 ask the operator to allow it"
            }
            Self::Unreachable => {
                "The server could not be reached, or stopped sending. Order the file again when it answers"
            }
            Self::Rejected => {
                "The server did not give the file out, or its certificate is not trusted. An address with a signature may \
                 have run out: order the file again with a fresh one"
            }
            Self::Unavailable => {
                "The server kept answering that it is busy or broken. Order the file again later"
            }
            Self::NotFound => "The server has no file at this address",
            Self::Redirected => {
                "The server points to another address, which is not followed. Order the file from that one"
            }
            Self::Incomplete => {
                "The file broke off each time before its end. Order it again when the server is well"
            }
            Self::LengthUnknown => {
                "The server does not say how long the file is, so nobody could tell whether it is whole. Give size or \
                 sha256 with the order"
            }
            Self::Encoded => "The server compressed the file although it was asked not to",
            Self::TooLarge => "The file is larger than this installation accepts",
            Self::NotAPicture => "The file is not a picture that we know. Order it with another kind",
            Self::Mismatch => "The file has another size or SHA-256 than the order says",
            Self::Poison => {
                "Fetching the file broke the program, so it was given up. The operator's log says more"
            }
        }
    }
}

/// One stored file, or one that is to come.
#[derive(Debug, Clone, PartialEq, sqlx::FromRow)]
pub struct Media {
    /// Its identifier.
    pub id: MediaId,
    /// The app that owns it.
    pub app_id: AppId,
    /// The conversation that it came with.
    pub conversation_id: ConversationId,
    /// What it is to people.
    pub kind: Kind,
    /// Its name as it came, without invisible characters.
    pub file_name: String,
    /// Its type by content; the declared one where the content says nothing.
    pub mime_type: String,
    /// The extension that belongs to the type; `bin` when that is unknown.
    pub extension: String,
    /// Its size in bytes; 0 as long as it is not here.
    pub size: i64,
    /// Its SHA-256 in lower-case hexadecimal; empty as long as it is not here.
    pub sha256: String,
    /// Whether the bytes are there.
    pub state: MediaState,
    /// Why they will not come.
    pub failed_reason: Option<FailedReason>,
    /// When it was taken or recorded.
    pub captured_at: Option<Timestamp>,
    /// Where it was taken, in degrees north.
    pub latitude: Option<f64>,
    /// Where it was taken, in degrees east.
    pub longitude: Option<f64>,
    /// What made it, in the app's words.
    pub origin: Option<String>,
    /// A remark of whoever handed it in.
    pub note: Option<String>,
    /// Whether its bytes were found to be not those that were accepted.
    pub is_damaged: bool,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// When it may go.
    pub expires_at: Option<Timestamp>,
    /// When it went.
    pub deleted_at: Option<Timestamp>,
}

impl Media {
    /// Gives the size as the number that it is.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        u64::try_from(self.size).unwrap_or_default()
    }

    /// Gives its place in lists, which show the newest first.
    #[must_use]
    pub fn moment(&self) -> Moment {
        Moment { at: self.created_at, id: self.id.uuid() }
    }

    /// Gives the path under which other systems ask for it.
    #[must_use]
    pub fn path(&self) -> String {
        let (app, conversation, id) = (self.app_id, self.conversation_id, self.id.uuid().simple());
        format!("media/{app}/{conversation}-{id:X}.{}", self.extension)
    }
}

/// Which media a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MediaFilter {
    /// What they are.
    pub kind: Option<Kind>,
    /// What they came with.
    pub conversation: Option<ConversationId>,
    /// Their SHA-256 in lower-case hexadecimal.
    pub sha256: Option<String>,
    /// Whether the bytes are there.
    pub state: Option<MediaState>,
    /// The first instant of acceptance.
    pub from: Option<Timestamp>,
    /// The instant before which they were accepted.
    pub to: Option<Timestamp>,
    /// The app as its id or name; empty for every app within reach.
    pub app: String,
}

impl Filter for MediaFilter {
    const NAMES: &'static [&'static str] = &["kind", "conversation", "sha256", "state", "from", "to", "app"];

    fn read(check: &mut Check<'_>) -> Self {
        Self {
            kind: check.parsed("kind", "Use a kind of media such as picture"),
            conversation: check.parsed("conversation", "Use the id of a conversation"),
            sha256: check.parsed("sha256", "Use 64 hexadecimal digits").map(|Sha256(text)| text),
            state: check.parsed("state", "Use fetching, stored or failed").map(|Kept(state)| state),
            from: check.parsed("from", TIME),
            to: check.parsed("to", TIME),
            app: check.text("app", MOST_NAME),
        }
    }
}

const TIME: &str = "Write the time as RFC 3339, such as 2026-03-01T12:30:00Z";
/// An id or a name, as long as names of apps may be.
const MOST_NAME: usize = 255;

/// A digest as somebody wrote it down, in either case; here in lower-case hexadecimal.
pub struct Sha256(pub String);

impl std::str::FromStr for Sha256 {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if is_digest { Ok(Self(text.to_ascii_lowercase())) } else { Err(()) }
    }
}

/// A state that lists show: what is deleted is absent.
struct Kept(MediaState);

impl std::str::FromStr for Kept {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        text.parse().ok().filter(|state| *state != MediaState::Deleted).map(Self).ok_or(())
    }
}

/// A media as the HTTP API and events show it; `D` is how its deliveries are shown.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Media")]
pub struct MediaView<'a, D> {
    id: MediaId,
    path: String,
    kind: Kind,
    file_name: &'a str,
    mime_type: &'a str,
    size: Option<i64>,
    sha256: Option<&'a str>,
    state: MediaState,
    failed_reason: Option<FailedView>,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    conversation_id: ConversationId,
    deliveries: &'a [D],
}

/// Why a file could not be fetched.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "MediaFailure")]
struct FailedView {
    code: FailedReason,
    /// A sentence for people.
    message: &'static str,
}

impl<'a, D: Serialize> MediaView<'a, D> {
    /// Shows a media with its deliveries.
    pub fn new(media: &'a Media, deliveries: &'a [D]) -> Self {
        let is_known = !matches!(media.state, MediaState::Fetching | MediaState::Failed);
        Self {
            id: media.id,
            path: media.path(),
            kind: media.kind,
            file_name: &media.file_name,
            mime_type: &media.mime_type,
            size: is_known.then_some(media.size),
            sha256: is_known.then_some(&media.sha256),
            state: media.state,
            failed_reason: media.failed_reason.map(|code| FailedView { code, message: code.sentence() }),
            created_at: media.created_at,
            expires_at: media.expires_at,
            conversation_id: media.conversation_id,
            deliveries,
        }
    }
}
