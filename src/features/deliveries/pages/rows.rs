//! The rows of tables of deliveries.

use std::time::Duration;

use askama::Template;
use futures_util::FutureExt;

use super::views;
use crate::features::deliveries::log;
use crate::features::deliveries::model::{DeliveryId, DeliveryState, HeldReason};
use crate::features::deliveries::store::listing::{self, Filter, Listed};
use crate::features::endpoints::EndpointState;
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::web::pagination::LATEST;
use crate::platform::web::{Failure, Visit};

/// A row of the table of deliveries, as `deliveries/_row.html` shows it.
#[derive(Debug, Clone)]
pub struct DeliveryRow {
    /// Names the row.
    pub id: String,
    /// Greater for later ones; scripts keep the table in this order.
    pub order: u64,
    /// The file's name.
    pub file_name: String,
    /// What one wants to know next: where it lies, what went wrong, when it comes again.
    pub detail: String,
    /// The colour of the mark.
    pub state_kind: &'static str,
    /// The word in the mark.
    pub state_label: &'static str,
    /// Leads to the endpoint.
    pub endpoint_id: String,
    /// The endpoint's name.
    pub endpoint_name: String,
    /// The file's size in words.
    pub size: String,
    /// How long the last attempt took; empty while one runs, or before the first.
    pub took: String,
    /// When something last happened.
    pub at: Timestamp,
    /// What the visitor may do with it.
    pub acts: Acts,
    /// Whether it was on a live page and does not belong there any more.
    pub has_left: bool,
}

/// What a visitor may do with a delivery.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Acts {
    /// Trying it now.
    pub retry: bool,
    /// Calling it off.
    pub cancel: bool,
}

impl Acts {
    pub(super) fn of(state: DeliveryState, may_edit: bool) -> Self {
        use DeliveryState::{Cancelled, Held, Queued, Retrying};
        Self {
            retry: may_edit && matches!(state, Held | Retrying | Cancelled),
            cancel: may_edit && matches!(state, Held | Retrying | Queued),
        }
    }
}

/// For whom rows are drawn, and when.
#[derive(Debug, Clone)]
pub(super) struct Drawing {
    pub(super) now: Timestamp,
    pub(super) may_edit: bool,
    pub(super) csrf: String,
}

impl Drawing {
    pub(super) fn of(visit: &Visit) -> Self {
        Self { now: visit.now(), may_edit: visit.may_edit(), csrf: visit.form_token() }
    }
}

impl DeliveryRow {
    pub(super) fn new(listed: Listed, now: Timestamp, may_edit: bool) -> Self {
        let (detail, took) = (detail(&listed, now), views::last_took(&listed));
        let delivery = listed.delivery;
        Self {
            id: delivery.id.to_string(),
            order: log::order(delivery.id),
            file_name: listed.file_name,
            detail,
            state_kind: delivery.state.kind(),
            state_label: views::state_label(&delivery),
            endpoint_id: delivery.endpoint_id.to_string(),
            endpoint_name: listed.endpoint_name,
            size: views::size(listed.size),
            took,
            at: delivery.updated_at,
            acts: Acts::of(delivery.state, may_edit),
            has_left: false,
        }
    }
}

#[derive(Template)]
#[template(path = "deliveries/_row.html")]
struct Row {
    delivery: DeliveryRow,
    csrf: String,
}

/// Draws one row.
pub(super) fn draw(delivery: DeliveryRow, drawing: &Drawing) -> Result<String, Failure> {
    Ok(Row { delivery, csrf: drawing.csrf.clone() }.render()?)
}

/// Draws the row of one delivery as it is now, for an answer that replaces it on a page.
pub(super) async fn row(visit: &Visit, id: DeliveryId) -> Result<String, Failure> {
    let found: Option<Listed> =
        visit.read(move |tx| async move { listing::show(tx, id).await }.boxed()).await?;
    let drawing = Drawing::of(visit);
    let listed = found.ok_or(Failure::NotFound)?;
    draw(DeliveryRow::new(listed, drawing.now, drawing.may_edit), &drawing)
}

fn detail(listed: &Listed, now: Timestamp) -> String {
    let delivery = &listed.delivery;
    let error = delivery.last_error.as_deref().unwrap_or_default();
    match delivery.state {
        DeliveryState::Delivered => views::location(delivery),
        DeliveryState::Held => held(delivery.held_reason, error),
        DeliveryState::Queued | DeliveryState::Retrying if listed.endpoint_state == EndpointState::Paused => {
            "Waiting: the endpoint is paused".to_owned()
        }
        DeliveryState::Retrying => match delivery.next_attempt_at {
            Some(at) => format!("Next try {}. {error}", ahead(at.since(now))),
            None => error.to_owned(),
        },
        DeliveryState::Queued
        | DeliveryState::Sending
        | DeliveryState::Verifying
        | DeliveryState::Cancelled => subject(listed),
    }
}

fn held(reason: Option<HeldReason>, error: &str) -> String {
    match (reason, error) {
        (Some(HeldReason::Poison), "") => "Working on it broke the program again and again".to_owned(),
        (_, error) => error.to_owned(),
    }
}

/// Says what the file is about: the use case, and the name that the contact has elsewhere.
fn subject(listed: &Listed) -> String {
    let parts = [listed.use_case_name.as_deref(), listed.external_id.as_deref()];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" · ")
}

/// Says how long something lies ahead, in the largest unit that fits.
fn ahead(wait: Duration) -> String {
    match wait.as_secs() {
        0 => "now".to_owned(),
        seconds @ 1..60 => format!("in {seconds} s"),
        seconds @ 60..3600 => format!("in {} min", seconds / 60),
        seconds => format!("in {} h", seconds / 3600),
    }
}

/// Gives the latest deliveries, for the dashboard, where nothing is done with them.
pub async fn latest(tx: &mut Tx, limit: i64, now: Timestamp) -> DbResult<Vec<DeliveryRow>> {
    let rows = listing::list(tx, &Filter::default(), LATEST, limit).await?;
    Ok(rows.into_iter().map(|listed| DeliveryRow::new(listed, now, false)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_are_said_in_the_largest_unit() {
        for (seconds, text) in [(0, "now"), (59, "in 59 s"), (199, "in 3 min"), (7200, "in 2 h")] {
            assert_eq!(ahead(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn what_goes_on_is_cancelled_and_what_stands_still_is_tried_again() {
        use DeliveryState::{Cancelled, Delivered, Held, Queued, Retrying, Sending, Verifying};
        for (state, retry, cancel) in [
            (Queued, false, true),
            (Sending, false, false),
            (Verifying, false, false),
            (Delivered, false, false),
            (Retrying, true, true),
            (Held, true, true),
            (Cancelled, true, false),
        ] {
            assert_eq!(Acts::of(state, true), Acts { retry, cancel }, "{state}");
            assert_eq!(Acts::of(state, false), Acts::default(), "{state}");
        }
    }
}
