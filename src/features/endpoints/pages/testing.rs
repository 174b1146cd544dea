//! Running an endpoint test while somebody watches.

use actix_web::web::Data;
use futures_util::future::{BoxFuture, FutureExt};
use futures_util::{Stream, StreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::connectors::{AnyConnector, Configuration, Outcome, Report, Step};
use crate::features::Services;

/// What a watcher learns of a test.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::features::endpoints) enum Progress {
    /// A step has ended.
    Step(Step),
    /// The test has ended.
    Done(Outcome),
}

/// What is tested: a type with settings and secrets of it, stored or only typed.
pub(in crate::features::endpoints) type Tested = (&'static dyn AnyConnector, Configuration);

/// Tests an endpoint while the stream is polled: dropping the stream ends the test.
pub(in crate::features::endpoints) fn test(
    (connector, configuration): Tested,
    services: Data<Services>,
) -> impl Stream<Item = Progress> + use<> {
    follow(move |mut report| {
        async move {
            connector.check(&configuration, &services.ground, &mut report).await;
            report.outcome()
        }
        .boxed()
    })
}

/// Tests an endpoint to its end.
pub(in crate::features::endpoints) async fn run(
    tested: Tested,
    services: Data<Services>,
) -> (Vec<Step>, Outcome) {
    let progress: Vec<_> = test(tested, services).collect().await;
    let mut outcome = Outcome::Failed;
    let mut steps = Vec::new();
    for part in progress {
        match part {
            Progress::Step(step) => steps.push(step),
            Progress::Done(last) => outcome = last,
        }
    }
    (steps, outcome)
}

fn follow(check: impl FnOnce(Report) -> BoxFuture<'static, Outcome>) -> impl Stream<Item = Progress> {
    let (sender, steps) = unbounded_channel();
    let running = Running { steps, work: check(Report::watched(sender)), outcome: None };
    stream::unfold(running, Running::next)
}

struct Running {
    steps: UnboundedReceiver<Step>,
    work: BoxFuture<'static, Outcome>,
    outcome: Option<Outcome>,
}

impl Running {
    /// Gives every step before the outcome: the work drops its report when it ends, which closes the channel behind the
    /// last step.
    async fn next(mut self) -> Option<(Progress, Self)> {
        loop {
            tokio::select! {
                biased;
                step = self.steps.recv() => {
                    let progress = match step {
                        Some(step) => Progress::Step(step),
                        None => Progress::Done(self.outcome.take()?),
                    };
                    return Some((progress, self));
                }
                outcome = &mut self.work, if self.outcome.is_none() => self.outcome = Some(outcome),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::connectors::{Found, StepName};

    #[tokio::test]
    async fn every_step_comes_before_the_outcome() {
        let progress: Vec<_> = follow(|mut report| {
            async move {
                for &name in StepName::ALL {
                    report.step(name, async { Ok(Found::passed((), "")) }).await;
                }
                report.outcome()
            }
            .boxed()
        })
        .collect()
        .await;

        assert_eq!(progress.len(), StepName::ALL.len() + 1);
        assert_eq!(progress.last(), Some(&Progress::Done(Outcome::Passed)));
    }

    #[tokio::test]
    async fn a_step_is_told_before_the_next_one_ends() {
        let mut progress = Box::pin(follow(|mut report| {
            async move {
                report.step(StepName::Resolve, async { Ok(Found::passed((), "")) }).await;
                std::future::pending().await
            }
            .boxed()
        }));

        assert!(matches!(progress.next().await, Some(Progress::Step(_))));
    }

    #[tokio::test]
    async fn whoever_leaves_ends_the_test() {
        let finished = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&finished);
        let mut progress = Box::pin(follow(move |mut report| {
            async move {
                report.step(StepName::Resolve, async { Ok(Found::passed((), "")) }).await;
                tokio::task::yield_now().await;
                flag.store(true, Ordering::SeqCst);
                Outcome::Passed
            }
            .boxed()
        }));

        progress.next().await;
        drop(progress);
        tokio::task::yield_now().await;

        assert!(!finished.load(Ordering::SeqCst));
    }
}
