//! Every stable word of a refusal.

use crate::features::{accounts, deliveries, endpoints, intake, media};
use crate::platform::web::{Code, problem};

/// Gives the words in the order of their status, then of the alphabet.
#[must_use]
pub fn all() -> Vec<Code> {
    let lists =
        [problem::CODES, accounts::CODES, endpoints::CODES, media::CODES, deliveries::CODES, intake::CODES];
    let mut codes = lists.concat();
    codes.sort_by_key(|code| (code.status.as_u16(), code.name));
    codes
}
