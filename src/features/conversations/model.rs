//! What a conversation is, and what must be right about a new one.

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::features::apps::AppId;
use crate::features::use_cases::UseCaseId;
use crate::platform::clock::Timestamp;
use crate::platform::form::{Check, FieldErrors, FormFields};
use crate::platform::web::pagination::Filter;
use crate::platform::web::{Actor, Failure, Who};
use crate::{text_enum, typed_id};

/// As much as other systems' own identifiers need.
pub(super) const MOST_EXTERNAL_ID: usize = 255;
/// A word such as `whatsapp` or `voice`.
pub(super) const MOST_CHANNEL: usize = 64;
/// A number, an address or a name.
pub(super) const MOST_CUSTOMER: usize = 255;
/// The longest e-mail address that mail systems deliver to.
pub(super) const MOST_AGENT: usize = 254;
/// An id or a name, as long as names of use cases and apps may be.
pub(super) const MOST_NAME: usize = 255;
/// Attributes are for a handful of values that other systems look up again; they are copied with every read.
pub(super) const MOST_ATTRIBUTES: usize = 16 * 1024;

typed_id! {
    /// Names a conversation.
    ConversationId
}

text_enum! {
    /// Whether the contact goes on.
    ConversationState {
        /// It goes on.
        Open = "open",
        /// It is over.
        Ended = "ended",
    }
}

/// One customer contact.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Conversation {
    /// Its identifier.
    pub id: ConversationId,
    /// The app that opened it.
    pub app_id: AppId,
    /// The app's own name for it.
    pub external_id: Option<String>,
    /// Says where its media go.
    pub use_case_id: Option<UseCaseId>,
    /// How the customer reached us.
    pub channel: Option<String>,
    /// Who the customer is, in the app's words.
    pub customer: Option<String>,
    /// The e-mail address of the person who handles it.
    pub agent: Option<String>,
    /// A JSON object that only the app understands.
    pub attributes: String,
    /// Whether it goes on.
    pub state: ConversationState,
    /// When it was opened.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When it ended.
    pub ended_at: Option<Timestamp>,
}

impl Conversation {
    /// Gives what events and other documents say about it: enough to find it again, nothing about the customer.
    #[must_use]
    pub fn reference(&self) -> Value {
        serde_json::json!({ "id": self.id, "external_id": self.external_id })
    }
}

/// A conversation as the HTTP API shows it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Conversation")]
pub(super) struct ConversationView {
    id: ConversationId,
    app_id: AppId,
    external_id: Option<String>,
    use_case: Option<UseCaseView>,
    channel: Option<String>,
    customer: Option<String>,
    agent: Option<String>,
    #[schemars(with = "Map<String, Value>")]
    attributes: Value,
    state: ConversationState,
    created_at: Timestamp,
    updated_at: Timestamp,
    ended_at: Option<Timestamp>,
}

#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "UseCaseName")]
struct UseCaseView {
    id: UseCaseId,
    name: String,
}

impl ConversationView {
    /// Shows a conversation with the name of its use case.
    pub(super) fn new(conversation: Conversation, use_case: Option<String>) -> Self {
        Self {
            id: conversation.id,
            app_id: conversation.app_id,
            external_id: conversation.external_id,
            use_case: conversation.use_case_id.zip(use_case).map(|(id, name)| UseCaseView { id, name }),
            channel: conversation.channel,
            customer: conversation.customer,
            agent: conversation.agent,
            // Only objects that were parsed once are stored.
            attributes: serde_json::from_str(&conversation.attributes).unwrap_or_default(),
            state: conversation.state,
            created_at: conversation.created_at,
            updated_at: conversation.updated_at,
            ended_at: conversation.ended_at,
        }
    }
}

/// Which conversations a list shows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConversationFilter {
    /// Whether they go on.
    pub state: Option<ConversationState>,
    /// The id or the exact name of their use case; empty for any.
    pub use_case: String,
    /// The app's own name.
    pub external_id: Option<String>,
    /// Who handles them.
    pub agent: Option<String>,
    /// The app as its id or name; empty for every app within reach.
    pub app: String,
}

impl Filter for ConversationFilter {
    const NAMES: &'static [&'static str] = &["state", "use_case", "external_id", "agent", "app"];

    fn read(check: &mut Check<'_>) -> Self {
        Self {
            state: check.parsed("state", "Use open or ended"),
            use_case: check.text("use_case", MOST_NAME),
            external_id: some(check.text("external_id", MOST_EXTERNAL_ID)),
            agent: some(check.text("agent", MOST_AGENT)),
            app: check.text("app", MOST_NAME),
        }
    }
}

/// What a client says about a conversation that it opens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConversation {
    /// The id or the exact name of its use case.
    pub use_case: String,
    /// The app's own name for it.
    pub external_id: Option<String>,
    /// How the customer reached us.
    pub channel: Option<String>,
    /// Who the customer is.
    pub customer: Option<String>,
    /// Who handles it.
    pub agent: Option<String>,
    /// A JSON object as text.
    pub attributes: String,
}

impl NewConversation {
    /// What the JSON object may hold.
    pub(super) const MEMBERS: &'static [&'static str] =
        &["use_case", "external_id", "channel", "customer", "agent", "attributes", "app"];

    /// Checks a JSON object, and gives with it the app that a person has to name; empty when it was left out.
    pub fn parse(mut object: Map<String, Value>) -> Result<(Self, String), FieldErrors> {
        let attributes = attributes(object.remove("attributes"));
        let fields = FormFields::from_json(&object)?;
        let mut check = fields.check();
        let app = check.text("app", MOST_NAME);
        let new = Self {
            use_case: check.required("use_case", "the id or the name of a use case", MOST_NAME),
            external_id: some(check.text("external_id", MOST_EXTERNAL_ID)),
            channel: some(check.text("channel", MOST_CHANNEL)),
            customer: some(check.text("customer", MOST_CUSTOMER)),
            agent: some(check.text("agent", MOST_AGENT)),
            attributes: attributes.as_ref().map_or_else(|_| String::new(), Clone::clone),
        };
        if let Err(problem) = attributes {
            check.refuse("attributes", problem);
        }
        check.finish((new, app))
    }
}

fn some(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

fn attributes(given: Option<Value>) -> Result<String, String> {
    let text = match given {
        None | Some(Value::Null) => "{}".to_owned(),
        Some(object @ Value::Object(_)) => object.to_string(),
        Some(_) => return Err("Give a JSON object".to_owned()),
    };
    if text.len() > MOST_ATTRIBUTES {
        return Err(format!("Use at most {MOST_ATTRIBUTES} bytes of JSON"));
    }
    Ok(text)
}

/// Whose conversations and media a principal can get at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Those of one app: what its keys see.
    App(AppId),
    /// Those of every app: what people whom the route lets in see, and Mediaport itself.
    All,
}

impl Reach {
    /// Tells how far a principal gets.
    pub fn of(actor: &Actor) -> Result<Self, Failure> {
        match &actor.who {
            Who::Machine(machine) => Ok(Self::App(AppId::from_uuid(machine.app))),
            Who::Person(_) | Who::System(_) => Ok(Self::All),
            Who::Nobody => Err(Failure::SignedOut),
        }
    }

    /// Gives the one app for a query's `app_id` condition; nothing means every app.
    #[must_use]
    pub fn app(self) -> Option<AppId> {
        match self {
            Self::App(app) => Some(app),
            Self::All => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(value: Value) -> Result<(NewConversation, String), FieldErrors> {
        let Value::Object(object) = value else { panic!("an object") };
        NewConversation::parse(object)
    }

    #[test]
    fn empty_fields_are_absent_and_attributes_stay_as_they_came() {
        let (new, app) = parse(json!({
            "use_case": " Claims ", "external_id": "", "channel": null, "customer": "4930",
            "attributes": {"case": {"id": 7}}
        }))
        .expect("all good");

        assert_eq!(new.use_case, "Claims");
        assert_eq!((new.external_id, new.channel), (None, None));
        assert_eq!(new.customer.as_deref(), Some("4930"));
        assert_eq!(new.attributes, r#"{"case":{"id":7}}"#);
        assert_eq!(app, "");
    }

    #[test]
    fn every_length_has_a_limit() {
        let long = "x".repeat(20_000);
        let errors = parse(json!({
            "use_case": long, "external_id": long, "channel": long, "customer": long, "agent": long, "app": long,
            "attributes": {"x": long}
        }))
        .expect_err("all too long");

        for field in ["use_case", "external_id", "channel", "customer", "agent", "app", "attributes"] {
            assert!(errors.first(field).is_some(), "{field}");
        }
        assert!(
            parse(json!({"use_case": "x", "attributes": [1]}))
                .expect_err("no object")
                .first("attributes")
                .is_some()
        );
        assert!(parse(json!({})).expect_err("no use case").first("use_case").is_some());
    }
}
