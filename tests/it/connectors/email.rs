//! Mails to people, against Exim; what it took is read by Python's mail library.

mod faults;
mod relay;
mod tls;

use std::collections::HashSet;

use mediaport::connectors::{
    About, Configuration, DeliveryError, Ground, Item, ItemProblem, Notes, Outcome, StepName, StepState,
    VerifiedBy,
};
use mediaport::platform::mail::{MailSettings, Mailer};
use serde_json::{Value, json};
use tempfile::TempDir;
use uuid::Uuid;

use super::contract::{Place, contract, deliver};
use super::source::item;
use super::{configured, connector, ground, peer, step, tested};
use crate::support::mails;

const FROM: &str = "hub@mail.example.com";

/// Gives the address of one of the server's ports, such as `smtp://127.0.0.1:2525`.
fn server(scheme: &str, account: &str, which: u16) -> String {
    let port: u16 = peer("TEST_SMTP_PORT").parse().expect("a port");
    // by name, since that is what the certificate proves first
    let host = if scheme == "smtp" { "127.0.0.1" } else { "localhost" };
    format!("{scheme}://{account}{host}:{}", port + which)
}

/// The ground with a mail server.
fn mailing(root: &std::path::Path, server: &str, from: &str) -> Ground {
    let ground = ground(root);
    let settings =
        MailSettings { server: server.parse().expect("a server"), from: from.parse().expect("an address") };
    Ground { mail: Some(Mailer::new(ground.outbound.clone(), settings)), ..ground }
}

/// People whom nobody else writes to.
struct People {
    mark: String,
    configuration: Configuration,
    ground: Ground,
    _root: TempDir,
}

impl People {
    /// Makes an endpoint for `names`, which tell the server what to answer, over one of its ports.
    fn at(server: &str, names: &[&str], more: &[(&str, &str)]) -> Self {
        let mark = Uuid::new_v4().simple().to_string();
        let to: Vec<_> = names.iter().map(|name| address(name, &mark)).collect();
        let to = to.join(",");
        let mut fields = vec![("to", to.as_str())];
        fields.extend(more);
        let root = tempfile::tempdir().expect("a folder");
        Self {
            configuration: configured("email", &fields),
            ground: mailing(root.path(), server, FROM),
            mark,
            _root: root,
        }
    }

    fn open(names: &[&str], more: &[(&str, &str)]) -> Self {
        Self::at(&server("smtp", "", 2), names, more)
    }

    /// Gives every mail that the server took for these people.
    fn mails(&self) -> Vec<Value> {
        mails(&self.mark)
    }

    async fn put(&self, item: &Item) -> Result<(), DeliveryError> {
        connector("email").put(&self.configuration, &self.ground, item).await.map(drop)
    }
}

fn address(name: &str, mark: &str) -> String {
    format!("{name}-{mark}@agents.test")
}

impl Place for People {
    const KEY: &'static str = "email";

    async fn fresh() -> Self {
        Self::open(&["ada"], &[("max_megabytes", "25")])
    }

    fn ground(&self) -> &Ground {
        &self.ground
    }

    fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    async fn names(&self) -> Vec<String> {
        let name = |mail: Value| mail["parts"][1]["name"].as_str().map(str::to_owned);
        self.mails().into_iter().filter_map(name).collect()
    }

    async fn look(&self, path: &str) -> Option<(u64, String)> {
        let mails = self.mails();
        let mail =
            mails.iter().rfind(|mail| path.ends_with(mail["parts"][1]["name"].as_str().unwrap_or("?")))?;
        let picture = &mail["parts"][1];
        Some((picture["size"].as_u64()?, picture["sha256"].as_str()?.to_owned()))
    }

    async fn plant(&self, _path: &str, _bytes: &'static [u8]) {
        unreachable!("a mailbox has no names that could be taken")
    }

    /// The server's password is the operator's and no part of an endpoint.
    fn secret(&self) -> Option<String> {
        None
    }
}

contract! { People:
    names_are_kept_and_equal_ones_stay_apart
    a_damaged_source_is_never_delivered
    the_test_passes_and_leaves_nothing
}

fn header<'a>(mail: &'a Value, name: &str) -> &'a str {
    let headers = mail["headers"].as_array().expect("headers");
    headers
        .iter()
        .find(|header| header[0] == name)
        .map_or("", |header| header[1].as_str().unwrap_or_default())
}

fn header_names(mail: &Value) -> Vec<&str> {
    mail["headers"].as_array().expect("headers").iter().filter_map(|header| header[0].as_str()).collect()
}

/// What stands above every mail, in this order.
const DESIGNED: [&str; 8] =
    ["From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"];

#[tokio::test]
async fn everybody_gets_a_mail_of_their_own() {
    let words = [
        ("subject_template", "{use_case}: {file_name}"),
        ("body_template", "Grüße,\nsee {size} of {kind}.\n.\nEnd"),
    ];
    let people = People::open(&["ada", "eve"], &words);
    let item = item("2026/11/20/Dächer 屋根.jpg", 70_000);

    let (receipt, verified) = deliver(&people, &item).await.expect("delivered");

    assert_eq!(verified, VerifiedBy::Acknowledged);
    let both = format!("{},{}", address("ada", &people.mark), address("eve", &people.mark));
    assert_eq!(receipt.location, json!({"to": both, "sent_as": "attachment"}));
    let mails = people.mails();
    assert_eq!(mails.len(), 2);
    let mut ids = HashSet::new();
    for (mail, name) in mails.iter().zip(["ada", "eve"]) {
        let to = address(name, &people.mark);
        assert_eq!(
            (mail["envelope_to"].as_str(), mail["envelope_from"].as_str()),
            (Some(&*to), Some("<hub@mail.example.com>"))
        );
        assert_eq!(header_names(mail), DESIGNED);
        assert_eq!((header(mail, "From"), header(mail, "To")), (FROM, &*to));
        assert_eq!(header(mail, "Subject"), "Claims: Dächer 屋根.jpg");
        assert_eq!(header(mail, "Auto-Submitted"), "auto-generated");
        let id = header(mail, "Message-ID");
        assert!(
            id.starts_with(&format!("<{}.", item.delivery)) && id.ends_with("@mail.example.com>"),
            "{id}"
        );
        ids.insert(id.to_owned());
        assert_eq!(mail["defects"], json!([]));
        let parts = mail["parts"].as_array().expect("parts");
        assert_eq!(parts.len(), 2);
        assert_eq!(
            parts[0]["text"].as_str().map(str::trim_end),
            Some("Grüße,\nsee 68.3 KB of picture.\n.\nEnd")
        );
        let picture = &parts[1];
        assert_eq!((&picture["type"], &picture["disposition"]), (&json!("image/jpeg"), &json!("attachment")));
        assert_eq!(picture["name"], "Dächer 屋根.jpg");
        assert_eq!((&picture["size"], &picture["sha256"]), (&json!(70_000), &json!(item.sha256)));
    }
    assert_eq!(ids.len(), 2);
}

#[tokio::test]
async fn what_is_named_becomes_no_header_no_recipient_and_no_end() {
    let words = [
        ("subject_template", "{file_name}{use_case}{conversation}"),
        ("body_template", "{file_name}\n{use_case}\n{conversation}\n{agent}"),
    ];
    for evil in [
        "x\r\nBcc: eve@agents.test\r\n",
        "x\r\n\r\n<script>",
        "x\r\n.\r\nMAIL FROM:<eve@agents.test>\r\nRCPT TO:<eve@agents.test>\r\nDATA\r\n",
        "x\nTo: eve@agents.test",
        "x\rCc: eve@agents.test",
        "\"; filename=\"y.exe\"\r\nX-Evil: 1",
        "x\u{2028}Bcc: eve@agents.test\u{85}\0\u{202e}gpj",
        ".",
        "=?utf-8?q?x=0D=0ABcc:_eve@agents.test?=",
    ] {
        let people = People::open(&["ada"], &words);
        let evil = evil.to_owned();
        let about = About {
            file_name: evil.clone(),
            use_case: evil.clone(),
            conversation: evil.clone(),
            agent: evil.clone(),
            ..About::sample()
        };
        let item = Item { about, ..item("a.jpg", 2_000) };

        deliver(&people, &item).await.expect("delivered");

        let mails = people.mails();
        assert_eq!(mails.len(), 1, "{evil:?}: {mails:?}");
        let mail = &mails[0];
        assert_eq!(mail["envelope_to"], address("ada", &people.mark), "{evil:?}");
        assert_eq!(header_names(mail), DESIGNED, "{evil:?}");
        assert_eq!(header(mail, "To"), address("ada", &people.mark));
        let parts = mail["parts"].as_array().expect("parts");
        assert_eq!((parts.len(), &parts[1]["sha256"]), (2, &json!(item.sha256)), "{evil:?}");
        assert_eq!(
            parts[0]["text"].as_str().map(|text| text.trim_end().lines().count()),
            Some(4),
            "{evil:?}"
        );
        assert_eq!(mail["defects"], json!([]), "{evil:?}");
    }
    assert_eq!(mails("eve@agents.test"), Vec::<Value>::new(), "eve got nothing");
}

#[tokio::test]
async fn large_pictures_and_those_that_shall_not_leave_are_links() {
    let mib = 1024 * 1024;
    for (more, size, form) in [
        (&[("max_megabytes", "1")][..], mib, "attachment"),
        (&[("max_megabytes", "1")], mib + 1, "link"),
        (&[("as_link", "on")], 10, "link"),
        (&[("max_megabytes", "25")], 25 * mib, "attachment"),
    ] {
        let mut fields = vec![("body_template", "Look.")];
        fields.extend(more);
        let people = People::open(&["ada"], &fields);
        let item = item("roof.jpg", size);

        let (receipt, _) = deliver(&people, &item).await.expect("delivered");

        assert_eq!(receipt.location["sent_as"], form, "{more:?} {size}");
        let mails = people.mails();
        let parts = mails[0]["parts"].as_array().expect("parts");
        let (text, link) = (parts[0]["text"].as_str().expect("text"), &item.about.link);
        assert_eq!(parts.len(), if form == "link" { 1 } else { 2 });
        assert_eq!(text.contains(link), form == "link", "{text}");
    }
}

#[tokio::test]
async fn who_has_a_mail_gets_no_second_one() {
    let people = People::open(&["ada", "nouser", "eve"], &[]);
    let item = item("roof.jpg", 5_000);

    let refused = people.put(&item).await.expect_err("one is unknown");
    assert!(matches!(refused, DeliveryError::Item { reason: ItemProblem::Rejected, .. }), "{refused:?}");
    assert!(refused.message().contains(&address("nouser", &people.mark)), "{refused}");
    let to = |mails: &[Value]| {
        mails.iter().map(|mail| mail["envelope_to"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let both = ["ada", "eve"].map(|name| address(name, &people.mark));
    assert_eq!(to(&people.mails()), both, "one who is refused keeps nobody waiting");

    // the notes go through the database between two attempts
    let kept = serde_json::to_string(&item.notes.written().expect("something to remember")).unwrap();
    assert!(!kept.contains("agents.test"), "{kept}");
    let next = Item { notes: Notes::kept(serde_json::from_str(&kept).unwrap()), ..item.clone() };
    people.put(&next).await.expect_err("still unknown");
    assert_eq!(people.mails().len(), 2);

    let forgetful = Item { notes: Notes::default(), ..item };
    people.put(&forgetful).await.expect_err("still unknown");
    let ids: HashSet<_> = people.mails().iter().map(|mail| header(mail, "Message-ID").to_owned()).collect();
    assert_eq!((people.mails().len(), ids.len()), (4, 2), "a mail that is sent again has its name");
}

#[tokio::test]
async fn the_agent_is_who_the_conversation_names() {
    let people = People::open(&["unused"], &[]);
    let configuration = configured("email", &[("to", "agent")]);
    let put = async |agent: &str| {
        let about = About { agent: agent.to_owned(), ..About::sample() };
        let item = Item { about, ..item("roof.jpg", 3_000) };
        connector("email").put(&configuration, &people.ground, &item).await
    };

    put(&address("ada", &people.mark)).await.expect("delivered");
    assert_eq!(people.mails()[0]["envelope_to"], address("ada", &people.mark));

    for agent in ["", "Ada", "ada@agents.test\r\nRCPT TO:<eve@agents.test>"] {
        let held = put(agent).await.expect_err("nobody");
        assert!(matches!(held, DeliveryError::Item { reason: ItemProblem::Rejected, .. }), "{held:?}");
        assert!(held.message().contains("names no agent"), "{held}");
    }
    let (outcome, steps) = tested("email", &people.ground, &configuration).await;
    assert_eq!(outcome, Outcome::Passed, "{steps:?}");
    assert!(step(&steps, StepName::Write).message.contains("comes with each picture"), "{steps:?}");
}

#[tokio::test]
async fn the_test_asks_for_every_recipient_and_sends_nothing() {
    for (names, outcome, said) in [
        (&["ada", "eve"][..], Outcome::Passed, "nobody got one"),
        (&["ada", "nouser"], Outcome::Failed, "nouser-"),
        (&["ada", "full"], Outcome::Warnings, "full-"),
        (&["grey", "ada"], Outcome::Warnings, "asked twice"),
        (&["full", "nouser"], Outcome::Failed, "nouser-"),
        (&["spam"], Outcome::Passed, "nobody got one"),
    ] {
        let people = People::open(names, &[]);

        let (judged, steps) = tested("email", &people.ground, &people.configuration).await;

        assert_eq!(judged, outcome, "{names:?}: {steps:?}");
        assert!(step(&steps, StepName::Write).message.contains(said), "{names:?}: {steps:?}");
        if outcome == Outcome::Passed {
            assert_eq!(step(&steps, StepName::Verify).state, StepState::Skipped);
        }
        assert_eq!(people.mails(), Vec::<Value>::new(), "{names:?}");
    }
}
