//! InitializeBuffer and Write.

use super::scene::*;
use sealane_sdk::loader::UpgradeableLoaderInstruction as Loader;
use sealane_sdk::{InstructionError as E, Pubkey};

const BUFFER: u8 = 1;
const AUTHORITY: u8 = 2;

/// Expects what succeeds otherwise to be refused when something is spoiled.
#[track_caller]
fn check(mut scene: Scene, spoil: impl FnOnce(&mut Scene), error: E, line: &str) {
    spoil(&mut scene);
    scene.refused(error, line);
}

fn initialize() -> Scene {
    Scene::new(
        Loader::InitializeBuffer,
        vec![(key(BUFFER), blank(45))],
        vec![rw(key(BUFFER)), ro(key(AUTHORITY))],
    )
}

#[test]
fn a_buffer_gets_its_authority() {
    let mut scene = initialize();
    scene.succeeds("", UNITS);
    let expected = buffer(Some(key(AUTHORITY)), &[0; 8]);
    assert_eq!(scene.account(key(BUFFER)), expected);
}

#[test]
fn what_cannot_become_a_buffer() {
    let initialized = E::AccountAlreadyInitialized;
    let line = "Buffer account already initialized";
    check(
        initialize(),
        |it| *it.at(key(BUFFER)) = buffer(Some(key(AUTHORITY)), &[0; 8]),
        initialized,
        line,
    );
    check(
        initialize(),
        |it| *it.at(key(BUFFER)) = blank(3),
        E::InvalidAccountData,
        "",
    );
    check(
        initialize(),
        |it| *it.at(key(BUFFER)) = blank(36),
        E::AccountDataTooSmall,
        "",
    );
    check(
        initialize(),
        |it| it.at(key(BUFFER)).data = vec![9; 45].into(),
        E::InvalidAccountData,
        "",
    );
    check(
        initialize(),
        |it| it.metas[0] = ro(key(BUFFER)),
        E::ReadonlyDataModified,
        "",
    );
    check(
        initialize(),
        |it| it.at(key(BUFFER)).owner = key(99),
        E::ExternalAccountDataModified,
        "",
    );
}

fn write(offset: u32, bytes: &[u8]) -> Scene {
    Scene::new(
        Loader::Write {
            offset,
            bytes: bytes.to_vec(),
        },
        vec![(key(BUFFER), buffer(Some(key(AUTHORITY)), &[0; 8]))],
        vec![rw(key(BUFFER)), signer(key(AUTHORITY))],
    )
}

#[test]
fn bytes_go_where_they_are_to() {
    for (offset, bytes, expected) in [
        (0, &[1, 2, 3][..], [1, 2, 3, 0, 0, 0, 0, 0]),
        (5, &[1, 2, 3], [0, 0, 0, 0, 0, 1, 2, 3]),
        (8, &[], [0; 8]),
    ] {
        let mut scene = write(offset, bytes);
        scene.succeeds("", UNITS);
        let expected = buffer(Some(key(AUTHORITY)), &expected);
        assert_eq!(scene.account(key(BUFFER)), expected);
    }
}

#[test]
fn a_large_buffer_is_written_across_its_pages() {
    let mut scene = write(8_000, &[7; 900]);
    let large = vec![1; 20_000];
    *scene.at(key(BUFFER)) = buffer(Some(key(AUTHORITY)), &large);
    scene.succeeds("", UNITS);
    let mut expected = large;
    expected[8_000..8_900].fill(7);
    let expected = buffer(Some(key(AUTHORITY)), &expected);
    assert_eq!(scene.account(key(BUFFER)), expected);
}

#[test]
fn what_cannot_be_written() {
    let at = |state| move |it: &mut Scene| *it.at(key(BUFFER)) = state;
    let of = |authority: Option<Pubkey>| buffer(authority, &[0; 8]);
    check(
        write(6, &[1, 2]),
        at(of(None)),
        E::Immutable,
        "Buffer is immutable",
    );
    check(
        write(6, &[1, 2]),
        at(of(Some(key(9)))),
        E::IncorrectAuthority,
        "Incorrect buffer authority provided",
    );
    check(
        write(6, &[1, 2]),
        |it| it.metas[1] = ro(key(AUTHORITY)),
        E::MissingRequiredSignature,
        "Buffer authority did not sign",
    );
    let invalid = "Invalid Buffer account";
    check(
        write(6, &[1, 2]),
        at(blank(45)),
        E::InvalidAccountData,
        invalid,
    );
    check(
        write(6, &[1, 2]),
        at(program(key(9))),
        E::InvalidAccountData,
        invalid,
    );
    check(write(6, &[1, 2]), at(wallet(1)), E::InvalidAccountData, "");
    check(
        write(6, &[1, 2]),
        |it| it.instruction = write(7, &[1, 2]).instruction,
        E::AccountDataTooSmall,
        "Write overflow: 45 < 46",
    );
    check(
        write(6, &[1, 2]),
        |it| it.instruction = write(u32::MAX, &[]).instruction,
        E::AccountDataTooSmall,
        "Write overflow: 45 < 4294967332",
    );
    // Who may write is decided before whether it fits.
    let too_far = write(7, &[1, 2]).instruction;
    check(
        write(6, &[1, 2]),
        |it| (it.metas[0], it.instruction) = (ro(key(BUFFER)), too_far.clone()),
        E::ReadonlyDataModified,
        "",
    );
    check(
        write(6, &[1, 2]),
        |it| it.at(key(BUFFER)).owner = key(99),
        E::ExternalAccountDataModified,
        "",
    );
}
