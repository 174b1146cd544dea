//! Who gets a mail.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::super::{About, DeliveryError, ItemProblem};
use crate::platform::mail::MailAddress;

/// What stands for the agent of the conversation.
const AGENT: &str = "agent";
/// One server answer each; more people belong on a list of the mail server.
const MOST: usize = 20;

/// Who gets a mail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(super) enum Recipients {
    /// The agent of the conversation that a picture belongs to.
    Agent,
    /// These people.
    People(Vec<MailAddress>),
}

impl Recipients {
    /// Gives the people for one picture.
    pub(super) fn of(&self, about: &About) -> Result<Vec<MailAddress>, DeliveryError> {
        match self {
            Self::People(people) => Ok(people.clone()),
            Self::Agent => match about.agent.trim().parse() {
                Ok(agent) => Ok(vec![agent]),
                Err(_) => Err(DeliveryError::item(
                    ItemProblem::Rejected,
                    "The conversation of this picture names no agent with an e-mail address, so nobody can get the \
                     mail. Have the app name the agent when it opens the conversation, or enter fixed recipients",
                )),
            },
        }
    }

    /// Gives the fixed ones; none for the agent, who is known with each picture only.
    pub(super) fn fixed(&self) -> &[MailAddress] {
        match self {
            Self::People(people) => people,
            Self::Agent => &[],
        }
    }
}

impl FromStr for Recipients {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == AGENT {
            return Ok(Self::Agent);
        }
        let mut people: Vec<MailAddress> = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let shown: String = part.chars().take(80).collect();
            let address: MailAddress = part.parse().map_err(|_| {
                format!("{shown} is no address. Enter addresses such as claims@example.com with commas between, or agent")
            })?;
            if people.iter().any(|known| known.as_str().eq_ignore_ascii_case(address.as_str())) {
                return Err(format!("{shown} stands there twice"));
            }
            people.push(address);
        }
        match people.len() {
            0 => Err("Enter at least one address, or agent".to_owned()),
            1..=MOST => Ok(Self::People(people)),
            _ => {
                Err(format!("Enter at most {MOST} addresses; a list of the mail server reaches more people"))
            }
        }
    }
}

impl TryFrom<String> for Recipients {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Recipients> for String {
    fn from(recipients: Recipients) -> Self {
        recipients.to_string()
    }
}

impl fmt::Display for Recipients {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Agent => out.write_str(AGENT),
            Self::People(people) => {
                let people: Vec<_> = people.iter().map(MailAddress::as_str).collect();
                out.write_str(&people.join(", "))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_are_addresses_or_the_agent() {
        for (text, read) in [
            ("a@example.com", "a@example.com"),
            (" a@example.com ,b@example.com,", "a@example.com, b@example.com"),
            ("agent", "agent"),
        ] {
            assert_eq!(
                text.parse::<Recipients>().map(|read| read.to_string()).as_deref(),
                Ok(read),
                "{text}"
            );
        }
        let many =
            |count: usize| (0..count).map(|n| format!("p{n}@example.com")).collect::<Vec<_>>().join(",");
        assert!(many(20).parse::<Recipients>().is_ok());
        for (text, problem) in [
            ("", "at least one"),
            (",", "at least one"),
            ("agent,a@example.com", "agent is no address"),
            ("a@example.com b@example.com", "is no address"),
            ("a@example.com, A@example.com", "twice"),
            (&many(21), "at most 20"),
        ] {
            let wrong = text.parse::<Recipients>().expect_err(text);
            assert!(wrong.contains(problem), "{text}: {wrong}");
        }
    }

    #[test]
    fn only_an_agent_with_an_address_gets_mail() {
        let about = |agent: &str| About { agent: agent.to_owned(), ..About::default() };
        let people = Recipients::Agent.of(&about("ada@example.com")).unwrap();
        assert_eq!(people[0].as_str(), "ada@example.com");
        for agent in
            ["", "ada", "ada@example.com, eve@example.com", "ada@example.com\r\nRCPT TO:<eve@example.com>"]
        {
            assert_eq!(Recipients::Agent.of(&about(agent)).expect_err(agent).class(), "item");
        }
    }
}
