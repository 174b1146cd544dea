//! Why something could not be done with an endpoint.

use actix_web::http::StatusCode;

use crate::platform::db::DbError;
use crate::platform::form::FieldErrors;
use crate::platform::vault::VaultError;
use crate::platform::web::{Code, Failure};

/// An endpoint of a type that a newer version saved.
pub(super) const UNKNOWN_TYPE: Code =
    Code::new(StatusCode::CONFLICT, "unknown_type", "the endpoint's type is not known to this version");

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
            EndpointError::UnknownType(_) => Self::refused(
                &UNKNOWN_TYPE,
                "This version of Mediaport does not know the type of this endpoint",
            ),
            EndpointError::Vault(error) => Self::Bug(error.into()),
        }
    }
}
