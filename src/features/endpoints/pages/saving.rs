//! `POST /endpoints` and `POST /endpoints/{id}`: testing what was typed before the eyes of the person, and saving it only
//! when it passes.

use actix_web::HttpResponse;
use actix_web::web::Data;
use askama::Template;
use futures_util::{Stream, StreamExt};

use super::draft::{About, Draft};
use super::form::{self, EditView};
use super::stream::{self, html};
use super::testing::{self, Progress};
use super::views::{TestView, state_word};
use crate::connectors::{Outcome, Step};
use crate::features::Services;
use crate::features::endpoints::{EndpointId, TestLimit};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::web::shell::Shell;
use crate::platform::web::{Actor, Failure, Form, Message, Reply, Segment, Visit, event_stream};

/// Tests and saves a new endpoint. Browsers that take events see each step as it ends; others wait for the whole.
pub async fn create(visit: Visit, form: Form, services: Data<Services>, limit: Data<TestLimit>) -> Reply {
    // a form about a change belongs to the address of what it changes
    let about = match About::of(&form.0) {
        About::Change(_) => About::New,
        other => other,
    };
    save(visit, about, form.0, services, limit).await
}

/// Tests and saves a changed endpoint, in the same way.
pub async fn update(
    visit: Visit,
    id: Segment<EndpointId>,
    form: Form,
    services: Data<Services>,
    limit: Data<TestLimit>,
) -> Reply {
    save(visit, About::Change(id.0), form.0, services, limit).await
}

async fn save(
    visit: Visit,
    about: About,
    form: FormFields,
    services: Data<Services>,
    limit: Data<TestLimit>,
) -> Reply {
    let draft = match Draft::admit(&services, about, &form).await {
        Ok(draft) => draft,
        Err(Failure::Invalid(errors)) => {
            return form::answer(&visit, about, form.with_errors(errors), None).await;
        }
        Err(failure) => return Err(failure),
    };
    limit.take(&visit.actor)?;
    if visit.is_fragment() && visit.takes_events() {
        Ok(watched(&visit, about, form, services, draft))
    } else {
        unwatched(&visit, about, form, services, draft).await
    }
}

async fn unwatched(
    visit: &Visit,
    about: About,
    form: FormFields,
    services: Data<Services>,
    draft: Draft,
) -> Reply {
    let (steps, outcome) = testing::run(draft.tested(), services.clone()).await;
    let test = TestView::ended(steps.clone(), outcome);
    if !draft.may_be_saved(outcome) {
        return form::answer(visit, about, form, Some(test)).await;
    }
    let words = draft.saved_words();
    match draft.save(services, visit.actor.clone(), (outcome, steps)).await {
        Ok(id) => visit.redirect(&format!("/endpoints/{id}"), words),
        Err(Failure::Invalid(errors)) => {
            form::answer(visit, about, form.with_errors(errors), Some(test)).await
        }
        Err(failure) => Err(failure),
    }
}

fn watched(
    visit: &Visit,
    about: About,
    form: FormFields,
    services: Data<Services>,
    draft: Draft,
) -> HttpResponse {
    let test = testing::test(draft.tested(), services.clone());
    let (shell, actor) = (form::bare_shell(visit), visit.actor.clone());
    event_stream(messages(test, Ending { shell, actor, about, form, services, draft, steps: Vec::new() }))
}

/// Turns the progress of a test into messages. Saving happens in the last one, and so only while somebody still reads.
fn messages(test: impl Stream<Item = Progress>, ending: Ending) -> impl Stream<Item = Message> {
    let begin = stream::begin(TestView::running());
    let mut ending = Some(ending);
    let rest = test.then(move |progress| {
        if let (Progress::Step(step), Some(ending)) = (&progress, &mut ending) {
            ending.steps.push(step.clone());
        }
        let ended = if matches!(progress, Progress::Done(_)) { ending.take() } else { None };
        async move {
            match (progress, ended) {
                (Progress::Step(step), _) => vec![stream::step(step)],
                (Progress::Done(outcome), Some(ending)) => ending.messages(outcome).await,
                (Progress::Done(_), None) => Vec::new(),
            }
        }
    });
    futures_util::stream::once(std::future::ready(begin)).chain(rest.flat_map(futures_util::stream::iter))
}

/// What is needed once a watched test has ended.
struct Ending {
    shell: Shell,
    actor: Actor,
    about: About,
    form: FormFields,
    services: Data<Services>,
    draft: Draft,
    steps: Vec<Step>,
}

impl Ending {
    async fn messages(self, outcome: Outcome) -> Vec<Message> {
        if !self.draft.may_be_saved(outcome) {
            // the form comes along, because what an earlier answer called wrong in it no longer is
            return self.form_again(state_word(outcome), FieldErrors::default()).await;
        }
        let said = if self.about.changed().is_some() { "saved" } else { "added" };
        match self
            .draft
            .clone()
            .save(self.services.clone(), self.actor.clone(), (outcome, self.steps.clone()))
            .await
        {
            Ok(id) => {
                let address = format!("/endpoints/{id}?{said}=yes");
                vec![html(&StreamEnd { state: "passed" }), Message::Named("saved", address)]
            }
            // somebody else took the name, or removed a use case, while the test ran
            Err(Failure::Invalid(errors)) => self.form_again("failed", errors).await,
            Err(failure) => vec![broken(&failure)],
        }
    }

    /// Ends the test and shows the form; what was typed into secrets stays in the browser.
    async fn form_again(self, state: &'static str, errors: FieldErrors) -> Vec<Message> {
        match EditView::load(&self.services.db, self.about, self.form.with_errors(errors)).await {
            Ok(edit) => vec![html(&StreamEnd { state }), html(&StreamForm { shell: self.shell, edit })],
            Err(failure) => vec![broken(&failure)],
        }
    }
}

fn broken(failure: &Failure) -> Message {
    tracing::error!(error = ?failure, "an endpoint passed its test and could not be saved");
    html(&StreamBroken {})
}

#[derive(Template)]
#[template(path = "endpoints/stream_end.html")]
struct StreamEnd {
    state: &'static str,
}

#[derive(Template)]
#[template(path = "endpoints/stream_form.html")]
struct StreamForm {
    shell: Shell,
    edit: EditView,
}

#[derive(Template)]
#[template(path = "endpoints/stream_broken.html")]
struct StreamBroken {}
