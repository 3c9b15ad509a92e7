//! What the precompiles let pass, what they refuse and with which error, through the executor. The codes are those of
//! `PrecompileError`; which of several faults is told is Agave's order.

mod ed25519;
mod offsets;
mod scene;
mod secp256k1;
mod secp256r1;

use scene::{NOOP, harness, noop};
use sealane_sdk::{
    AccountInfo, AccountMeta, Instruction, InstructionError, Program, ProgramResult, Pubkey,
    invoke, set_return_data,
};

#[test]
fn it_logs_nothing_costs_no_units_and_leaves_return_data_alone() {
    const RETURNS: Pubkey = Pubkey::new_from_array([3; 32]);
    fn returns(_: &Pubkey, _: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
        set_return_data(data);
        Ok(())
    }
    let mut harness = harness().with_program(Program::new(RETURNS, "returns", returns, 7));
    let first = Instruction {
        program_id: RETURNS,
        accounts: vec![],
        data: b"kept".to_vec(),
    };
    let alone = harness.process_transaction(std::slice::from_ref(&first));
    let outcome = harness.process_transaction(&[first, ed25519::good()]);
    assert_eq!(outcome.result, Ok(()));
    assert_eq!(outcome.logs, alone.logs);
    assert_eq!(outcome.compute_units, 7);
    assert_eq!(outcome.return_data, Some((RETURNS, b"kept".to_vec())));
}

#[test]
fn a_failure_logs_nothing_either() {
    let mut bad = ed25519::good();
    *bad.data.last_mut().unwrap() ^= 1;
    let outcome = harness().process_transaction(&[noop(&[]), bad]);
    assert_eq!(outcome.result, Err((1, InstructionError::Custom(2))));
    assert!(
        outcome
            .logs
            .iter()
            .all(|line| line.contains(&NOOP.to_string()))
    );
}

#[test]
fn no_program_can_call_one() {
    const CALLS: Pubkey = Pubkey::new_from_array([4; 32]);
    fn calls(_: &Pubkey, accounts: &[AccountInfo<'_>], data: &[u8]) -> ProgramResult {
        let call = Instruction {
            program_id: *accounts[0].key,
            accounts: vec![],
            data: data.to_vec(),
        };
        invoke(&call, accounts)
    }
    for called in [ed25519::good(), secp256k1::good(), secp256r1::good()] {
        let mut harness = harness().with_program(Program::new(CALLS, "calls", calls, 0));
        let caller = Instruction {
            program_id: CALLS,
            accounts: vec![AccountMeta::new_readonly(called.program_id, false)],
            data: called.data,
        };
        let outcome = harness.process_instruction(&caller);
        assert_eq!(
            outcome.result,
            Err((0, InstructionError::UnsupportedProgramId))
        );
    }
}

#[test]
fn its_account_is_an_empty_program_of_the_native_loader() {
    for program in sealane_precompiles::ALL {
        let account = harness().account(&program.id);
        assert_eq!(account.lamports, 1);
        assert_eq!(account.owner, solana_sdk_ids::native_loader::ID);
        assert!(account.executable && account.data.as_slice().is_empty());
    }
}
