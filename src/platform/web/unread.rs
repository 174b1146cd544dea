//! A body that nobody has read to its end ends its connection.
//!
//! Behind an answer that did not need it the server reads a chunked body on, however long it goes on, to use the
//! connection again. It does so once nobody holds the body any more; so the answer holds it, and the server closes.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::HttpMessage;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::{InternalError, PayloadError};
use actix_web::middleware::Next;
use actix_web::web::Bytes;
use futures_util::{Stream, StreamExt};

use super::body;

/// Closes the connection behind an answer whose request was not read to its end.
pub async fn end_unread(
    mut request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    if !body::is_announced(request.headers()) {
        return next.call(request).await.map(ServiceResponse::map_into_boxed_body);
    }
    let source = Source::default();
    source.0.borrow_mut().payload = request.take_payload();
    request.set_payload(Payload::Stream { payload: Box::pin(source.clone()) });
    match next.call(request).await {
        Ok(response) => Ok(response.map_body(|_, body| source.hold(body.boxed()))),
        // A layer broke and its answer travels inside the error.
        Err(error) => {
            let response = error.error_response().map_body(|_, body| source.hold(body));
            Err(InternalError::from_response(error, response).into())
        }
    }
}

/// What comes from the client; clones are the same.
#[derive(Clone, Default)]
struct Source(Rc<RefCell<State>>);

struct State {
    payload: Payload,
    is_over: bool,
}

impl Default for State {
    fn default() -> Self {
        Self { payload: Payload::None, is_over: false }
    }
}

impl Source {
    fn hold(self, body: BoxBody) -> BoxBody {
        let is_over = self.0.borrow().is_over;
        if is_over { body } else { Holding { body, _source: self }.boxed() }
    }
}

impl Stream for Source {
    type Item = Result<Bytes, PayloadError>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut state = self.0.borrow_mut();
        let polled = state.payload.poll_next_unpin(context);
        state.is_over |= matches!(polled, Poll::Ready(None));
        polled
    }
}

/// An answer that keeps what is left of its request.
struct Holding {
    body: BoxBody,
    _source: Source,
}

impl MessageBody for Holding {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}
