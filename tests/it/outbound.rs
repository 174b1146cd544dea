//! Names and servers that try to lead Mediaport to where it must not go.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use mediaport::features::apps::Scope;
use mediaport::platform::web::Role;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use crate::connectors::stub::{Lie, Stub};
use crate::support::{
    ApiClient, Browser, Canary, Meaning, NameServer, Page, Process, TestApp, TestDatabase, Turncoat,
};

/// A public address that nobody answers for in the namespace of the test but the test.
const PUBLIC: &str = "11.22.33.44";
/// Where nothing may be called, whatever leads there.
const INSIDE: [&str; 4] = ["127.0.0.1", "10.0.0.5", "169.254.169.254", "[::1]"];
/// What the operator allows.
const ALLOWED: &str = "127.0.0.9";
/// Everything happens on one port, so that only addresses tell where somebody went.
const PORT: u16 = 8443;

/// Makes the network of the test, with a name server of its own, and runs the rest of the command line there.
const NAMESPACE: &str = "set -e
ip link set lo up
for address in 11.22.33.44 10.0.0.5 169.254.169.254; do ip addr add $address/32 dev lo; done
printf 'nameserver 127.0.0.1\\noptions timeout:2 attempts:2\\n' > \"$1/resolv.conf\"
printf 'hosts: files dns\\n' > \"$1/nsswitch.conf\"
mount --bind \"$1/resolv.conf\" /etc/resolv.conf
mount --bind \"$1/nsswitch.conf\" /etc/nsswitch.conf
shift
echo namespace-is-ready
exec \"$@\"";

#[test]
fn no_name_leads_inside() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("unshare");
    command.args(["--mount", "--net", "sh", "-c", NAMESPACE, "sh", folder.path().to_str().unwrap()]);
    command.arg(std::env::current_exe().unwrap());
    command.args(["--ignored", "--exact", "--nocapture", "outbound::no_name_leads_inside_a_namespace"]);

    let output = command.stdin(Stdio::null()).output().unwrap();

    let text =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    assert!(
        text.contains("namespace-is-ready"),
        "this test needs mount and network namespaces: run it as root, or in a container that may make them\n{text}"
    );
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    text.lines().filter(|line| line.starts_with("N03")).for_each(|line| println!("{line}"));
}

/// A store at a public address with a certificate for every name of the test.
struct Store {
    address: SocketAddr,
    acceptor: TlsAcceptor,
    behind: SocketAddr,
    open: JoinSet<()>,
}

impl Store {
    async fn open(address: SocketAddr, folder: &std::path::Path, stub: &Stub) -> Self {
        let [key, certificate] = ["store.key", "store.pem"].map(|name| folder.join(name));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "2", "-subj", "/CN=store", "-addext", "subjectAltName=DNS:*.names.test"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE"])
            .args(["-keyout", key.to_str().unwrap(), "-out", certificate.to_str().unwrap()])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let chain = vec![CertificateDer::from_pem_file(&certificate).unwrap()];
        let key = PrivateKeyDer::from_pem_file(&key).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config =
            ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
        let behind = stub.endpoint().trim_start_matches("http://").parse().unwrap();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let mut store = Self { address, acceptor, behind, open: JoinSet::new() };
        store.take_callers().await;
        store
    }

    #[expect(clippy::disallowed_methods, reason = "this stands outside of the program")]
    async fn take_callers(&mut self) {
        let (listener, acceptor) = (TcpListener::bind(self.address).await.unwrap(), self.acceptor.clone());
        let behind = self.behind;
        self.open.spawn(async move {
            let mut all = JoinSet::new();
            while let Ok((caller, _)) = listener.accept().await {
                let acceptor = acceptor.clone();
                all.spawn(async move {
                    // Whoever only looks whether somebody is there says nothing.
                    let Ok(mut caller) = acceptor.accept(caller).await else { return };
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    drop(tokio::io::copy_bidirectional(&mut caller, &mut server).await);
                });
            }
        });
    }

    /// Hangs up on everybody, so that whoever comes again has to ask for the address.
    async fn hang_up(&mut self) {
        self.open.shutdown().await;
        self.take_callers().await;
    }
}

/// The program, with somebody who sets endpoints up.
struct Site {
    token: ApiClient,
    key: ApiClient,
    _process: Process,
}

impl Site {
    async fn start(folder: &std::path::Path) -> Self {
        let trusted = folder.join("store.pem");
        let more = [
            ("SSL_CERT_FILE", trusted.to_str().unwrap()),
            ("MEDIAPORT_OUTBOUND_ALLOW", "127.0.0.9/32"),
            ("MEDIAPORT_LIMITS__ENDPOINT_TESTS_PER_MINUTE", "0"),
        ];
        let process = Process::start_with(folder, &TestDatabase::File, &more);
        let browser = Browser::new(process.address.clone(), process.address.clone());
        let link = process.greeting.split(&process.address).nth(2).unwrap().trim().to_owned();
        let form = browser.get(&link).await.expect(200).form("form").fill("name", "Ada");
        let form = form.fill("email", "ada@example.com").fill("password", "seven herons over grey water");
        browser.submit(&form).await.expect(303);
        process.beside(&["app", "add", "Claims"]);
        let token = process.beside(&["token", "add", "--user", "ada@example.com"]);
        let key = process.beside(&["key", "add", "--app", "Claims"]);
        let client = |key: &str| ApiClient::new(process.address.clone(), key);
        Self { token: client(&token), key: client(&key), _process: process }
    }

    /// Has an endpoint tested, and saved if it works.
    async fn add(&self, host: &str) -> Page {
        self.token.post("/api/v1/endpoints", &store_at(&format!("https://{host}:{PORT}"), host)).await
    }

    /// Hands a file in for an endpoint, and gives the delivery once it has failed.
    async fn fail_to_deliver(&self, endpoint: &Value) -> Value {
        let name = endpoint["name"].as_str().unwrap();
        let use_case = json!({"name": name, "other": [endpoint["id"]]});
        self.token.post("/api/v1/use-cases", &use_case).await.expect(201);
        let conversation = self.key.open_conversation(name).await;
        self.key.upload(&conversation, &[("kind", "attachment")], b"%PDF-1.7").await.expect(201);
        let path = format!("/api/v1/deliveries?endpoint={}", endpoint["id"].as_str().unwrap());
        for _ in 0..500 {
            let delivery = self.token.get(&path).await.expect(200).json()["items"][0].clone();
            if delivery["attempts"].as_i64() >= Some(1) && !delivery["last_error"].is_null() {
                return delivery;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("the delivery does not fail: {}", self.token.get(&path).await.text());
    }
}

fn store_at(url: &str, name: &str) -> Value {
    json!({
        "name": name, "type": "s3", "bucket": "bucket", "region": "us-east-1", "path_style": true,
        "access_key_id": "AKIDSTUB", "secret_access_key": "secret", "endpoint_url": url,
        "accept_warnings": true,
    })
}

fn canaries() -> Vec<Canary> {
    INSIDE.map(|address| Canary::sit(format!("{address}:{PORT}").parse().unwrap())).into()
}

/// Names whose addresses never all lie outside.
fn names_that_lead_inside() -> Vec<(String, Meaning)> {
    let mut names = Vec::new();
    for inside in ["127.0.0.1", "10.0.0.5", "169.254.169.254", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1"] {
        let word = inside.replace([':', '.'], "-");
        names.push((format!("only{word}x.names.test"), Meaning::of(&[inside])));
        names.push((format!("last{word}x.names.test"), Meaning::of(&[PUBLIC, inside])));
        names.push((format!("first{word}x.names.test"), Meaning::of(&[inside, PUBLIC])));
        names.push((format!("alias{word}x.names.test"), Meaning::alias(&format!("last{word}x.names.test"))));
    }
    names
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "run by no_name_leads_inside, in a namespace of its own"]
async fn no_name_leads_inside_a_namespace() {
    let folder = tempfile::tempdir().unwrap();
    let names = NameServer::at("127.0.0.1:53".parse().unwrap());
    let stub = Stub::start(Lie::None);
    let mut store = Store::open(format!("{PUBLIC}:{PORT}").parse().unwrap(), folder.path(), &stub).await;
    let (canaries, allowed) = (canaries(), Canary::sit(format!("{ALLOWED}:{PORT}").parse().unwrap()));
    let silent = || canaries.iter().for_each(Canary::assert_silent);
    let site = Site::start(folder.path()).await;

    for canary in &canaries {
        std::net::TcpStream::connect(canary.address()).unwrap();
        assert_eq!(canary.calls(), 1, "a call would be noticed");
    }
    names.set("good.names.test", Meaning::of(&[PUBLIC]));
    let good = site.add("good.names.test").await.expect(201).json();
    let lookups = names.asked("good.names.test");
    names.set("allowed.names.test", Meaning::of(&[ALLOWED]));
    site.add("allowed.names.test").await.expect(422);
    assert!(allowed.calls() > 0, "what is allowed is called");

    let inside = names_that_lead_inside();
    for (name, meaning) in &inside {
        names.set(name, meaning.clone());
    }
    for (name, _) in &inside {
        let refused = site.add(name).await.expect(422).text();
        assert!(refused.contains("refused_by_policy"), "{name}: {refused}");
        silent();
    }

    // The name changes its mind at each look-up of the test in turn.
    let mut refused = 0;
    for (turn, to) in (0..=lookups).flat_map(|turn| [(turn, "127.0.0.1"), (turn, "10.0.0.5")]) {
        let name = format!("turns{turn}to{}.names.test", to.replace('.', "-"));
        let (outside, inside) = ([PUBLIC], [to]);
        let answers: Vec<&[&str]> = (0..turn).map(|_| &outside[..]).chain([&inside[..]]).collect();
        names.set(&name, Meaning::changing(&answers));
        refused += usize::from(site.add(&name).await.status == 422);
        silent();
        store.hang_up().await;
    }
    assert!(refused > 2, "{refused}");

    // It changes its mind after the test.
    names.set("good.names.test", Meaning::of(&["127.0.0.1"]));
    store.hang_up().await;
    let delivery = site.fail_to_deliver(&good).await;
    assert!(delivery["last_error"].as_str().unwrap().contains("refused_by_policy"), "{delivery}");
    assert_ne!(delivery["state"], "delivered");
    silent();
    println!(
        "N03: {} names, {} changes of mind in {lookups} look-ups of a test, one before a delivery: 0 calls",
        inside.len(),
        2 * (lookups + 1)
    );
}

#[tokio::test]
async fn no_store_sends_mediaport_elsewhere() {
    let app = TestApp::start().await;
    let (token, key) = (app.add_token(Role::Admin).await, app.add_key("Claims", Scope::ALL).await);
    let stub = Stub::start(Lie::None);
    let store = Turncoat::before(stub.endpoint().trim_start_matches("http://").parse().unwrap());
    let canary = Canary::at("127.0.0.9"); // it may be called: only a redirect leads there
    let endpoint = token.post("/api/v1/endpoints", &store_at(&store.url(), "Store")).await.expect(201).json();
    let use_case = json!({"name": "Claims", "other": [endpoint["id"]]});
    token.post("/api/v1/use-cases", &use_case).await.expect(201);
    let conversation = key.open_conversation("Claims").await;
    let location = format!("Location: {}\r\n", canary.url());
    let refresh = format!("Refresh: 0; url={}\r\n", canary.url());
    let ways = [301, 302, 303, 307, 308].map(|status| (status, location.clone()));

    for (number, (status, lines)) in
        ways.into_iter().chain([(200, refresh), (503, location.clone())]).enumerate()
    {
        store.turn(status, &lines);
        let before = store.answered();
        let tested = token.post("/api/v1/endpoints", &store_at(&store.url(), &format!("{number}"))).await;
        assert_eq!(tested.status, 422, "{status}: {}", tested.text());
        let media =
            key.upload(&conversation, &[("kind", "attachment")], format!("{number}").as_bytes()).await;
        app.run_due_jobs().await;
        assert!(store.answered() >= before + 2, "{status}: both came there");

        let path = format!("/api/v1/deliveries?media={}", media.expect(201).json()["id"].as_str().unwrap());
        let delivery = token.get(&path).await.expect(200).json()["items"][0].clone();
        // Asked whether the place is taken, a store says yes with 200.
        let state = if status == 200 { "held" } else { "retrying" };
        assert_eq!(
            (delivery["state"].as_str(), &delivery["attempts"]),
            (Some(state), &json!(1)),
            "{delivery}"
        );
        assert!(delivery["last_error"].as_str().is_some_and(|error| !error.is_empty()), "{delivery}");
        canary.assert_silent();
    }

    store.repent();
    app.clock.advance(Duration::from_mins(2));
    app.run_due_jobs().await;
    let all = token.get("/api/v1/deliveries").await.expect(200).json();
    let delivered = all["items"].as_array().unwrap().iter().filter(|item| item["state"] == "delivered");
    assert_eq!(delivered.count(), 6, "{all}");
    canary.assert_silent();
}
