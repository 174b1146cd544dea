//! `/endpoints/fields`: the form again with the fields of another type, or with what the destination says about itself.

use actix_web::web::Data;

use super::draft::About;
use super::form;
use crate::connectors;
use crate::features::Services;
use crate::features::endpoints::TestLimit;
use crate::platform::web::{Form, Reply, Visit};

/// Draws the fields of the chosen type and keeps what was typed; a POST, so that secrets stay out of addresses.
///
/// With `assist` the destination is asked for what the form wants of it, which counts as a test; a preview asks nobody.
pub async fn create(visit: Visit, form: Form, services: Data<Services>, limit: Data<TestLimit>) -> Reply {
    let form = match connectors::find(form.0.value("type")) {
        Some(connector) if !form.0.value("assist").is_empty() => {
            // a preview asks nobody
            if form.0.value("assist") != "preview" {
                limit.take(&visit.actor)?;
            }
            connector.assist(form.0, &services.ground).await
        }
        _ => form.0,
    };
    form::answer(&visit, About::of(&form), form, None).await
}
