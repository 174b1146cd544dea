//! Who is asking.

use std::net::IpAddr;

use uuid::Uuid;

use crate::text_enum;

text_enum! {
    /// What a person may do in the portal. Nobody grants more than they hold.
    Role {
        /// Everything, people and settings included.
        Admin = "admin",
        /// Flows, assets and integrations.
        Builder = "builder",
        /// Conversations and the media in them.
        Agent = "agent",
        /// Audit log, deliveries and lists, without media.
        Auditor = "auditor",
    }
}

impl Role {
    /// Gives the word for people.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Admin => "Admin",
            Self::Builder => "Flow builder",
            Self::Agent => "Agent",
            Self::Auditor => "Auditor",
        }
    }
}

/// A person with a live session or a personal token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// The person's identifier.
    pub id: Uuid,
    /// How the screen addresses them.
    pub name: String,
    /// Their address, also the name on conversations.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// Names the session or token they came with, for the audit log; no secret.
    pub session: String,
}

/// A machine client that showed one of an app's keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// The app whose data this key reaches.
    pub app: Uuid,
    /// The app's name.
    pub name: String,
    /// The key's public identifier.
    pub key: String,
    /// What the key may do.
    pub scopes: Vec<String>,
}

/// The principal behind a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// Nobody signed in.
    Nobody,
    /// A person.
    Person(Person),
    /// An app's key.
    Machine(Machine),
    /// Mediaport itself: a command on the server, or a job.
    System(&'static str),
}

/// The principal with what the audit log wants to know about the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Actor {
    /// Who it is.
    pub who: Who,
    /// Where the request came from.
    pub address: Option<IpAddr>,
    /// The request's identifier, as in the log.
    pub request_id: Option<String>,
}

impl Actor {
    /// The actor for commands and jobs; `name` says which.
    #[must_use]
    pub fn system(name: &'static str) -> Self {
        Self { who: Who::System(name), address: None, request_id: None }
    }

    /// Gives the person, if it is one.
    #[must_use]
    pub fn person(&self) -> Option<&Person> {
        match &self.who {
            Who::Person(person) => Some(person),
            _ => None,
        }
    }

    /// Gives the machine client, if it is one.
    #[must_use]
    pub fn machine(&self) -> Option<&Machine> {
        match &self.who {
            Who::Machine(machine) => Some(machine),
            _ => None,
        }
    }

    /// Gives kind, identifier and name as the audit log stores them.
    #[must_use]
    pub fn signature(&self) -> (&'static str, Option<String>, &str) {
        match &self.who {
            Who::Nobody => ("nobody", None, ""),
            Who::Person(person) => ("person", Some(person.id.to_string()), &person.name),
            Who::Machine(machine) => ("app", Some(machine.app.to_string()), &machine.name),
            Who::System(name) => ("system", None, name),
        }
    }
}
