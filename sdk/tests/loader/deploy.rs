//! DeployWithMaxDataLen.

use super::scene::*;
use sealane_sdk::loader::UpgradeableLoaderInstruction as Loader;
use sealane_sdk::{InstructionError as E, Pubkey, system_program};
use solana_sdk_ids::sysvar::{clock, rent as rent_sysvar};

const PAYER: u8 = 1;
const PROGRAM: u8 = 2;
const BUFFER: u8 = 3;
const AUTHORITY: u8 = 4;
const ELF_LEN: usize = 1_000;
const MAX_LEN: usize = 1_500;
const PAYER_LAMPORTS: u64 = 1_000_000_000;

/// A deployment that succeeds unless something is spoiled.
pub(crate) struct Deploy {
    pub(crate) scene: Scene,
}

impl Deploy {
    pub(crate) fn new() -> Self {
        let scene = Scene::new(
            Loader::DeployWithMaxDataLen {
                max_data_len: MAX_LEN,
            },
            vec![
                (key(PAYER), wallet(PAYER_LAMPORTS)),
                (key(PROGRAM), blank(36)),
                (key(BUFFER), buffer(Some(key(AUTHORITY)), &elf(ELF_LEN))),
            ],
            vec![
                payer(key(PAYER)),
                rw(programdata_of(key(PROGRAM))),
                rw(key(PROGRAM)),
                rw(key(BUFFER)),
                ro(rent_sysvar::ID),
                ro(clock::ID),
                ro(system_program::ID),
                signer(key(AUTHORITY)),
            ],
        );
        Self { scene }
    }

    #[track_caller]
    pub(crate) fn refused(&mut self, error: E, line: &str) {
        self.scene.refused(error, line);
    }
}

/// Expects a deployment to be refused in which something is spoiled.
#[track_caller]
fn check(spoil: impl FnOnce(&mut Scene), error: E, line: &str) {
    let mut deploy = Deploy::new();
    spoil(&mut deploy.scene);
    deploy.refused(error, line);
}

#[test]
fn a_program_is_deployed() {
    let mut scene = Deploy::new().scene;
    let line = format!("Deployed program {}", key(PROGRAM));
    let outcome = scene.succeeds(&line, UNITS + CALL_UNITS);
    let data = programdata_of(key(PROGRAM));
    assert_eq!(outcome.deployed, [(key(PROGRAM), data)]);

    let mut file = elf(ELF_LEN);
    file.resize(MAX_LEN, 0);
    let expected = programdata(NOW, Some(key(AUTHORITY)), &file);
    assert_eq!(scene.account(data), expected);
    assert_eq!(scene.account(key(PROGRAM)), program(data));
    assert_eq!(scene.account(key(BUFFER)), Default::default());
    let paid = rent(45 + MAX_LEN) - rent(37 + ELF_LEN);
    let left = scene.account(key(PAYER)).lamports;
    assert_eq!(left, PAYER_LAMPORTS - paid);

    // The call of System is recorded as Solana records it, buffer and all.
    let [create] = outcome.inner_instructions.as_slice() else {
        panic!("{:?}", outcome.inner_instructions);
    };
    let key_of = |index: &u8| outcome.keys[usize::from(*index)];
    let accounts: Vec<Pubkey> = create.accounts.iter().map(key_of).collect();
    assert_eq!(accounts, [key(PAYER), data, key(BUFFER)]);
    assert_eq!(create.stack_height, 2);
}

#[test]
fn a_program_of_many_pages_is_deployed() {
    let mut scene = Deploy::new().scene;
    *scene.at(key(BUFFER)) = buffer(Some(key(AUTHORITY)), &elf(100_000));
    scene.instruction = Loader::DeployWithMaxDataLen {
        max_data_len: 100_000,
    };
    let line = format!("Deployed program {}", key(PROGRAM));
    scene.succeeds(&line, UNITS + CALL_UNITS);
    let expected = programdata(NOW, Some(key(AUTHORITY)), &elf(100_000));
    assert_eq!(scene.account(programdata_of(key(PROGRAM))), expected);
}

#[test]
fn the_buffer_pays_where_the_payer_cannot() {
    let mut scene = Deploy::new().scene;
    scene.at(key(PAYER)).lamports = 1;
    scene.at(key(BUFFER)).lamports = rent(45 + MAX_LEN) - 1;
    let line = format!("Deployed program {}", key(PROGRAM));
    scene.succeeds(&line, UNITS + CALL_UNITS);
    assert_eq!(scene.account(key(PAYER)), Default::default());
}

#[test]
fn sysvars_must_be_in_their_places() {
    for count in [4, 5] {
        check(|it| it.metas.truncate(count), E::MissingAccount, "");
    }
    check(|it| it.metas[4] = ro(clock::ID), E::InvalidArgument, "");
    check(
        |it| it.metas[5] = ro(rent_sysvar::ID),
        E::InvalidArgument,
        "",
    );
    for count in [6, 7] {
        check(|it| it.metas.truncate(count), E::MissingAccount, "");
    }
}

#[test]
fn what_cannot_become_a_program() {
    check(
        |it| *it.at(key(PROGRAM)) = program(key(9)),
        E::AccountAlreadyInitialized,
        "Program account already initialized",
    );
    check(
        |it| *it.at(key(PROGRAM)) = blank(35),
        E::AccountDataTooSmall,
        "Program account too small",
    );
    check(
        |it| *it.at(key(PROGRAM)) = wallet(1),
        E::InvalidAccountData,
        "",
    );
    check(
        |it| it.at(key(PROGRAM)).lamports -= 1,
        E::ExecutableAccountNotRentExempt,
        "Program account not rent-exempt",
    );
    // These are found when all else is done.
    check(
        |it| it.metas[2] = ro(key(PROGRAM)),
        E::ReadonlyDataModified,
        &format!("Program {} success", system_program::ID),
    );
    check(
        |it| it.at(key(PROGRAM)).owner = key(99),
        E::ExternalAccountDataModified,
        &format!("Program {} success", system_program::ID),
    );
}

#[test]
fn what_cannot_be_deployed() {
    check(
        |it| it.metas[3] = ro(key(BUFFER)),
        E::InvalidArgument,
        "Buffer account not writeable",
    );
    check(
        |it| it.at(key(BUFFER)).owner = key(99),
        E::IncorrectProgramId,
        "Buffer account not owned by loader",
    );
    for authority in [None, Some(key(9))] {
        check(
            |it| *it.at(key(BUFFER)) = buffer(authority, &elf(ELF_LEN)),
            E::IncorrectAuthority,
            "Buffer and upgrade authority don't match",
        );
    }
    check(
        |it| it.metas[7] = ro(key(AUTHORITY)),
        E::MissingRequiredSignature,
        "Upgrade authority did not sign",
    );
    check(
        |it| *it.at(key(BUFFER)) = blank(100),
        E::InvalidArgument,
        "Invalid Buffer account",
    );
    check(
        |it| *it.at(key(BUFFER)) = buffer(Some(key(AUTHORITY)), &[]),
        E::InvalidAccountData,
        "Buffer account too small",
    );
    check(
        |it| *it.at(key(BUFFER)) = buffer(Some(key(AUTHORITY)), &[7; 100]),
        E::InvalidAccountData,
        "ELF error: invalid file header",
    );
}

#[test]
fn lengths_have_bounds() {
    let max = |max_data_len| {
        move |it: &mut Scene| {
            it.instruction = Loader::DeployWithMaxDataLen { max_data_len };
        }
    };
    check(
        max(ELF_LEN - 1),
        E::AccountDataTooSmall,
        "Max data length is too small to hold Buffer data",
    );
    for len in [10 * 1024 * 1024 - 44, usize::MAX] {
        let line = "Max data length is too large";
        check(max(len), E::InvalidArgument, line);
    }
}

#[test]
fn the_file_goes_to_the_address_that_follows_from_the_programs() {
    check(
        |it| it.metas[1] = rw(key(9)),
        E::InvalidArgument,
        "ProgramData address is not derived",
    );
    let data = programdata_of(key(PROGRAM));
    check(
        |it| it.metas[1] = ro(data),
        E::PrivilegeEscalation,
        &format!("{data}'s writable privilege escalated"),
    );
}

#[test]
fn the_payer_pays() {
    check(
        |it| it.metas[0] = rw(key(PAYER)),
        E::PrivilegeEscalation,
        &format!("{}'s signer privilege escalated", key(PAYER)),
    );
    check(
        |it| it.metas[0] = signer(key(PAYER)),
        E::ReadonlyLamportChange,
        "",
    );
    check(
        |it| it.metas[0] = payer(key(BUFFER)),
        E::AccountBorrowFailed,
        "",
    );
    check(
        |it| it.metas[6] = ro(key(9)),
        E::MissingAccount,
        &format!("Unknown program {}", system_program::ID),
    );
    check(
        |it| it.at(key(PAYER)).lamports = 1,
        E::Custom(1),
        &format!(
            "Program {} failed: custom program error: 0x1",
            system_program::ID
        ),
    );
}
