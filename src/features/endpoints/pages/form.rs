//! The form of an endpoint, alone and in its page.

use askama::Template;
use askama::filters::Safe;
use futures_util::FutureExt;

use super::views::{TestView, TypeChoice, UseCaseChoice, types};
use crate::connectors::{self, AnyConnector, Takes};
use crate::features::use_cases::{self, Assignments};
use crate::platform::db::Db;
use crate::platform::form::FormFields;
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Failure, Reply, Visit};

/// The form, with what was typed and what is wrong with it.
pub(super) struct EditView {
    pub(super) form: FormFields,
    pub(super) action: String,
    pub(super) fields: Safe<String>,
    pub(super) types: Vec<TypeChoice>,
    pub(super) type_key: &'static str,
    pub(super) type_label: &'static str,
    pub(super) takes_recordings: bool,
    pub(super) tab: &'static str,
    pub(super) use_cases: Vec<UseCaseChoice>,
}

impl EditView {
    /// Draws the form; a type that does not exist becomes the first one.
    pub(super) async fn load(db: &Db, form: FormFields) -> Result<Self, Failure> {
        let all = db.read(|tx| use_cases::assignments(tx).boxed()).await?;
        Self::of(form, &all)
    }

    fn of(form: FormFields, all: &Assignments) -> Result<Self, Failure> {
        let connector = chosen(&form)?;
        Ok(Self {
            action: "/endpoints".to_owned(),
            fields: Safe(connector.fields(&form, false)?),
            types: types(),
            type_key: connector.key(),
            type_label: connector.label(),
            takes_recordings: connector.takes() == Takes::Everything,
            tab: "general",
            use_cases: UseCaseChoice::all(all, None),
            form,
        })
    }
}

fn chosen(form: &FormFields) -> Result<&'static dyn AnyConnector, Failure> {
    connectors::find(form.value("type"))
        .or_else(|| connectors::ALL.first().copied())
        .ok_or_else(|| Failure::Bug(anyhow::anyhow!("no endpoint type is registered")))
}

#[derive(Template)]
#[template(path = "endpoints/new.html")]
struct New {
    shell: Shell,
    edit: EditView,
    test: Option<TestView>,
}

/// The form for htmx; it also takes away what an earlier test has left beside it.
#[derive(Template)]
#[template(path = "endpoints/fragment.html")]
struct Fragment {
    shell: Shell,
    edit: EditView,
}

/// Answers with the form: alone when htmx asks, else in its page. With problems in it the status is 422.
pub(super) async fn answer(visit: &Visit, form: FormFields, test: Option<TestView>) -> Reply {
    let is_refused = form.error_count() > 0 || test.is_some();
    let edit = EditView::load(&visit.site.db, form).await?;
    if is_fragment(visit) {
        let shell = bare_shell(visit);
        let fragment = Fragment { shell, edit };
        return if is_refused { visit.unprocessable(fragment) } else { visit.page(fragment) };
    }
    let shell = visit.shell("Add End Point", crumbs("Add End Point"));
    let page = New { shell, edit, test };
    if is_refused { visit.unprocessable(page) } else { visit.page(page) }
}

/// Gives the way to a page below the list.
pub(super) fn crumbs(here: &str) -> Vec<Crumb> {
    vec![Crumb::link("Media endpoints", "/endpoints"), Crumb::here(here)]
}

/// Tells whether htmx asks for a part of a page.
pub(super) fn is_fragment(visit: &Visit) -> bool {
    visit.request.headers().contains_key("HX-Request")
}

/// Gives what a form needs of the frame, without what the frame itself shows.
pub(super) fn bare_shell(visit: &Visit) -> Shell {
    Shell { csrf: visit.form_token(), ..Shell::default() }
}
