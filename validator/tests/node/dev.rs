//! A chain for development: whose state and time its operator may set.

mod accounts;
mod begun;
mod clock;
mod seed;
mod snapshots;
mod token_accounts;

use sealane_validator::{Validator, ValidatorHandle};
use std::path::Path;

fn start() -> ValidatorHandle {
    Validator::builder().dev(true).start().expect("it starts")
}

/// On a ledger.
fn start_on(folder: &Path) -> ValidatorHandle {
    let builder = Validator::builder().dev(true).ledger(folder);
    builder.start().expect("it starts")
}
