//! Servers whose TLS is not to be trusted: no destination type tells them anything.

use std::path::PathBuf;

use base64::Engine;

use mediaport::connectors::gdrive::Google;
use mediaport::connectors::{Configuration, DeliveryError, Ground, Outcome, StepName};
use mediaport::platform::mail::{MailSettings, Mailer};

use super::source::item;
use super::{configured, connector, failed, gdrive, ground, peer, tested};
use crate::support::in_its_own_process;

/// Every type that speaks TLS, set up for a server; for mails and Google's services the ground says which.
fn types(address: &str) -> [(&'static str, Configuration); 5] {
    let https = [("url", address), ("headers", "Authorization: Bearer hunter2hunter2")];
    let s3 = [
        ("bucket", "bucket"),
        ("region", "us-east-1"),
        ("access_key_id", "AKIDTEST"),
        ("secret_access_key", "hunter2hunter2"),
        ("endpoint_url", address),
        ("path_style", "on"),
    ];
    let azure_key = base64::prelude::BASE64_STANDARD.encode([7; 64]);
    let azure = [
        ("account", "clinicfiles"),
        ("container", "pictures"),
        ("access_key", azure_key.as_str()),
        ("endpoint_url", address),
    ];
    let key = gdrive::key_of("hub@stand-in.iam.gserviceaccount.com");
    let gdrive = [("service_account_key", key.as_str()), ("folder_id", "sd_rw")];
    [
        ("https", configured("https", &https)),
        ("s3", configured("s3", &s3)),
        ("azure", configured("azure", &azure)),
        ("gdrive", configured("gdrive", &gdrive)),
        ("email", configured("email", &[("to", "ada@agents.test")])),
    ]
}

/// The ground with the same server for mails, which is to speak TLS at once, and for Google's services.
fn leading(ground: Ground, port: &str) -> Ground {
    let settings = MailSettings {
        server: format!("smtps://mailer:hunter2hunter2@localhost:{port}").parse().expect("a server"),
        from: "hub@example.com".parse().expect("an address"),
    };
    let at: url::Url = format!("https://localhost:{port}/").parse().expect("an address");
    let google = Google { api: at.clone(), token: at };
    Ground { mail: Some(Mailer::new(ground.outbound.clone(), settings)), google, ..ground }
}

/// Counts what a server has noted.
fn noted(name: &str, what: &str) -> u64 {
    let file = PathBuf::from(peer("TEST_TLS_NOTES")).join(format!("{name}.{what}"));
    std::fs::metadata(file).map_or(0, |file| file.len())
}

#[tokio::test]
async fn servers_that_prove_nothing_hear_nothing() {
    in_its_own_process("connectors::tls::calls_bad_servers", |child| {
        child.env("SSL_CERT_FILE", peer("TEST_CA_FILE"));
    });
}

#[tokio::test]
#[ignore = "run by servers_that_prove_nothing_hear_nothing, in a process of its own"]
async fn calls_bad_servers() {
    let root = tempfile::tempdir().expect("a folder");
    let servers = peer("TEST_TLS_SERVERS");
    let servers = servers.split(',').map(|server| server.split_once('=').expect("a name and a port"));
    let (mut bad, mut calls) = (0, 0);
    for (name, port) in servers {
        let before = [noted(name, "calls"), noted(name, "received")];
        for (key, configuration) in types(&format!("https://localhost:{port}/")) {
            if (name, key) == ("good", "email") {
                continue; // it waits to be greeted, which no web server does
            }
            let ground = leading(ground(root.path()), port);
            let (outcome, steps) = tested(key, &ground, &configuration).await;
            let put = connector(key).put(&configuration, &ground, &item("a.jpg", 4000)).await;

            if name == "good" {
                assert_eq!(steps[2].state, mediaport::connectors::StepState::Passed, "{key}: {steps:?}");
                continue;
            }
            assert_eq!((outcome, failed(&steps).name), (Outcome::Failed, StepName::Identity), "{name} {key}");
            assert!(failed(&steps).message.starts_with("rejected"), "{name} {key}: {steps:?}");
            let refused = put.expect_err("refused");
            assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{name} {key}: {refused:?}");
        }
        let after = [noted(name, "calls"), noted(name, "received")];
        assert!(after[0] > before[0], "{name} was called");
        if name == "good" {
            assert!(after[1] > before[1], "what is said would be noted");
            continue;
        }
        assert_eq!(after[1], 0, "{name} was told something");
        bad += 1;
        calls += after[0] - before[0];
    }
    assert_eq!(bad, 8);
    println!("N10: {bad} servers, {} calls, 0 bytes", calls / "call\n".len() as u64);
}
