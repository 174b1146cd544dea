//! Servers that are spoken to behind TLS only. The test authority is trusted in a process of its own.

use mediaport::connectors::{DeliveryError, ItemProblem, Outcome, StepName, StepState};

use super::super::source::item;
use super::super::{failed, peer, step, tested};
use super::{People, server};
use crate::support::in_its_own_process;

#[tokio::test]
async fn mail_is_signed_in_for_and_sent_behind_tls_only() {
    in_its_own_process("connectors::email::tls::sends_behind_tls", |child| {
        child.env("SSL_CERT_FILE", peer("TEST_CA_FILE"));
    });
}

#[tokio::test]
#[ignore = "run by mail_is_signed_in_for_and_sent_behind_tls_only, in a process of its own"]
async fn sends_behind_tls() {
    let encoded = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let account = format!("{}:{}@", encoded(&peer("TEST_SMTP_USER")), encoded(&peer("TEST_SMTP_PASSWORD")));
    for (scheme, port) in [("smtp+starttls", 0), ("smtps", 1)] {
        let people = People::at(&server(scheme, &account, port), &["ada", "eve"], &[]);

        let (outcome, steps) = tested("email", &people.ground, &people.configuration).await;
        people.put(&item("roof.jpg", 30_000)).await.expect("delivered");

        assert_eq!(outcome, Outcome::Passed, "{scheme}: {steps:?}");
        for name in [StepName::Identity, StepName::SignIn, StepName::Write] {
            assert_eq!(step(&steps, name).state, StepState::Passed, "{scheme}: {steps:?}");
        }
        let mails = people.mails();
        assert_eq!(mails.len(), 2);
        for mail in mails {
            assert_eq!(mail["auth"], peer("TEST_SMTP_USER"));
            assert!(mail["tls"].as_str().is_some_and(|tls| tls.starts_with("TLS1.3")), "{mail}");
        }
    }
    refusals_behind_tls(&account).await;
}

async fn refusals_behind_tls(account: &str) {
    for (account, port, said) in [
        ("mailer:wrong@", 0, "user name and password"),
        (account, 4, "no way to sign in"),
        ("", 0, "wants a sign-in"),
    ] {
        let people = People::at(&server("smtp+starttls", account, port), &["ada"], &[]);
        let (outcome, steps) = tested("email", &people.ground, &people.configuration).await;
        let put = people.put(&item("roof.jpg", 100)).await.expect_err("refused");

        assert_eq!(outcome, Outcome::Failed);
        assert!(failed(&steps).message.contains(said), "{steps:?}");
        assert!(put.class() == "endpoint" && put.message().contains(said), "{put:?}");
        let shown = format!("{steps:?} {put:?} {:?}", people.ground);
        assert!(!shown.contains("wrong") && !shown.contains(&peer("TEST_SMTP_PASSWORD")), "{shown}");
    }
    let small = People::at(&server("smtp+starttls", "", 3), &["ada"], &[]);
    let refused = small.put(&item("roof.jpg", 1024 * 1024)).await.expect_err("too large");
    assert!(matches!(refused, DeliveryError::Item { reason: ItemProblem::TooLarge, .. }), "{refused:?}");
    assert!(refused.message().contains("1048576"), "{refused}");
    small.put(&item("roof.jpg", 500_000)).await.expect("small enough");
    assert_eq!(small.mails().len(), 1);
}
