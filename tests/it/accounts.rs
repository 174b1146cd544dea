//! Getting in and out: the first administrator, invitations, signing in, sessions.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use actix_session::storage::SessionStore;
use actix_web::cookie::time;
use futures_util::future::join_all;
use mediaport::platform::web::Role;
use mediaport::platform::web::session::Sessions;

use crate::support::{Browser, PASSWORD, Page, TestApp};

const LIMITS: [(&str, &str); 2] = [
    ("MEDIAPORT_LIMITS__SIGN_IN_ADDRESS_PER_MINUTE", "1"),
    ("MEDIAPORT_LIMITS__SIGN_IN_ACCOUNT_PER_MINUTE", "1"),
];

/// Gives the path of the link that the operator sees at the first start.
fn first_link(app: &TestApp) -> String {
    format!("/setup/{}", app.running().link.as_ref().unwrap().expose())
}

async fn claim(browser: &Browser, link: &str, name: &str) -> Page {
    let form = browser.get(link).await.expect(200).form(&format!("form[action='{link}']"));
    let form = form.fill("name", name).fill("email", &format!("{name}@example.com"));
    browser.submit(&form.fill("password", PASSWORD)).await
}

#[tokio::test]
async fn the_first_link_makes_an_administrator_who_is_signed_in() {
    let app = TestApp::start().await;
    let browser = app.browser();

    let page = claim(&browser, &first_link(&app), "Ada").await;

    assert_eq!((page.status, page.location()), (303, "/"));
    assert!(browser.is_signed_in().await);
    assert_eq!(app.count_people().await, 1);
    assert_eq!(app.browser().sign_in("ada@example.com", PASSWORD).await.status, 303);
}

#[tokio::test]
async fn set_up_needs_the_code() {
    let app = TestApp::with(&LIMITS).await;
    let browser = app.browser();

    assert_eq!(browser.get("/setup").await.status, 404);
    assert_eq!(browser.get("/setup/").await.status, 404);
    let mut answers = BTreeSet::new();
    for number in 0..20 {
        answers.insert(browser.get(&format!("/setup/{number:024}")).await.status);
    }

    assert_eq!(answers, BTreeSet::from([404, 429]), "unknown at first, later too many");
    assert_eq!(app.count_people().await, 0);
}

#[tokio::test]
async fn of_two_claims_at_once_one_wins() {
    let app = TestApp::start().await;
    let link = first_link(&app);
    let browsers = [app.browser(), app.browser()];

    let answers =
        join_all(browsers.iter().zip(["Ada", "Eve"]).map(|(browser, name)| claim(browser, &link, name)))
            .await;

    let mut statuses: Vec<u16> = answers.iter().map(|page| page.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [303, 404]);
    assert_eq!(app.count_people().await, 1);
    assert_ne!(browsers[0].is_signed_in().await, browsers[1].is_signed_in().await);
}

#[tokio::test]
async fn a_used_link_is_gone_also_after_a_restart() {
    let mut app = TestApp::start().await;
    let link = first_link(&app);
    let late = app.browser();
    let form = late.get(&link).await.form("form");
    claim(&app.browser(), &link, "Ada").await.expect(303);

    assert_eq!(app.browser().get(&link).await.status, 404);
    let form = form.fill("name", "Eve").fill("email", "eve@example.com").fill("password", PASSWORD);
    assert_eq!(late.submit(&form).await.status, 404);
    app.restart().await;

    assert!(app.running().link.is_none(), "there is no second first administrator");
    assert_eq!(app.browser().get(&link).await.status, 404);
    assert_eq!(app.count_people().await, 1);
}

#[tokio::test]
async fn a_first_link_ends_after_an_hour_or_when_a_restart_shows_a_new_one() {
    let mut app = TestApp::start().await;
    let old = first_link(&app);

    app.restart().await;

    let new = first_link(&app);
    assert_eq!(app.browser().get(&old).await.status, 404);
    assert_eq!(app.browser().get(&new).await.status, 200);
    app.clock.advance(Duration::from_hours(1));
    assert_eq!(app.browser().get(&new).await.status, 404);
}

#[tokio::test]
async fn an_invitation_lets_one_person_in_once_with_the_invited_role() {
    let app = TestApp::start().await;
    let link = app.invite("bo@example.com", Role::Builder).await;
    let browser = app.browser();

    let page = claim(&browser, &link, "Eve").await;

    assert_eq!(page.status, 303);
    assert!(browser.is_signed_in().await);
    assert_eq!(
        app.browser().sign_in("bo@example.com", PASSWORD).await.status,
        303,
        "the address is the invited one"
    );
    assert_eq!(app.browser().sign_in("eve@example.com", PASSWORD).await.status, 422);
    assert_eq!(app.browser().get(&link).await.status, 404);
}

#[tokio::test]
async fn a_weak_password_is_refused_beside_its_field() {
    let app = TestApp::start().await;
    let link = first_link(&app);
    let browser = app.browser();
    let form = browser.get(&link).await.form("form").fill("name", "Ada").fill("email", "ada@example.com");

    for (password, problem) in [
        ("short", "Use at least 15 characters"),
        ("aaaaaaaaaaaaaaaaaaaa", "Use more different characters"),
        (
            "ada ada example ada",
            "Choose something that is not made of your name, your address or the product's name",
        ),
    ] {
        let page = browser.submit(&form.clone().fill("password", password)).await.expect(422);
        page.assert_mentions(problem);
        assert!(!page.text().contains(password), "a password is never printed");
    }
    assert_eq!(app.count_people().await, 0);
}

#[tokio::test]
async fn a_refused_sign_in_tells_nobody_whether_the_address_is_known() {
    let app = TestApp::start().await;
    let known = app.add_person(Role::Agent).await;
    app.invite("invited@example.com", Role::Agent).await;

    let mut texts = BTreeSet::new();
    for email in [known.as_str(), "nobody@example.com", "invited@example.com"] {
        let page = app.browser().sign_in(email, "not the right password").await.expect(422);
        texts.insert(page.texts("main").join(" "));
    }

    assert_eq!(texts.len(), 1, "{texts:?}");
    assert!(texts.first().unwrap().contains("The e-mail address or the password is wrong"));
}

#[tokio::test]
async fn signing_out_ends_the_session_for_every_copy_of_its_cookie() {
    let app = TestApp::start().await;
    let browser = app.sign_in(Role::Admin).await;
    let copy = app.browser();
    copy.plant("sid", &browser.cookie("sid").unwrap());
    assert!(copy.is_signed_in().await);

    let page = browser.sign_out().await;

    assert_eq!((page.status, page.location()), (303, "/login"));
    assert_eq!(page.header("clear-site-data"), "\"cache\", \"cookies\", \"storage\"");
    assert!(!browser.is_signed_in().await);
    assert!(!copy.is_signed_in().await);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle() {
    let app = TestApp::start().await;
    let browser = app.sign_in(Role::Admin).await;

    app.clock.advance(Duration::from_mins(29));
    assert!(browser.is_signed_in().await);
    app.clock.advance(Duration::from_mins(29));
    assert!(browser.is_signed_in().await, "each request begins the half hour again");
    app.clock.advance(Duration::from_mins(30));

    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn a_session_ends_after_half_a_day_however_busy() {
    let app = TestApp::start().await;
    let browser = app.sign_in(Role::Admin).await;

    for _ in 0..71 {
        app.clock.advance(Duration::from_mins(10));
        assert!(browser.is_signed_in().await);
    }
    app.clock.advance(Duration::from_mins(10));

    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn too_many_attempts_have_to_wait_even_with_the_right_password() {
    let app = TestApp::with(&LIMITS).await;
    let email = app.add_person(Role::Admin).await;
    for _ in 0..10 {
        app.browser().sign_in(&email, "not the right password").await.expect(422);
    }

    let browser = app.browser();
    let form = browser.send(browser.request(reqwest::Method::GET, "/login")).await.form("form");
    let page = browser.submit(&form.fill("email", &email).fill("password", PASSWORD)).await;

    page.assert_mentions("Too many attempts");
    assert!(!browser.is_signed_in().await);
}

#[tokio::test]
async fn a_planted_session_cookie_is_never_adopted() {
    let app = TestApp::start().await;
    let attacker = app.sign_in(Role::Agent).await;
    let theirs = attacker.cookie("sid").unwrap();
    let email = app.add_person(Role::Admin).await;

    for (planted, token) in [(theirs.as_str(), attacker.token().await), ("c2lkc2lkc2lkc2lk", String::new())] {
        let victim = app.browser();
        let form = victim.get("/login").await.form("form[action='/login']");
        let form = if token.is_empty() { form } else { form.fill("_token", &token) };
        victim.plant("sid", planted);
        let answer = victim.submit(&form.fill("email", &email).fill("password", PASSWORD)).await;
        let copy = app.browser();
        copy.plant("sid", planted);

        assert_eq!(answer.status, 303);
        assert_ne!(victim.cookie("sid").as_deref(), Some(planted), "the victim has a fresh key");
        assert!(!copy.is_signed_in().await, "the planted key opens nothing");
    }
}

/// Gives the chi-squared statistic of symbols that should be equally frequent among 64.
fn chi_squared(symbols: impl Iterator<Item = u8>) -> f64 {
    let mut counts: BTreeMap<u8, u32> = BTreeMap::new();
    let mut total = 0_u32;
    for symbol in symbols {
        *counts.entry(symbol).or_default() += 1;
        total += 1;
    }
    assert_eq!(counts.len(), 64, "every symbol occurs");
    let expected = f64::from(total) / 64.0;
    counts.values().map(|count| (f64::from(*count) - expected).powi(2) / expected).sum()
}

#[tokio::test]
async fn session_keys_have_256_bits_without_structure() {
    const KEYS: usize = 10_000;
    let app = TestApp::start().await;
    let services = app.services();
    let sessions = Sessions::new(services.db.clone(), services.clock.clone(), app.config().sessions);

    let keys: BTreeSet<String> = app
        .run(async move {
            let mut keys = BTreeSet::new();
            for _ in 0..KEYS / 100 {
                let save = || sessions.save(HashMap::new(), &time::Duration::ZERO);
                let saved = join_all((0..100).map(|_| save())).await;
                keys.extend(saved.into_iter().map(|key| key.unwrap().as_ref().to_owned()));
            }
            keys
        })
        .await;

    assert_eq!(keys.len(), KEYS, "no key comes twice");
    assert!(keys.iter().all(|key| key.len() == 43), "43 symbols of six bits hold 256 bits");
    // The last symbol carries four bits only. Of 63 degrees of freedom, 150 is passed once in a hundred million times.
    let all = chi_squared(keys.iter().flat_map(|key| key.bytes().take(42)));
    assert!(all < 150.0, "some symbols are more frequent: {all}");
    for place in 0..42 {
        let here = chi_squared(keys.iter().map(|key| key.as_bytes()[place]));
        assert!(here < 150.0, "some symbols are more frequent at place {place}: {here}");
    }
}
