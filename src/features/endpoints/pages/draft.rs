//! A form that may be tested, and saved when its test allows it.

use actix_web::web::Data;
use futures_util::FutureExt;

use crate::connectors::Outcome;
use crate::features::Services;
use crate::features::endpoints::{self, EndpointId, NewEndpoint, actions};
use crate::features::use_cases::{self, Serves, UseCaseError};
use crate::platform::db::{DbResult, Tx};
use crate::platform::form::{FieldErrors, FormFields};
use crate::platform::web::{Actor, Failure};

/// What was submitted, with nothing wrong in it.
#[derive(Debug, Clone)]
pub(in crate::features::endpoints) struct Draft {
    pub(in crate::features::endpoints) new: NewEndpoint,
    serves: Serves,
    accepts_warnings: bool,
}

impl Draft {
    /// Checks everything that can be checked before the test, so that nobody waits for a test in vain.
    pub(in crate::features::endpoints) async fn admit(
        services: &Services,
        form: &FormFields,
    ) -> Result<Self, Failure> {
        let draft = Self::parse(form).map_err(Failure::Invalid)?;
        let (name, serves) = (draft.new.name.clone(), draft.serves.clone());
        let takes_pictures_only = draft.new.takes_pictures_only();
        let problems = services.db.read(move |tx| {
            async move {
                let mut problems = FieldErrors::default();
                if endpoints::is_name_taken(tx, &name).await? {
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

    fn parse(form: &FormFields) -> Result<Self, FieldErrors> {
        let mut check = form.check();
        let accepts_warnings = check.flag("accept_warnings");
        match (NewEndpoint::parse(form), Serves::parse(form), check.finish(accepts_warnings)) {
            (Ok(new), Ok(serves), Ok(accepts_warnings)) => Ok(Self { new, serves, accepts_warnings }),
            (new, serves, confirmed) => {
                let mut errors = new.err().unwrap_or_default();
                errors.extend(serves.err().unwrap_or_default());
                errors.extend(confirmed.err().unwrap_or_default());
                Err(errors)
            }
        }
    }

    /// Tells whether it may be saved after a test that ended like this.
    pub(in crate::features::endpoints) fn may_be_saved(&self, outcome: Outcome) -> bool {
        match outcome {
            Outcome::Passed => true,
            Outcome::Warnings => self.accepts_warnings,
            Outcome::Failed => false,
        }
    }

    /// Saves it with its use cases.
    pub(in crate::features::endpoints) async fn save(
        self,
        services: Data<Services>,
        actor: Actor,
    ) -> Result<EndpointId, Failure> {
        let db = services.db.clone();
        let saved = db.write(move |tx| async move { self.save_in(tx, &services, &actor).await }.boxed());
        Ok(saved.await?)
    }

    /// Saves it with its use cases, within a transaction.
    pub(in crate::features::endpoints) async fn save_in(
        &self,
        tx: &mut Tx,
        services: &Services,
        actor: &Actor,
    ) -> Result<EndpointId, UseCaseError> {
        let what = (&self.new, &self.serves);
        use_cases::actions::add_endpoint(tx, &services.vault, actor, services.clock.now(), what).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn draft(extra: &[(&str, &str)]) -> Draft {
        let fields = [("name", "a"), ("type", "folder"), ("directory", "a")];
        let pairs =
            fields.iter().chain(extra).map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Draft::parse(&FormFields::new(pairs)).expect("nothing is wrong")
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
