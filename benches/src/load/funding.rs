//! Lamports for those who pay and those who are paid, where they lack them.

use super::node::Node;
use crate::keyring::keypair;
use crate::transfers::FEE;
use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use sealane_sdk::Pubkey;
use serde_json::{Value, json};
use solana_hash::Hash;
use solana_keypair::{Keypair, read_keypair_file};
use solana_message::Message;
use solana_signer::Signer;
use solana_system_interface::instruction::transfer;
use std::path::Path;
use std::time::{Duration, Instant};

/// Lamports of an account without data that needs no rent.
pub(super) const RENT_EXEMPT: u64 = 890_880;

/// Accounts in one `getMultipleAccounts`: Agave's limit.
const ACCOUNTS_AT_ONCE: usize = 100;
/// Signatures in one `getSignatureStatuses`: Agave's limit.
const STATUSES_AT_ONCE: usize = 256;
/// Transfers that fit a transaction.
const TRANSFERS_AT_ONCE: usize = 20;
/// Accounts that are paid before it is looked whether they were.
const PAID_AT_ONCE: usize = 10_000;
/// How long it may take until all of these are confirmed.
const CONFIRMS_WITHIN: Duration = Duration::from_secs(60);
const ASK_INTERVAL: Duration = Duration::from_millis(50);
/// Not one of the payers of any seed.
const FUNDER_SEED: u64 = 0xf04d_e400_0000_0000;

/// Who pays the payers.
pub(super) struct Funder<'a> {
    node: &'a Node,
    keypair: Keypair,
    /// Whether the faucet pays it.
    asks_faucet: bool,
}

impl<'a> Funder<'a> {
    /// With the key in a file, or one that the faucet gives what it needs.
    pub(super) fn new(node: &'a Node, file: Option<&Path>, seed: u64) -> Result<Self> {
        let keypair = match file {
            Some(path) => read_keypair_file(path)
                .map_err(|error| anyhow!("{} has no key pair: {error}", path.display()))?,
            None => keypair(seed ^ FUNDER_SEED, 0),
        };
        Ok(Self {
            node,
            keypair,
            asks_faucet: file.is_none(),
        })
    }

    /// Pays each what it lacks of these lamports.
    pub(super) fn fund(&self, accounts: &[(Pubkey, u64)], step: &dyn Fn(&str)) -> Result<()> {
        let mut lacking = Vec::new();
        for some in accounts.chunks(ACCOUNTS_AT_ONCE) {
            let balances = self.balances(some.iter().map(|(key, _)| key))?;
            let lacks = some.iter().zip(balances);
            lacking.extend(lacks.filter_map(|(&(key, needs), has)| {
                let lacks = needs.saturating_sub(has);
                (lacks > 0).then_some((key, lacks))
            }));
        }
        if lacking.is_empty() {
            return Ok(());
        }
        step(&format!("paying {} accounts ...", lacking.len()));
        let fees = FEE * lacking.len().div_ceil(TRANSFERS_AT_ONCE) as u64;
        let all: u64 = lacking.iter().map(|(_, lamports)| lamports).sum();
        self.has(all + fees + RENT_EXEMPT)?;
        for some in lacking.chunks(PAID_AT_ONCE) {
            let blockhash = self.node.blockhash()?;
            let transactions = some.chunks(TRANSFERS_AT_ONCE);
            let signatures: Result<_> = transactions.map(|it| self.pay(it, &blockhash)).collect();
            self.confirm(signatures?)?;
        }
        Ok(())
    }

    fn balances<'k>(&self, keys: impl Iterator<Item = &'k Pubkey>) -> Result<Vec<u64>> {
        let keys: Vec<String> = keys.map(ToString::to_string).collect();
        let asked = keys.len();
        let what = json!([keys, { "commitment": "confirmed", "encoding": "base64" }]);
        let answer = self.node.call("getMultipleAccounts", what)?;
        let accounts = answer["value"].as_array();
        let accounts = accounts.context("getMultipleAccounts gave no list")?;
        ensure!(accounts.len() == asked, "getMultipleAccounts left some out");
        let lamports = |account: &Value| account["lamports"].as_u64().unwrap_or(0);
        Ok(accounts.iter().map(lamports).collect())
    }

    /// Has the faucet pay what this one lacks.
    fn has(&self, needs: u64) -> Result<()> {
        let key = self.keypair.pubkey();
        let has = self.balances([key].iter())?[0];
        if has >= needs {
            return Ok(());
        }
        if !self.asks_faucet {
            bail!("{key} has {has} lamports, and {needs} are needed to pay the payers");
        }
        let asked = json!([key.to_string(), needs - has, { "commitment": "confirmed" }]);
        let signature = self.node.call("requestAirdrop", asked)?;
        let signature = signature.as_str().context("an airdrop has a signature")?;
        self.confirm(vec![signature.to_string()])
    }

    /// One transaction that pays all of these; its signature.
    fn pay(&self, these: &[(Pubkey, u64)], blockhash: &Hash) -> Result<String> {
        let from = self.keypair.pubkey();
        let pays = these
            .iter()
            .map(|(to, lamports)| transfer(&from, to, *lamports));
        let message =
            Message::new_with_blockhash(&pays.collect::<Vec<_>>(), Some(&from), blockhash);
        let message = message.serialize();
        let signature = self.keypair.sign_message(&message);
        let wire = [&[1], signature.as_ref(), &message].concat();
        let what = json!([
            BASE64_STANDARD.encode(wire),
            { "encoding": "base64", "skipPreflight": true },
        ]);
        self.node.call("sendTransaction", what)?;
        Ok(signature.to_string())
    }

    fn confirm(&self, mut waiting: Vec<String>) -> Result<()> {
        let until = Instant::now() + CONFIRMS_WITHIN;
        loop {
            let mut still = Vec::new();
            for some in waiting.chunks(STATUSES_AT_ONCE) {
                let answer = self.node.call("getSignatureStatuses", json!([some]))?;
                for (i, signature) in some.iter().enumerate() {
                    let status = &answer["value"][i];
                    ensure!(
                        status["err"].is_null(),
                        "paying the payers failed: {}",
                        status["err"]
                    );
                    let level = status["confirmationStatus"].as_str();
                    if !matches!(level, Some("confirmed" | "finalized")) {
                        still.push(signature.clone());
                    }
                }
            }
            if still.is_empty() {
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "{} transactions that pay the payers are not confirmed after {CONFIRMS_WITHIN:?}",
                still.len()
            );
            waiting = still;
            std::thread::sleep(ASK_INTERVAL);
        }
    }
}
