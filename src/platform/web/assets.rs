//! Style sheet, scripts, icons and font, embedded in the program and served under names that contain their hash.
//!
//! A changed file has a new address, so browsers keep each one for a year. The build script compresses them once; nothing
//! is compressed while serving. Debug builds read the same files from the build folder.

use actix_web::http::Method;
use actix_web::http::header::{
    self, AcceptEncoding, CacheControl, CacheDirective, ContentEncoding, Encoding, Header as _,
};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::{EmbeddedFile, RustEmbed};

/// Addresses of the embedded files, for templates.
pub mod url {
    include!(concat!(env!("OUT_DIR"), "/assets.rs"));
}

#[derive(RustEmbed)]
#[folder = "$OUT_DIR/dist"]
struct Dist;

/// A year, the longest that caches are asked to keep anything.
const KEEP_SECONDS: u32 = 31_536_000;

/// Best first.
const ENCODINGS: [(ContentEncoding, &str); 2] =
    [(ContentEncoding::Brotli, ".br"), (ContentEncoding::Gzip, ".gz")];

/// Serves `/static/{name}`: the brotli, gzip or plain copy, as the browser likes; GET and HEAD.
pub async fn asset(request: HttpRequest) -> HttpResponse {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return HttpResponse::MethodNotAllowed().insert_header((header::ALLOW, "GET, HEAD")).finish();
    }
    let name = request.match_info().get("name").unwrap_or_default();
    let Some((content_type, plain)) = content_type(name).zip(Dist::get(name)) else {
        return HttpResponse::NotFound().finish();
    };
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, content_type))
        .insert_header(CacheControl(vec![
            CacheDirective::Public,
            CacheDirective::MaxAge(KEEP_SECONDS),
            CacheDirective::Extension("immutable".into(), None),
        ]))
        .insert_header((header::VARY, "Accept-Encoding"))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((header::CONTENT_SECURITY_POLICY, "default-src 'none'"));
    let (encoding, file) = chosen(&request, name, plain);
    // `identity` too: it tells a compressing middleware to leave the body alone
    response.insert_header(encoding).body(file.data.into_owned())
}

/// Picks the copy that the browser prefers among those that exist.
fn chosen(request: &HttpRequest, name: &str, plain: EmbeddedFile) -> (ContentEncoding, EmbeddedFile) {
    let copies: Vec<_> = ENCODINGS
        .into_iter()
        .filter_map(|(encoding, suffix)| Some((encoding, Dist::get(&format!("{name}{suffix}"))?)))
        .collect();
    let supported: Vec<Encoding> =
        copies.iter().map(|(encoding, _)| Encoding::Known(*encoding)).chain([Encoding::identity()]).collect();
    let wanted = AcceptEncoding::parse(request).ok().and_then(|accept| accept.negotiate(supported.iter()));
    copies
        .into_iter()
        .find(|(encoding, _)| wanted == Some(Encoding::Known(*encoding)))
        .unwrap_or((ContentEncoding::Identity, plain))
}

/// Gives the type of a file that has an address of its own; the compressed copies have none.
fn content_type(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "woff2" => Some("font/woff2"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use actix_web::body::to_bytes;
    use actix_web::http::StatusCode;
    use actix_web::test::TestRequest;

    use super::*;

    async fn fetched(path: &str, accept: &'static str) -> HttpResponse {
        let name = path.trim_start_matches("/static/").to_owned();
        asset(
            TestRequest::get()
                .insert_header((header::ACCEPT_ENCODING, accept))
                .param("name", name)
                .to_http_request(),
        )
        .await
    }

    fn encoding_of(response: &HttpResponse) -> &str {
        response.headers().get(header::CONTENT_ENCODING).map_or("", |value| value.to_str().expect("text"))
    }

    #[actix_web::test]
    async fn the_smallest_accepted_copy_is_served() {
        for (accept, encoding) in [
            ("gzip, deflate, br", "br"),
            ("gzip", "gzip"),
            ("br;q=0, gzip", "gzip"),
            ("gzip;q=0.5, br;q=0.4", "gzip"),
            ("identity", "identity"),
            ("", "identity"),
        ] {
            let response = fetched(url::APP_CSS, accept).await;

            assert_eq!(response.status(), StatusCode::OK, "{accept}");
            assert_eq!(encoding_of(&response), encoding, "{accept}");
        }
    }

    #[actix_web::test]
    async fn a_brotli_copy_unpacks_to_the_plain_file() {
        let packed = to_bytes(fetched(url::APP_JS, "br").await.into_body()).await.expect("a body");
        let plain = to_bytes(fetched(url::APP_JS, "identity").await.into_body()).await.expect("a body");

        assert!(packed.len() < plain.len() / 2);
    }

    #[actix_web::test]
    async fn files_are_kept_for_a_year_and_never_sniffed() {
        let response = fetched(url::INTER_LATIN_WGHT_NORMAL_WOFF2, "br").await;
        let header = |name| response.headers().get(name).map(|value| value.to_str().expect("text"));

        assert_eq!(header(header::CONTENT_TYPE), Some("font/woff2"));
        assert_eq!(header(header::CACHE_CONTROL), Some("public, max-age=31536000, immutable"));
        assert_eq!(header(header::VARY), Some("Accept-Encoding"));
        assert_eq!(header(header::X_CONTENT_TYPE_OPTIONS), Some("nosniff"));
        assert_eq!(header(header::CONTENT_SECURITY_POLICY), Some("default-src 'none'"));
    }

    #[actix_web::test]
    async fn an_unknown_name_is_not_found() {
        for name in ["app.000000000000.css", "../Cargo.toml", "", &format!("{}.br", url::APP_CSS)] {
            assert_eq!(fetched(name, "br").await.status(), StatusCode::NOT_FOUND, "{name}");
        }
    }

    #[actix_web::test]
    async fn the_style_sheet_names_the_hashed_font() {
        let styles = to_bytes(fetched(url::APP_CSS, "identity").await.into_body()).await.expect("a body");
        let font = url::INTER_LATIN_WGHT_NORMAL_WOFF2.trim_start_matches("/static/");

        assert!(String::from_utf8_lossy(&styles).contains(&format!("url({font})")));
    }
}
