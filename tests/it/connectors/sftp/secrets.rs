//! Passwords and private keys.

use std::fs;

use mediaport::connectors::{DeliveryError, EndpointProblem, StepName};

use super::super::contract::{Place, deliver};
use super::super::{connector, failed, form, step, tested};
use super::{Faulty, Server, fingerprint, item, keys, ssh_keygen};
use crate::connectors::peer;

const PHRASE: &str = "key phrase";

fn key(name: &str) -> String {
    fs::read_to_string(keys().join(name)).expect("a key")
}

/// Converts a key of the account into another format.
fn converted(name: &str, format: &str, phrase: &str) -> String {
    let folder = tempfile::tempdir().expect("a folder");
    let copy = folder.path().join("key");
    fs::copy(keys().join(name), &copy).expect("a copy");
    ssh_keygen(&["-p", "-q", "-m", format, "-P", "", "-N", phrase, "-f", &copy.display().to_string()]);
    fs::read_to_string(copy).expect("a key")
}

fn problem(fields: &[(&str, &str)]) -> (String, String) {
    let mut all = vec![
        ("host", "sftp.example.com"),
        ("username", "u"),
        ("host_key_fingerprint", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ];
    all.extend(fields);
    let errors = connector("sftp").parse(&form(&all), None).expect_err("a problem");
    let (field, message) = errors.iter().next().expect("one problem");
    assert_eq!(errors.iter().count(), 1, "{errors:?}");
    (field.to_owned(), message.to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_of_every_type_and_format_sign_in() {
    let server = Server::fresh().await;
    let keys = [
        ("ed25519", key("id_ed25519"), ""),
        ("rsa", key("id_rsa"), ""),
        ("ecdsa", key("id_ecdsa"), ""),
        ("a passphrase", key("id_phrase"), PHRASE),
        ("rsa, PEM", converted("id_rsa", "PEM", ""), ""),
        ("rsa, PEM with a passphrase", converted("id_rsa", "PEM", PHRASE), PHRASE),
        ("ecdsa, PEM", converted("id_ecdsa", "PEM", ""), ""),
        ("rsa, PKCS8", converted("id_rsa", "PKCS8", ""), ""),
        ("ecdsa, PKCS8 with a passphrase", converted("id_ecdsa", "PKCS8", PHRASE), PHRASE),
        ("pasted with other line ends", key("id_ed25519").replace('\n', "\r\n  "), ""),
    ];
    for (number, (what, text, phrase)) in keys.iter().enumerate() {
        let configuration =
            server.fields(&[("password", ""), ("private_key", text), ("private_key_passphrase", phrase)]);
        let item = item(&format!("{number}.jpg"), 100);

        let put = connector("sftp").put(&configuration, server.ground(), &item).await;

        put.unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(server.look(&item.path).await, Some((item.size, item.sha256)), "{what}");
    }
}

#[test]
fn keys_that_cannot_be_used_are_told_apart_while_they_are_entered() {
    let whole = key("id_ed25519");
    let broken = whole.replacen("AAAA", "AAAB", 1);
    let (locked, public) = (key("id_phrase"), key("id_ed25519.pub"));
    let folder = tempfile::tempdir().expect("a folder");
    let short = folder.path().join("short").display().to_string();
    ssh_keygen(&["-q", "-t", "rsa", "-b", "1024", "-N", "", "-f", &short]);
    let short = fs::read_to_string(short).expect("a key");

    for (text, phrase, field, begins) in [
        (public.as_str(), "", "private_key", "This is the public half"),
        ("hunter2", "", "private_key", "This key cannot be read"),
        (&broken, "", "private_key", "This key cannot be read"),
        (&whole[..200], "", "private_key", "This key cannot be read"),
        (&short, "", "private_key", "Keys of this kind"),
        (&locked, "", "private_key_passphrase", "This key has a passphrase"),
        (&locked, "hunter2", "private_key_passphrase", "The passphrase does not open"),
        (
            &converted("id_rsa", "PEM", PHRASE),
            "hunter2",
            "private_key_passphrase",
            "The passphrase does not open",
        ),
        (
            &converted("id_rsa", "PKCS8", PHRASE),
            "hunter2",
            "private_key_passphrase",
            "The passphrase does not open",
        ),
    ] {
        let (beside, message) = problem(&[("private_key", text), ("private_key_passphrase", phrase)]);
        assert_eq!(beside, field, "{message}");
        assert!(message.starts_with(begins), "{message}");
        assert!(!message.contains("hunter2"));
    }
}

#[tokio::test]
async fn a_wrong_secret_stops_the_endpoint_with_a_sentence() {
    let server = Server::fresh().await;
    let stranger = keys().join("stranger");
    let text = key("stranger");
    for (changes, says) in [
        (vec![("password", "not the password")], "refuses this user name and password".to_owned()),
        (vec![("username", "nobody-here")], "refuses this user name and password".to_owned()),
        (vec![("password", ""), ("private_key", text.as_str())], fingerprint(&stranger)),
    ] {
        let refused = server.refusal(&changes).await;
        let (_, steps) = tested("sftp", server.ground(), &server.fields(&changes)).await;

        assert!(
            matches!(refused, DeliveryError::Endpoint { reason: EndpointProblem::Setup, .. }),
            "{refused:?}"
        );
        assert!(refused.message().contains(&says), "{refused}");
        assert_eq!(failed(&steps).name, StepName::SignIn);
        assert_eq!(failed(&steps).message, refused.message());
    }
}

#[tokio::test]
async fn a_server_that_only_asks_gets_the_password_as_an_answer() {
    let server = Faulty::new("kbd");

    deliver(&server, &item("a.jpg", 1000)).await.expect("delivered");

    assert_eq!(server.names().len(), 1);
}

#[tokio::test]
async fn a_server_that_ends_the_connection_while_signing_in_is_no_passing_fault() {
    let server = Faulty::new("tries");

    let refused = deliver(&server, &item("a.jpg", 10)).await.expect_err("refused");

    assert!(matches!(refused, DeliveryError::Endpoint { .. }), "{refused:?}");
    assert!(refused.message().contains("too many failed attempts"), "{refused}");
}

#[test]
fn one_kind_of_secret_replaces_the_other() {
    let base = [
        ("host", "sftp.example.com"),
        ("username", "u"),
        ("host_key_fingerprint", "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"),
    ];
    let with = |more: &[(&str, &str)]| form(&[&base[..], more].concat());
    let text = key("id_ed25519");
    let by_password = connector("sftp").parse(&with(&[("password", "hunter2")]), None).expect("parsed");

    let by_key =
        connector("sftp").parse(&with(&[("private_key", &text)]), Some(&by_password)).expect("parsed");
    let kept = connector("sftp").parse(&with(&[]), Some(&by_key)).expect("parsed");

    assert!(!by_key.secrets.expose().contains("hunter2"));
    assert_eq!(kept.secrets, by_key.secrets);
    let moved = form(&[&base[1..], &[("host", "other.example.com")]].concat());
    let errors = connector("sftp").parse(&moved, Some(&by_key)).expect_err("void");
    assert!(errors.first("private_key").is_some_and(|text| text.contains("again")), "{errors:?}");
}

#[tokio::test]
async fn the_test_names_the_host_key_it_met() {
    let server = Server::fresh().await;

    let (_, steps) = tested("sftp", server.ground(), server.configuration()).await;

    let identity = &step(&steps, StepName::Identity).message;
    assert_eq!(*identity, format!("ED25519 {}", super::host_key("ed25519")));
    assert!(step(&steps, StepName::Resolve).message.ends_with(&peer("TEST_SFTP_PORT")));
}
