//! The page of one endpoint, whichever tab is open.

use askama::Template;
use askama::filters::Safe;
use futures_util::FutureExt;

use super::form::crumbs;
use super::pictures::PictureView;
use super::views::{TestView, UseCaseChoice, percent};
use crate::connectors::Outcome;
use crate::features::deliveries::pages::{LogParams, LogView};
use crate::features::doctor::{Checkup, Occasion, PastTest};
use crate::features::endpoints::{self, Endpoint, EndpointId, Figures, PausedReason};
use crate::features::{
    deliveries, doctor,
    use_cases::{self, Assignments},
};
use crate::formats::kinds::Purpose;
use crate::platform::clock::Timestamp;
use crate::platform::db::DbResult;
use crate::platform::form::FormFields;
use crate::platform::web::shell::{Flash, FlashKind, Shell};
use crate::platform::web::{Failure, Visit};
use crate::text_enum;

text_enum! {
    in pub(super),
    /// A part of an endpoint's page.
    Tab {
        /// What it is and how it does.
        General = "general",
        /// The use cases whose pictures it receives.
        Pictures = "pictures",
        /// The use cases whose recordings it receives.
        Recordings = "recordings",
        /// What was sent there.
        Deliveries = "deliveries",
    }
}

impl Tab {
    /// Gives the list of use cases that the tab edits.
    pub(super) fn purpose(self) -> Option<Purpose> {
        match self {
            Self::Pictures => Some(Purpose::Pictures),
            Self::Recordings => Some(Purpose::Recordings),
            Self::General | Self::Deliveries => None,
        }
    }
}

#[derive(Template)]
#[template(path = "endpoints/show.html")]
pub(super) struct Show {
    shell: Shell,
    endpoint: EndpointHead,
    may_edit: bool,
    tab: &'static str,
    settings: Safe<String>,
    used_by: Vec<String>,
    form: FormFields,
    use_cases: Vec<UseCaseChoice>,
    picture: Option<Safe<String>>,
    test: Option<TestView>,
    log: Option<LogView>,
    ending: Option<EndingView>,
    tests: Vec<PastTestView>,
}

/// Something that the endpoint rests on and that ends soon.
struct EndingView {
    kind: &'static str,
    sentence: String,
    at: Timestamp,
}

/// A line of the history of tests.
struct PastTestView {
    kind: &'static str,
    title: String,
    message: String,
    at: Timestamp,
}

/// How many tests of the past the page shows.
const TESTS: i64 = 10;

impl From<PastTest> for PastTestView {
    fn from(test: PastTest) -> Self {
        let (kind, word) = match test.outcome {
            Outcome::Passed => ("ok", "passed"),
            Outcome::Warnings => ("warn", "passed with warnings"),
            Outcome::Failed => ("err", "failed"),
        };
        let who = match test.occasion {
            Occasion::Person => "Test",
            Occasion::Round => "Daily test",
        };
        Self { kind, title: format!("{who} {word}"), message: test.message, at: test.tested_at }
    }
}

struct EndpointHead {
    id: String,
    name: String,
    place: String,
    type_label: String,
    state_kind: &'static str,
    state_label: &'static str,
    /// Why deliveries wait, as stored; empty when they run.
    pause: &'static str,
    is_leaving: bool,
    paused_at: Option<Timestamp>,
    files: i64,
    success: String,
    open: i64,
    waiting: i64,
    takes_recordings: bool,
    last_error: String,
    failing_since: Option<Timestamp>,
    delivered_at: Option<Timestamp>,
    checked_at: Timestamp,
    created_at: Timestamp,
}

impl EndpointHead {
    fn of(endpoint: &Endpoint, figures: Figures, (waiting, open): (i64, i64)) -> Self {
        let summary = &endpoint.summary;
        let health = summary.health();
        Self {
            id: summary.id.to_string(),
            name: summary.name.clone(),
            place: summary.address(),
            type_label: summary.type_label().to_owned(),
            state_kind: health.kind(),
            state_label: health.label(),
            pause: summary.paused_reason.map_or("", PausedReason::as_str),
            is_leaving: summary.leaving.is_some(),
            paused_at: summary.paused_at,
            files: figures.delivered,
            success: figures.success().map(percent).unwrap_or_default(),
            open,
            waiting,
            takes_recordings: !summary.takes_pictures_only(),
            last_error: summary.last_error.clone().unwrap_or_default(),
            failing_since: summary.failing_since,
            delivered_at: summary.delivered_at,
            checked_at: endpoint.checked_at,
            created_at: endpoint.created_at,
        }
    }
}

/// Reads everything that the page shows.
pub(super) async fn load(visit: &Visit, id: EndpointId, tab: Tab) -> Result<Show, Failure> {
    let now = visit.now();
    let found = visit.read(move |tx| {
        async move {
            let Some(endpoint) = endpoints::find(tx, id).await? else { return DbResult::Ok(None) };
            let all = use_cases::assignments(tx).await?;
            let counts = (deliveries::count_waiting(tx, id).await?, deliveries::count_open(tx, id).await?);
            let figures = endpoints::last_day(tx, now).await?;
            let tests = doctor::history(tx, id, TESTS).await?;
            let checkup = doctor::checkup(tx, id).await?;
            Ok(Some((endpoint, all, counts, figures, tests, checkup)))
        }
        .boxed()
    });
    let (endpoint, all, counts, figures, tests, checkup) = found.await?.ok_or(Failure::NotFound)?;
    let figures = figures.into_iter().find(|(of, _)| *of == id).map(|(_, figures)| figures);
    let name = endpoint.summary.name.as_str();
    Ok(Show {
        shell: visit.shell(name, crumbs(name)),
        may_edit: visit.may_edit(),
        tab: tab.as_str(),
        settings: Safe(settings_of(&endpoint)?),
        used_by: all.users_of(id).map(|use_case| use_case.name.clone()).collect(),
        form: ticked(&all, id),
        use_cases: UseCaseChoice::all(&all, Some(id)),
        picture: None,
        test: None,
        log: None,
        tests: tests.into_iter().map(PastTestView::from).collect(),
        ending: checkup.and_then(|checkup| ending(&checkup, now)),
        endpoint: EndpointHead::of(&endpoint, figures.unwrap_or_default(), counts),
    })
}

impl Show {
    /// Shows what was sent there.
    pub(super) async fn with_deliveries(
        mut self,
        visit: &Visit,
        id: EndpointId,
        params: &LogParams,
    ) -> Result<Self, Failure> {
        self.log = Some(LogView::of_endpoint(visit, id, params).await?);
        Ok(self)
    }

    /// Shows a sentence once.
    pub(super) fn say(&mut self, text: &str) {
        self.shell.flash = Some(Flash { kind: FlashKind::Done, text: text.to_owned() });
    }

    /// Shows what was ticked, with what is wrong with it.
    pub(super) fn with_form(mut self, form: FormFields) -> Self {
        self.form = form;
        self
    }

    /// Shows how a test ended.
    pub(super) fn with_test(mut self, test: TestView) -> Self {
        self.test = Some(test);
        self
    }

    /// Shows what became of a test picture.
    pub(super) fn with_picture(mut self, picture: &PictureView) -> Result<Self, Failure> {
        self.picture = Some(Safe(picture.render()?));
        Ok(self)
    }
}

/// Draws the settings with the form's own fields, so that a type is described in one place; secrets are not in them.
fn settings_of(endpoint: &Endpoint) -> Result<String, Failure> {
    match endpoint.summary.connector() {
        Some(connector) => Ok(connector.fields(&connector.filled(endpoint.summary.settings.value()), true)?),
        None => Ok(String::new()),
    }
}

fn ending(checkup: &Checkup, now: Timestamp) -> Option<EndingView> {
    let warning = doctor::warning(checkup.ends()?, now)?;
    let kind = if warning.days <= 1 { "err" } else { "warn" };
    Some(EndingView { kind, sentence: warning.sentence(), at: warning.at })
}

fn ticked(all: &Assignments, id: EndpointId) -> FormFields {
    let mut form = FormFields::default();
    for purpose in [Purpose::Pictures, Purpose::Recordings] {
        for use_case in all.use_cases_of(id, purpose) {
            form.push(purpose.as_str(), use_case.id.to_string());
        }
    }
    form
}
