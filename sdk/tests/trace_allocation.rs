//! A transaction that nobody traces allocates nothing for it.

#[path = "support/counting.rs"]
mod counting;

use counting::ALLOCATIONS;
use sealane_sdk::{
    AccountState, Environment, ExecutionLimits, Executor, InstructionInput, Programs, Pubkey,
    Sysvars, TransactionAccount, TransactionAccounts, system_instruction, system_program,
};

#[test]
fn a_transfer_allocates_only_where_it_is_traced() {
    let [from, to] = [1, 2].map(|byte| Pubkey::new_from_array([byte; 32]));
    let (programs, sysvars) = (Programs::builtin(), Sysvars::default());
    let wallet = AccountState {
        lamports: 1_000_000,
        ..AccountState::default()
    };
    let program = programs.get(&system_program::ID).expect("it is built in");
    let program = program.account();
    let states = [
        (&from, &wallet),
        (&to, &wallet),
        (&system_program::ID, &program),
    ];
    let data = system_instruction::transfer(&from, &to, 5).data;
    let instruction = InstructionInput {
        program: 2,
        accounts: &[0, 1],
        data: &data,
    };
    let environment = Environment {
        programs: &programs,
        sysvars: &sysvars,
        machine: None,
    };
    let mut executor = Executor::default();
    let mut allocations = |traced: bool| {
        executor.set_traced(traced);
        let before = ALLOCATIONS.get();
        let mut accounts = TransactionAccounts::new();
        for (index, (key, state)) in states.into_iter().enumerate() {
            accounts.push(&TransactionAccount {
                key,
                state,
                lamports: state.lamports,
                is_signer: index == 0,
                is_writable: index < 2,
            });
        }
        let limits = ExecutionLimits::default();
        let instructions = std::iter::once(instruction);
        let executed = executor.execute(&environment, limits, &mut accounts, instructions);
        assert_eq!(executed.result, Ok(()));
        assert_eq!(executed.trace.is_some(), traced);
        ALLOCATIONS.get() - before
    };
    // The buffers grow.
    allocations(false);
    assert_eq!(allocations(false), 0);
    assert!(allocations(true) > 0, "they are counted");
    assert_eq!(allocations(false), 0, "nothing of it is left");
}
