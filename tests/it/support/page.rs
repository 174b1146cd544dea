//! An answer of the server, and the forms on it.

use reqwest::header::HeaderMap;
use scraper::{ElementRef, Html, Selector};

/// An answer: a page, a fragment, a file or a document.
#[derive(Debug, Clone)]
pub(crate) struct Page {
    /// The path that was asked for.
    pub(crate) path: String,
    /// The status.
    pub(crate) status: u16,
    /// The headers.
    pub(crate) headers: HeaderMap,
    /// The bytes.
    pub(crate) body: Vec<u8>,
}

impl Page {
    pub(super) async fn of(response: reqwest::Response) -> Self {
        let (path, status) = (response.url().path().to_owned(), response.status().as_u16());
        let headers = response.headers().clone();
        let body = response.bytes().await.unwrap().to_vec();
        Self { path, status, headers, body }
    }

    /// Gives a header's only value; empty when it is missing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let mut values = self.headers.get_all(name).iter();
        let value = values.next().map_or("", |value| value.to_str().unwrap());
        assert!(values.next().is_none(), "{}: {name} is there twice", self.path);
        value
    }

    /// Gives the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Gives the body as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{} is no JSON: {error}: {}", self.path, self.text()))
    }

    /// Gives the status, checked, for a chain: `page.expect(200).assert_text(…)`.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        assert_eq!(self.status, status, "{}: {}", self.path, String::from_utf8_lossy(&self.body));
        self
    }

    /// Gives the address where the answer sends the browser.
    pub(crate) fn location(&self) -> &str {
        self.header("location")
    }

    /// Gives the text of every element that matches.
    pub(crate) fn texts(&self, selector: &str) -> Vec<String> {
        self.select(selector, text_of)
    }

    /// Gives an attribute of every element that matches.
    pub(crate) fn attributes(&self, selector: &str, name: &str) -> Vec<String> {
        self.select(selector, |element| element.attr(name).unwrap_or_default().to_owned())
    }

    /// Fails unless an element that matches shows exactly this text, blanks aside.
    #[track_caller]
    pub(crate) fn assert_text(&self, selector: &str, expected: &str) -> &Self {
        let texts = self.texts(selector);
        assert!(
            texts.iter().any(|text| text == expected),
            "{}: {selector} shows {texts:?}, not {expected:?}",
            self.path
        );
        self
    }

    /// Fails unless the page shows this text somewhere.
    #[track_caller]
    pub(crate) fn assert_mentions(&self, expected: &str) -> &Self {
        let shown = text_of(Html::parse_document(&self.text()).root_element());
        assert!(shown.contains(expected), "{} does not show {expected:?} but {shown:?}", self.path);
        self
    }

    /// Gives the form token of the page; empty when it has none.
    pub(crate) fn token(&self) -> String {
        self.attributes("input[name=_token]", "value").into_iter().next().unwrap_or_default()
    }

    /// Gives the form that matches, filled as the page fills it.
    #[track_caller]
    pub(crate) fn form(&self, selector: &str) -> Form {
        let forms = self.select(selector, |form| Form {
            action: form.attr("action").unwrap_or(&self.path).to_owned(),
            fields: fields_of(form),
        });
        forms.into_iter().next().unwrap_or_else(|| panic!("{} has no {selector}: {}", self.path, self.text()))
    }

    fn select<T>(&self, selector: &str, take: impl Fn(ElementRef<'_>) -> T) -> Vec<T> {
        let selector = Selector::parse(selector).unwrap();
        Html::parse_document(&self.text()).select(&selector).map(take).collect()
    }
}

fn text_of(element: ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A form that somebody is about to send.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    /// Where it goes.
    pub(crate) action: String,
    /// What it says.
    pub(crate) fields: Vec<(String, String)>,
}

impl Form {
    /// Types into a field.
    #[must_use]
    pub(crate) fn fill(mut self, name: &str, value: &str) -> Self {
        self.fields.retain(|(known, _)| known != name);
        self.fields.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Gives what stands in a field.
    pub(crate) fn value(&self, name: &str) -> String {
        self.fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.clone())
            .unwrap_or_default()
    }

    /// Gives the form as it travels.
    pub(super) fn encoded(&self) -> String {
        url::form_urlencoded::Serializer::new(String::new()).extend_pairs(&self.fields).finish()
    }
}

/// What a browser would send of a form that nobody touched.
fn fields_of(form: ElementRef<'_>) -> Vec<(String, String)> {
    let inputs = Selector::parse("input[name], select[name], textarea[name]").unwrap();
    let mut fields = Vec::new();
    for input in form.select(&inputs) {
        let name = input.attr("name").unwrap_or_default().to_owned();
        let kind = input.attr("type").unwrap_or_default();
        let is_sent = match kind {
            "checkbox" | "radio" => input.attr("checked").is_some(),
            "submit" | "button" | "file" => false,
            _ => true,
        };
        if is_sent && input.attr("disabled").is_none() {
            fields.push((name, value_of(input)));
        }
    }
    fields
}

fn value_of(input: ElementRef<'_>) -> String {
    match input.value().name() {
        "textarea" => input.text().collect(),
        "select" => {
            let (chosen, all) = (Selector::parse("option[selected]"), Selector::parse("option"));
            let option = input.select(&chosen.unwrap()).next().or(input.select(&all.unwrap()).next());
            option.and_then(|option| option.attr("value")).unwrap_or_default().to_owned()
        }
        _ => input
            .attr("value")
            .unwrap_or(if input.attr("type") == Some("checkbox") { "on" } else { "" })
            .to_owned(),
    }
}
