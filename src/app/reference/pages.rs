//! The HTTP API as pages: what there is, one page for each call, and a form to try it.

use actix_web::web::Data;
use askama::Template;

use super::Reference;
use super::book::{Book, CallView};
use crate::platform::web::shell::{Crumb, Shell};
use crate::platform::web::{Failure, Reply, Segment, Visit};

const TITLE: &str = "HTTP API";
const HOME: &str = "/api/docs";

#[derive(Template)]
#[template(path = "reference/index.html")]
struct Index<'b> {
    shell: Shell,
    book: &'b Book,
    current: &'b str,
}

#[derive(Template)]
#[template(path = "reference/show.html")]
struct Show<'b> {
    shell: Shell,
    book: &'b Book,
    current: &'b str,
    call: &'b CallView,
}

/// `GET /api/docs`. It says nothing about the installation but its address, so anybody may read it.
pub async fn index(visit: Visit, reference: Data<Reference>) -> Reply {
    let book = reference.book(&visit.site);
    visit.page(Index { shell: visit.shell(TITLE, vec![Crumb::here(TITLE)]), book, current: "" })
}

/// `GET /api/docs/{call}`.
pub async fn show(visit: Visit, call: Segment<String>, reference: Data<Reference>) -> Reply {
    let book = reference.book(&visit.site);
    let call = book.call(&call.0).ok_or(Failure::NotFound)?;
    let crumbs = vec![Crumb::link(TITLE, HOME), Crumb::here(call.summary)];
    visit.page(Show { shell: visit.shell(call.summary, crumbs), book, current: call.name, call })
}
