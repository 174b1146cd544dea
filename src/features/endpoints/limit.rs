//! How many endpoint tests a person may start.

use uuid::Uuid;

use crate::platform::web::limits::{Limit, too_many};
use crate::platform::web::{Actor, Failure};

/// How many endpoint tests a person may start: each one talks to a machine of that person's choice.
pub struct TestLimit(Limit<Uuid>);

impl TestLimit {
    /// Makes the limit; zero per minute turns it off.
    #[must_use]
    pub fn new(per_minute: u32, burst: u32) -> Self {
        Self(Limit::new(per_minute, burst))
    }

    /// Lets one test start, or tells how long to wait.
    pub fn take(&self, actor: &Actor) -> Result<(), Failure> {
        let person = actor.person().ok_or(Failure::SignedOut)?;
        self.0.take(&person.id).map_err(too_many)
    }

    /// Forgets people who have not tested for a while; call now and then.
    pub fn forget(&self) {
        self.0.forget();
    }
}
