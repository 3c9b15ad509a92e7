//! Accounts of a new chain that are files: `--account` and `--account-dir`, as `solana-test-validator` has them, in the
//! JSON that `solana account --output json` writes.

use anyhow::{Context, bail};
use clap::Args;
use sealane_sdk::{AccountState, Pubkey};
use solana_account_decoder_client_types::UiAccount;
use solana_rpc_client_types::response::RpcKeyedAccount;
use std::path::{Path, PathBuf};

/// Where files are looked for that are not in the working directory.
const FIXTURES: &str = "tests/fixtures";

/// Which files.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct AccountFileArguments {
    /// Put an account on a new chain: its address, or - for the one in the file, and a file that `solana account ADDRESS
    /// --output json --output-file FILE` wrote. Looked for in the working directory and in tests/fixtures. May be given
    /// more than once.
    #[arg(long, num_args = 2, value_names = ["ADDRESS", "FILE"], allow_hyphen_values = true)]
    account: Vec<String>,

    /// Put the accounts of all JSON files in some folders on a new chain. May be given more than once.
    #[arg(long, value_name = "DIR", num_args = 1..)]
    account_dir: Vec<PathBuf>,
}

impl AccountFileArguments {
    pub(crate) fn is_empty(&self) -> bool {
        self.account.is_empty() && self.account_dir.is_empty()
    }

    /// Reads them all.
    pub(crate) fn read(&self) -> anyhow::Result<Vec<(Pubkey, AccountState)>> {
        let mut accounts = Vec::new();
        for words in self.account.chunks(2) {
            let address = match words[0].as_str() {
                "-" => None,
                text => Some(text.parse().map_err(|error| {
                    anyhow::anyhow!("--account ADDRESS FILE: {text} is no address: {error}")
                })?),
            };
            let (key, state) = read_file(&find(&words[1])?)?;
            accounts.push((address.unwrap_or(key), state));
        }
        for folder in &self.account_dir {
            let entries = std::fs::read_dir(folder)
                .with_context(|| format!("cannot read the folder {}", folder.display()))?;
            let paths = entries.map(|entry| Ok(entry?.path()));
            let mut paths: Vec<PathBuf> = paths.collect::<std::io::Result<_>>()?;
            paths.retain(|path| path.extension().is_some_and(|it| it == "json"));
            // In whichever order the system has them, the chain begins the same.
            paths.sort();
            for path in paths {
                accounts.push(read_file(&path)?);
            }
        }
        Ok(accounts)
    }
}

fn find(file: &str) -> anyhow::Result<PathBuf> {
    let candidates = [PathBuf::from(file), Path::new(FIXTURES).join(file)];
    match candidates.into_iter().find(|path| path.is_file()) {
        Some(path) => Ok(path),
        None => bail!("there is no file {file}, neither here nor in {FIXTURES}"),
    }
}

fn read_file(path: &Path) -> anyhow::Result<(Pubkey, AccountState)> {
    let read = || {
        let text = std::fs::read_to_string(path)?;
        let keyed: RpcKeyedAccount = serde_json::from_str(&text)?;
        let key = keyed.pubkey.parse::<Pubkey>()?;
        Ok((key, decode(&keyed.account)?))
    };
    let read: anyhow::Result<_> = read();
    read.with_context(|| format!("{} is no account in JSON", path.display()))
}

/// The account that JSON shows; `Err` where it is not shown in full.
pub(crate) fn decode(account: &UiAccount) -> anyhow::Result<AccountState> {
    let data = account.data.decode();
    let data = data.context("its data are parsed, and not in base64")?;
    Ok(AccountState {
        lamports: account.lamports,
        owner: account.owner.parse().context("its owner is no address")?,
        executable: account.executable,
        data: data.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn file(folder: &Path, name: &str, lamports: u64) -> (Pubkey, PathBuf) {
        let key = Pubkey::new_unique();
        let account = json!({
            "pubkey": key.to_string(),
            "account": {
                "lamports": lamports,
                "data": ["AQID", "base64"],
                "owner": "11111111111111111111111111111111",
                "executable": false,
                "rentEpoch": 18_446_744_073_709_551_615_u64,
                "space": 3,
            },
        });
        let path = folder.join(name);
        std::fs::write(&path, account.to_string()).unwrap();
        (key, path)
    }

    #[test]
    fn accounts_are_read_from_files_and_folders() {
        let folder = tempfile::tempdir().unwrap();
        let (first, first_file) = file(folder.path(), "a.json", 1);
        let (second, _) = file(folder.path(), "b.json", 2);
        std::fs::write(folder.path().join("notes.txt"), "no account").unwrap();
        let other = Pubkey::new_unique();
        let name = first_file.to_str().unwrap().to_owned();
        let arguments = AccountFileArguments {
            account: vec!["-".into(), name.clone(), other.to_string(), name],
            account_dir: vec![folder.path().to_owned()],
        };
        let accounts = arguments.read().unwrap();
        let keys: Vec<(Pubkey, u64)> = accounts
            .iter()
            .map(|(key, state)| (*key, state.lamports))
            .collect();
        assert_eq!(keys, [(first, 1), (other, 1), (first, 1), (second, 2)]);
        assert_eq!(accounts[0].1.data.as_slice(), [1, 2, 3]);
    }

    #[test]
    fn what_is_wrong_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.json");
        std::fs::write(&path, "{}").unwrap();
        let check = |account: [&str; 2], told: &str| {
            let arguments = AccountFileArguments {
                account: account.map(str::to_owned).to_vec(),
                account_dir: Vec::new(),
            };
            let error = format!("{:#}", arguments.read().unwrap_err());
            assert!(error.contains(told), "{error}");
        };
        check(["-", path.to_str().unwrap()], "is no account in JSON");
        check(["-", "nowhere.json"], "neither here nor in tests/fixtures");
        check(["x", path.to_str().unwrap()], "x is no address");
    }
}
