//! `POST /theme`: light, dark, or as the operating system says. Works without script.

use actix_web::cookie::{Cookie, SameSite, time};

use crate::platform::web::shell::Theme;
use crate::platform::web::{Failure, Form, Reply, Visit};

/// Keeps the choice in a cookie of its own, so that signed-out pages follow it as well.
pub async fn update(visit: Visit, form: Form) -> Reply {
    let theme: Theme = form.0.value("theme").parse().map_err(|_| Failure::malformed("There is no such theme"))?;
    let mut reply = visit.go(&super::sign_ins::local_path(form.0.value("path")))?;
    let cookie = Cookie::build("theme", theme.to_string())
        .path("/")
        .same_site(SameSite::Lax)
        .secure(visit.site.public.is_https())
        .max_age(time::Duration::days(365))
        .finish();
    reply.add_cookie(&cookie).map_err(|error| Failure::Bug(error.into()))?;
    Ok(reply)
}
