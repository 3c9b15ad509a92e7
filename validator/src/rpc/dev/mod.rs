//! What the operator of a chain for development may do by JSON-RPC, with surfpool's names and shapes where it has
//! the same.
//!
//! Whoever reaches the node is its operator, so these methods are there only if the chain began with `--dev`.
//! Each waits until what it did is visible, so all have threads of their own.

mod account;
mod clock;
mod snapshot;
mod token_account;

use super::errors::{self, invalid_params, invalid_request};
use super::{Answer, Method, Parameters, RpcContext};
use jsonrpsee::RpcModule;
use jsonrpsee::core::RegisterMethodError;
use jsonrpsee::types::ErrorObjectOwned;
use sealane_runtime::{Operator, OperatorError, Refusal};
use std::sync::Arc;

const METHODS: &[(&str, Method)] = &[
    ("surfnet_setAccount", account::set_account),
    ("surfnet_setTokenAccount", token_account::set_token_account),
    ("surfnet_timeTravel", clock::time_travel),
    ("surfnet_pauseClock", clock::pause_clock),
    ("surfnet_resumeClock", clock::resume_clock),
    ("sealane_snapshot", snapshot::snapshot),
    ("sealane_revert", snapshot::revert),
];

/// Adds the methods, if the chain is for development.
pub(super) fn register(
    module: &mut RpcModule<Arc<RpcContext>>,
    context: &RpcContext,
) -> Result<(), RegisterMethodError> {
    if context.operator.is_none() {
        return Ok(());
    }
    for &(name, method) in METHODS {
        module.register_blocking_method(name, move |params, context, _| -> Answer {
            method(&context, &Parameters::parse(&params)?)
        })?;
    }
    Ok(())
}

fn operator(context: &RpcContext) -> Result<&Operator, ErrorObjectOwned> {
    let operator = context.operator.as_ref();
    operator.ok_or_else(|| invalid_request("this chain did not begin with --dev"))
}

fn failed(error: OperatorError) -> ErrorObjectOwned {
    match error {
        OperatorError::Busy => errors::unavailable(&Refusal::Busy),
        OperatorError::Stopped => errors::internal(error.to_string()),
        _ => invalid_params(error.to_string()),
    }
}
