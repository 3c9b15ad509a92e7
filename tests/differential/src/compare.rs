//! What differs between the two sides, in words.

use crate::agave::Agave;
use sealane_random_programs::{Outcome, Sealane, Transaction};
use sealane_sdk::{AccountState, Pubkey};
use solana_sdk_ids::sysvar;
use std::fmt::Debug;

pub(crate) fn outcomes(ours: &Outcome, theirs: &Outcome) -> Vec<String> {
    let mut differences = Vec::new();
    let mut check = |what: &str, ours: &dyn Debug, theirs: &dyn Debug| {
        let (ours, theirs) = (format!("{ours:?}"), format!("{theirs:?}"));
        if ours != theirs {
            differences.push(format!("{what}: Sealane {ours}, Agave {theirs}"));
        }
    };
    if ours == theirs {
        return differences;
    }
    check("result", &ours.result, &theirs.result);
    check("units", &ours.compute_units, &theirs.compute_units);
    check("return data", &ours.return_data, &theirs.return_data);
    check("calls", &ours.inner.len(), &theirs.inner.len());
    for (ours, theirs) in ours.inner.iter().zip(&theirs.inner) {
        check("call", ours, theirs);
    }
    check("lines", &ours.logs.len(), &theirs.logs.len());
    for (i, (ours, theirs)) in ours.logs.iter().zip(&theirs.logs).enumerate() {
        check(&format!("line {i}"), ours, theirs);
    }
    differences
}

/// The accounts that the transaction could write.
pub(crate) fn written(transaction: &Transaction, sealane: &Sealane, agave: &Agave) -> Vec<String> {
    let keys = transaction.writable_keys();
    keys.filter_map(|key| states(key, &sealane.account(key), &agave.account(key)))
        .collect()
}

/// All accounts there are.
pub(crate) fn all(sealane: &Sealane, agave: &Agave) -> Vec<String> {
    let theirs = agave.accounts();
    let only_ours = sealane.accounts().keys();
    let only_ours = only_ours.filter(|key| !theirs.contains_key(key));
    theirs
        .keys()
        .chain(only_ours)
        .filter(|key| **key != sysvar::instructions::ID)
        .filter_map(|key| states(key, &sealane.account(key), &agave.account(key)))
        .collect()
}

fn states(key: &Pubkey, ours: &AccountState, theirs: &AccountState) -> Option<String> {
    if ours == theirs {
        return None;
    }
    let shown = |state: &AccountState| {
        let data = state.data.as_slice();
        let data = &data[..data.len().min(1_000)];
        let AccountState {
            lamports,
            owner,
            executable,
            ..
        } = state;
        let len = state.data.len();
        format!(
            "{lamports} lamports, owner {owner}, executable {executable}, {len} bytes: {data:?}"
        )
    };
    Some(format!(
        "account {key}:\n  Sealane {}\n  Agave   {}",
        shown(ours),
        shown(theirs)
    ))
}
