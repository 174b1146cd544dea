//! Deliveries that somebody steers while their bytes travel.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::mpsc;
use std::time::Duration;

use super::*;
use crate::support::read_head;

const PICTURE: &[u8] =
    b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0\x3a\x7e\x9b\x55\0\0\0\x0aIDAT\
    \x78\xda\x63\x60\0\0\0\x02\0\x01\xe5\x27\xde\xfc\0\0\0\0IEND\xae\x42\x60\x82";

/// A receiver that says when something has come, and answers when it is told what.
struct Slow {
    url: String,
    came: mpsc::Receiver<()>,
    answers: mpsc::Sender<&'static str>,
}

impl Slow {
    fn open() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}/in", listener.local_addr().expect("an address"));
        let (says, came) = mpsc::channel();
        let (answers, told) = mpsc::channel::<&str>();
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                let mut caller = caller.expect("a connection");
                // the test of an endpoint looks first whether anybody listens
                if caller.peek(&mut [0]).unwrap_or_default() == 0 {
                    continue;
                }
                read_head(&mut caller);
                // the picture of the endpoint test is the same; an answer before all of it has come would not count
                caller.read_exact(&mut [0; PICTURE.len()]).expect("a picture");
                says.send(()).expect("somebody waits");
                let Ok(status) = told.recv() else { return };
                let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                caller.write_all(answer.as_bytes()).expect("an answer");
            }
        });
        Self { url, came, answers }
    }

    fn answer(&self, status: &'static str) {
        self.answers.send(status).expect("the receiver waits");
    }

    async fn wait(&self) {
        while self.came.try_recv().is_err() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// Cancels a delivery while it is sent, and gives what became of it when the receiver has answered.
async fn cancelled_while_sending(status: &'static str) -> Value {
    let app = TestApp::start().await;
    let admin = app.add_token(Role::Admin).await;
    let hub = Slow::open();
    hub.answer("204 No Content");
    let endpoint = json!({"name": "Hub", "type": "https", "url": hub.url, "encoding": "raw"});
    let endpoint = admin.post("/api/v1/endpoints", &endpoint).await.expect(201).json();
    hub.wait().await;
    admin
        .post("/api/v1/use-cases", &json!({"name": "Claims", "pictures": [endpoint["id"]]}))
        .await
        .expect(201);
    let client = app.add_key("Claims", Scope::ALL).await;
    let conversation = client.open_conversation("Claims").await;
    let about = [("kind", "picture"), ("file_name", "roof.png")];
    let media = client.upload(&conversation, &about, PICTURE).await.expect(201).json();
    let delivery = format!("/api/v1/deliveries/{}", text(&media["deliveries"][0]["id"]));

    let steer = async {
        hub.wait().await;
        assert_eq!(admin.get(&delivery).await.json()["state"], "sending");
        let cancelled = admin.post(&format!("{delivery}/cancel"), &json!({})).await.expect(200).json();
        assert_eq!(cancelled["state"], "cancelled");
        hub.answer(status);
    };
    tokio::join!(app.run_due_jobs(), steer);
    app.clock.advance(Duration::from_hours(2));
    app.run_due_jobs().await;
    admin.get(&delivery).await.expect(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_off_while_it_travels_counts_when_it_arrives_all_the_same() {
    let delivery = cancelled_while_sending("204 No Content").await;
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("delivered"), &json!(1)), "{delivery}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_called_off_while_it_travels_is_not_sent_again_when_it_fails() {
    let delivery = cancelled_while_sending("503 Service Unavailable").await;
    assert_eq!((&delivery["state"], &delivery["attempts"]), (&json!("cancelled"), &json!(1)), "{delivery}");
}
