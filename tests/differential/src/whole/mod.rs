//! Whole transactions, from the bytes of the wire to what is committed: Sealane's verify and bank against Agave.
//!
//! Agave's side is `solana-svm` with what its bank does around it (`bank`); of what it executes, LiteSVM's answer has to
//! be the same too, where LiteSVM does as Agave does (`lite`). Compared is everything that can be seen: whether the
//! transaction is dropped or charged, the exact error, fee, compute units, logs line by line, return data, inner
//! instructions, and every account that it names; at intervals all accounts.

mod bank;
mod lite;

use crate::Arguments;
use anyhow::{Context, Result};
use bank::Bank;
use lite::Lite;
use sealane_random_transactions::{
    Answer, FULL_COMPARISON, MEMO_1, MEMO_3, MEMO_4, Mirror, Recorded, Sealane, Transaction, World,
    all_programs, digest,
};
use sealane_runtime::SlotContext;
use sealane_sdk::{AccountState, Pubkey};
use solana_account::ReadableAccount;
use solana_rent::Rent;
use solana_transaction_error::TransactionError;
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Instant;

/// Agave's two sides.
struct Agave {
    bank: Bank,
    lite: Lite,
}

impl Mirror for Agave {
    fn set(&mut self, key: &Pubkey, state: &AccountState) {
        Mirror::set(&mut self.bank, key, state);
        self.lite.set(key, bank::account_of(state));
    }

    fn open_slot(&mut self, slot: &SlotContext) {
        self.bank.open_slot(slot);
        self.lite.open_slot(slot);
    }
}

impl Agave {
    /// Runs a transaction through both; also says whether LiteSVM was asked, and what it did otherwise.
    fn run(&mut self, transaction: &Transaction, newest: bool) -> (Answer, bool, Vec<String>) {
        let (answer, keys) = self.bank.run(transaction);
        let mut differences = vec![];
        // What cannot be loaded is charged without being executed.
        let executed = answer.charged().is_some_and(|it| {
            !matches!(
                it.status,
                Err(TransactionError::ProgramAccountNotFound
                    | TransactionError::InvalidProgramForExecution
                    | TransactionError::MaxLoadedAccountsDataSizeExceeded)
            )
        });
        let is_asked = newest && executed;
        if is_asked {
            let lite = self.lite.run(transaction);
            if lite != answer {
                differences.push(format!("LiteSVM: {lite:#?}"));
            }
        }
        for key in &keys {
            let state = self.bank.account(key);
            let theirs = self.lite.account(key);
            if is_asked && theirs != state {
                differences.push(different(key, "LiteSVM", &theirs, &state));
            }
            // What is gone has to be taken out of LiteSVM: see there.
            if theirs != state || state.is_absent() {
                self.lite.set(key, bank::account_of(&state));
            }
        }
        (answer, is_asked, differences)
    }
}

pub(crate) fn run(arguments: &Arguments) -> Result<ExitCode> {
    let start = Instant::now();
    let mut sealane = Sealane::new(memo_and_tables());
    let mut world = World::new(arguments.seed);
    let programs = all_programs();
    let programs = programs
        .iter()
        .map(|program| (program.id, program.account()));
    let accounts = sealane.accounts().clone();
    let accounts = accounts.into_iter().chain(programs).collect();
    let mut agave = Agave {
        bank: Bank::new(&accounts, sealane.slot()),
        lite: Lite::new(&accounts)?,
    };
    let mut answers = vec![];
    let mut counts = Counts::default();
    let mut found = 0;
    for number in 0..arguments.transactions {
        let transaction = world.next(&mut sealane, &mut agave);
        let blockhash = transaction.message.recent_blockhash();
        let newest = *blockhash == sealane.slot().blockhash();
        let is_recent = sealane.slot().blockhash_slot(blockhash).is_some();
        let (theirs, is_asked, mut differences) = agave.run(&transaction, newest);
        let ours = sealane.run(&transaction);
        counts.note(&theirs, is_asked);
        counts.durable += u64::from(!is_recent && theirs.charged().is_some());
        if arguments.record.is_some() {
            let keys = transaction.message.static_account_keys().iter();
            answers.push(digest(&theirs, keys.map(|key| agave.bank.account(key))));
        }
        if ours != theirs {
            differences.push(format!("Sealane: {ours:#?}"));
        }
        let is_full = number % FULL_COMPARISON == FULL_COMPARISON - 1;
        if is_full || number + 1 == arguments.transactions {
            differences.extend(all(&sealane, &agave));
        } else {
            let keys = named(&transaction, &agave);
            differences.extend(keys.iter().filter_map(|key| {
                let (ours, theirs) = (sealane.account(key), agave.bank.account(key));
                (ours != theirs).then(|| different(key, "Sealane", &ours, &theirs))
            }));
        }
        if differences.is_empty() {
            continue;
        }
        println!(
            "difference at seed {}, transaction {number}",
            arguments.seed
        );
        println!("{transaction}Agave: {theirs:#?}");
        differences.iter().for_each(|it| println!("{it}"));
        println!();
        for key in named(&transaction, &agave) {
            sealane.set(key, agave.bank.account(&key));
        }
        found += 1;
        if found == arguments.differences {
            break;
        }
    }
    if let Some(path) = &arguments.record {
        let recorded = Recorded {
            by: "Agave 4.3.2, by solana-svm and LiteSVM 0.17.0".to_owned(),
            seed: arguments.seed,
            answers,
        };
        let written = std::fs::write(path, recorded.bytes());
        written.with_context(|| format!("cannot write {}", path.display()))?;
    }
    if arguments.coverage {
        counts
            .errors
            .iter()
            .for_each(|(error, count)| println!("{count:>8} {error}"));
    }
    let Counts {
        succeeded,
        failed,
        dropped,
        durable,
        asked,
        ..
    } = counts;
    println!(
        "seed {}: {succeeded} whole transactions succeeded, {failed} failed and were charged, {dropped} were dropped; \
         {durable} lived on a nonce, {asked} were run by LiteSVM too; in {:.1} s; {found} differences",
        arguments.seed,
        start.elapsed().as_secs_f64()
    );
    Ok(ExitCode::from(u8::from(found > 0)))
}

/// What became of transactions.
#[derive(Default)]
struct Counts {
    succeeded: u64,
    failed: u64,
    dropped: u64,
    /// Those that were charged though their blockhash was not recent.
    durable: u64,
    /// Those that LiteSVM ran as well.
    asked: u64,
    errors: BTreeMap<String, u64>,
}

impl Counts {
    fn note(&mut self, answer: &Answer, is_asked: bool) {
        self.asked += u64::from(is_asked);
        match answer {
            Answer::Dropped(_) => self.dropped += 1,
            Answer::Charged(charged) if charged.status.is_ok() => self.succeeded += 1,
            Answer::Charged(_) => self.failed += 1,
        }
        let word = if answer.charged().is_some() {
            "charged"
        } else {
            "dropped"
        };
        let name = match answer.error() {
            None => "succeeded".to_owned(),
            Some(TransactionError::InstructionError(_, error)) => format!("{word}: {error:?}"),
            Some(error) => format!("{word}: {error:?}"),
        };
        *self.errors.entry(name).or_default() += 1;
    }
}

/// The programs that are called, which are ELF files.
fn memo_and_tables() -> Vec<(Pubkey, AccountState)> {
    let rent = Rent::default();
    let spl = solana_program_binaries::spl_programs(&rent);
    let core = solana_program_binaries::core_bpf_programs(&rent, |_| true);
    let all: BTreeMap<Pubkey, AccountState> = spl
        .into_iter()
        .chain(core)
        .map(|(key, account)| (key, state_of(&account)))
        .collect();
    let called = [
        MEMO_1,
        MEMO_3,
        MEMO_4,
        solana_sdk_ids::address_lookup_table::ID,
    ];
    let files = called.map(|id| Pubkey::find_program_address(&[id.as_ref()], &LOADER).0);
    let named = called.into_iter().chain(files);
    named
        .filter_map(|key| Some((key, all.get(&key)?.clone())))
        .collect()
}

const LOADER: Pubkey = solana_sdk_ids::bpf_loader_upgradeable::ID;

fn state_of(account: &impl ReadableAccount) -> AccountState {
    AccountState {
        lamports: account.lamports(),
        owner: *account.owner(),
        executable: account.executable(),
        data: account.data().into(),
    }
}

/// The accounts that a transaction names, those included that it looks up where both have them.
fn named(transaction: &Transaction, agave: &Agave) -> Vec<Pubkey> {
    let message = &transaction.message;
    let looked_up = message.address_table_lookups().unwrap_or_default().iter();
    let looked_up = looked_up.flat_map(|lookup| agave.bank.addresses(lookup));
    let keys = message.static_account_keys().iter().copied();
    keys.chain(looked_up).collect()
}

fn all(sealane: &Sealane, agave: &Agave) -> Vec<String> {
    let theirs = agave.bank.all();
    let only_ours = sealane.accounts().keys();
    let only_ours = only_ours.filter(|key| !theirs.contains_key(key));
    let keys = theirs.keys().chain(only_ours);
    keys.filter_map(|key| {
        let (ours, theirs) = (sealane.account(key), agave.bank.account(key));
        (ours != theirs).then(|| different(key, "Sealane", &ours, &theirs))
    })
    .collect()
}

fn different(key: &Pubkey, who: &str, ours: &AccountState, agave: &AccountState) -> String {
    let shown = |state: &AccountState| {
        let data = state.data.as_slice();
        let shown = &data[..data.len().min(200)];
        format!(
            "{} lamports, owner {}, executable {}, {} bytes: {shown:?}",
            state.lamports,
            state.owner,
            state.executable,
            data.len()
        )
    };
    format!(
        "account {key}:\n  {who} {}\n  Agave {}",
        shown(ours),
        shown(agave)
    )
}
