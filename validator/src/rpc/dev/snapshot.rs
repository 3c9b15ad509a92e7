//! `sealane_snapshot` and `sealane_revert`: what `evm_snapshot` and `evm_revert` are elsewhere.

use super::{failed, operator};
use crate::rpc::{Answer, Parameters, RpcContext, answer};

/// Takes a snapshot of everything; its number.
pub(super) fn snapshot(context: &RpcContext, _: &Parameters) -> Answer {
    answer(&operator(context)?.snapshot().map_err(failed)?)
}

/// Goes back to a snapshot; `false` if there is none with this number.
pub(super) fn revert(context: &RpcContext, parameters: &Parameters) -> Answer {
    let id: u64 = parameters.required(0)?;
    answer(&operator(context)?.revert(id).map_err(failed)?)
}
