//! A browser without script: cookies, pages, forms, and the headers that browsers add by themselves.

use std::collections::BTreeMap;
use std::sync::Mutex;

use reqwest::header::{CONTENT_TYPE, COOKIE, SET_COOKIE};
use reqwest::{Client, Method, RequestBuilder};

use super::page::{Form, Page};

/// A visitor with cookies of their own.
pub(crate) struct Browser {
    http: Client,
    address: String,
    /// What the browser takes for the address of its pages.
    pub(crate) origin: String,
    cookies: Mutex<BTreeMap<String, String>>,
}

impl Browser {
    /// Makes one that visits this address.
    pub(crate) fn new(address: String, origin: String) -> Self {
        Self { http: client(), address, origin, cookies: Mutex::default() }
    }

    /// Opens a page.
    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(self.request(Method::GET, path).header("Sec-Fetch-Site", "same-origin")).await
    }

    /// Asks for one block of a page, as htmx does.
    pub(crate) async fn fragment(&self, path: &str, block: &str) -> Page {
        let request = self.request(Method::GET, path).header("Sec-Fetch-Site", "same-origin");
        self.send(request.header("HX-Request", "true").header("HX-Target", block)).await
    }

    /// Sends a form.
    pub(crate) async fn submit(&self, form: &Form) -> Page {
        self.send(self.posting(&form.action, form.encoded())).await
    }

    /// Sends fields to an address with a form token of this visitor, as if a page of ours had such a form.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let form = Form { action: path.to_owned(), fields: Vec::new() };
        let form = form.fill("_token", &self.token().await);
        self.submit(&fields.iter().fold(form, |form, (name, value)| form.fill(name, value))).await
    }

    /// Signs in on the page for it.
    pub(crate) async fn sign_in(&self, email: &str, password: &str) -> Page {
        let form = self.get("/login").await.expect(200).form("form[action='/login']");
        self.submit(&form.fill("email", email).fill("password", password)).await
    }

    /// Tells whether somebody is signed in: the page for it then leads on.
    pub(crate) async fn is_signed_in(&self) -> bool {
        self.get("/login").await.status == 303
    }

    /// Gives a form token of this visitor.
    pub(crate) async fn token(&self) -> String {
        let page = self.get("/login").await;
        if page.status == 200 { page.token() } else { self.get("/").await.token() }
    }

    /// Presses the button that signs out.
    pub(crate) async fn sign_out(&self) -> Page {
        self.post("/logout", &[]).await
    }

    /// Starts a request with this browser's cookies and nothing else.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.address));
        let cookies = self.cookies.lock().unwrap();
        if cookies.is_empty() {
            return request;
        }
        let line: Vec<String> = cookies.iter().map(|(name, value)| format!("{name}={value}")).collect();
        request.header(COOKIE, line.join("; "))
    }

    /// Sends a request and keeps the cookies of the answer.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Page {
        let page = Page::of(request.send().await.unwrap()).await;
        for line in page.headers.get_all(SET_COOKIE) {
            self.keep(line.to_str().unwrap());
        }
        page
    }

    /// Gives a cookie's value.
    pub(crate) fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().unwrap().get(name).cloned()
    }

    /// Puts a cookie into the browser, as an attacker would.
    pub(crate) fn plant(&self, name: &str, value: &str) {
        self.cookies.lock().unwrap().insert(name.to_owned(), value.to_owned());
    }

    fn posting(&self, path: &str, body: String) -> RequestBuilder {
        self.request(Method::POST, path)
            .header("Origin", &self.origin)
            .header("Sec-Fetch-Site", "same-origin")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(body)
    }

    fn keep(&self, line: &str) {
        let mut parts = line.split(';').map(str::trim);
        let (name, value) = parts.next().and_then(|pair| pair.split_once('=')).unwrap();
        let is_over = parts.any(|part| part.eq_ignore_ascii_case("max-age=0"));
        let mut cookies = self.cookies.lock().unwrap();
        if is_over {
            cookies.remove(name);
        } else {
            cookies.insert(name.to_owned(), value.to_owned());
        }
    }
}

/// Makes a client that follows nothing, asks no proxy, and keeps no connection open behind a stopping server's back.
pub(super) fn client() -> Client {
    let builder = Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none());
    builder.pool_max_idle_per_host(0).build().unwrap()
}
