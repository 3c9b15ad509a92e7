//! Names of instructions, for people.

use crate::scene::{
    ASSOCIATED, LOOKUP, MEMO_1, MEMO_3, MEMO_4, PROBE, PROBE_FIRST_LOADER, SYSTEM, TOKEN,
    TOKEN_2022,
};
use sealane_sdk::Instruction;

const TOKEN_NAMES: [&str; 46] = [
    "InitializeMint",
    "InitializeAccount",
    "InitializeMultisig",
    "Transfer",
    "Approve",
    "Revoke",
    "SetAuthority",
    "MintTo",
    "Burn",
    "CloseAccount",
    "FreezeAccount",
    "ThawAccount",
    "TransferChecked",
    "ApproveChecked",
    "MintToChecked",
    "BurnChecked",
    "InitializeAccount2",
    "SyncNative",
    "InitializeAccount3",
    "InitializeMultisig2",
    "InitializeMint2",
    "GetAccountDataSize",
    "InitializeImmutableOwner",
    "AmountToUiAmount",
    "UiAmountToAmount",
    "InitializeMintCloseAuthority",
    "TransferFee",
    "ConfidentialTransfer",
    "DefaultAccountState",
    "Reallocate",
    "MemoTransfer",
    "CreateNativeMint",
    "InitializeNonTransferableMint",
    "InterestBearing",
    "CpiGuard",
    "InitializePermanentDelegate",
    "TransferHook",
    "ConfidentialTransferFee",
    "WithdrawExcessLamports",
    "MetadataPointer",
    "GroupPointer",
    "GroupMemberPointer",
    "ConfidentialMintBurn",
    "ScaledUiAmount",
    "Pausable",
    "UnwrapLamports",
];

/// Extensions that have instructions of their own.
const HAVE_THEIR_OWN: [&str; 12] = [
    "TransferFee",
    "ConfidentialTransfer",
    "DefaultAccountState",
    "MemoTransfer",
    "InterestBearing",
    "CpiGuard",
    "TransferHook",
    "MetadataPointer",
    "GroupPointer",
    "GroupMemberPointer",
    "ScaledUiAmount",
    "Pausable",
];

const INTERFACES: [([u8; 8], &str); 9] = {
    use crate::actions::interfaces as it;
    [
        (it::INITIALIZE_METADATA, "metadata: Initialize"),
        (it::UPDATE_FIELD, "metadata: UpdateField"),
        (it::REMOVE_KEY, "metadata: RemoveKey"),
        (it::UPDATE_AUTHORITY, "metadata: UpdateAuthority"),
        (it::EMIT, "metadata: Emit"),
        (it::INITIALIZE_GROUP, "group: Initialize"),
        (it::GROUP_SIZE, "group: UpdateMaxSize"),
        (it::GROUP_AUTHORITY, "group: UpdateAuthority"),
        (it::INITIALIZE_MEMBER, "group: InitializeMember"),
    ]
};

/// What an instruction is, by its program and the first of its data.
pub fn of(instruction: &Instruction) -> String {
    let data = &instruction.data;
    let first = data.first().copied();
    let program = instruction.program_id;
    if program == TOKEN || program == TOKEN_2022 {
        let name = if program == TOKEN {
            "Token"
        } else {
            "Token-2022"
        };
        if let Some((_, found)) = INTERFACES.iter().find(|(head, _)| data.starts_with(head)) {
            return format!("{name} {found}");
        }
        return match first.map(usize::from) {
            Some(255) => format!("{name} Batch"),
            Some(tag) => match TOKEN_NAMES.get(tag) {
                Some(found) if HAVE_THEIR_OWN.contains(found) => {
                    format!("{name} {found} {}", data.get(1).copied().unwrap_or(255))
                }
                Some(found) => format!("{name} {found}"),
                None => format!("{name}, unknown"),
            },
            None => format!("{name}, empty"),
        };
    }
    let (name, names): (&str, &[&str]) = match program {
        ASSOCIATED => (
            "Associated",
            &["Create", "CreateIdempotent", "RecoverNested"],
        ),
        LOOKUP => (
            "Lookup",
            &["Create", "Freeze", "Extend", "Deactivate", "Close"],
        ),
        SYSTEM => ("System", &["CreateAccount", "Assign", "Transfer"]),
        PROBE => return "Probe".to_owned(),
        PROBE_FIRST_LOADER => return "Probe, first loader".to_owned(),
        MEMO_1 => return "Memo 1".to_owned(),
        MEMO_3 => return "Memo 3".to_owned(),
        MEMO_4 => return "Memo 4".to_owned(),
        solana_sdk_ids::compute_budget::ID => return "Compute Budget".to_owned(),
        crate::scene::MEMO_FIRST_LOADER => return "Memo 1, first loader".to_owned(),
        other => return other.to_string(),
    };
    let tag = usize::from(first.unwrap_or(0));
    names
        .get(tag)
        .map_or_else(|| format!("{name} {tag}"), |it| format!("{name} {it}"))
}
