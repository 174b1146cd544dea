//! Every way to ask, and the index that answers it.

use std::collections::BTreeMap;

use mediaport::platform::db::Engine;
use serde_json::Value;

use super::plans::{self, Plan};
use super::rows::{FIRST, Rows, walk};
use crate::support::{ApiClient, TestApp};

/// A request, and the index for one app and for all; empty where the choice is left to the engine.
struct Question {
    address: String,
    index: [&'static str; 2],
}

/// Conversations of the third subject of the bulk; there are some of both apps.
const SUBJECT: &str = "use_case=01900000-0000-7000-8000-000000023757";

fn of_media(item: &Value) -> Vec<(String, [&'static str; 2])> {
    let [conversation, sha256] = ["conversation_id", "sha256"].map(|field| item[field].as_str().unwrap());
    let by_kind = ["media_by_app_kind", "media_by_kind"];
    let by_time = ["media_by_app_time", "media_by_time"];
    let of_conversation = ["media_by_conversation_time"; 2];
    let of_content = ["media_by_sha256"; 2];
    vec![
        (String::new(), by_time),
        ("kind=fax".into(), by_kind),
        ("kind=picture".into(), by_kind),
        ("state=failed".into(), ["media_unstored_by_app", "media_unstored"]),
        ("state=stored".into(), by_time),
        ("state=stored&kind=fax".into(), by_kind),
        (format!("conversation={conversation}"), of_conversation),
        (format!("conversation={conversation}&kind=picture&state=stored"), of_conversation),
        (format!("sha256={sha256}"), of_content),
        (format!("sha256={sha256}&kind=picture"), of_content),
    ]
}

fn of_conversations() -> Vec<(String, [&'static str; 2])> {
    let by_state = ["conversations_by_app_state", "conversations_by_state"];
    let by_subject = ["conversations_by_app_use_case", "conversations_by_use_case"];
    let by_agent = ["conversations_by_agent"; 2];
    let by_name = ["sqlite_autoindex_conversations_2"; 2];
    let agent = "agent=agent4@example.com";
    vec![
        (String::new(), by_state),
        ("state=open".into(), by_state),
        ("state=ended".into(), by_state),
        (SUBJECT.into(), by_subject),
        (format!("{SUBJECT}&state=open"), by_subject),
        ("external_id=call+7+4".into(), by_name),
        (agent.into(), by_agent),
        (format!("{agent}&state=open&{SUBJECT}"), by_agent),
    ]
}

fn of_audit(actor: &str, target: &str) -> Vec<(String, &'static str)> {
    vec![
        (String::new(), "audit_entries_by_time"),
        (format!("actor={actor}"), "audit_entries_by_actor_time"),
        ("action=conversation.ended".into(), "audit_entries_by_action_time"),
        ("action=media.received".into(), "audit_entries_by_action_time"),
        (format!("actor={actor}&action=conversation.ended"), "audit_entries_by_actor_action_time"),
        (format!("target={target}"), "audit_entries_by_target_time"),
        (format!("target={target}&actor={actor}&action=media.received"), "audit_entries_by_target_time"),
    ]
}

fn questions(rows: &Rows, item: &Value, engine: Engine) -> Vec<Question> {
    let [id, endpoint] = [&item["id"], &item["deliveries"][0]["endpoint_id"]].map(|id| id.as_str().unwrap());
    let small = format!("app={}", rows.apps()[1]);
    let time = "from=2023-11-14T22:30:00Z&to=2023-11-14T22:40:00Z";
    let place = format!("after={}~{id}", FIRST + 1_000_000);
    let mut questions = Vec::new();
    for (filter, index) in of_media(item) {
        for beside in ["", &place, time, &format!("{time}&{place}"), &small] {
            questions.push(Question { address: format!("/api/v1/media?limit=50&{filter}&{beside}"), index });
        }
    }
    for (filter, index) in of_conversations() {
        // The server knows how few there are here, and may well sort a hundred of them.
        let index = if engine == Engine::Sqlite { index } else { [""; 2] };
        for beside in ["", "after=01920000-0000-7000-8000-000000500000", &small] {
            questions.push(Question { address: format!("/api/v1/conversations?{filter}&{beside}"), index });
        }
    }
    for (filter, index) in of_audit(rows.apps()[1], id) {
        let index = if engine == Engine::Sqlite { index } else { "" };
        for beside in ["", &place, time, &format!("{time}&{place}")] {
            let address = format!("/api/v1/audit?limit=50&{filter}&{beside}");
            questions.push(Question { address, index: [index; 2] });
        }
    }
    let others =
        ["", "state=held", "state=delivered", &format!("endpoint={endpoint}"), &format!("media={id}")];
    let mut others = others.map(|filter| format!("/api/v1/deliveries?{filter}")).to_vec();
    others.push(format!("/api/v1/deliveries?endpoint={endpoint}&state=held"));
    others.extend(["endpoints", "use-cases", "apps", "tokens"].map(|list| format!("/api/v1/{list}")));
    questions.extend(others.into_iter().map(|address| Question { address, index: [""; 2] }));
    questions
}

/// Says what is wrong with how a question was answered.
fn problems(question: &Question, is_of_one: bool, plans: &[Plan]) -> Vec<String> {
    let index = question.index[usize::from(!is_of_one)];
    let mut problems = Vec::new();
    for plan in plans.iter().filter(|plan| plan.is_of_a_page()) {
        let mut why = plan.problems();
        if !plan.takes(index) {
            why.push("takes another index");
        }
        problems.extend(why.into_iter().map(|why| format!("{} {why}:\n{}\n", question.address, plan.text)));
    }
    if plans.len() > 12 {
        problems.push(format!("{} takes {} statements", question.address, plans.len()));
    }
    problems
}

#[tokio::test]
async fn every_question_is_answered_from_an_index() {
    let mut app = TestApp::start().await;
    let rows = Rows::add(&app).await;
    let item = walk(&rows.small, "/api/v1/media?limit=200", async || {}).await.remove(20);
    let engine = app.services().db.engine();
    let mut found = BTreeMap::new();
    // An embedded database may never have been counted; the server counts by itself, and keeps a plan from the sixth
    // time on.
    for (is_counted, mode, times) in [(false, "force_custom_plan", 1), (true, "auto", 6)] {
        if is_counted || engine == Engine::Postgres {
            plans::analyze(&app).await;
        }
        plans::listen(&mut app, mode).await;
        let clients = [&rows.admin, &rows.small].map(|client| ApiClient::new(app.address(), &client.key));
        // Places and times are values only, so once is enough for them.
        let is_asked = |question: &Question| {
            times == 1 || !["after=", "from="].iter().any(|value| question.address.contains(value))
        };
        for question in questions(&rows, &item, engine).into_iter().filter(is_asked) {
            for (number, client) in clients.iter().enumerate() {
                for _ in 1..if engine == Engine::Postgres { times } else { 1 } {
                    client.get(&question.address).await;
                }
                plans::forget();
                let page = client.get(&question.address).await;
                if page.status != 403 {
                    let is_of_one = number == 1 || question.address.contains("app=");
                    let plans = plans::take(&app).await;
                    assert_eq!(page.status, 200, "{}: {}", question.address, page.text());
                    assert!(!plans.is_empty(), "{}", question.address);
                    for problem in problems(&question, is_of_one, &plans) {
                        found.entry(question.address.clone()).or_insert(format!("{mode}: {problem}"));
                    }
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.into_values().collect::<Vec<_>>().join("\n"));
    app.run_due_jobs().await;
}
