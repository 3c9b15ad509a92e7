//! Sealane comes to what Agave came to, on random transactions of real programs: a slice of what
//! `tests/differential` compares at length. The answers were recorded there:
//!
//! ```sh
//! tests/differential/run.sh --transactions 10000 --seed 1 --record tests/random-programs/tests/agave.bin
//! ```

use sealane_random_programs::{Answer, PROBE, Recorded, Sealane, World, probe_elf};
use sealane_sdk::{AccountState, Pubkey};

const RECORDED: &[u8] = include_bytes!("agave.bin");

#[test]
fn every_recorded_answer_is_ours_too() {
    let recorded = Recorded::read(RECORDED).expect("it is a recording");
    let accounts = recorded.accounts(&programs());
    let mut sealane = Sealane::new(accounts);
    let mut world = World::new(recorded.seed, recorded.reserved.iter().copied());
    let (mut succeeded, mut failed) = (0, 0);
    for (number, theirs) in recorded.answers.iter().enumerate() {
        let transaction = world.next(&mut sealane, &mut ());
        let refusal = theirs.refusal();
        let outcome = sealane.run(&transaction, theirs.fee(), refusal.as_ref());
        let ours = Answer::new(&transaction, &outcome, theirs.fee(), |key| {
            sealane.account(key)
        });
        assert!(
            ours == *theirs,
            "transaction {number} differs from what {} made of it, which `tests/differential/run.sh --seed {}` \
             shows:\n{transaction}\nSealane: {outcome}",
            recorded.by,
            recorded.seed
        );
        match outcome.result {
            Ok(()) => succeeded += 1,
            Err(_) => failed += 1,
        }
    }
    // The generator gets deep into the programs' states, and breaks some of what it makes.
    println!("{succeeded} succeeded, {failed} failed");
    assert!(succeeded > recorded.answers.len() / 3 && failed > recorded.answers.len() / 10);
}

/// Where large files are found that the recording only names.
fn programs() -> Vec<(Pubkey, AccountState)> {
    let mut programs = sealane_on_board::programs();
    let probe = AccountState {
        data: probe_elf().into(),
        ..AccountState::default()
    };
    programs.push((PROBE, probe));
    programs
}
