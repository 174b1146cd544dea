//! What a use case is, and which endpoints serve it.

use std::collections::BTreeSet;

use crate::features::endpoints::{EndpointId, EndpointSummary};
use crate::formats::kinds::Purpose;
use crate::platform::clock::Timestamp;
use crate::platform::form::{FieldErrors, FormFields};
use crate::typed_id;

/// As the screen shows it in one line.
pub(super) const NAME_LENGTH: usize = 100;
const UNKNOWN_ENDPOINT: &str = "One of these endpoints is not known";
const UNKNOWN_USE_CASE: &str = "One of these use cases is not known";

typed_id! {
    /// Names a use case.
    UseCaseId
}

/// A kind of contact.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct UseCase {
    /// Names it.
    pub id: UseCaseId,
    /// How people call it.
    pub name: String,
    /// When it was added.
    pub created_at: Timestamp,
    /// When something about it changed.
    pub updated_at: Timestamp,
}

/// One endpoint receives the files of one purpose of one use case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct Link {
    /// The use case.
    pub use_case_id: UseCaseId,
    /// For which files.
    pub purpose: Purpose,
    /// The endpoint.
    pub endpoint_id: EndpointId,
}

/// From which side links are edited, and the whole set that this side shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Side {
    /// The endpoints of a use case.
    UseCase(UseCaseId, Vec<EndpointId>),
    /// The use cases of an endpoint.
    Endpoint(EndpointId, Vec<UseCaseId>),
}

impl Side {
    /// Gives the links that shall exist.
    #[must_use]
    pub fn links(&self, purpose: Purpose) -> BTreeSet<Link> {
        match self {
            Self::UseCase(use_case_id, endpoints) => endpoints
                .iter()
                .map(|&endpoint_id| Link { use_case_id: *use_case_id, purpose, endpoint_id })
                .collect(),
            Self::Endpoint(endpoint_id, use_cases) => use_cases
                .iter()
                .map(|&use_case_id| Link { use_case_id, purpose, endpoint_id: *endpoint_id })
                .collect(),
        }
    }
}

/// What must be added and removed to get from one set of links to another.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) added: Vec<Link>,
    pub(super) removed: Vec<Link>,
}

impl Change {
    pub(super) fn between(present: &BTreeSet<Link>, wanted: &BTreeSet<Link>) -> Self {
        Self {
            added: wanted.difference(present).copied().collect(),
            removed: present.difference(wanted).copied().collect(),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.added.is_empty() && self.removed.is_empty()
    }
}

/// What is submitted about a use case: its name, and its endpoints for each purpose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UseCaseForm {
    /// How people call it.
    pub name: String,
    /// The endpoints for pictures.
    pub pictures: Vec<EndpointId>,
    /// The endpoints for recordings, voicemails and transcripts.
    pub recordings: Vec<EndpointId>,
    /// The endpoints for everything else.
    pub other: Vec<EndpointId>,
}

impl UseCaseForm {
    /// Checks what was typed.
    pub fn parse(form: &FormFields) -> Result<Self, FieldErrors> {
        let mut check = form.check();
        let typed = Self {
            name: check.required("name", "a name", NAME_LENGTH),
            pictures: check.each("pictures", UNKNOWN_ENDPOINT),
            recordings: check.each("recordings", UNKNOWN_ENDPOINT),
            other: check.each("other", UNKNOWN_ENDPOINT),
        };
        check.finish(typed)
    }

    /// Gives the endpoints for each purpose.
    #[must_use]
    pub fn lists(&self) -> [(Purpose, &[EndpointId]); 3] {
        [
            (Purpose::Pictures, &self.pictures),
            (Purpose::Recordings, &self.recordings),
            (Purpose::Other, &self.other),
        ]
    }
}

/// Which use cases an endpoint serves, as its own form says; that form has no list for other files.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Serves {
    /// The use cases whose pictures it receives.
    pub pictures: Vec<UseCaseId>,
    /// The use cases whose recordings it receives.
    pub recordings: Vec<UseCaseId>,
}

impl Serves {
    /// Checks what was ticked.
    pub fn parse(form: &FormFields) -> Result<Self, FieldErrors> {
        let mut check = form.check();
        let ticked = Self {
            pictures: check.each("pictures", UNKNOWN_USE_CASE),
            recordings: check.each("recordings", UNKNOWN_USE_CASE),
        };
        check.finish(ticked)
    }

    /// Says what is wrong with it: use cases that are gone, recordings for a type that takes pictures only.
    #[must_use]
    pub fn problems(&self, known: &[UseCase], pictures_only: bool) -> FieldErrors {
        let mut problems = FieldErrors::default();
        for (field, ids) in [("pictures", &self.pictures), ("recordings", &self.recordings)] {
            if !ids.iter().all(|id| known.iter().any(|use_case| use_case.id == *id)) {
                problems.add(field, UNKNOWN_USE_CASE);
            }
        }
        if pictures_only && !self.recordings.is_empty() {
            problems.add("recordings", "This type accepts pictures only");
        }
        problems
    }
}

/// All use cases and endpoints side by side, and what links them.
#[derive(Debug, Clone)]
pub struct Assignments {
    /// By name.
    pub use_cases: Vec<UseCase>,
    /// By name.
    pub endpoints: Vec<EndpointSummary>,
    links: BTreeSet<Link>,
}

impl Assignments {
    /// Puts together what was read.
    #[must_use]
    pub fn new(use_cases: Vec<UseCase>, endpoints: Vec<EndpointSummary>, links: Vec<Link>) -> Self {
        Self { use_cases, endpoints, links: links.into_iter().collect() }
    }

    /// Gives the endpoints of a use case for a purpose, by name.
    pub fn endpoints_of(
        &self,
        use_case_id: UseCaseId,
        purpose: Purpose,
    ) -> impl Iterator<Item = &EndpointSummary> {
        self.endpoints.iter().filter(move |endpoint| {
            self.links.contains(&Link { use_case_id, purpose, endpoint_id: endpoint.id })
        })
    }

    /// Gives the use cases of an endpoint for a purpose, by name.
    pub fn use_cases_of(&self, endpoint_id: EndpointId, purpose: Purpose) -> impl Iterator<Item = &UseCase> {
        self.use_cases.iter().filter(move |use_case| {
            self.links.contains(&Link { use_case_id: use_case.id, purpose, endpoint_id })
        })
    }

    /// Gives the use cases that send anything to an endpoint, by name.
    pub fn users_of(&self, endpoint_id: EndpointId) -> impl Iterator<Item = &UseCase> {
        self.use_cases.iter().filter(move |use_case| {
            Purpose::ALL
                .iter()
                .any(|&purpose| self.links.contains(&Link { use_case_id: use_case.id, purpose, endpoint_id }))
        })
    }

    /// Gives an endpoint.
    #[must_use]
    pub fn endpoint(&self, id: EndpointId) -> Option<&EndpointSummary> {
        self.endpoints.iter().find(|endpoint| endpoint.id == id)
    }

    /// Gives a use case.
    #[must_use]
    pub fn use_case(&self, id: UseCaseId) -> Option<&UseCase> {
        self.use_cases.iter().find(|use_case| use_case.id == id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> FormFields {
        FormFields::new(pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
    }

    #[test]
    fn a_change_names_only_what_differs() {
        let (use_case, kept, gone, new) =
            (UseCaseId::fresh(), EndpointId::fresh(), EndpointId::fresh(), EndpointId::fresh());
        let present = Side::UseCase(use_case, vec![kept, gone]).links(Purpose::Pictures);
        let wanted = Side::UseCase(use_case, vec![new, kept, kept]).links(Purpose::Pictures);

        let change = Change::between(&present, &wanted);

        assert_eq!(change.added.iter().map(|link| link.endpoint_id).collect::<Vec<_>>(), [new]);
        assert_eq!(change.removed.iter().map(|link| link.endpoint_id).collect::<Vec<_>>(), [gone]);
        assert!(Change::between(&wanted, &wanted).is_empty());
    }

    #[test]
    fn both_sides_mean_the_same_link() {
        let (use_case, endpoint) = (UseCaseId::fresh(), EndpointId::fresh());
        for &purpose in Purpose::ALL {
            assert_eq!(
                Side::UseCase(use_case, vec![endpoint]).links(purpose),
                Side::Endpoint(endpoint, vec![use_case]).links(purpose),
            );
        }
    }

    #[test]
    fn a_name_is_needed_and_has_a_limit() {
        for (name, problem) in
            [(" ".to_owned(), "Enter a name"), ("x".repeat(101), "Use at most 100 characters")]
        {
            let errors = UseCaseForm::parse(&fields(&[("name", &name)])).unwrap_err();
            assert_eq!(errors.first("name"), Some(problem));
        }
        assert!(UseCaseForm::parse(&fields(&[("name", &"ä".repeat(100))])).is_ok());
    }

    #[test]
    fn a_type_for_pictures_refuses_recordings() {
        let known = UseCase {
            id: UseCaseId::fresh(),
            name: "Claims".into(),
            created_at: Timestamp::from_millis(0),
            updated_at: Timestamp::from_millis(0),
        };
        let serves = Serves { pictures: vec![known.id], recordings: vec![known.id] };

        assert!(serves.problems(std::slice::from_ref(&known), false).is_empty());
        let problems = serves.problems(&[known], true);
        assert_eq!(problems.first("recordings"), Some("This type accepts pictures only"));
        assert_eq!(problems.first("pictures"), None);
        assert_eq!(serves.problems(&[], false).first("pictures"), Some(UNKNOWN_USE_CASE));
    }

    #[test]
    fn what_is_no_identifier_is_refused() {
        let errors = UseCaseForm::parse(&fields(&[("name", "a"), ("recordings", "x")])).unwrap_err();

        assert_eq!(errors.first("recordings"), Some(UNKNOWN_ENDPOINT));
    }
}
