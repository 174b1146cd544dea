//! The messages that show a test as it runs, whatever is tested.

use askama::Template;

use super::views::{StepView, TestView};
use crate::connectors::Step;
use crate::platform::web::Message;

#[derive(Template)]
#[template(path = "endpoints/stream_begin.html")]
struct StreamBegin {
    test: TestView,
}

#[derive(Template)]
#[template(path = "endpoints/stream_step.html")]
struct StreamStep {
    step: StepView,
}

/// Shows that a test has begun.
pub(super) fn begin(test: TestView) -> Message {
    html(&StreamBegin { test })
}

/// Shows a step that has ended.
pub(super) fn step(step: Step) -> Message {
    html(&StreamStep { step: step.into() })
}

/// Draws a message; one that cannot be drawn is empty, because the test goes on without it.
pub(super) fn html(template: &impl Template) -> Message {
    match template.render() {
        Ok(html) => Message::Html(html),
        Err(error) => {
            tracing::error!(%error, "a message of an endpoint test could not be drawn");
            Message::Html(String::new())
        }
    }
}
