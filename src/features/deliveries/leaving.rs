//! How an endpoint goes: never with something undelivered that nobody decided about.

use actix_web::http::StatusCode;
use serde_json::json;

use super::actions::plan;
use super::jobs::Settle;
use super::model::{Delivery, DeliveryState};
use super::{steering, store};
use crate::features::endpoints::{self, EndpointError, EndpointId, Leaving};
use crate::features::use_cases;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbError, DbResult, Tx};
use crate::platform::form::{Check, FieldErrors, FormFields};
use crate::platform::jobs::queue;
use crate::platform::web::pagination::Filter;
use crate::platform::web::{Actor, Code, Failure};

/// Use cases still send there.
pub const IN_USE: Code = Code::new(
    StatusCode::CONFLICT,
    "endpoint_in_use",
    "use cases send there, see `use_cases`; may be confirmed with `use_cases=detach`",
);
/// Something is not delivered.
pub const UNDELIVERED: Code = Code::new(
    StatusCode::CONFLICT,
    "undelivered",
    "deliveries are open, see `open`; say with `open=deliver`, `move` or `cancel` what becomes of them",
);

/// What a person has decided about an endpoint that is to go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Removal {
    /// Whether it may go although use cases send there.
    pub detaches: bool,
    /// What becomes of its open deliveries; nothing when nothing was said.
    pub open: Option<Leaving>,
    /// Who gets them with [`Leaving::Move`].
    pub to: Option<EndpointId>,
}

impl Filter for Removal {
    const NAMES: &'static [&'static str] = &["use_cases", "open", "to"];

    fn read(check: &mut Check<'_>) -> Self {
        let word = check.text("use_cases", 20);
        if !matches!(word.as_str(), "" | "detach") {
            check.refuse("use_cases", "Send detach, or leave it out");
        }
        let open = check.parsed("open", "Choose deliver, move or cancel");
        let to = check.parsed("to", "Choose an endpoint");
        if open == Some(Leaving::Move) && to.is_none() {
            check.refuse("to", "Choose the endpoint that gets the open deliveries");
        }
        Self { detaches: word == "detach", open, to }
    }
}

impl Removal {
    /// Reads a decision from a form.
    pub fn parse(form: &FormFields) -> Result<Self, FieldErrors> {
        let mut check = form.check();
        let decided = Self::read(&mut check);
        check.finish(decided)
    }
}

/// Why an endpoint stays.
#[derive(Debug, thiserror::Error)]
pub enum RemovalError {
    /// These use cases send there.
    #[error("use cases send there")]
    InUse(Vec<String>),
    /// So many deliveries are open.
    #[error("{0} deliveries are open")]
    Undelivered(i64),
    /// What was decided cannot be done.
    #[error("some fields are refused")]
    Invalid(FieldErrors),
    /// The endpoints refuse.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<RemovalError> for Failure {
    fn from(error: RemovalError) -> Self {
        let member = |name: &str, value| [(name.to_owned(), value)].into_iter().collect();
        match error {
            RemovalError::InUse(names) => Self::refused_with(
                &IN_USE,
                "Use cases send files to this endpoint; without it these files go nowhere else. Send use_cases=detach to remove it all the same",
                member("use_cases", json!(names)),
            ),
            RemovalError::Undelivered(open) => Self::refused_with(
                &UNDELIVERED,
                "Files are on their way to this endpoint. Send open=deliver to let them through first, open=move with to= for another endpoint, or open=cancel",
                member("open", json!(open)),
            ),
            RemovalError::Invalid(errors) => Self::Invalid(errors),
            RemovalError::Endpoint(error) => error.into(),
            RemovalError::Db(error) => error.into(),
        }
    }
}

/// What became of an endpoint that was to go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removed {
    /// It has gone and can be brought back.
    Gone,
    /// It has gone for good; what was open is being moved or called off.
    Settling,
    /// It goes when its open deliveries are through.
    Leaving,
}

/// Lets an endpoint go as a person has decided. What it leaves behind is settled by a job, batch by batch.
pub async fn remove(
    tx: &mut Tx,
    actor: &Actor,
    now: Timestamp,
    id: EndpointId,
    decided: &Removal,
) -> Result<Removed, RemovalError> {
    endpoints::touch(tx, id, now).await?;
    let users = names_of_users(tx, id).await?;
    if !users.is_empty() && !decided.detaches {
        return Err(RemovalError::InUse(users));
    }
    let open = store::count_open(tx, id).await?;
    let leaving = match decided.open {
        _ if open == 0 => None,
        None => return Err(RemovalError::Undelivered(open)),
        Some(Leaving::Move) => Some((Leaving::Move, Some(checked_target(tx, id, decided.to).await?))),
        Some(other) => Some((other, None)),
    };
    if store::is_any_moved_to(tx, id).await? {
        let why = "Deliveries of an endpoint that was removed are being moved here. Wait until they are, and try again";
        return Err(RemovalError::Invalid(FieldErrors::one("open", why)));
    }
    endpoints::actions::leave(tx, actor, now, id, leaving).await?;
    match leaving {
        None => Ok(Removed::Gone),
        Some((Leaving::Deliver, _)) => {
            steering::hurry(tx, id, false, now).await?;
            Ok(Removed::Leaving)
        }
        Some(_) => {
            queue::enqueue_once(tx, &Settle { endpoint: id }, &format!("deliveries.settle|{id}"), now)
                .await?;
            Ok(Removed::Settling)
        }
    }
}

/// Names the use cases that send anything to an endpoint.
async fn names_of_users(tx: &mut Tx, id: EndpointId) -> DbResult<Vec<String>> {
    let all = use_cases::assignments(tx).await?;
    Ok(all.users_of(id).map(|use_case| use_case.name.clone()).collect())
}

async fn checked_target(
    tx: &mut Tx,
    id: EndpointId,
    to: Option<EndpointId>,
) -> Result<EndpointId, RemovalError> {
    let refused = |why: &str| RemovalError::Invalid(FieldErrors::one("to", why));
    let to = to.filter(|to| *to != id).ok_or_else(|| refused("Choose another endpoint"))?;
    let target = endpoints::find(tx, to).await?.filter(|target| target.summary.leaving.is_none());
    let target = target.ok_or_else(|| refused("This endpoint does not exist any more"))?;
    if target.summary.takes_pictures_only() && store::is_any_open_beside_pictures(tx, id).await? {
        return Err(refused("This endpoint accepts pictures only, and other files are open"));
    }
    Ok(to)
}

/// What was decided about the open deliveries of an endpoint that has gone.
pub(super) enum Plan {
    Cancel,
    /// To this endpoint, or to nobody when that has gone as well.
    Move(Option<Target>),
}

/// The endpoint that gets what is open.
pub(super) struct Target {
    id: EndpointId,
    name: String,
}

/// Gives what was decided; nothing while an endpoint is there.
pub(super) async fn plan_of(tx: &mut Tx, id: EndpointId) -> DbResult<Option<Plan>> {
    Ok(match endpoints::leaving(tx, id).await? {
        None | Some((Leaving::Deliver, _)) => None,
        Some((Leaving::Cancel, _)) => Some(Plan::Cancel),
        Some((Leaving::Move, Some(to))) => {
            let target = endpoints::find(tx, to).await?;
            Some(Plan::Move(target.map(|target| Target { id: to, name: target.summary.name })))
        }
        Some((Leaving::Move, None)) => Some(Plan::Move(None)),
    })
}

/// Does with one open delivery what was decided.
pub(super) async fn settle(tx: &mut Tx, delivery: &Delivery, plan_: &Plan, now: Timestamp) -> DbResult<()> {
    let why = match plan_ {
        Plan::Cancel => "Called off when its endpoint was removed".to_owned(),
        Plan::Move(Some(target)) => {
            move_to(tx, delivery, target.id, now).await?;
            format!("Moved to {} when its endpoint was removed", target.name)
        }
        Plan::Move(None) => return Err(DbError::Broken(anyhow::anyhow!("deliveries are moved to nobody"))),
    };
    steering::call_off(tx, delivery, Some(&why), now).await
}

/// The other endpoint may have a delivery of this media already; one that was called off there is taken up again.
async fn move_to(tx: &mut Tx, delivery: &Delivery, to: EndpointId, now: Timestamp) -> DbResult<()> {
    let Some(id) = store::find_of(tx, delivery.media_id, to).await? else {
        return plan(tx, delivery.media_id, &[to], now).await.map(drop);
    };
    match store::find(tx, id).await? {
        Some(known) if known.state == DeliveryState::Cancelled => steering::requeue(tx, &known, now).await,
        _ => Ok(()),
    }
}

/// Ends an endpoint that only waited for its deliveries, once the last one is through.
pub(super) async fn leave_if_through(tx: &mut Tx, id: EndpointId, now: Timestamp) -> DbResult<()> {
    let waits = matches!(endpoints::leaving(tx, id).await?, Some((Leaving::Deliver, _)));
    if !waits || endpoints::find(tx, id).await?.is_none() || store::is_any_open(tx, id).await? {
        return Ok(());
    }
    endpoints::actions::leave_for_good(tx, now, id).await
}
