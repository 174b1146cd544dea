//! First light.

use mediaport::platform::web::Role;

use crate::support::TestApp;

#[tokio::test]
async fn somebody_who_signs_in_sees_the_dashboard() {
    let app = TestApp::start().await;
    let browser = app.sign_in(Role::Admin).await;

    let page = browser.get("/").await;

    page.expect(200);
    app.run_due_jobs().await;
}
