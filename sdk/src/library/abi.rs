//! What a library and its host must have in common.

use crate::frame::{AccountCell, Frame, Level, State};
use crate::library::{Host, Library};
use crate::log::Log;
use crate::{
    AccountData, AccountInfo, AccountState, Clock, Deployment, EpochRewards, EpochSchedule,
    InnerInstruction, Instruction, InstructionError, Program, ProgramError, Programs, Rent,
    SlotHashes, Sysvars,
};
use std::borrow::Cow;

const MAGIC: [u8; 8] = *b"SEALANE\x01";

/// What this copy of the crate was built from and by: the sources, the compiler, and how large the shared types came
/// out, which depends on the versions and features of the crates that they come from. Rust promises no layout
/// between any two of these. What no size shows, such as fields in another order in another version of such a crate,
/// is not seen: hence the advice to build with the node's `Cargo.lock`.
///
/// Its own layout never changes: 8 bytes magic, 8 bytes digest, then text with zeros behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub struct Abi {
    magic: [u8; 8],
    digest: u64,
    words: [u8; 240],
}

/// A library was not built as this process was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbiMismatch {
    library: Option<String>,
    host: String,
    same_words: bool,
}

impl Abi {
    /// Of this copy of the crate.
    pub const THIS: Self = Self {
        magic: MAGIC,
        digest: digest(),
        words: words(),
    };

    /// Whether it is that of this copy.
    pub fn check(&self) -> Result<(), AbiMismatch> {
        if *self == Self::THIS {
            return Ok(());
        }
        Err(AbiMismatch {
            library: (self.magic == MAGIC).then(|| self.words().into_owned()),
            host: Self::THIS.words().into_owned(),
            same_words: self.words == Self::THIS.words,
        })
    }

    fn words(&self) -> Cow<'_, str> {
        let len = self.words.iter().take_while(|byte| **byte != 0).count();
        String::from_utf8_lossy(&self.words[..len])
    }
}

impl std::error::Error for AbiMismatch {}

impl std::fmt::Display for AbiMismatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Some(library) = &self.library else {
            return f.write_str("what it exports is of no version of sealane-sdk that is known");
        };
        let host = &self.host;
        if self.same_words {
            write!(
                f,
                "it was built from other sources of sealane-sdk than this node, or with other versions or features of \
                 the crates below it ({host}); build both from one checkout, with its Cargo.lock"
            )
        } else {
            write!(
                f,
                "it was built by {library}, this node by {host}; build both with the same toolchain and sealane-sdk"
            )
        }
    }
}

const fn words() -> [u8; 240] {
    const BUILD: &str = concat!(
        "sealane-sdk ",
        env!("CARGO_PKG_VERSION"),
        ", ",
        env!("SEALANE_SDK_COMPILER"),
        ", panic="
    );
    let mut words = [0; 240];
    let end = put(&mut words, 0, BUILD.as_bytes());
    put(&mut words, end, PANIC.as_bytes());
    words
}

/// Asked of the compiler: a build script does not know the profile.
const PANIC: &str = if cfg!(panic = "unwind") {
    "unwind"
} else {
    "abort"
};

/// Puts `text` at `at`, as far as there is room; where it ends.
const fn put(words: &mut [u8; 240], mut at: usize, text: &[u8]) -> usize {
    let mut from = 0;
    while from < text.len() && at < words.len() {
        words[at] = text[from];
        from += 1;
        at += 1;
    }
    at
}

const fn digest() -> u64 {
    macro_rules! layouts {
        ($($type:ty),* $(,)?) => { [$((size_of::<$type>(), align_of::<$type>())),*] };
    }
    let layouts = layouts![
        AccountCell<'_>,
        AccountData,
        AccountInfo<'_>,
        AccountState,
        Clock,
        Deployment,
        EpochRewards,
        EpochSchedule,
        Frame<'_>,
        Host,
        InnerInstruction,
        Instruction,
        InstructionError,
        Level,
        Library,
        Log,
        Program,
        ProgramError,
        Programs,
        Rent,
        SlotHashes,
        State,
        Sysvars,
    ];
    let mut digest = 0xcbf2_9ce4_8422_2325;
    digest = add(digest, env!("SEALANE_SDK_SOURCES").as_bytes());
    digest = add(digest, env!("SEALANE_SDK_COMPILER").as_bytes());
    digest = add(digest, PANIC.as_bytes());
    let mut at = 0;
    while at < layouts.len() {
        digest = add(digest, &layouts[at].0.to_le_bytes());
        digest = add(digest, &layouts[at].1.to_le_bytes());
        at += 1;
    }
    digest
}

/// FNV-1a.
const fn add(mut digest: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        digest = (digest ^ bytes[at] as u64).wrapping_mul(0x0000_0100_0000_01b3);
        at += 1;
    }
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_build_passes_and_the_difference_is_told() {
        assert_eq!(Abi::THIS.check(), Ok(()));
        assert!(Abi::THIS.words().starts_with("sealane-sdk "));
        assert!(Abi::THIS.words().contains("panic=unwind"));

        let check = |change: &dyn Fn(&mut Abi), told: &str| {
            let mut other = Abi::THIS;
            change(&mut other);
            let told_us = other.check().unwrap_err().to_string();
            assert!(told_us.contains(told), "{told_us}");
        };
        check(&|abi| abi.magic[0] ^= 1, "of no version of sealane-sdk");
        check(&|abi| abi.digest ^= 1, "other sources of sealane-sdk");
        check(&|abi| abi.words[12] = b'9', "it was built by sealane-sdk 9");
    }
}
