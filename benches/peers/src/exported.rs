//! Reads what `banking-bench --export` wrote, for each peer; the layout stands beside its writer, in
//! `benches/src/wire.rs`.

use anyhow::{Context, Result, bail, ensure};
use solana_account::Account;
use solana_address::Address;
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{BufReader, Read};
use std::path::Path;

/// Accounts and transactions of a workload.
pub(crate) struct Exported {
    pub(crate) accounts: Vec<(Address, Account)>,
    pub(crate) transactions: Vec<Vec<u8>>,
}

impl Exported {
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let file = File::open(path).with_context(|| format!("no {}", path.display()))?;
        let mut from = BufReader::new(file);
        ensure!(
            &array::<8>(&mut from)? == b"SLWORK01",
            "not an exported workload"
        );
        let _blockhash = array::<32>(&mut from)?;
        let count = number(&mut from)?;
        let accounts = (0..count)
            .map(|_| account(&mut from))
            .collect::<Result<_>>()?;
        let count = number(&mut from)?;
        let transactions = (0..count)
            .map(|_| sized(&mut from))
            .collect::<Result<_>>()?;
        Ok(Self {
            accounts,
            transactions,
        })
    }

    /// A peer has done the same work: every account of genesis has the balance with it that Sealane's dump shows.
    pub(crate) fn compare_balances(
        &self,
        peer: &str,
        balance: impl Fn(&Address) -> u64,
        dump: &Path,
    ) -> Result<()> {
        let dump = fs::read_to_string(dump)?;
        let mut expected = HashMap::new();
        for line in dump.lines() {
            let mut fields = line.split(' ');
            let (Some(address), Some(lamports)) = (fields.next(), fields.next()) else {
                bail!("not a line of a dump: {line}");
            };
            expected.insert(address, lamports.parse::<u64>()?);
        }
        for (address, _) in &self.accounts {
            let peers = balance(address);
            let sealane = expected.get(address.to_string().as_str());
            let sealane = sealane.copied().unwrap_or(0);
            ensure!(
                peers == sealane,
                "{address} has {peers} lamports with {peer} and {sealane} with Sealane"
            );
        }
        let count = self.accounts.len();
        eprintln!("{peer}: all {count} balances equal Sealane's");
        Ok(())
    }
}

fn account(from: &mut impl Read) -> Result<(Address, Account)> {
    let address = Address::from(array::<32>(from)?);
    let lamports = number(from)?;
    let owner = Address::from(array::<32>(from)?);
    let executable = array::<1>(from)? == [1];
    let data = sized(from)?;
    Ok((
        address,
        Account {
            lamports,
            data,
            owner,
            executable,
            rent_epoch: u64::MAX,
        },
    ))
}

fn sized(from: &mut impl Read) -> Result<Vec<u8>> {
    let mut bytes = vec![0; u32::from_le_bytes(array(from)?) as usize];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn number(from: &mut impl Read) -> Result<u64> {
    Ok(u64::from_le_bytes(array(from)?))
}

fn array<const N: usize>(from: &mut impl Read) -> Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}
