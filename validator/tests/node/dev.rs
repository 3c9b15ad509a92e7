//! A chain for development: whose state and time its operator may set.

mod accounts;
mod begun;
mod clock;
mod seed;
mod snapshots;
mod token_accounts;

use sealane_validator::{Validator, ValidatorHandle};

fn start() -> ValidatorHandle {
    Validator::builder().dev(true).start().expect("it starts")
}
