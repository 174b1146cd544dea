//! What goes wrong with a mail, and what people are told.

use std::io::Write;
use std::net::TcpListener;

use mediaport::connectors::{DeliveryError, ItemProblem, Outcome, StepName};
use mediaport::platform::mail::Mailer;
use mediaport::platform::outbound::Outbound;

use super::super::source::{breaking_item, item};
use super::super::{configured, connector, failed, ground, tested};
use super::relay::{Fault, Relay};
use super::{FROM, People, address, header, mailing, server};

#[tokio::test]
async fn every_refusal_says_whose_turn_it_is() {
    for (name, class, said) in [
        ("nouser", "item", "takes no mail for nouser-"),
        ("full", "transient", "takes no mail for full-"),
        ("grey", "transient", "asked twice"),
        ("spam", "item", "refuses the mail"),
        ("big", "item", "too large"),
        ("later", "transient", "cannot keep the mail"),
    ] {
        let people = People::open(&[name], &[]);
        let item = item("roof.jpg", 2_000);
        let refused = people.put(&item).await.expect_err(name);

        assert_eq!(refused.class(), class, "{refused:?}");
        assert!(refused.message().contains(said), "{refused}");
        let is_too_large = matches!(refused, DeliveryError::Item { reason: ItemProblem::TooLarge, .. });
        assert_eq!(is_too_large, name == "big");
        assert!(people.mails().is_empty());
        if name == "grey" {
            people.put(&item).await.expect("the second time");
            assert_eq!(people.mails().len(), 1);
        }
    }
    let people = People::open(&["ada"], &[]);
    let elsewhere = configured("email", &[("to", "ada@elsewhere.test")]);
    let relay = connector("email").put(&elsewhere, &people.ground, &item("roof.jpg", 10)).await;
    let relay = relay.expect_err("no relay");
    assert!(relay.class() == "item" && relay.message().contains("relay not permitted"), "{relay:?}");
    let stranger = mailing(std::path::Path::new("/"), &server("smtp", "", 2), "refused@mail.example.com");
    let sender = connector("email").put(&people.configuration, &stranger, &item("roof.jpg", 10)).await;
    let sender = sender.expect_err("not this sender");
    assert!(sender.class() == "endpoint" && sender.message().contains("MEDIAPORT_SMTP_FROM"), "{sender:?}");
}

#[tokio::test]
async fn as_long_as_one_may_pass_it_is_tried_again() {
    let people = People::open(&["nouser", "full", "ada"], &[]);
    let refused = people.put(&item("roof.jpg", 2_000)).await.expect_err("two are refused");

    assert_eq!(refused.class(), "transient");
    assert!(refused.message().contains("full-") && refused.message().contains("1 more"), "{refused}");
    assert_eq!(people.mails().len(), 1);
}

#[tokio::test]
async fn a_source_that_breaks_is_not_sent() {
    for good_readings in [0, 1] {
        let people = People::open(&["ada"], &[]);
        let put = people.put(&breaking_item("roof.jpg", 600_000, good_readings)).await;
        if good_readings == 1 {
            put.expect("it is read once");
            continue;
        }
        let refused = put.expect_err("unreadable");
        assert!(refused.message().contains("could not be read here"), "{refused}");
        assert!(people.mails().is_empty());
    }
}

#[tokio::test]
async fn an_answer_that_was_lost_is_a_second_mail_of_the_same_name() {
    let relay = Relay::before(2, Fault::LosesTheConsent);
    let people = People::at(&relay.url("smtp", ""), &["ada"], &[]);
    let item = item("roof.jpg", 2_000);

    let lost = people.put(&item).await.expect_err("no answer");
    assert!(lost.class() == "transient" && lost.message().contains("twice"), "{lost:?}");
    let direct = mailing(std::path::Path::new("/"), &server("smtp", "", 2), FROM);
    connector("email").put(&people.configuration, &direct, &item).await.expect("delivered");

    let mails = people.mails();
    assert_eq!(mails.len(), 2);
    assert_eq!(header(&mails[0], "Message-ID"), header(&mails[1], "Message-ID"));
}

#[tokio::test]
async fn without_tls_that_was_asked_for_nothing_is_said() {
    for (port, fault) in
        [(0, Fault::StripsTheOffer), (2, Fault::None), (0, Fault::RefusesTls), (0, Fault::Smuggles)]
    {
        let relay = Relay::before(port, fault);
        let people = People::at(&relay.url("smtp+starttls", "mailer:hunter2hunter2@"), &["ada"], &[]);

        let (outcome, steps) = tested("email", &people.ground, &people.configuration).await;
        let put = people.put(&item("roof.jpg", 2_000)).await.expect_err("refused");

        assert_eq!(
            (outcome, failed(&steps).name),
            (Outcome::Failed, StepName::Identity),
            "{fault:?}: {steps:?}"
        );
        assert!(failed(&steps).message.starts_with("rejected"), "{fault:?}: {steps:?}");
        assert!(matches!(put, DeliveryError::Endpoint { .. }), "{fault:?}: {put:?}");
        for said in relay.said() {
            let said = String::from_utf8_lossy(&said).into_owned();
            let lines: Vec<&str> = said.lines().collect();
            assert!(lines.first().is_some_and(|line| line.starts_with("EHLO ")), "{fault:?}: {said}");
            assert!(lines.len() == 1 || lines[1..] == ["STARTTLS"], "{fault:?}: {said}");
        }
        assert_eq!(relay.said().len(), 2);
        assert!(people.mails().is_empty());
    }
}

#[tokio::test]
async fn places_that_cannot_be_reached_are_told_in_three_words() {
    let nobody = TcpListener::bind("127.0.0.1:0").expect("a port");
    let closed = nobody.local_addr().expect("an address");
    drop(nobody);
    let talker = TcpListener::bind("127.0.0.1:0").expect("a port");
    let other = talker.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in talker.incoming().flatten() {
            // whoever has gone need not hear it
            drop((&stream).write_all(b"SSH-2.0-OpenSSH_9.2p1\r\n"));
        }
    });
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let hangs_up = silent.local_addr().expect("an address");
    std::thread::spawn(move || silent.incoming().flatten().for_each(drop));
    let root = tempfile::tempdir().expect("a folder");
    let configuration = configured("email", &[("to", "ada@agents.test")]);
    for (url, name, word, class) in [
        (format!("smtps://u:p@{closed}"), StepName::Connect, "unreachable", "transient"),
        (format!("smtp+starttls://u:p@{closed}"), StepName::Connect, "unreachable", "transient"),
        (format!("smtp+starttls://u:p@{hangs_up}"), StepName::Identity, "unreachable", "transient"),
        (format!("smtp://{hangs_up}"), StepName::SignIn, "unreachable", "transient"),
        (format!("smtp://{other}"), StepName::SignIn, "rejected", "endpoint"),
        (format!("smtp+starttls://u:p@{other}"), StepName::Identity, "rejected", "endpoint"),
        ("smtps://u:p@10.1.2.3".to_owned(), StepName::Resolve, "refused_by_policy", "endpoint"),
        ("smtps://u:p@169.254.169.254".to_owned(), StepName::Resolve, "refused_by_policy", "endpoint"),
        // public, and nobody allowed it in clear
        ("smtp://203.0.114.1".to_owned(), StepName::Resolve, "refused_by_policy", "endpoint"),
    ] {
        let ground = mailing(root.path(), &url, FROM);
        let (outcome, steps) = tested("email", &ground, &configuration).await;
        let put =
            connector("email").put(&configuration, &ground, &item("a.jpg", 10)).await.expect_err("refused");

        assert_eq!((outcome, failed(&steps).name), (Outcome::Failed, name), "{url}: {steps:?}");
        assert!(failed(&steps).message.starts_with(word), "{url}: {steps:?}");
        assert_eq!(put.class(), class, "{url}: {put:?}");
    }
}

#[tokio::test]
async fn without_an_allowed_network_the_server_is_not_called() {
    let root = tempfile::tempdir().expect("a folder");
    let people = People::open(&["ada"], &[]);
    let canary = crate::support::Canary::at("127.0.0.1");
    let outbound = Outbound::new(Vec::new()).expect("a way out");
    let settings = mediaport::platform::mail::MailSettings {
        server: format!("smtp://{}", canary.address()).parse().expect("a server"),
        from: FROM.parse().expect("an address"),
    };
    let mut guarded = ground(root.path());
    guarded.mail = Some(Mailer::new(outbound, settings));

    let put = connector("email").put(&people.configuration, &guarded, &item("a.jpg", 10)).await;

    assert!(put.expect_err("refused").message().starts_with("refused_by_policy"));
    canary.assert_silent();
}

#[tokio::test]
async fn an_installation_without_a_mail_server_says_so() {
    let root = tempfile::tempdir().expect("a folder");
    let configuration = configured("email", &[("to", &address("ada", "x"))]);
    let ground = ground(root.path());

    let (outcome, steps) = tested("email", &ground, &configuration).await;
    let put =
        connector("email").put(&configuration, &ground, &item("a.jpg", 10)).await.expect_err("no server");

    assert_eq!((outcome, failed(&steps).name), (Outcome::Failed, StepName::Resolve));
    assert!(put.class() == "endpoint" && put.message().contains("MEDIAPORT_SMTP_URL"), "{put:?}");
}
