//! Security headers on every answer, failures included.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::routes::is_for_programs;
use super::site::Site;

const PERMISSIONS: &str = "accelerometer=(), autoplay=(), camera=(), display-capture=(), encrypted-media=(), \
    fullscreen=(self), geolocation=(), gyroscope=(), hid=(), magnetometer=(), microphone=(), midi=(), payment=(), \
    picture-in-picture=(), publickey-credentials-get=(self), screen-wake-lock=(), serial=(), usb=(), \
    xr-spatial-tracking=()";
const API_POLICY: &str = "default-src 'none'; frame-ancestors 'none'; sandbox";
const SIGNED_OUT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; \
    media-src 'none'; font-src 'self'; connect-src 'self'; frame-src 'none'; form-action 'self'; base-uri 'none'; \
    frame-ancestors 'none'; object-src 'none'";

/// What kind of answer it is, which decides its policy.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Portal,
    SignedOut,
    Api,
    Asset,
}

/// Adds the headers of the answer's class; what a handler set itself stays.
pub async fn security_headers<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let class = class_of(request.path());
    let site = request.app_data::<Data<Site>>().cloned();
    match (next.call(request).await, site) {
        (Ok(mut response), Some(site)) => {
            apply(response.headers_mut(), class, &site);
            Ok(response)
        }
        // A layer broke and its answer travels inside the error.
        (Err(error), Some(site)) => {
            let mut response = error.error_response();
            apply(response.headers_mut(), class, &site);
            Err(InternalError::from_response(error, response).into())
        }
        (outcome, None) => outcome,
    }
}

fn apply(headers: &mut HeaderMap, class: Class, site: &Site) {
    common(headers, site);
    match class {
        Class::Asset => set(headers, header::CONTENT_SECURITY_POLICY, "default-src 'none'"),
        Class::Api => {
            set(headers, header::CONTENT_SECURITY_POLICY, API_POLICY);
            set(headers, header::CACHE_CONTROL, "no-store");
            set(headers, header::REFERRER_POLICY, "no-referrer");
        }
        Class::Portal => portal(headers, &portal_policy(site)),
        Class::SignedOut => portal(headers, SIGNED_OUT_POLICY),
    }
    // Handlers use this value to keep the compression away; it means nothing on the wire.
    if headers.get(header::CONTENT_ENCODING).is_some_and(|value| value == "identity") {
        headers.remove(header::CONTENT_ENCODING);
    }
}

fn class_of(path: &str) -> Class {
    match path {
        path if path.starts_with("/static/") => Class::Asset,
        path if is_for_programs(path) || path == "/healthz" || path == "/readyz" => Class::Api,
        path if ["/login", "/setup", "/api/"].iter().any(|start| path.starts_with(start)) => Class::SignedOut,
        _ => Class::Portal,
    }
}

fn common(headers: &mut HeaderMap, site: &Site) {
    set(headers, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    if site.public.is_https() {
        set(headers, header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
    set(headers, header::PERMISSIONS_POLICY, PERMISSIONS);
    set(headers, HeaderName::from_static("cross-origin-resource-policy"), "same-origin");
    set(headers, HeaderName::from_static("x-robots-tag"), "noindex, nofollow");
}

fn portal(headers: &mut HeaderMap, policy: &str) {
    set(headers, header::CONTENT_SECURITY_POLICY, policy);
    set(headers, header::CACHE_CONTROL, "no-store");
    set(headers, header::REFERRER_POLICY, "same-origin");
    set(headers, HeaderName::from_static("cross-origin-opener-policy"), "same-origin");
    set(headers, HeaderName::from_static("origin-agent-cluster"), "?1");
    set(headers, header::VARY, "HX-Request, HX-Target, Cookie, Sec-Fetch-Site");
}

fn portal_policy(site: &Site) -> String {
    let media = site.media_origin.as_deref().map(|origin| format!(" {origin}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:{media}; media-src 'self'{media}; \
         font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'; object-src 'none'"
    )
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if !headers.contains_key(&name)
        && let Ok(value) = HeaderValue::from_str(value)
    {
        headers.insert(name, value);
    }
}
