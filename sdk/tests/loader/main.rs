//! The loaders, instruction by instruction, as a client meets them: what changes, the error, and the log line
//! that says why. Errors and lines are those of Agave 4.3.

mod authority;
mod close;
mod deploy;
mod extend;
mod scene;
mod upgrade;
mod write;

use scene::{check_refused, key, run};
use sealane_sdk::loader::{self, UpgradeableLoaderInstruction as Loader};
use sealane_sdk::{
    Instruction, InstructionError, MachineCall, MachineError, Programs, testing::Harness,
};
use solana_sdk_ids::{bpf_loader, bpf_loader_deprecated, bpf_loader_upgradeable, native_loader};

/// Takes files that begin as an ELF file does, and runs none.
struct Stub;

impl sealane_sdk::Machine for Stub {
    fn execute(&self, _: &MachineCall<'_>) -> Result<(), MachineError> {
        Err(InstructionError::UnsupportedProgramId.into())
    }

    fn check(&self, elf: &[u8]) -> Result<(), String> {
        if elf.starts_with(b"\x7fELF") {
            Ok(())
        } else {
            Err("ELF error: invalid file header".into())
        }
    }
}

#[test]
fn the_loaders_are_built_in() {
    let programs = Programs::builtin();
    for (id, name) in [
        (
            bpf_loader_deprecated::ID,
            "solana_bpf_loader_deprecated_program",
        ),
        (bpf_loader::ID, "solana_bpf_loader_program"),
        (
            bpf_loader_upgradeable::ID,
            "solana_bpf_loader_upgradeable_program",
        ),
    ] {
        let account = programs.get(&id).expect("it is built in").account();
        assert_eq!(account.data.as_slice(), name.as_bytes());
        assert_eq!(account.owner, native_loader::ID);
        assert!(account.executable);
    }
}

#[test]
fn the_older_loaders_refuse_every_instruction() {
    for (id, units, line) in [
        (
            bpf_loader_deprecated::ID,
            1_140,
            "Deprecated loader is no longer supported",
        ),
        (
            bpf_loader::ID,
            570,
            "BPF loader management instructions are no longer supported",
        ),
    ] {
        for data in [vec![], vec![0; 4], vec![255; 40]] {
            let instruction = Instruction::new_with_bytes(id, &data, vec![]);
            let outcome = Harness::new().process_instruction(&instruction);
            let refused = InstructionError::UnsupportedProgramId;
            assert_eq!(outcome.error(), Some(&refused));
            assert_eq!(outcome.compute_units, units);
            assert_eq!(
                outcome.logs,
                [
                    format!("Program {id} invoke [1]"),
                    line.to_owned(),
                    format!("Program {id} failed: Unsupported program id"),
                ]
            );
        }
    }
}

#[test]
fn what_is_no_instruction_is_refused() {
    let mut too_long = bincode::serialize(&Loader::Write {
        offset: 0,
        bytes: vec![7; 1232],
    });
    let too_long = too_long.as_mut().unwrap();
    // 8 and 9 are instructions of other versions of the loader.
    for data in [
        &[][..],
        &[1, 0, 0],
        &[8, 0, 0, 0],
        &[9, 0, 0, 0, 1, 1, 1, 1],
        too_long,
    ] {
        let instruction = Instruction::new_with_bytes(bpf_loader_upgradeable::ID, data, vec![]);
        let refused = (InstructionError::InvalidInstructionData, "");
        check_refused(&mut Harness::new(), &instruction, refused);
    }
}

#[test]
fn an_instruction_needs_its_accounts_and_its_units() {
    for (instruction, count) in [
        (Loader::InitializeBuffer, 2),
        (
            Loader::Write {
                offset: 0,
                bytes: vec![],
            },
            2,
        ),
        (Loader::DeployWithMaxDataLen { max_data_len: 1 }, 4),
        (Loader::Upgrade, 3),
        (Loader::SetAuthority, 2),
        (Loader::SetAuthorityChecked, 3),
        (Loader::Close, 2),
        (
            Loader::ExtendProgram {
                additional_bytes: 1,
            },
            1,
        ),
    ] {
        let metas = (1..count).map(|n| scene::rw(key(n))).collect();
        let instruction = scene::loader(&instruction, metas);
        let refused = (InstructionError::MissingAccount, "");
        check_refused(&mut Harness::new(), &instruction, refused);

        let limits = sealane_sdk::ExecutionLimits {
            compute_units: 2_369,
            ..Default::default()
        };
        let outcome = run(&mut Harness::new().with_limits(limits), &instruction);
        let refused = InstructionError::ComputationalBudgetExceeded;
        assert_eq!(outcome.error(), Some(&refused));
    }
}

#[test]
fn a_program_may_call_what_shrinks_or_hands_on() {
    let callable: Vec<u8> = (0..=255)
        .filter(|first| loader::is_callable(&[*first, 0, 0, 0]))
        .collect();
    assert_eq!(callable, [3, 4, 5, 7]);
    assert!(!loader::is_callable(&[]));
}

#[test]
fn without_a_machine_nothing_is_deployed() {
    let mut deploy = deploy::Deploy::new();
    deploy.scene.harness = Harness::new();
    let refused = InstructionError::InvalidAccountData;
    deploy.refused(refused, "no virtual machine is on board");
}
