//! A store that lies, since no real one does on demand: it says OK and keeps something else.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use actix_web::http::Method;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use bytes::{Bytes, BytesMut};
use md5::{Digest, Md5};
use mediaport::connectors::Configuration;

use super::configured;

/// What is wrong with a stub.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Nothing.
    None,
    /// It keeps another byte than was sent, and its sums are of what it keeps.
    FlipsABit,
    /// It keeps one byte less.
    CutsTheEnd,
    /// It keeps another byte, and its sums are of what was sent.
    FlipsABitAndSwears,
    /// It is honest, and too old for the newer checksums.
    KnowsNoNewSums,
}

struct Stored {
    bytes: Bytes,
    etag: String,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Stored>,
    parts: BTreeMap<u32, Bytes>,
    requests: Vec<String>,
}

/// A running stub.
pub(crate) struct Stub {
    state: Arc<Mutex<State>>,
    endpoint: String,
}

impl Stub {
    /// Starts a store with an empty bucket.
    pub(crate) fn start(lie: Lie) -> Self {
        let state = Arc::new(Mutex::new(State::default()));
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        let data = Arc::clone(&state);
        std::thread::spawn(move || {
            let server = HttpServer::new(move || {
                let data = Arc::clone(&data);
                let limit = web::PayloadConfig::new(64 << 20);
                App::new().app_data(limit).default_service(web::to(
                    move |request: HttpRequest, body: Bytes| {
                        let answer = answer(&mut data.lock().expect("the state"), lie, &request, &body);
                        async move { answer }
                    },
                ))
            });
            let server = server.workers(1).disable_signals().listen(listener).expect("a listener");
            actix_web::rt::System::new().block_on(server.run())
        });
        Self { state, endpoint }
    }

    /// Gives the stub's address.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Gives the settings of an endpoint that delivers to the stub.
    pub(super) fn configuration(&self) -> Configuration {
        configuration(&self.endpoint)
    }

    /// Counts what is kept.
    pub(super) fn objects(&self) -> usize {
        self.state.lock().expect("the state").objects.len()
    }

    /// Gives method, path and credentials of every request.
    pub(super) fn requests(&self) -> Vec<String> {
        self.state.lock().expect("the state").requests.clone()
    }
}

/// Gives the settings of an endpoint that delivers to a stub.
pub(super) fn configuration(endpoint: &str) -> Configuration {
    configured(
        "s3",
        &[
            ("bucket", "bucket"),
            ("region", "us-east-1"),
            ("access_key_id", "AKIDSTUB"),
            ("secret_access_key", "secret"),
            ("endpoint_url", endpoint),
            ("path_style", "on"),
        ],
    )
}

fn answer(state: &mut State, lie: Lie, request: &HttpRequest, body: &Bytes) -> HttpResponse {
    state.requests.push(format!("{} {} {:?}", request.method(), request.uri(), request.headers()));
    let key = request.path().to_owned();
    let query = request.query_string();
    let number = query.split('&').find_map(|pair| pair.strip_prefix("partNumber=")?.parse().ok());
    match (request.method(), number) {
        (&Method::PUT, Some(number)) => {
            state.parts.insert(number, body.clone());
            HttpResponse::Ok().insert_header(("etag", quoted(&md5(body)))).finish()
        }
        (&Method::PUT, None)
            if lie == Lie::KnowsNoNewSums && request.headers().contains_key("x-amz-checksum-sha256") =>
        {
            let said =
                "<Error><Code>NotImplemented</Code><Message>A header is not implemented</Message></Error>";
            HttpResponse::NotImplemented().content_type("application/xml").body(said)
        }
        (&Method::PUT, None) => {
            let etag = keep(state, lie, key, body, None);
            HttpResponse::Ok().insert_header(("etag", quoted(&etag))).finish()
        }
        (&Method::POST, _) if query.contains("uploads") => {
            xml("<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>"
                .to_owned())
        }
        (&Method::POST, _) => {
            let parts = std::mem::take(&mut state.parts);
            let sums: Vec<u8> = parts.values().flat_map(|part| Md5::digest(part).to_vec()).collect();
            let whole = parts.values().fold(BytesMut::new(), |mut whole, part| {
                whole.extend_from_slice(part);
                whole
            });
            let sworn = format!("{}-{}", md5(&sums), parts.len());
            let etag = keep(state, lie, key, &whole.freeze(), Some(sworn));
            xml(format!(
                "<CompleteMultipartUploadResult><ETag>{}</ETag></CompleteMultipartUploadResult>",
                quoted(&etag)
            ))
        }
        (&Method::DELETE, _) => {
            state.objects.remove(&key);
            HttpResponse::NoContent().finish()
        }
        _ => match state.objects.get(&key) {
            Some(stored) => {
                HttpResponse::Ok().insert_header(("etag", quoted(&stored.etag))).body(stored.bytes.clone())
            }
            None => HttpResponse::NotFound().finish(),
        },
    }
}

/// Keeps what the lie makes of the bytes, and gives the sum that goes with it.
fn keep(state: &mut State, lie: Lie, key: String, sent: &Bytes, sworn: Option<String>) -> String {
    let sworn = sworn.unwrap_or_else(|| md5(sent));
    let mut bytes = sent.to_vec();
    match lie {
        Lie::None | Lie::KnowsNoNewSums => (),
        Lie::FlipsABit | Lie::FlipsABitAndSwears => bytes[1000] ^= 1,
        Lie::CutsTheEnd => bytes.truncate(sent.len() - 1),
    }
    let etag = if lie == Lie::FlipsABit { md5(&bytes) } else { sworn };
    state.objects.insert(key, Stored { bytes: bytes.into(), etag: etag.clone() });
    etag
}

fn md5(bytes: &[u8]) -> String {
    hex::encode(Md5::digest(bytes))
}

fn quoted(etag: &str) -> String {
    format!("\"{etag}\"")
}

fn xml(body: String) -> HttpResponse {
    HttpResponse::Ok().content_type("application/xml").body(body)
}
