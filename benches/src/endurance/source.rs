//! Transfers without end, each signed right before it is handed in; and what they leave.

use crate::keyring::{Keyring, address};
use crate::transfers::{FEE, PURPOSE_RECIPIENT, Template, recipients};
use crate::wire::WireTransactions;
use crate::workload::{
    OTHER_LAMPORTS, PAYER_LAMPORTS, Scattered, Workload, WorkloadKind, WorkloadOptions, genesis,
};
use anyhow::{Result, ensure};
use bytes::Bytes;
use sealane_runtime::Reader;
use sealane_sdk::Pubkey;
use solana_hash::Hash;
use std::collections::HashMap;

const PURPOSE_BLOCKHASH: u64 = 0xe2d;

/// Payer `i` pays recipient `i`, one pair after the other, and again, a lamport more each round.
pub(super) struct Transfers {
    options: WorkloadOptions,
    keyring: Keyring,
    order: Scattered,
    template: Template,
    /// How many there were.
    made: u64,
}

impl Transfers {
    /// Half of the accounts pay the other half.
    pub(super) fn new(accounts: u64, seed: u64) -> Self {
        let pairs = (accounts / 2).max(1);
        Self {
            options: WorkloadOptions {
                kind: WorkloadKind::Transfer,
                transactions: 0,
                accounts,
                seed,
                real_signatures: true,
            },
            keyring: Keyring::generate(seed, pairs, true),
            order: Scattered::new(pairs),
            template: Template::new(),
            made: 0,
        }
    }

    /// The accounts, without transactions.
    pub(super) fn ground(&self) -> Workload {
        let seed = self.options.seed;
        let recipients = recipients(seed, self.keyring.len());
        Workload {
            blockhash: Hash::new_from_array(address(seed, PURPOSE_BLOCKHASH, 0).to_bytes()),
            genesis: genesis(&self.options, &self.keyring, recipients),
            programs: Vec::new(),
            transactions: WireTransactions::default(),
        }
    }

    /// How many there were.
    pub(super) fn made(&self) -> u64 {
        self.made
    }

    /// The next ones, as wire bytes.
    pub(super) fn next(&mut self, count: usize, blockhash: &Hash) -> Vec<Bytes> {
        (0..count).map(|_| self.one(blockhash)).collect()
    }

    fn one(&mut self, blockhash: &Hash) -> Bytes {
        let number = self.made;
        self.made += 1;
        let (pair, round) = self.order.at(number);
        let from = self.keyring.key(pair);
        let to = self.recipient(pair);
        let message = self.template.fill(&from, &to, 1 + round, blockhash);
        let signature = self.keyring.sign(pair, number, message);
        let mut bytes = Vec::with_capacity(1 + 64 + message.len());
        bytes.push(1);
        bytes.extend_from_slice(signature.as_ref());
        bytes.extend_from_slice(message);
        bytes.into()
    }

    fn recipient(&self, pair: u64) -> Pubkey {
        address(self.options.seed, PURPOSE_RECIPIENT, pair)
    }

    /// Holds the balance of everyone who paid or was paid against all transfers that were made.
    pub(super) fn check(&self, reader: &Reader) -> Result<()> {
        let pairs = self.keyring.len();
        let mut rounds = vec![self.made / pairs; pairs as usize];
        for place in 0..self.made % pairs {
            rounds[self.order.at(place).0 as usize] += 1;
        }
        let mut expected = HashMap::with_capacity(2 * rounds.len());
        for (pair, rounds) in rounds.into_iter().enumerate() {
            let pair = pair as u64;
            let paid = rounds * (rounds + 1) / 2;
            expected.insert(self.keyring.key(pair), PAYER_LAMPORTS - paid - rounds * FEE);
            expected.insert(self.recipient(pair), OTHER_LAMPORTS + paid);
        }
        let (mut right, mut wrong) = (0, None);
        reader.pin()?.all(&mut |key, state| {
            match expected.get(key) {
                Some(&lamports) if lamports == state.lamports => right += 1,
                Some(&lamports) => wrong = Some((*key, state.lamports, lamports)),
                None => {}
            };
        })?;
        if let Some((key, has, should)) = wrong {
            anyhow::bail!("{key} has {has} lamports, and should have {should}");
        }
        ensure!(
            right == expected.len(),
            "{} of {} accounts are not there",
            expected.len() - right,
            expected.len()
        );
        Ok(())
    }
}
