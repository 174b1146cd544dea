//! A machine client with a key or a personal token.

use reqwest::header::CONTENT_TYPE;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::Value;

use super::browser::client;
use super::page::Page;

/// A client of the HTTP API.
pub(crate) struct ApiClient {
    http: Client,
    address: String,
    /// The key or token.
    pub(crate) key: String,
}

impl ApiClient {
    /// Makes one that visits this address.
    pub(crate) fn new(address: String, key: &str) -> Self {
        Self { http: client(), address, key: key.to_owned() }
    }

    /// Asks for something.
    pub(crate) async fn get(&self, path: &str) -> Page {
        self.send(self.request(Method::GET, path)).await
    }

    /// Sends a JSON document.
    pub(crate) async fn post(&self, path: &str, document: &Value) -> Page {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(document.to_string())).await
    }

    /// Sends a JSON document that is to be worked on once, however often it is sent with this key.
    pub(crate) async fn post_once(&self, path: &str, document: &Value, key: &str) -> Page {
        let request = self.request(Method::POST, path).header(CONTENT_TYPE, "application/json");
        self.send(request.header("Idempotency-Key", key).body(document.to_string())).await
    }

    /// Replaces something by a JSON document.
    pub(crate) async fn put(&self, path: &str, document: &Value) -> Page {
        let request = self.request(Method::PUT, path).header(CONTENT_TYPE, "application/json");
        self.send(request.body(document.to_string())).await
    }

    /// Removes something.
    pub(crate) async fn delete(&self, path: &str) -> Page {
        self.send(self.request(Method::DELETE, path)).await
    }

    /// Opens a conversation and gives its identifier.
    pub(crate) async fn open_conversation(&self, use_case: &str) -> String {
        let opened = self.post("/api/v1/conversations", &serde_json::json!({"use_case": use_case})).await;
        opened.expect(201).json()["id"].as_str().unwrap().to_owned()
    }

    /// Hands a file in; `about` are the fields that describe it.
    pub(crate) async fn upload(&self, conversation: &str, about: &[(&str, &str)], bytes: &[u8]) -> Page {
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(about).finish();
        let path = format!("/api/v1/conversations/{conversation}/media?{query}");
        self.send(self.request(Method::POST, &path).body(bytes.to_vec())).await
    }

    /// Hands a file in as JSON, written as the test says, in pieces of so many bytes.
    pub(crate) async fn upload_json(&self, conversation: &str, document: &str, piece: usize) -> Page {
        let path = format!("/api/v1/conversations/{conversation}/media");
        let request = self.request(Method::POST, &path).header(CONTENT_TYPE, "application/json");
        if piece >= document.len() {
            return self.send(request.body(document.to_owned())).await;
        }
        let pieces: Vec<_> = document.as_bytes().chunks(piece).map(<[u8]>::to_vec).collect();
        let pieces = futures_util::stream::iter(pieces.into_iter().map(Ok::<_, std::io::Error>));
        self.send(request.body(reqwest::Body::wrap_stream(pieces))).await
    }

    /// Starts a request that carries the key.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.address)).bearer_auth(&self.key)
    }

    /// Sends a request.
    pub(crate) async fn send(&self, request: RequestBuilder) -> Page {
        Page::of(request.send().await.unwrap()).await
    }
}
