//! `/`: the dashboard, by role.

use askama::Template;
use futures_util::FutureExt;

use serde::Deserialize;

use super::chart::{Chart, Range};
use crate::features::deliveries::pages::{DeliveryRow, size};
use crate::features::doctor::Checkup;
use crate::features::endpoints::{EndpointSummary, Figures, Health};
use crate::features::use_cases::Assignments;
use crate::features::{apps, deliveries, doctor, endpoints, use_cases};
use crate::platform::clock::Timestamp;
use crate::platform::db::{DbResult, Tx};
use crate::platform::web::shell::Shell;
use crate::platform::web::{Params, Reply, Role, Visit};

/// Deliveries that the dashboard shows.
const LATEST: i64 = 8;

#[derive(Template)]
#[template(path = "overview/home.html")]
struct Home {
    shell: Shell,
    work: Work,
}

enum Work {
    Operates(Box<Board>),
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
    ranges: Vec<RangeLink>,
    chart: Chart,
    /// How much arrived, in words.
    volume: String,
    /// How many endpoints have failed attempts behind which nothing has arrived yet.
    failing: usize,
    waiting: i64,
    held: i64,
}

/// How far back the figures may go.
struct RangeLink {
    label: &'static str,
    href: String,
    is_current: bool,
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
    waiting: i64,
    deliveries: Vec<DeliveryRow>,
    range: Range,
    now: Timestamp,
    hours: Vec<(Timestamp, Figures)>,
    checkups: Vec<Checkup>,
}

/// How far back the figures go.
#[derive(Debug, Deserialize)]
pub struct View {
    #[serde(default)]
    range: String,
}

/// Shows what arrived and what needs a person; roles whose screens do not exist yet are told so.
pub async fn home(visit: Visit, view: Params<View>) -> Reply {
    let shell = visit.shell("Dashboard", Vec::new());
    let work = match visit.person()?.role {
        role @ (Role::Admin | Role::Auditor) => {
            let now = visit.now();
            let range = view.0.range.parse().unwrap_or(Range::Day);
            let facts = visit.read(move |tx| async move { gather(tx, now, range).await }.boxed()).await?;
            Work::Operates(Box::new(board(facts, role == Role::Admin)))
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

async fn gather(tx: &mut Tx, now: Timestamp, range: Range) -> DbResult<Facts> {
    Ok(Facts {
        assignments: use_cases::assignments(tx).await?,
        keys: apps::count_keys(tx).await?,
        held: deliveries::count_held(tx).await?,
        waiting: deliveries::count_waiting_anywhere(tx).await?,
        deliveries: deliveries::pages::latest(tx, LATEST, now).await?,
        hours: endpoints::hours(tx, range.since(now)).await?,
        checkups: doctor::all(tx).await?,
        range,
        now,
    })
}

fn board(facts: Facts, may_edit: bool) -> Board {
    let attention = attention(&facts);
    let steps = if may_edit { first_steps(&facts) } else { Vec::new() };
    let steps_done = steps.iter().filter(|step| step.is_done).count();
    let steps = if steps_done == steps.len() { Vec::new() } else { steps };
    let is_new = facts.assignments.endpoints.is_empty();
    let chart = Chart::of(facts.range, facts.now, &facts.hours);
    let failing = |endpoint: &&EndpointSummary| endpoint.last_error.is_some();
    Board {
        is_new,
        may_edit,
        steps,
        steps_done,
        attention,
        ranges: ranges(facts.range),
        volume: size(chart.total.bytes),
        failing: facts.assignments.endpoints.iter().filter(failing).count(),
        waiting: facts.waiting,
        held: facts.held,
        chart,
        deliveries: facts.deliveries,
    }
}

fn ranges(current: Range) -> Vec<RangeLink> {
    let link = |range: &Range| RangeLink {
        label: range.label(),
        href: if *range == Range::Day { "/".to_owned() } else { format!("/?range={range}") },
        is_current: *range == current,
    };
    Range::ALL.iter().map(link).collect()
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
        let health = endpoint.health();
        if matches!(health, Health::Failing | Health::Distrusted | Health::Paused) {
            let text = match health {
                Health::Paused => "Its files wait until somebody resumes it".to_owned(),
                _ => endpoint.last_error.clone().unwrap_or_default(),
            };
            list.push(Attention {
                kind: if health == Health::Paused { "warn" } else { "err" },
                label: health.label(),
                name: endpoint.name.clone(),
                text,
                href: href.clone(),
                action: "View",
            });
        } else if facts.assignments.users_of(endpoint.id).next().is_none() {
            let text = "Not assigned to any use case, so nothing is delivered there".to_owned();
            list.push(Attention {
                kind: "warn",
                label: "Unused",
                name: endpoint.name.clone(),
                text,
                href: href.clone(),
                action: "Assign",
            });
        }
        let checkup = facts.checkups.iter().find(|checkup| checkup.endpoint_id == endpoint.id);
        if let Some(warning) =
            checkup.and_then(Checkup::ends).and_then(|ends| doctor::warning(ends, facts.now))
        {
            list.push(Attention {
                kind: if warning.days <= 1 { "err" } else { "warn" },
                label: "Ends soon",
                name: endpoint.name.clone(),
                text: warning.sentence(),
                href,
                action: "View",
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
