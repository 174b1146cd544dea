//! `/`: the dashboard, by role.

use askama::Template;
use futures_util::FutureExt;

use crate::features::deliveries::pages::DeliveryRow;
use crate::features::endpoints::Health;
use crate::features::use_cases::Assignments;
use crate::features::{apps, deliveries, use_cases};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::web::shell::Shell;
use crate::platform::web::{Reply, Role, Visit};

/// Deliveries that the dashboard shows.
const LATEST: i64 = 8;

#[derive(Template)]
#[template(path = "overview/home.html")]
struct Home {
    shell: Shell,
    work: Work,
}

enum Work {
    Operates(Board),
    Waits { role: &'static str, text: &'static str },
}

struct Board {
    /// Nothing can be delivered anywhere yet.
    is_new: bool,
    may_edit: bool,
    steps: Vec<StartStep>,
    steps_done: usize,
    attention: Vec<Attention>,
    deliveries: Vec<DeliveryRow>,
}

struct StartStep {
    title: &'static str,
    text: &'static str,
    is_done: bool,
    href: &'static str,
    action: &'static str,
}

struct Attention {
    kind: &'static str,
    label: &'static str,
    name: String,
    text: String,
    href: String,
    action: &'static str,
}

/// What the dashboard is drawn from.
struct Facts {
    assignments: Assignments,
    keys: i64,
    held: i64,
    deliveries: Vec<DeliveryRow>,
}

/// Shows what arrived and what needs a person; roles whose screens do not exist yet are told so.
pub async fn home(visit: Visit) -> Reply {
    let shell = visit.shell("Dashboard", Vec::new());
    let work = match visit.person()?.role {
        role @ (Role::Admin | Role::Auditor) => {
            let now = visit.now();
            let facts = visit.read(move |tx| async move { gather(tx, now).await }.boxed()).await?;
            Work::Operates(board(facts, role == Role::Admin))
        }
        Role::Builder => Work::Waits {
            role: "Nothing to build yet",
            text: "Assets and flows come with a later release. Your account is ready for them.",
        },
        Role::Agent => Work::Waits {
            role: "No conversations to show yet",
            text: "The conversation screen comes with a later release. Files are already kept and delivered.",
        },
    };
    visit.page(Home { shell, work })
}

async fn gather(tx: &mut Tx, now: Timestamp) -> DbResult<Facts> {
    Ok(Facts {
        assignments: use_cases::assignments(tx).await?,
        keys: apps::count_keys(tx).await?,
        held: deliveries::count_held(tx).await?,
        deliveries: deliveries::pages::latest(tx, LATEST, now).await?,
    })
}

fn board(facts: Facts, may_edit: bool) -> Board {
    let attention = attention(&facts);
    let steps = if may_edit { first_steps(&facts) } else { Vec::new() };
    let steps_done = steps.iter().filter(|step| step.is_done).count();
    let steps = if steps_done == steps.len() { Vec::new() } else { steps };
    let is_new = facts.assignments.endpoints.is_empty();
    Board { is_new, may_edit, steps, steps_done, attention, deliveries: facts.deliveries }
}

/// The way to the first delivered file, told by what exists and not by what was clicked.
fn first_steps(facts: &Facts) -> Vec<StartStep> {
    let assigned = facts
        .assignments
        .endpoints
        .iter()
        .any(|endpoint| facts.assignments.users_of(endpoint.id).next().is_some());
    let step = |title, text, is_done, href, action| StartStep { title, text, is_done, href, action };
    vec![
        step("Create your account", "Done: you are signed in.", true, "", ""),
        step(
            "Add a media endpoint",
            "Where files are delivered. It is tested before it is saved.",
            !facts.assignments.endpoints.is_empty(),
            "/endpoints/new",
            "Add",
        ),
        step(
            "Assign it to a use case",
            "Save Picture Configuration and Recording Configuration say which endpoints get what.",
            assigned,
            "/use-cases",
            "Assign",
        ),
        step(
            "Create an API key",
            "On the server: mediaport app add NAME, then mediaport key add --app NAME.",
            facts.keys > 0,
            "",
            "",
        ),
        step(
            "Deliver the first file",
            "Hand in a picture or a recording with that key.",
            !facts.deliveries.is_empty(),
            "",
            "",
        ),
    ]
}

fn attention(facts: &Facts) -> Vec<Attention> {
    let mut list = Vec::new();
    for endpoint in &facts.assignments.endpoints {
        let href = format!("/endpoints/{}", endpoint.id);
        if endpoint.health() == Health::Failing {
            let text = endpoint.last_error.clone().unwrap_or_default();
            list.push(Attention {
                kind: "err",
                label: "Failing",
                name: endpoint.name.clone(),
                text,
                href,
                action: "View",
            });
        } else if facts.assignments.users_of(endpoint.id).next().is_none() {
            let text = "Not assigned to any use case, so nothing is delivered there".to_owned();
            list.push(Attention {
                kind: "warn",
                label: "Unused",
                name: endpoint.name.clone(),
                text,
                href,
                action: "Assign",
            });
        }
    }
    if facts.held > 0 {
        list.push(Attention {
            kind: "err",
            label: "Held",
            name: "Deliveries".to_owned(),
            text: format!("{} of them need a person", facts.held),
            href: "/deliveries?state=held".to_owned(),
            action: "View",
        });
    }
    list
}
