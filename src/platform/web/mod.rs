//! The web: one table of routes with their doors, one kind of visit, one way to fail, headers on every answer.
//!
//! A request passes, from the outside in: request id and log line, the end of what nobody reads, security headers, drawing
//! of failures, compression, the session, and the guard, which refuses what is too large by its head, looks the route up in
//! the table, refuses forged writes and lets only the named principals in. Handlers see a [`Visit`] (pages) or a [`Call`] (HTTP API) and are about their own subject.

pub mod actor;
pub mod assets;
mod body;
mod extract;
mod failure;
mod guard;
mod headers;
pub mod json;
pub mod limits;
pub mod live;
mod once;
pub mod operation;
pub mod pagination;
pub mod problem;
mod routes;
pub mod session;
pub mod shell;
mod site;
mod stream;
pub mod toast;
mod tokens;
mod trace;
mod unread;
mod visit;

pub use actor::{Actor, Machine, Person, Role, Who};
pub use extract::{Form, JsonObject, Nothing, Params, Segment, Segments};
pub use failure::{Failure, draw_failures};
pub use guard::guard;
pub use headers::security_headers;
pub use once::{Answer, Once};
pub use pagination::Query;
pub use problem::Code;
pub use routes::{Door, Entry, doors, register};
pub use site::{Doorkeeper, Menu, PublicUrl, Site};
pub use stream::{Message, event_stream};
pub use tokens::FormTokens;
pub use trace::{RequestId, trace};
pub use unread::end_unread;
pub use visit::{Asker, Call, Reply, Visit};
