//! Links between use cases and endpoints, in both databases.

use std::sync::Arc;

use futures_util::FutureExt;

use super::{Assignments, Serves, Side, UseCaseError, UseCaseForm, UseCaseId, actions};
use crate::features::endpoints::EndpointId;
use crate::features::endpoints::tests::{Ground, described, now, on_both};
use crate::formats::kinds::Purpose;
use crate::on;
use crate::platform::db::{DbError, DbResult};
use crate::platform::web::Actor;

on_both!(
    both_sides_edit_the_same_links,
    the_audit_log_names_what_changed,
    nothing_remains_of_what_is_refused,
    the_database_refuses_recordings_for_types_that_take_pictures_only,
    a_client_names_a_use_case_by_name_or_id,
);

async fn use_case(ground: &Ground, name: &str) -> Result<UseCaseId, UseCaseError> {
    let form = UseCaseForm { name: name.into(), pictures: vec![], recordings: vec![], other: vec![] };
    let actor = Actor::system("test");
    ground.write(move |tx| async move { actions::create(tx, &actor, now(), &form).await }.boxed()).await
}

async fn assign(ground: &Ground, purpose: Purpose, side: Side) -> Result<(), UseCaseError> {
    let actor = Actor::system("test");
    ground
        .write(move |tx| async move { actions::assign(tx, &actor, now(), purpose, &side).await }.boxed())
        .await
}

async fn all(ground: &Ground) -> Assignments {
    ground.db.read(|tx| super::assignments(tx).boxed()).await.unwrap()
}

async fn both_sides_edit_the_same_links(ground: Ground) {
    let endpoint = ground.endpoint("Archive").await.unwrap();
    let (claims, legal) =
        (use_case(&ground, "Claims").await.unwrap(), use_case(&ground, "Legal").await.unwrap());

    assign(&ground, Purpose::Recordings, Side::Endpoint(endpoint, vec![claims, legal])).await.unwrap();
    assign(&ground, Purpose::Recordings, Side::UseCase(claims, vec![])).await.unwrap();
    assign(&ground, Purpose::Pictures, Side::UseCase(claims, vec![endpoint])).await.unwrap();

    let all = all(&ground).await;
    let users =
        |purpose| all.use_cases_of(endpoint, purpose).map(|found| found.name.as_str()).collect::<Vec<_>>();
    assert_eq!(users(Purpose::Recordings), ["Legal"]);
    assert_eq!(users(Purpose::Pictures), ["Claims"]);
    let read = ground.db.read(move |tx| super::endpoints_for(tx, claims, Purpose::Pictures).boxed()).await;
    assert_eq!(read.unwrap(), [endpoint]);
}

async fn the_audit_log_names_what_changed(ground: Ground) {
    let endpoint = ground.endpoint("Archive").await.unwrap();
    let claims = use_case(&ground, "Claims").await.unwrap();
    for endpoints in [vec![endpoint], vec![endpoint], vec![]] {
        assign(&ground, Purpose::Pictures, Side::UseCase(claims, endpoints)).await.unwrap();
    }

    let sql = "SELECT detail FROM audit_entries WHERE action = 'use_case.endpoints_changed' ORDER BY id";
    let rows: DbResult<Vec<String>> = ground
        .db
        .read(move |tx| {
            async move { Ok(on!(tx, conn => sqlx::query_scalar(sql).fetch_all(conn).await)?) }.boxed()
        })
        .await;

    let named = format!(r#"[{{"id":"{endpoint}","name":"Archive"}}]"#);
    let [added, removed] = &rows.unwrap()[..] else { panic!("the same set again is no change") };
    assert!(added.contains(&format!(r#""added":{named}"#)) && added.contains(r#""removed":[]"#));
    assert!(
        removed.contains(&format!(r#""removed":{named}"#)) && removed.contains(r#""purpose":"pictures""#)
    );
}

async fn nothing_remains_of_what_is_refused(ground: Ground) {
    let (vault, new) = (Arc::clone(&ground.vault), described("Archive"));
    let serves = Serves { pictures: vec![UseCaseId::fresh()], recordings: vec![] };
    let actor = Actor::system("test");
    let added = ground.write(move |tx| {
        async move { actions::add_endpoint(tx, &vault, &actor, now(), (&new, &serves)).await }.boxed()
    });

    assert!(matches!(added.await, Err(UseCaseError::Invalid(_))));
    assert!(all(&ground).await.endpoints.is_empty());

    use_case(&ground, "Claims").await.unwrap();
    let again = use_case(&ground, "Claims").await;
    assert!(matches!(again, Err(UseCaseError::Invalid(errors)) if errors.first("name").is_some()));
}

async fn the_database_refuses_recordings_for_types_that_take_pictures_only(ground: Ground) {
    let claims = use_case(&ground, "Claims").await.unwrap();
    let insert = "INSERT INTO endpoints (id, name, type, settings, sealed_secrets, archive, state, checked_at, created_at,
        updated_at) SELECT $1, 'Mailbox', 'email', settings, sealed_secrets, archive, state, 0, 0, 0 FROM endpoints";
    let link = "INSERT INTO use_case_endpoints (use_case_id, purpose, endpoint_id, endpoint_type) VALUES ($1, $2, $3, $4)";
    ground.endpoint("Archive").await.unwrap();
    let mailbox = EndpointId::fresh();
    let try_link = |purpose: Purpose, endpoint_type: &'static str| {
        ground.write(move |tx| {
            async move {
                on!(tx, conn => sqlx::query(link).bind(claims).bind(purpose).bind(mailbox).bind(endpoint_type)
                    .execute(conn).await.map(drop))?;
                DbResult::Ok(())
            }
            .boxed()
        })
    };
    let inserted: DbResult<()> = ground
        .write(move |tx| {
            async move {
                    Ok(on!(tx, conn => sqlx::query(insert).bind(mailbox).execute(conn).await.map(drop))?)
                }
                .boxed()
        })
        .await;
    inserted.unwrap();

    try_link(Purpose::Pictures, "email").await.expect("pictures are taken");
    for purpose in [Purpose::Recordings, Purpose::Other] {
        assert!(matches!(try_link(purpose, "email").await, Err(DbError::Broken(_))), "{purpose}");
        assert!(matches!(try_link(purpose, "folder").await, Err(DbError::Broken(_))), "a lie about the type");
    }
}

async fn a_client_names_a_use_case_by_name_or_id(ground: Ground) {
    let claims = use_case(&ground, "Claims").await.unwrap();
    let lookalike = use_case(&ground, &claims.to_string()).await.unwrap();
    let find = async |text: String| {
        let found =
            ground.db.read(move |tx| async move { super::find_by_name_or_id(tx, &text).await }.boxed()).await;
        found.unwrap().map(|found| found.id)
    };

    assert_eq!(find("Claims".into()).await, Some(claims));
    assert_eq!(find(claims.to_string()).await, Some(claims));
    assert_eq!(find(lookalike.to_string()).await, Some(lookalike));
    assert_eq!(find("claims".into()).await, None);
}
