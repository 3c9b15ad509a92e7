//! Accounts of a new chain that are copied from another one: `--clone` and its like, as `solana-test-validator` has them.
//! They are asked for over JSON-RPC, once, when the chain begins.

use crate::genesis_files;
use anyhow::{Context, bail, ensure};
use clap::Args;
use sealane_sdk::loader::{UPGRADEABLE, UpgradeableLoaderState};
use sealane_sdk::{AccountState, Pubkey};
use serde::Deserialize;
use serde_json::json;
use solana_account_decoder_client_types::UiAccount;
use std::time::Duration;

/// Accounts that a node is asked for at a time: as many as it answers.
const ACCOUNTS_MAX: usize = 100;
/// How long an answer may take, and how large it may be.
const TIMEOUT: Duration = Duration::from_secs(60);
const ANSWER_BYTES_MAX: u64 = 2 << 30;

/// Which accounts, and from where.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CloneArguments {
    /// Where --clone and its like copy from, and --warp-slot without a slot looks: an address of JSON-RPC, or
    /// mainnet-beta, testnet, devnet or localhost, or their first letter.
    #[arg(long, short, value_name = "URL_OR_MONIKER", value_parser = url)]
    url: Option<String>,

    /// Copy accounts from the chain at --url to a new chain. May be given more than once.
    #[arg(long, short, value_name = "ADDRESS", requires = "url", num_args = 1..)]
    clone: Vec<Pubkey>,

    /// The same for accounts that need not exist.
    #[arg(long, value_name = "ADDRESS", requires = "url", num_args = 1..)]
    maybe_clone: Vec<Pubkey>,

    /// The same for upgradeable programs, with the accounts that have their files.
    #[arg(long, value_name = "ADDRESS", requires = "url", num_args = 1..)]
    clone_upgradeable_program: Vec<Pubkey>,
}

/// The address of JSON-RPC that a moniker stands for.
fn url(text: &str) -> Result<String, String> {
    Ok(match text {
        "m" | "mainnet-beta" => "https://api.mainnet-beta.solana.com".to_owned(),
        "t" | "testnet" => "https://api.testnet.solana.com".to_owned(),
        "d" | "devnet" => "https://api.devnet.solana.com".to_owned(),
        "l" | "localhost" => "http://localhost:8899".to_owned(),
        url if url.starts_with("http://") || url.starts_with("https://") => url.to_owned(),
        _ => return Err("write mainnet-beta, testnet, devnet, localhost, or http://...".into()),
    })
}

impl CloneArguments {
    pub(crate) fn is_empty(&self) -> bool {
        self.clone.is_empty()
            && self.maybe_clone.is_empty()
            && self.clone_upgradeable_program.is_empty()
    }

    /// Copies them all.
    pub(crate) fn fetch(&self) -> anyhow::Result<Vec<(Pubkey, AccountState)>> {
        let Some(url) = self.url.as_deref().filter(|_| !self.is_empty()) else {
            return Ok(Vec::new());
        };
        let mut accounts = fetch_existing(url, &self.clone)?;
        let maybe = fetch(url, &self.maybe_clone)?;
        accounts.extend(maybe.into_iter().filter_map(|(key, it)| Some((key, it?))));
        let programs = fetch_existing(url, &self.clone_upgradeable_program)?;
        let data = programs.iter().map(|(key, state)| programdata(key, state));
        let data = data.collect::<anyhow::Result<Vec<_>>>()?;
        accounts.extend(programs);
        accounts.extend(fetch_existing(url, &data)?);
        Ok(accounts)
    }

    /// The slot that the chain at --url is in.
    pub(crate) fn slot(&self) -> anyhow::Result<u64> {
        let url = self.url.as_deref();
        let url = url.context("--warp-slot without a slot needs --url, to ask which it is")?;
        call(url, "getSlot", &json!([]))
    }
}

/// The account that has an upgradeable program's file.
fn programdata(key: &Pubkey, state: &AccountState) -> anyhow::Result<Pubkey> {
    ensure!(
        state.owner == UPGRADEABLE.id,
        "--clone-upgradeable-program {key}: it is no upgradeable program"
    );
    match bincode::deserialize(state.data.as_slice()) {
        Ok(UpgradeableLoaderState::Program {
            programdata_address,
        }) => Ok(programdata_address),
        _ => bail!("--clone-upgradeable-program {key}: it is not deployed"),
    }
}

fn fetch_existing(url: &str, keys: &[Pubkey]) -> anyhow::Result<Vec<(Pubkey, AccountState)>> {
    let found = fetch(url, keys)?.into_iter().map(|(key, state)| {
        let state = state.with_context(|| format!("there is no account {key} at {url}"))?;
        Ok((key, state))
    });
    found.collect()
}

/// Accounts with their states; `None` for those that do not exist.
fn fetch(url: &str, keys: &[Pubkey]) -> anyhow::Result<Vec<(Pubkey, Option<AccountState>)>> {
    #[derive(Deserialize)]
    struct Answer {
        value: Vec<Option<UiAccount>>,
    }
    let mut all = Vec::with_capacity(keys.len());
    for keys in keys.chunks(ACCOUNTS_MAX) {
        let texts: Vec<String> = keys.iter().map(ToString::to_string).collect();
        let params = json!([texts, {"encoding": "base64", "commitment": "confirmed"}]);
        let Answer { value } = call(url, "getMultipleAccounts", &params)?;
        ensure!(
            value.len() == keys.len(),
            "{url} was asked for {} accounts and gave {}",
            keys.len(),
            value.len()
        );
        for (key, account) in keys.iter().zip(value) {
            let state = account.as_ref().map(genesis_files::decode).transpose();
            let state = state.with_context(|| format!("account {key} of {url}"))?;
            all.push((*key, state));
        }
    }
    Ok(all)
}

/// The result of a method of a chain's JSON-RPC.
fn call<T: for<'de> Deserialize<'de>>(
    url: &str,
    method: &str,
    params: &serde_json::Value,
) -> anyhow::Result<T> {
    #[derive(Deserialize)]
    struct Answer<T> {
        result: Option<T>,
        error: Option<serde_json::Value>,
    }
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
    let agent = ureq::Agent::config_builder().timeout_global(Some(TIMEOUT));
    let agent: ureq::Agent = agent.build().into();
    let ask = || {
        let mut answer = agent.post(url).send_json(&request)?;
        answer
            .body_mut()
            .with_config()
            .limit(ANSWER_BYTES_MAX)
            .read_json::<Answer<T>>()
    };
    let Answer { result, error } = ask().with_context(|| format!("cannot ask {url}"))?;
    if let Some(error) = error {
        bail!("{url} refuses {method}: {error}");
    }
    result.with_context(|| format!("{url} gave no answer to {method}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builder::Validator;

    #[test]
    fn monikers_stand_for_addresses() {
        for (text, expected) in [
            ("m", "https://api.mainnet-beta.solana.com"),
            ("devnet", "https://api.devnet.solana.com"),
            ("l", "http://localhost:8899"),
            ("https://example.org/x", "https://example.org/x"),
        ] {
            assert_eq!(url(text).as_deref(), Ok(expected));
        }
        assert!(url("mainnet").is_err());
    }

    #[test]
    fn accounts_and_programs_are_copied_from_another_chain() {
        let (plain, owner) = (Pubkey::new_unique(), Pubkey::new_unique());
        let state = AccountState {
            lamports: 7,
            owner,
            executable: false,
            data: vec![1, 2, 3].into(),
        };
        let folder = tempfile::tempdir().unwrap();
        let elf = folder.path().join("program.so");
        let mut header = b"\x7fELF\x02\x01\x01".to_vec();
        header.resize(64, 0);
        header[18] = 247;
        std::fs::write(&elf, header).unwrap();
        let program = Pubkey::new_unique();
        let node = Validator::builder()
            .nothing_on_board()
            .account(plain, state.clone())
            .upgradeable_program_file(program, &elf, None)
            .start()
            .unwrap();
        let nobody = Pubkey::new_unique();
        let arguments = CloneArguments {
            url: node.rpc_url(),
            clone: vec![plain],
            maybe_clone: vec![nobody],
            clone_upgradeable_program: vec![program],
        };
        let copied = arguments.fetch().unwrap();
        assert_eq!(copied.len(), 3);
        assert_eq!(copied[0], (plain, state));
        for (key, state) in &copied[1..] {
            assert_eq!(node.account(key).unwrap().as_ref(), Some(state));
        }

        let check = |arguments: CloneArguments, told: &str| {
            let error = format!("{:#}", arguments.fetch().unwrap_err());
            assert!(error.contains(told), "{error}");
        };
        let missing = CloneArguments {
            clone: vec![nobody],
            ..arguments.clone()
        };
        check(missing, &format!("there is no account {nobody}"));
        let no_program = CloneArguments {
            clone_upgradeable_program: vec![plain],
            ..arguments.clone()
        };
        check(no_program, "it is no upgradeable program");
        let (url, slot) = (node.rpc_url(), arguments.slot().unwrap());
        assert!(slot < 1_000, "{slot}");
        drop(node);
        let gone = CloneArguments { url, ..arguments };
        check(gone, "cannot ask http://");
    }
}
