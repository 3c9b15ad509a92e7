//! Sealane comes to what Agave came to, on random whole transactions: a slice of what `tests/differential` compares at
//! length. The answers were recorded there:
//!
//! ```sh
//! tests/differential/run.sh --whole --transactions 10000 --seed 1 --record tests/random-transactions/tests/agave.bin
//! ```

use sealane_random_transactions::{MEMO_1, MEMO_3, MEMO_4, Recorded, Sealane, World, digest};
use sealane_sdk::{AccountState, Pubkey};
use solana_sdk_ids::{address_lookup_table, bpf_loader_upgradeable};

const RECORDED: &[u8] = include_bytes!("agave.bin");

#[test]
fn every_recorded_answer_is_ours_too() {
    let recorded = Recorded::read(RECORDED).expect("it is a recording");
    let mut sealane = Sealane::new(memo_and_tables());
    let mut world = World::new(recorded.seed);
    let (mut succeeded, mut failed, mut dropped) = (0, 0, 0);
    for (number, theirs) in recorded.answers.iter().enumerate() {
        let transaction = world.next(&mut sealane, &mut ());
        let answer = sealane.run(&transaction);
        let keys = transaction.message.static_account_keys().iter();
        let ours = digest(&answer, keys.map(|key| sealane.account(key)));
        assert!(
            ours == *theirs,
            "transaction {number} differs from what {} made of it, which `tests/differential/run.sh --whole --seed {}` \
             shows:\n{transaction}\nSealane: {answer:#?}",
            recorded.by,
            recorded.seed
        );
        match answer.charged() {
            None => dropped += 1,
            Some(charged) if charged.status.is_ok() => succeeded += 1,
            Some(_) => failed += 1,
        }
    }
    println!("{succeeded} succeeded, {failed} failed and were charged, {dropped} were dropped");
    let some = recorded.answers.len() / 10;
    assert!(succeeded > some && failed > some && dropped > some);
}

/// The programs that are called, which are ELF files, and where the files are.
fn memo_and_tables() -> Vec<(Pubkey, AccountState)> {
    let called = [MEMO_1, MEMO_3, MEMO_4, address_lookup_table::ID];
    let loader = bpf_loader_upgradeable::ID;
    let files = called.map(|id| Pubkey::find_program_address(&[id.as_ref()], &loader).0);
    let mut all = sealane_on_board::programs();
    all.retain(|(key, _)| called.contains(key) || files.contains(key));
    all
}
