//! `POST /endpoints/{id}/test`: the endpoint test with what is stored, now.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use futures_util::{FutureExt, Stream, StreamExt};

use super::draft::{self, Ended};
use super::show::{self, Tab};
use super::stream::{self, html};
use super::testing::{self, Progress, Tested};
use super::views::{TestView, state_word};
use crate::connectors::{Outcome, Step};
use crate::features::doctor::Occasion;
use crate::features::endpoints::{EndpointId, TestLimit};
use crate::features::{Services, doctor};
use crate::platform::db::DbResult;
use crate::platform::web::{Actor, Message, Reply, Segment, Visit, event_stream};

/// Tests. Browsers that take events see each step as it ends; others wait for the whole.
pub async fn create(
    visit: Visit,
    id: Segment<EndpointId>,
    services: Data<Services>,
    limit: Data<TestLimit>,
) -> Reply {
    let stored = draft::stored(&services, id.0).await?;
    limit.take(&visit.actor)?;
    let tested = (stored.connector, stored.configuration);
    if visit.is_fragment() && visit.takes_events() {
        return Ok(watched(&visit, id.0, tested, services));
    }
    let (steps, outcome) = testing::run(tested, services.clone()).await;
    note(&services, visit.actor.clone(), id.0, (outcome, steps.clone())).await?;
    let test = TestView::ended(steps, outcome).of_stored();
    visit.page(show::load(&visit, id.0, Tab::General).await?.with_test(test))
}

/// Keeps what the test showed. When it passed, what waits for the endpoint is tried at once.
pub(in crate::features::endpoints) async fn note(
    services: &Data<Services>,
    actor: Actor,
    id: EndpointId,
    (outcome, steps): Ended,
) -> DbResult<()> {
    let now = services.clock.now();
    let noting = services.db.write(move |tx| {
        async move { doctor::note(tx, &actor, now, id, (Occasion::Person, outcome), &steps).await }.boxed()
    });
    noting.await
}

fn watched(visit: &Visit, id: EndpointId, tested: Tested, services: Data<Services>) -> HttpResponse {
    let test = testing::test(tested, services.clone());
    event_stream(messages(test, Ending { actor: visit.actor.clone(), id, services, steps: Vec::new() }))
}

/// What is needed once a watched test has ended.
struct Ending {
    actor: Actor,
    id: EndpointId,
    services: Data<Services>,
    steps: Vec<Step>,
}

fn messages(test: impl Stream<Item = Progress>, ending: Ending) -> impl Stream<Item = Message> {
    let begin = stream::begin(TestView::running().of_stored());
    let mut ending = Some(ending);
    let rest = test.then(move |progress| {
        if let (Progress::Step(step), Some(ending)) = (&progress, &mut ending) {
            ending.steps.push(step.clone());
        }
        let ended = if matches!(progress, Progress::Done(_)) { ending.take() } else { None };
        async move {
            match (progress, ended) {
                (Progress::Step(step), _) => stream::step(step),
                (Progress::Done(outcome), Some(ending)) => ending.message(outcome).await,
                (Progress::Done(_), None) => Message::Html(String::new()),
            }
        }
    });
    futures_util::stream::once(std::future::ready(begin)).chain(rest)
}

impl Ending {
    async fn message(self, outcome: Outcome) -> Message {
        let noted = note(&self.services, self.actor, self.id, (outcome, self.steps)).await;
        let is_noted =
            noted.inspect_err(|error| tracing::error!(%error, "a test could not be noted")).is_ok();
        let href = format!("/endpoints/{}/edit", self.id);
        html(&End { state: state_word(outcome), href, is_noted })
    }
}

#[derive(Template)]
#[template(path = "endpoints/trial_end.html")]
struct End {
    state: &'static str,
    href: String,
    is_noted: bool,
}
