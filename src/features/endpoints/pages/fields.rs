//! `/endpoints/fields`: the form again with the fields of another type.

use super::form;
use crate::platform::web::{Form, Reply, Visit};

/// Draws the fields of the chosen type and keeps what was typed; a POST, so that secrets stay out of addresses.
pub async fn create(visit: Visit, form: Form) -> Reply {
    form::answer(&visit, form.0, None).await
}
