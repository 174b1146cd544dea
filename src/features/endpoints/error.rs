//! Why something could not be done with an endpoint.

use crate::platform::db::DbError;
use crate::platform::form::FieldErrors;
use crate::platform::vault::VaultError;
use crate::platform::web::Failure;

/// Why something could not be done with an endpoint.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// What was typed cannot be saved.
    #[error("some fields are refused")]
    Invalid(FieldErrors),
    /// This version of the program does not know the endpoint's type.
    #[error("unknown endpoint type {0:?}")]
    UnknownType(String),
    /// The secrets could not be sealed or opened.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The database failed.
    #[error(transparent)]
    Db(#[from] DbError),
}

impl From<EndpointError> for Failure {
    fn from(error: EndpointError) -> Self {
        match error {
            EndpointError::Invalid(errors) => Self::Invalid(errors),
            EndpointError::Db(error) => error.into(),
            EndpointError::UnknownType(_) | EndpointError::Vault(_) => Self::Bug(error.into()),
        }
    }
}
