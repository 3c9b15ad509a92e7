//! Upgrade.

use super::scene::*;
use sealane_sdk::InstructionError as E;
use sealane_sdk::loader::UpgradeableLoaderInstruction as Loader;
use solana_sdk_ids::sysvar::{clock, rent as rent_sysvar};

const PROGRAMDATA: u8 = 1;
const PROGRAM: u8 = 2;
const BUFFER: u8 = 3;
const SPILL: u8 = 4;
const AUTHORITY: u8 = 5;

/// A program of 1,000 bytes, and 800 that are to take their place.
fn upgrade() -> Scene {
    Scene::new(
        Loader::Upgrade,
        vec![
            (
                key(PROGRAMDATA),
                programdata(BEFORE, Some(key(AUTHORITY)), &[1; 1_000]),
            ),
            (key(PROGRAM), program(key(PROGRAMDATA))),
            (key(BUFFER), buffer(Some(key(AUTHORITY)), &elf(800))),
            (key(SPILL), wallet(1)),
        ],
        vec![
            rw(key(PROGRAMDATA)),
            rw(key(PROGRAM)),
            rw(key(BUFFER)),
            rw(key(SPILL)),
            ro(rent_sysvar::ID),
            ro(clock::ID),
            signer(key(AUTHORITY)),
        ],
    )
}

/// Expects an upgrade to be refused in which something is spoiled.
#[track_caller]
fn check(spoil: impl FnOnce(&mut Scene), error: E, line: &str) {
    let mut scene = upgrade();
    spoil(&mut scene);
    scene.refused(error, line);
}

#[test]
fn a_program_gets_a_new_file() {
    let mut scene = upgrade();
    scene.at(key(PROGRAMDATA)).lamports -= 5;
    let outcome = scene.succeeds(&format!("Upgraded program {}", key(PROGRAM)), UNITS);
    assert_eq!(outcome.deployed, [(key(PROGRAM), key(PROGRAMDATA))]);

    let mut file = elf(800);
    file.resize(1_000, 0);
    let expected = programdata(NOW, Some(key(AUTHORITY)), &file);
    assert_eq!(scene.account(key(PROGRAMDATA)), expected);
    assert_eq!(scene.account(key(PROGRAM)), program(key(PROGRAMDATA)));
    assert_eq!(scene.account(key(BUFFER)), Default::default());
    let spilled = rent(37 + 800) - 5;
    assert_eq!(scene.account(key(SPILL)), wallet(1 + spilled));
}

#[test]
fn a_program_of_many_pages_is_upgraded() {
    let mut scene = upgrade();
    *scene.at(key(PROGRAMDATA)) = programdata(BEFORE, Some(key(AUTHORITY)), &[1; 100_000]);
    *scene.at(key(BUFFER)) = buffer(Some(key(AUTHORITY)), &elf(50_000));
    scene.succeeds(&format!("Upgraded program {}", key(PROGRAM)), UNITS);
    let mut file = elf(50_000);
    file.resize(100_000, 0);
    let expected = programdata(NOW, Some(key(AUTHORITY)), &file);
    assert_eq!(scene.account(key(PROGRAMDATA)), expected);
}

#[test]
fn sysvars_must_be_in_their_places() {
    for count in [3, 4, 5, 6] {
        check(|it| it.metas.truncate(count), E::MissingAccount, "");
    }
    check(|it| it.metas[4] = ro(clock::ID), E::InvalidArgument, "");
    check(
        |it| it.metas[5] = ro(rent_sysvar::ID),
        E::InvalidArgument,
        "",
    );
}

#[test]
fn what_is_not_the_program() {
    check(
        |it| it.metas[1] = ro(key(PROGRAM)),
        E::InvalidArgument,
        "Program account not writeable",
    );
    check(
        |it| it.at(key(PROGRAM)).owner = key(99),
        E::IncorrectProgramId,
        "Program account not owned by loader",
    );
    check(
        |it| *it.at(key(PROGRAM)) = program(key(9)),
        E::InvalidArgument,
        "Program and ProgramData account mismatch",
    );
    check(
        |it| *it.at(key(PROGRAM)) = blank(36),
        E::InvalidAccountData,
        "Invalid Program account",
    );
    check(
        |it| *it.at(key(PROGRAM)) = blank(3),
        E::InvalidAccountData,
        "",
    );
}

#[test]
fn what_cannot_be_deployed() {
    check(
        |it| it.metas[2] = ro(key(BUFFER)),
        E::InvalidArgument,
        "Buffer account not writeable",
    );
    check(
        |it| it.at(key(BUFFER)).owner = key(99),
        E::IncorrectProgramId,
        "Buffer account not owned by loader",
    );
    check(
        |it| *it.at(key(BUFFER)) = buffer(Some(key(9)), &elf(800)),
        E::IncorrectAuthority,
        "Buffer and upgrade authority don't match",
    );
    check(
        |it| it.metas[6] = ro(key(AUTHORITY)),
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
        |it| *it.at(key(BUFFER)) = buffer(Some(key(AUTHORITY)), &[7; 800]),
        E::InvalidAccountData,
        "ELF error: invalid file header",
    );
}

#[test]
fn what_cannot_take_the_file() {
    check(
        |it| *it.at(key(BUFFER)) = buffer(Some(key(AUTHORITY)), &elf(1_001)),
        E::AccountDataTooSmall,
        "ProgramData account not large enough",
    );
    check(
        |it| {
            it.at(key(BUFFER)).lamports = 1;
            it.at(key(PROGRAMDATA)).lamports -= 2;
        },
        E::InsufficientFunds,
        "Buffer account balance too low to fund upgrade",
    );
    let at = |slot, authority| {
        move |it: &mut Scene| *it.at(key(PROGRAMDATA)) = programdata(slot, authority, &[1; 1_000])
    };
    check(
        at(NOW, Some(key(AUTHORITY))),
        E::InvalidArgument,
        "Program was deployed in this block already",
    );
    check(at(BEFORE, None), E::Immutable, "Program not upgradeable");
    check(
        at(BEFORE, Some(key(9))),
        E::IncorrectAuthority,
        "Incorrect upgrade authority provided",
    );
    check(
        |it| *it.at(key(PROGRAMDATA)) = blank(1_045),
        E::InvalidAccountData,
        "Invalid ProgramData account",
    );
    check(
        |it| it.metas[0] = ro(key(PROGRAMDATA)),
        E::ReadonlyDataModified,
        "",
    );
    check(
        |it| it.at(key(PROGRAMDATA)).owner = key(99),
        E::ExternalAccountDataModified,
        "",
    );
}

#[test]
fn who_cannot_take_what_is_left() {
    check(
        |it| it.metas[3] = ro(key(SPILL)),
        E::ReadonlyLamportChange,
        "",
    );
    for taken in [PROGRAMDATA, BUFFER] {
        check(
            |it| it.metas[3] = rw(key(taken)),
            E::AccountBorrowFailed,
            "",
        );
    }
    check(
        |it| it.at(key(SPILL)).lamports = u64::MAX,
        E::ArithmeticOverflow,
        "",
    );
}
