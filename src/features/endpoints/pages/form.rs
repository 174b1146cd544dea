//! The form of an endpoint, alone and in its page.

use askama::Template;
use askama::filters::Safe;
use futures_util::FutureExt;

use super::draft::About;
use super::views::{TestView, TypeChoice, UseCaseChoice, types};
use crate::connectors::{self, AnyConnector, Takes};
use crate::features::endpoints::{self, Endpoint};
use crate::features::use_cases::{self, Assignments};
use crate::platform::db::{Db, DbResult};
use crate::platform::form::FormFields;
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Failure, Reply, Visit};

/// The form, with what was typed and what is wrong with it.
pub(super) struct EditView {
    pub(super) form: FormFields,
    pub(super) action: String,
    /// Where to go without saving.
    pub(super) back: String,
    /// The name of the endpoint that is changed or copied.
    pub(super) base: Option<String>,
    pub(super) is_change: bool,
    pub(super) fields: Safe<String>,
    pub(super) types: Vec<TypeChoice>,
    pub(super) type_key: &'static str,
    pub(super) type_label: &'static str,
    pub(super) takes_recordings: bool,
    pub(super) trace: &'static str,
    pub(super) tab: &'static str,
    pub(super) use_cases: Vec<UseCaseChoice>,
}

impl EditView {
    /// Draws the form; a type that does not exist becomes the first one.
    pub(super) async fn load(db: &Db, about: About, form: FormFields) -> Result<Self, Failure> {
        let reading = db.read(move |tx| {
            async move {
                let base = match about.base() {
                    Some(id) => endpoints::find(tx, id).await?,
                    None => None,
                };
                DbResult::Ok((base, use_cases::assignments(tx).await?))
            }
            .boxed()
        });
        let (base, all) = reading.await?;
        if about.base().is_some() && base.is_none() {
            return Err(Failure::NotFound);
        }
        Self::of(about, base.as_ref(), form, &all)
    }

    fn of(
        about: About,
        base: Option<&Endpoint>,
        form: FormFields,
        all: &Assignments,
    ) -> Result<Self, Failure> {
        let connector = chosen(&form)?;
        let has_secrets = base.is_some_and(|base| base.summary.type_key == connector.key());
        let address = about.changed().map(|id| format!("/endpoints/{id}"));
        Ok(Self {
            action: address.clone().unwrap_or_else(|| "/endpoints".to_owned()),
            back: address.unwrap_or_else(|| "/endpoints".to_owned()),
            base: base.map(|base| base.summary.name.clone()),
            is_change: about.changed().is_some(),
            fields: Safe(connector.fields(&form, has_secrets)?),
            types: types(),
            type_key: connector.key(),
            type_label: connector.label(),
            takes_recordings: connector.takes() == Takes::Everything,
            trace: connector.trace(),
            tab: "general",
            use_cases: UseCaseChoice::all(all, about.changed()),
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
pub(super) async fn answer(visit: &Visit, about: About, form: FormFields, test: Option<TestView>) -> Reply {
    let is_refused = form.error_count() > 0 || test.is_some();
    let edit = EditView::load(&visit.site.db, about, form).await?;
    if visit.is_fragment() {
        let shell = bare_shell(visit);
        let fragment = Fragment { shell, edit };
        return if is_refused { visit.unprocessable(fragment) } else { visit.page(fragment) };
    }
    let shell = match (&edit.base, about) {
        (Some(name), About::Change(id)) => {
            let mut crumbs = crumbs("Change");
            crumbs.insert(1, Crumb::link(name, &format!("/endpoints/{id}")));
            visit.shell(&format!("Change {name}"), crumbs)
        }
        _ => visit.shell("Add End Point", crumbs("Add End Point")),
    };
    let page = New { shell, edit, test };
    if is_refused { visit.unprocessable(page) } else { visit.page(page) }
}

/// Gives the way to a page below the list.
pub(super) fn crumbs(here: &str) -> Vec<Crumb> {
    vec![Crumb::link("Media endpoints", "/endpoints"), Crumb::here(here)]
}

/// Gives what a form needs of the frame, without what the frame itself shows.
pub(super) fn bare_shell(visit: &Visit) -> Shell {
    Shell { csrf: visit.form_token(), ..Shell::default() }
}
