//! Why something could not be done with a use case.

use crate::features::endpoints::EndpointError;
use crate::platform::db::DbError;
use crate::platform::form::FieldErrors;
use crate::platform::web::Failure;

/// Why something could not be done with a use case.
#[derive(Debug, thiserror::Error)]
pub enum UseCaseError {
    /// What was asked for cannot be saved.
    #[error("some fields are refused")]
    Invalid(FieldErrors),
    /// The endpoint could not be added.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl UseCaseError {
    /// Makes a refusal of one field.
    pub(super) fn field(name: &str, message: impl Into<String>) -> Self {
        Self::Invalid(FieldErrors::one(name, message))
    }
}

impl From<UseCaseError> for Failure {
    fn from(error: UseCaseError) -> Self {
        match error {
            UseCaseError::Invalid(errors) => Self::Invalid(errors),
            UseCaseError::Endpoint(error) => error.into(),
            UseCaseError::Db(error) => error.into(),
        }
    }
}
