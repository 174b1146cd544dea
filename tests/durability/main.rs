//! What Mediaport owes to those whom it has answered: nothing acknowledged is lost, whatever happens to the process.
//!
//! Every test runs the real program as a process of its own, with its own data folder, and sets it up as an operator
//! would. Clients keep a ledger of what was acknowledged; afterwards five counters say how far ledger, portal and
//! destination differ, and all of them must be 0. A killed process proves little about missing syncs, because the kernel
//! still writes out what it holds: for that, `order` reads the system calls.
#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod bucket;
mod cut;
mod gate;
mod killed;
mod ledger;
mod limits;
mod once;
mod order;
mod poison;
mod postgres;
mod restarted;
mod site;
mod stopped;
mod trace;
mod wire;

use std::sync::{Mutex, MutexGuard, PoisonError};

/// Lets one test at a time run: they measure time, and share two processors and a disk.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}
