//! Requests that are larger than anything needs to be are refused early and cost no memory.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use flate2::{Compress, Compression, FlushCompress};

use crate::alone;
use crate::site::{Keys, Site, add_conversation, files_below, status_of};
use crate::wire::{Client, Wire, media_path};

const CLIENTS: usize = 50;
/// How much the program may grow over all of it.
const MOST_GROWTH: u64 = 10 * 1000 * 1000;
/// What a client says that it will send.
const ENORMOUS: u64 = 10_000_000_000;
/// A refusal has to be there long before a minute has passed, on two processors that fifty clients share.
const EARLY: Duration = Duration::from_secs(20);
/// How long a connection that was answered is still listened to, with room for a busy machine.
const LINGERING: Duration = Duration::from_secs(5);
/// One in so many goes on sending after it was answered.
const GOING_ON: usize = 8;
/// A chunk of 16 KiB.
const CHUNK: usize = 16 * 1024;

/// A request that asks too much.
struct Demand {
    name: &'static str,
    head: String,
    /// What follows the head once.
    body: Vec<u8>,
    /// What follows then, without end.
    endless: Vec<u8>,
    /// How it is answered.
    status: u16,
    /// The word of the problem document; empty where the server's framework answers, or with a page.
    code: &'static str,
}

impl Demand {
    fn new(name: &'static str, head: String, (status, code): (u16, &'static str)) -> Self {
        Self { name, head, body: Vec::new(), endless: Vec::new(), status, code }
    }

    fn body(self, body: Vec<u8>) -> Self {
        Self { body, ..self }
    }

    fn endless(self, endless: Vec<u8>) -> Self {
        Self { endless, ..self }
    }

    /// Makes it, and gives the bytes that went out, or what is wrong with the answer.
    fn make(&self, port: u16, goes_on: bool) -> Result<u64, String> {
        let told = |what: &str| format!("{}: {what}", self.name);
        let mut wire = Wire::connect(port).map_err(|error| told(&error.to_string()))?;
        let begun = Instant::now();
        // It may be refused before all of it was sent.
        drop(wire.send(self.head.as_bytes()).and_then(|()| wire.send(&self.body)));
        let poured = if self.endless.is_empty() { 0 } else { wire.pour(&self.endless, EARLY) };
        let reply = wire.reply().map_err(|error| told(&format!("no answer: {error}")))?;
        let code = reply.json()["code"].as_str().unwrap_or_default().to_owned();
        if reply.status != self.status || code != self.code {
            return Err(told(&format!("{} {code}: {}", reply.status, reply.text())));
        }
        if begun.elapsed() > EARLY {
            return Err(told(&format!("answered after {:?}", begun.elapsed())));
        }
        if goes_on && !self.endless.is_empty() && wire.outlasts(&self.endless, LINGERING) {
            return Err(told("the connection goes on taking what nobody wants"));
        }
        Ok(poured)
    }
}

fn chunk(bytes: &[u8]) -> Vec<u8> {
    [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
}

/// Packs a gigabyte of zeros into a megabyte, as the header `deflate` means it.
fn packed() -> Vec<u8> {
    let (zeros, mut compress) = (vec![0; 1 << 20], Compress::new(Compression::best(), false));
    let mut block = Vec::with_capacity(1 << 16);
    compress.compress_vec(&zeros, &mut block, FlushCompress::Full).unwrap();
    [&[0x78, 0x9c][..], &block.repeat(1024)].concat()
}

const JSON: &str = "Content-Type: application/json\r\n";
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";
/// What the page for signing in sends, apart from a token that is right.
const FORM: &str =
    "Content-Type: application/x-www-form-urlencoded\r\nSec-Fetch-Site: same-origin\r\nCookie: pre=x\r\n";

/// Lists the addresses that take JSON, with who may call them.
fn json_routes(keys: &Keys, port: u16, conversation: &str) -> Vec<(Client, &'static str, String)> {
    let (app, admin) = (|| Client::new(port, &keys.app), || Client::new(port, &keys.admin));
    vec![
        (app(), "POST", "/api/v1/conversations".to_owned()),
        (app(), "POST", format!("/api/v1/conversations/{conversation}/end")),
        (admin(), "POST", "/api/v1/endpoints".to_owned()),
        (admin(), "POST", "/api/v1/use-cases".to_owned()),
        (admin(), "PUT", "/api/v1/use-cases/01890000-0000-7000-8000-000000000000".to_owned()),
    ]
}

fn of_json(keys: &Keys, port: u16, conversation: &str) -> Vec<Demand> {
    let length = format!("Content-Length: {ENORMOUS}\r\n");
    let mut demands = Vec::new();
    for (client, method, path) in json_routes(keys, port, conversation) {
        let head = |more: &str| client.head(method, &path, &format!("{JSON}{more}"));
        let too_large = (413, "too_large");
        demands
            .push(Demand::new("a long JSON document", head(&length), too_large).endless(vec![b' '; CHUNK]));
        demands.push(
            Demand::new("an endless JSON document", head(CHUNKED), too_large).endless(chunk(&[b' '; CHUNK])),
        );
        let packed = packed();
        let more = format!("Content-Encoding: deflate\r\nContent-Length: {}\r\n", packed.len());
        demands.push(Demand::new("packed JSON", head(&more), (415, "unsupported_encoding")).body(packed));
    }
    demands
}

/// What somebody without any right can send.
fn of_forms(port: u16) -> Vec<Demand> {
    let length = format!("Content-Length: {ENORMOUS}\r\n");
    let nobody = Client::new(port, "");
    let mut demands = Vec::new();
    for path in ["/login", "/logout", "/theme", "/setup/code"] {
        let head = |more: &str| nobody.head("POST", path, &format!("{FORM}{more}"));
        demands.push(Demand::new("a long form", head(&length), (413, "")).endless(vec![b'a'; CHUNK]));
        demands.push(Demand::new("an endless form", head(CHUNKED), (413, "")).endless(chunk(&[b'a'; CHUNK])));
        let packed = packed();
        let more = format!("Content-Encoding: deflate\r\nContent-Length: {}\r\n", packed.len().min(60_000));
        demands.push(
            Demand::new("a packed form", head(&more), (415, ""))
                .body(packed[..60_000.min(packed.len())].to_vec()),
        );
    }
    demands
}

fn of_heads(keys: &Keys, port: u16) -> Vec<Demand> {
    let client = Client::new(port, &keys.admin);
    let get = |path: &str, more: &str| client.head("GET", path, more);
    let list = "/api/v1/use-cases";
    let many = "X-Many: a\r\n".repeat(120);
    let long = format!("X-Long: {}\r\n", "a".repeat(1_000_000));
    let query = |bytes: usize| format!("{list}?{}", "a=1&".repeat(bytes / 4));
    let path = |bytes: usize| format!("/{}", "a/".repeat(bytes / 2));
    vec![
        Demand::new("120 headers", get(list, &many), (431, "")),
        Demand::new("a header of a megabyte", get(list, &long), (431, "")),
        Demand::new("a long query", get(&query(30_000), ""), (414, "uri_too_long")),
        Demand::new("a query that the framework refuses", get(&query(100_000), ""), (400, "")),
        Demand::new("a query of 100,000 parameters", get(&query(400_000), ""), (431, "")),
        Demand::new("a long path", get(&path(30_000), ""), (414, "")),
        Demand::new("a body on GET", get(list, "Content-Length: 10\r\n"), (400, "unexpected_body"))
            .body(b"0123456789".to_vec()),
        Demand::new("an endless body on GET", get(list, CHUNKED), (400, "unexpected_body"))
            .endless(chunk(&[b'a'; CHUNK])),
        Demand::new("an endless body on a page", get("/login", CHUNKED), (400, ""))
            .endless(chunk(&[b'a'; CHUNK])),
        Demand::new("an endless body to nowhere", client.head("POST", "/no/where", CHUNKED), (404, ""))
            .endless(chunk(&[b'a'; CHUNK])),
        Demand::new(
            "an endless body without a key",
            Client::new(port, "").head("POST", list, CHUNKED),
            (401, "unauthorized"),
        )
        .endless(chunk(&[b'a'; CHUNK])),
    ]
}

fn of_files(keys: &Keys, port: u16, conversation: &str) -> Vec<Demand> {
    let client = Client::new(port, &keys.app);
    let head = |boundary: &str, more: &str| {
        let kind = format!("Content-Type: multipart/form-data; boundary={boundary}\r\n");
        client.head("POST", &media_path(conversation), &format!("{kind}{more}"))
    };
    let length = format!("Content-Length: {ENORMOUS}\r\n");
    let small = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\na\r\n";
    let too_many = small.repeat(100_000).into_bytes();
    let declared = |body: &[u8]| format!("Content-Length: {}\r\n", body.len());
    let malformed = (400, "malformed");
    let headers = format!("--b\r\n{}\r\na\r\n", "X-Many: a\r\n".repeat(200)).into_bytes();
    let json = |more: &str| client.head("POST", &media_path(conversation), &format!("{JSON}{more}"));
    let too_large = (413, "too_large");
    vec![
        Demand::new("a long file in JSON", json(&length), too_large).endless(vec![b' '; CHUNK]),
        Demand::new("an endless file in JSON", json(CHUNKED), too_large)
            .body(chunk(b"{\"data_base64\": \""))
            .endless(chunk(&[b'A'; CHUNK])),
        Demand::new("endless members beside a file", json(CHUNKED), too_large)
            .body(chunk(b"{"))
            .endless(chunk(&b"\"a\":1,".repeat(2000))),
        Demand::new("a long file", head("b", &length), (413, "too_large")).endless(vec![b'a'; CHUNK]),
        Demand::new("100,000 parts", head("b", &declared(&too_many)), malformed).body(too_many),
        Demand::new("a boundary of 71 letters", head(&"b".repeat(71), "Content-Length: 9\r\n"), malformed)
            .body(b"--bbbbbbb".to_vec()),
        Demand::new("a boundary of a megabyte", head(&"b".repeat(1_000_000), &length), (431, "")),
        Demand::new("200 headers of a part", head("b", &declared(&headers)), malformed).body(headers),
        Demand::new("an endless header of a part", head("b", CHUNKED), malformed)
            .body(chunk(b"--b\r\nX-Long: "))
            .endless(chunk(&[b'a'; CHUNK])),
        Demand::new("endless parts", head("b", CHUNKED), malformed)
            .endless(chunk(small.repeat(200).as_bytes())),
        Demand::new("an endless preamble", head("b", CHUNKED), malformed).endless(chunk(&[b'a'; CHUNK])),
        Demand::new("an endless field", head("b", CHUNKED), (422, "invalid"))
            .body(chunk(b"--b\r\nContent-Disposition: form-data; name=\"note\"\r\n\r\n"))
            .endless(chunk(&[b'a'; CHUNK])),
        Demand::new(
            "a packed file",
            head("b", "Content-Encoding: br\r\nContent-Length: 9\r\n"),
            (415, "unsupported_encoding"),
        )
        .body(b"012345678".to_vec()),
    ]
}

/// Lets the clients hand in ordinary files: what connections, threads and caches take for these is not what is asked.
fn warm_up(site: &Site, keys: &Keys, conversation: &str) {
    std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            scope.spawn(move || {
                let (mut app, file) = (Client::new(site.port, &keys.app), vec![b'a'; 1_000_000]);
                for round in 0..4 {
                    let stored = app.store(conversation, &format!("{number}-{round}"), &file);
                    assert_eq!(stored.unwrap().status, 201);
                    let mut admin = Client::new(site.port, &keys.admin);
                    admin.get("/api/v1/deliveries");
                    assert_eq!(status_of(site.port, "/login"), Some(200));
                }
            });
        }
    });
}

/// Lets every client make every demand, each beginning with another one, and gives what went wrong with the bytes that
/// the clients got rid of.
fn besiege(port: u16, demands: &[Demand]) -> (BTreeMap<String, usize>, u64) {
    let (wrong, poured) = (Mutex::new(BTreeMap::new()), Mutex::new(0));
    std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (wrong, poured) = (&wrong, &poured);
            scope.spawn(move || {
                for number in 0..demands.len() {
                    // Some go on after the answer, which takes until the server ends the connection.
                    let goes_on = (number + client) % GOING_ON == 0;
                    match demands[(number + client * 7) % demands.len()].make(port, goes_on) {
                        Ok(bytes) => *poured.lock().unwrap() += bytes,
                        Err(what) => *wrong.lock().unwrap().entry(what).or_default() += 1,
                    }
                }
            });
        }
    });
    (wrong.into_inner().unwrap(), poured.into_inner().unwrap())
}

#[test]
fn durability_demands_without_measure_are_refused_early_and_cost_no_memory() {
    let _alone = alone();
    let site = Site::new(&[
        ("MEDIAPORT_LIMITS__SIGN_IN_ADDRESS_PER_MINUTE", "0"),
        ("MEDIAPORT_MAX_UPLOAD", "100000000"),
    ]);
    let keys = site.add_keys();
    let mut process = site.start();
    process.ready();
    let conversation = add_conversation(&keys, site.port);
    let idle = process.watch_memory();
    warm_up(&site, &keys, &conversation);
    let demands: Vec<Demand> = [
        of_json(&keys, site.port, &conversation),
        of_forms(site.port),
        of_heads(&keys, site.port),
        of_files(&keys, site.port, &conversation),
    ]
    .into_iter()
    .flatten()
    .collect();

    let before = process.watch_memory();
    let begun = Instant::now();
    let (wrong, poured) = besiege(site.port, &demands);
    let (lasted, most) = (begun.elapsed(), process.most_memory());
    let after = process.watch_memory();

    let growth = most.saturating_sub(before);
    println!(
        "R03 {}: {} demands by {CLIENTS} clients in {lasted:.1?}, {} MB poured in; memory {} kB idle, {} kB after ordinary files of as many clients, {} kB at most, {} kB after: +{} kB",
        site.engine(),
        demands.len() * CLIENTS,
        poured / 1_000_000,
        idle / 1000,
        before / 1000,
        most / 1000,
        after / 1000,
        growth / 1000
    );
    assert_eq!(wrong, BTreeMap::new());
    assert!(growth <= MOST_GROWTH, "{growth} bytes more");
    assert!(files_below(&site.store().join("tmp")).is_empty());
    assert_eq!(status_of(site.port, "/readyz"), Some(200));
}
