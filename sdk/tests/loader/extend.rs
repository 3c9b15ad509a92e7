//! ExtendProgram.

use super::scene::*;
use sealane_sdk::loader::UpgradeableLoaderInstruction as Loader;
use sealane_sdk::{InstructionError as E, system_program};

const PROGRAMDATA: u8 = 1;
const PROGRAM: u8 = 2;
const PAYER: u8 = 3;
const AUTHORITY: u8 = 4;
const ADDED: u32 = 10_240;
const MAX_LEN: usize = 10 * 1024 * 1024;

fn by(additional_bytes: u32) -> Loader {
    Loader::ExtendProgram { additional_bytes }
}

fn extend() -> Scene {
    Scene::new(
        by(ADDED),
        vec![
            (
                key(PROGRAMDATA),
                programdata(BEFORE, Some(key(AUTHORITY)), &elf(1_000)),
            ),
            (key(PROGRAM), program(key(PROGRAMDATA))),
            (key(PAYER), wallet(1_000_000_000)),
        ],
        vec![
            rw(key(PROGRAMDATA)),
            rw(key(PROGRAM)),
            ro(system_program::ID),
            payer(key(PAYER)),
        ],
    )
}

/// Expects an extension to be refused in which something is spoiled.
#[track_caller]
fn check(spoil: impl FnOnce(&mut Scene), error: E, line: &str) {
    let mut scene = extend();
    spoil(&mut scene);
    scene.refused(error, line);
}

#[test]
fn a_program_gets_more_room() {
    let mut scene = extend();
    let line = "Extended ProgramData account by 10240 bytes";
    let outcome = scene.succeeds(line, UNITS + CALL_UNITS);
    assert_eq!(outcome.deployed, [(key(PROGRAM), key(PROGRAMDATA))]);
    let mut file = elf(1_000);
    file.resize(1_000 + 10_240, 0);
    let expected = programdata(NOW, Some(key(AUTHORITY)), &file);
    let paid = rent(45 + 1_000 + 10_240) - rent(45 + 1_000);
    assert_eq!(scene.account(key(PROGRAMDATA)), expected);
    let left = scene.account(key(PAYER)).lamports;
    assert_eq!(left, 1_000_000_000 - paid);
}

#[test]
fn nobody_pays_where_rent_is_paid_already() {
    let mut scene = extend();
    scene.at(key(PROGRAMDATA)).lamports = rent(45 + 1_000 + 10_240);
    scene.metas.truncate(2);
    let line = "Extended ProgramData account by 10240 bytes";
    let outcome = scene.succeeds(line, UNITS);
    assert!(outcome.inner_instructions.is_empty());
}

#[test]
fn the_last_bytes_may_be_fewer() {
    let nearly = MAX_LEN - 45 - 100;
    let full = |it: &mut Scene| {
        *it.at(key(PROGRAMDATA)) = programdata(BEFORE, Some(key(AUTHORITY)), &elf(nearly));
        it.at(key(PAYER)).lamports = 100_000_000_000;
    };
    let mut scene = extend();
    full(&mut scene);
    scene.instruction = by(100);
    let line = "Extended ProgramData account by 100 bytes";
    scene.succeeds(line, UNITS + CALL_UNITS);
    assert_eq!(scene.account(key(PROGRAMDATA)).data.len(), MAX_LEN);

    check(
        |it| {
            full(it);
            it.instruction = by(99);
        },
        E::InvalidArgument,
        "ExtendProgram requires a minimum of 10240 additional bytes or to extend to maximum size, \
         but only 99 were requested",
    );
    check(
        |it| {
            full(it);
            it.instruction = by(101);
        },
        E::InvalidRealloc,
        "Extended ProgramData length of 10485761 bytes exceeds max account data length of 10485760 \
         bytes",
    );
}

#[test]
fn how_much_it_may_be() {
    check(
        |it| it.instruction = by(0),
        E::InvalidInstructionData,
        "Additional bytes must be greater than 0",
    );
    check(
        |it| it.instruction = by(ADDED - 1),
        E::InvalidArgument,
        "ExtendProgram requires a minimum of 10240 additional bytes or to extend to maximum size, \
         but only 10239 were requested",
    );
}

#[test]
fn what_cannot_be_extended() {
    check(
        |it| it.at(key(PROGRAMDATA)).owner = key(99),
        E::InvalidAccountOwner,
        "ProgramData owner is invalid",
    );
    check(
        |it| it.metas[0] = ro(key(PROGRAMDATA)),
        E::InvalidArgument,
        "ProgramData is not writable",
    );
    let at = |slot, authority| {
        move |it: &mut Scene| *it.at(key(PROGRAMDATA)) = programdata(slot, authority, &elf(1_000))
    };
    check(
        at(NOW, Some(key(AUTHORITY))),
        E::InvalidArgument,
        "Program was extended in this block already",
    );
    check(
        at(BEFORE, None),
        E::Immutable,
        "Cannot extend ProgramData accounts that are not upgradeable",
    );
    check(
        |it| *it.at(key(PROGRAMDATA)) = blank(1_045),
        E::InvalidAccountData,
        "ProgramData state is invalid",
    );
    check(
        |it| {
            *it.at(key(PROGRAMDATA)) = programdata(BEFORE, Some(key(AUTHORITY)), &[7; 1_000]);
        },
        E::InvalidAccountData,
        "ELF error: invalid file header",
    );
}

#[test]
fn what_is_not_the_program() {
    check(|it| it.metas.truncate(1), E::MissingAccount, "");
    check(
        |it| it.metas[1] = rw(key(PROGRAMDATA)),
        E::AccountBorrowFailed,
        "",
    );
    check(
        |it| it.metas[1] = ro(key(PROGRAM)),
        E::InvalidArgument,
        "Program account is not writable",
    );
    check(
        |it| it.at(key(PROGRAM)).owner = key(99),
        E::InvalidAccountOwner,
        "Program account not owned by loader",
    );
    check(
        |it| *it.at(key(PROGRAM)) = program(key(9)),
        E::InvalidArgument,
        "Program account does not match ProgramData account",
    );
    check(
        |it| *it.at(key(PROGRAM)) = blank(36),
        E::InvalidAccountData,
        "Invalid Program account",
    );
}

#[test]
fn the_payer_pays() {
    check(|it| it.metas.truncate(3), E::MissingAccount, "");
    check(
        |it| it.metas[2] = ro(key(9)),
        E::MissingAccount,
        &format!("Unknown program {}", system_program::ID),
    );
    check(
        |it| it.metas[3] = rw(key(PAYER)),
        E::PrivilegeEscalation,
        &format!("{}'s signer privilege escalated", key(PAYER)),
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
