//! A form that may be tested, and saved when its test allows it.

use actix_web::web::Data;
use futures_util::FutureExt;

use super::testing::Tested;
use crate::connectors::{Outcome, Step};
use crate::features::Services;
use crate::features::deliveries;
use crate::features::doctor::{self, Occasion};
use crate::features::endpoints::{self, Destination, EndpointForm, EndpointId, actions};
use crate::features::use_cases::{self, Serves, UseCaseError};
use crate::platform::db::{DbResult, Tx};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::web::{Actor, Failure};

/// How a test ended, and its steps.
pub(in crate::features::endpoints) type Ended = (Outcome, Vec<Step>);

/// What a form is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::features::endpoints) enum About {
    /// A new endpoint.
    New,
    /// A new one like this one, with its secrets where they may be used.
    Copy(EndpointId),
    /// This one.
    Change(EndpointId),
}

impl About {
    /// Gives the endpoint whose secrets an empty field stands for.
    pub(in crate::features::endpoints) fn base(self) -> Option<EndpointId> {
        match self {
            Self::New => None,
            Self::Copy(id) | Self::Change(id) => Some(id),
        }
    }

    /// Reads it from the hidden fields of a form.
    pub(in crate::features::endpoints) fn of(form: &FormFields) -> Self {
        match (form.value("change").parse(), form.value("copy_of").parse()) {
            (Ok(id), _) => Self::Change(id),
            (_, Ok(id)) => Self::Copy(id),
            _ => Self::New,
        }
    }

    /// Gives the endpoint that is changed.
    pub(in crate::features::endpoints) fn changed(self) -> Option<EndpointId> {
        match self {
            Self::Change(id) => Some(id),
            Self::New | Self::Copy(_) => None,
        }
    }
}

/// What was submitted, with nothing wrong in it.
#[derive(Debug, Clone)]
pub(in crate::features::endpoints) struct Draft {
    pub(in crate::features::endpoints) form: EndpointForm,
    about: About,
    /// Of the endpoint that is changed, as it was when the form was drawn.
    revision: i64,
    serves: Serves,
    accepts_warnings: bool,
}

impl Draft {
    /// Checks everything that can be checked before the test, so that nobody waits for a test in vain.
    pub(in crate::features::endpoints) async fn admit(
        services: &Data<Services>,
        about: About,
        form: &FormFields,
    ) -> Result<Self, Failure> {
        let stored = match about.base() {
            Some(id) => Some(stored(services, id).await?),
            None => None,
        };
        let draft = Self::parse(about, form, stored.as_ref()).map_err(Failure::Invalid)?;
        let (name, serves) = (draft.form.name.clone(), draft.serves.clone());
        let takes_pictures_only = draft.form.takes_pictures_only();
        let problems = services.db.read(move |tx| {
            async move {
                let mut problems = FieldErrors::default();
                if endpoints::find_named(tx, &name).await?.is_some_and(|id| about.changed() != Some(id)) {
                    problems.add("name", actions::NAME_TAKEN);
                }
                let all = use_cases::list(tx).await?;
                problems.extend(serves.problems(&all, takes_pictures_only));
                DbResult::Ok(problems)
            }
            .boxed()
        });
        let problems = problems.await?;
        if problems.is_empty() { Ok(draft) } else { Err(Failure::Invalid(problems)) }
    }

    fn parse(about: About, form: &FormFields, stored: Option<&Destination>) -> Result<Self, FieldErrors> {
        let mut check = form.check();
        let accepts_warnings = check.flag("accept_warnings");
        let revision = check.parsed("revision", "Open the endpoint again").unwrap_or_default();
        // who names no revision, as the HTTP API lets its callers do, changes whatever is there
        let revision = if revision == 0 { stored.map_or(0, |stored| stored.revision) } else { revision };
        match (EndpointForm::parse(form, stored), Serves::parse(form), check.finish(accepts_warnings)) {
            (Ok(form), Ok(serves), Ok(accepts_warnings)) => {
                Ok(Self { form, about, revision, serves, accepts_warnings })
            }
            (new, serves, confirmed) => {
                let mut errors = new.err().unwrap_or_default();
                errors.extend(serves.err().unwrap_or_default());
                errors.extend(confirmed.err().unwrap_or_default());
                Err(errors)
            }
        }
    }

    /// Gives what is to be tested.
    pub(in crate::features::endpoints) fn tested(&self) -> Tested {
        (self.form.connector, self.form.configuration.clone())
    }

    /// Tells whether it may be saved after a test that ended like this.
    pub(in crate::features::endpoints) fn may_be_saved(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Passed => true,
            Outcome::Warnings => self.accepts_warnings,
            Outcome::Failed => false,
        }
    }

    /// Gives the words for who has saved it.
    pub(in crate::features::endpoints) fn saved_words(&self) -> &'static str {
        match self.about {
            About::New | About::Copy(_) => "End point added. Its test has passed.",
            About::Change(_) => "End point saved. Its test has passed.",
        }
    }

    /// Saves it with its use cases and the test that it has passed.
    pub(in crate::features::endpoints) async fn save(
        self,
        services: Data<Services>,
        actor: Actor,
        test: Ended,
    ) -> Result<EndpointId, Failure> {
        let db = services.db.clone();
        let saved =
            db.write(move |tx| async move { self.save_in(tx, &services, &actor, &test).await }.boxed());
        Ok(saved.await?)
    }

    /// Saves it with its use cases, within a transaction. What waits for a changed endpoint is tried at once.
    pub(in crate::features::endpoints) async fn save_in(
        &self,
        tx: &mut Tx,
        services: &Services,
        actor: &Actor,
        (outcome, steps): &Ended,
    ) -> Result<EndpointId, UseCaseError> {
        let (what, now) = ((&self.form, &self.serves), services.clock.now());
        let id = match self.about {
            About::Change(id) => {
                let which = (id, self.revision);
                use_cases::actions::change_endpoint(tx, &services.vault, actor, now, which, what).await?;
                deliveries::steering::hurry(tx, id, false, now).await?;
                id
            }
            About::New | About::Copy(_) => {
                use_cases::actions::add_endpoint(tx, &services.vault, actor, now, what).await?
            }
        };
        doctor::remember(tx, now, id, (Occasion::Person, *outcome), steps).await?;
        Ok(id)
    }
}

/// Opens what is stored of an endpoint.
pub(in crate::features::endpoints) async fn stored(
    services: &Data<Services>,
    id: EndpointId,
) -> Result<Destination, Failure> {
    let (db, services) = (services.db.clone(), services.clone());
    let found =
        db.read(move |tx| async move { endpoints::destination(tx, &services.vault, id).await }.boxed());
    found.await?.ok_or(Failure::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(extra: &[(&str, &str)]) -> Draft {
        let fields = [("name", "a"), ("type", "folder"), ("directory", "a")];
        let pairs =
            fields.iter().chain(extra).map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Draft::parse(About::New, &FormFields::new(pairs), None).expect("nothing is wrong")
    }

    #[test]
    fn warnings_need_a_word_and_failures_are_final() {
        let (plain, confirmed) = (draft(&[]), draft(&[("accept_warnings", "true")]));

        for draft in [&plain, &confirmed] {
            assert!(draft.may_be_saved(Outcome::Passed));
            assert!(!draft.may_be_saved(Outcome::Failed));
        }
        assert!(!plain.may_be_saved(Outcome::Warnings));
        assert!(confirmed.may_be_saved(Outcome::Warnings));
    }
}
