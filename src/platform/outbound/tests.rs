use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::BodyExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// A server on 127.0.0.1 that counts who comes and answers everybody alike.
struct Canary {
    port: u16,
    visits: Arc<AtomicUsize>,
}

impl Canary {
    async fn answering(answer: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let visits = Arc::new(AtomicUsize::new(0));
        let counter = visits.clone();
        crate::platform::tasks::Tasks::default().spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counter.fetch_add(1, Ordering::SeqCst);
                let mut head = [0; 4096];
                let _length = stream.read(&mut head).await;
                let _sent = stream.write_all(answer.as_bytes()).await;
            }
        });
        Self { port, visits }
    }

    async fn new() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok").await
    }

    fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

fn closed() -> Outbound {
    Outbound::new(Vec::new()).unwrap()
}

fn open_to(networks: &[&str]) -> Outbound {
    Outbound::new(networks.iter().map(|network| network.parse().unwrap()).collect()).unwrap()
}

async fn get(outbound: &Outbound, url: &str) -> Result<http::Response<reqwest::Body>, OutboundError> {
    let url = outbound.parse_url(url)?;
    let request = http::Request::get(url.as_str()).body(reqwest::Body::from(""));
    outbound.send(request.map_err(|_| Refused::Malformed)?).await
}

/// Ways to write this machine, its network and its cloud, and URLs that are not what they seem.
const FORMS: &[&str] = &[
    "http://127.0.0.1:PORT/",
    "https://127.0.0.1:PORT/",
    "http://127.1:PORT/",
    "https://127.1:PORT/",
    "http://127.0.1:PORT/",
    "http://0:PORT/",
    "https://0.0.0.0:PORT/",
    "http://0x7f.1:PORT/",
    "https://0x7f.1:PORT/",
    "http://0x7f000001:PORT/",
    "https://0x7F.0X0.0x00.0x1:PORT/",
    "http://2130706433:PORT/",
    "https://2130706433:PORT/",
    "http://017700000001:PORT/",
    "https://0177.0.0.1:PORT/",
    "https://127.0.0.1.:PORT/",
    "https://127.255.255.254:PORT/",
    "https://127%2e0%2e0%2e1:PORT/",
    "https://%31%32%37.0.0.1:PORT/",
    "https://①②⑦.0.0.1:PORT/",
    "http://①②⑦.⓪.⓪.①:PORT/",
    "https://127。0。0。1:PORT/",
    "https://１２７.0.0.1:PORT/",
    "http://[::1]:PORT/",
    "https://[::1]:PORT/",
    "https://[0:0:0:0:0:0:0:1]:PORT/",
    "https://[::]:PORT/",
    "https://[::ffff:127.0.0.1]:PORT/",
    "https://[::ffff:7f00:1]:PORT/",
    "https://[0:0:0:0:0:ffff:7f00:0001]:PORT/",
    "https://[::127.0.0.1]:PORT/",
    "https://[::ffff:0:127.0.0.1]:PORT/",
    "https://[64:ff9b::7f00:1]:PORT/",
    "https://[64:ff9b:1::7f00:1]:PORT/",
    "https://[2002:7f00:1::]:PORT/",
    "https://[2001:0:4136:e378:8000:63bf:80ff:fffe]:PORT/",
    "https://[fe80::1]:PORT/",
    "https://[fe80::1%25eth0]:PORT/",
    "https://[fec0::1]:PORT/",
    "https://[fc00::1]:PORT/",
    "https://[fd00:ec2::254]/latest/meta-data/",
    "https://[ff02::1]:PORT/",
    "https://[2001:db8::1]:PORT/",
    "https://[100::1]:PORT/",
    "http://169.254.169.254/latest/meta-data/",
    "https://169.254.169.254/",
    "http://[::ffff:a9fe:a9fe]/",
    "https://[64:ff9b::a9fe:a9fe]/",
    "http://2852039166/",
    "http://0xa9fea9fe/",
    "https://100.100.100.200/",
    "https://10.0.0.1:PORT/",
    "https://172.16.0.1:PORT/",
    "https://192.168.1.1:PORT/",
    "https://100.64.0.1:PORT/",
    "https://192.0.0.1:PORT/",
    "https://192.0.2.1:PORT/",
    "https://192.88.99.1:PORT/",
    "https://198.18.0.1:PORT/",
    "https://198.51.100.1:PORT/",
    "https://203.0.113.1:PORT/",
    "https://224.0.0.1:PORT/",
    "https://240.0.0.1:PORT/",
    "https://255.255.255.255:PORT/",
    "http://localhost:PORT/",
    "https://localhost:PORT/",
    "https://LOCALHOST:PORT/",
    "http://93.184.215.14/",
    "http://ok@127.0.0.1:PORT/",
    "https://ok@10.0.0.1:PORT/",
    "https://example.com:pw@127.0.0.1:PORT/",
    "https://user:pw@example.com/",
    "https:\\\\127.0.0.1:PORT\\",
    "https:/\\127.0.0.1:PORT/",
    "https://exa\tmple.com/",
    " https://127.0.0.1:PORT/",
    "https://127.0.0.1\u{0}:PORT/",
    "http:127.0.0.1:PORT",
    "https:///127.0.0.1:PORT/",
    "//127.0.0.1:PORT/",
    "gopher://127.0.0.1:PORT/_x",
    "file:///etc/passwd",
    "ftp://127.0.0.1:PORT/",
    "dict://127.0.0.1:PORT/",
    "data:text/plain,x",
    "javascript:alert(1)",
    "unix:/run/docker.sock",
    "127.0.0.1:PORT",
    "https://",
    "https://127.0.0.1:99999/",
    "https://256.256.256.256/",
    "https://1.2.3.4.5/",
    "https://[::1/",
    "",
];

#[tokio::test]
async fn no_way_of_writing_it_reaches_what_is_not_public() {
    let canary = Canary::new().await;
    let outbound = closed();
    assert!(FORMS.len() >= 60);
    for form in FORMS {
        let url = form.replace("PORT", &canary.port.to_string());
        let refused = get(&outbound, &url).await;
        assert_eq!(
            refused.as_ref().err().map(OutboundError::word),
            Some("refused_by_policy"),
            "{url}: {refused:?}"
        );
    }
    // Not every resolver knows this name with a dot at the end.
    assert!(get(&outbound, &format!("https://localhost.:{}/", canary.port)).await.is_err());
    assert_eq!(canary.visits(), 0);
}

#[tokio::test]
async fn a_request_that_bypasses_the_check_of_the_text_is_judged_all_the_same() {
    let canary = Canary::new().await;
    let port = canary.port;
    for host in ["127.0.0.1", "0x7f.1", "2130706433", "[::ffff:127.0.0.1]", "localhost", "ok@127.0.0.1"] {
        for scheme in ["http", "https"] {
            let request = http::Request::get(format!("{scheme}://{host}:{port}/")).body("".into()).unwrap();
            let refused = closed().send(request).await.unwrap_err();
            assert_eq!(refused.word(), "refused_by_policy", "{host}: {refused:?}");
        }
    }
    assert_eq!(canary.visits(), 0);
}

#[tokio::test]
async fn plain_connections_obey_the_same_policy() {
    let canary = Canary::new().await;
    let outbound = closed();
    for host in [
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "①②⑦.0.0.1",
        "::1",
        "[::1]",
        "::ffff:127.0.0.1",
        "localhost",
        "a b",
        "",
    ] {
        let refused = outbound.connect(host, canary.port).await.unwrap_err();
        assert_eq!(refused.word(), "refused_by_policy", "{host}: {refused:?}");
    }
    assert_eq!(canary.visits(), 0);

    let outbound = open_to(&["127.0.0.0/8"]);
    for host in ["127.0.0.1", "0x7f.1", "localhost"] {
        // The name may also mean ::1, which is not allowed here.
        if outbound.resolve(host, canary.port).await.is_ok() {
            assert!(outbound.connect(host, canary.port).await.is_ok(), "{host}");
        }
    }
    assert!(canary.visits() >= 2);
}

#[tokio::test]
async fn what_the_operator_allows_is_reached_without_encryption_too() {
    let canary = Canary::new().await;
    let outbound = open_to(&["127.0.0.0/8", "::1/128"]);
    for host in ["127.0.0.1", "[::ffff:127.0.0.1]", "localhost"] {
        let answer = get(&outbound, &format!("http://{host}:{}/#fragment", canary.port)).await;
        match answer {
            Ok(answer) => {
                assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), Bytes::from_static(b"ok"));
            }
            Err(error) => assert_eq!(error.word(), "unreachable", "{host}: {error:?}"),
        }
    }
    assert!(canary.visits() >= 2);
}

#[test]
fn metadata_is_never_reached() {
    let outbound = open_to(&["0.0.0.0/0", "::/0"]);
    for address in [
        "169.254.169.254",
        "169.254.0.1",
        "fe80::1",
        "fd00:ec2::254",
        "::ffff:169.254.169.254",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "100.100.100.200",
    ] {
        let address: IpAddr = address.parse().unwrap();
        assert_eq!(outbound.judge(address), Err(Refused::Never(address)));
    }
    assert_eq!(outbound.judge("10.0.0.1".parse().unwrap()), Ok(Verdict::Allowed));
}

#[test]
fn public_addresses_pass_in_every_form() {
    for address in [
        "93.184.215.14",
        "8.8.8.8",
        "2606:4700::1111",
        "::ffff:8.8.8.8",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ] {
        assert_eq!(closed().judge(address.parse().unwrap()), Ok(Verdict::Public), "{address}");
    }
}

#[test]
fn a_name_with_one_forbidden_address_is_refused_whole() {
    let guard = Guard::new(vec!["10.0.0.0/8".parse().unwrap()]);
    let addresses =
        |list: &[&str]| -> Vec<SocketAddr> { list.iter().map(|text| text.parse().unwrap()).collect() };
    let mixed = addresses(&["93.184.215.14:443", "127.0.0.1:443"]);
    let both = addresses(&["93.184.215.14:443", "10.0.0.1:443"]);
    let inside = addresses(&["10.0.0.1:80"]);

    assert!(guard.admit_all(&mixed, Need::Permitted).is_err());
    assert!(guard.admit_all(&both, Need::Permitted).is_ok());
    assert!(guard.admit_all(&both, Need::Allowed).is_err(), "http needs all of them to be allowed");
    assert!(guard.admit_all(&inside, Need::Allowed).is_ok());
}

#[tokio::test]
async fn redirects_are_answers() {
    let target = Canary::new().await;
    let location = format!(
        "HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:{}/\r\nContent-Length: 0\r\n\r\n",
        target.port
    );
    let origin = Canary::answering(location.leak()).await;
    let outbound = open_to(&["127.0.0.1/32"]);

    let answer = get(&outbound, &format!("http://127.0.0.1:{}/", origin.port)).await.unwrap();

    assert_eq!(answer.status(), 307);
    assert_eq!((origin.visits(), target.visits()), (1, 0));
}

#[tokio::test]
async fn failures_have_three_words() {
    let outbound = open_to(&["127.0.0.1/32"]);
    let unused = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = get(&outbound, &format!("https://127.0.0.1:{unused}/")).await.unwrap_err();
    assert!(matches!(error, OutboundError::Unreachable(_)), "{error:?}");
    assert_eq!(error.word(), "unreachable");
    let error = outbound.connect("127.0.0.1", unused).await.unwrap_err();
    assert_eq!(error.word(), "unreachable");

    let canary = Canary::new().await;
    let error = get(&outbound, &format!("https://127.0.0.1:{}/", canary.port)).await.unwrap_err();
    assert!(matches!(error, OutboundError::Tls(_)), "{error:?}");
    assert_eq!(error.word(), "rejected");
    let stream = outbound.connect("127.0.0.1", canary.port).await.unwrap();
    let error = outbound.tls("127.0.0.1", stream).await.unwrap_err();
    assert!(matches!(error, OutboundError::Tls(_)), "{error:?}");

    let silent = Canary::answering("").await;
    let error = get(&outbound, &format!("http://127.0.0.1:{}/", silent.port)).await.unwrap_err();
    assert!(matches!(error, OutboundError::Other(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("127.0.0.1:"), "no URL in an error: {error:?}");
}

#[tokio::test]
async fn a_body_of_known_size_is_sent_with_its_length() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut received = Vec::new();
        while !received.ends_with(&vec![9; 300_000]) {
            assert_ne!(stream.read_buf(&mut received).await.unwrap(), 0);
        }
        stream.write_all(b"HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").await.unwrap();
        String::from_utf8_lossy(&received[..200]).to_lowercase()
    };
    let request = http::Request::put(url).body(reqwest::Body::from(vec![9; 300_000])).unwrap();
    let outbound = open_to(&["127.0.0.1/32"]);

    let (head, answer) = tokio::join!(server, outbound.send(request));

    assert_eq!(answer.unwrap().status(), 201);
    assert!(head.contains("content-length: 300000\r\n"), "{head}");
}

#[tokio::test]
async fn the_sdk_goes_the_same_way() {
    use aws_sdk_s3::config::{BehaviorVersion, Credentials, Region};

    let canary = Canary::new().await;
    let bucket = |outbound: Outbound| {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("us-east-1"))
            .credentials_provider(Credentials::new("id", "secret", None, None, "test"))
            .endpoint_url(format!("http://127.0.0.1:{}", canary.port))
            .force_path_style(true)
            .http_client(outbound)
            .build();
        aws_sdk_s3::Client::from_conf(config)
    };

    let refused = bucket(closed()).get_object().bucket("b").key("k").send().await.unwrap_err();
    let mut cause: Option<&dyn Error> = Some(&refused);
    let original = loop {
        let current = cause.expect("our error is among the causes");
        match current.downcast_ref::<OutboundError>() {
            Some(original) => break original,
            None => cause = current.source(),
        }
    };
    assert!(matches!(original, OutboundError::Refused(_)));
    assert_eq!(canary.visits(), 0);

    let answer = bucket(open_to(&["127.0.0.1/32"])).get_object().bucket("b").key("k").send().await.unwrap();
    assert_eq!(answer.content_length(), Some(2));
    assert_eq!(answer.body.collect().await.unwrap().into_bytes(), Bytes::from_static(b"ok"));

    let put = bucket(open_to(&["127.0.0.1/32"])).put_object().bucket("b").key("k");
    put.body(vec![1; 200_000].into()).send().await.unwrap();
}

#[tokio::test]
#[ignore = "run by the next test, in a process with another environment"]
async fn child_asks_directly() {
    let canary = Canary::new().await;
    get(&open_to(&["127.0.0.1/32"]), &format!("http://127.0.0.1:{}/", canary.port)).await.unwrap();
    assert_eq!(canary.visits(), 1);
}

#[tokio::test]
async fn a_proxy_in_the_environment_is_ignored() {
    let proxy = Canary::new().await;
    let address = format!("http://127.0.0.1:{}", proxy.port);
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args(["--ignored", "--exact", "platform::outbound::tests::child_asks_directly"]);
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        child.env(name, &address);
    }
    let output = tokio::task::spawn_blocking(move || child.output()).await.unwrap().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    assert_eq!(proxy.visits(), 0);
}

#[test]
fn a_connection_outlives_the_runtime_of_whoever_opened_it() {
    let home = tokio::runtime::Runtime::new().unwrap();
    let worker = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let rest = Arc::new(tokio::sync::Notify::new());
    let (outbound, listener) = home
        .block_on(async { (open_to(&["127.0.0.1/32"]), TcpListener::bind("127.0.0.1:0").await.unwrap()) });
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let awaited = Arc::clone(&rest);
    home.spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let _length = stream.read(&mut [0; 4096]).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no").await.unwrap();
        awaited.notified().await;
        stream.write_all(b"k").await.unwrap();
    });

    let answer = worker.block_on(get(&outbound, &url)).unwrap();
    drop(worker);
    rest.notify_one();

    assert_eq!(home.block_on(answer.into_body().collect()).unwrap().to_bytes(), "ok");
}
