//! Why a proof or a header was refused.

/// Why a proof or a header was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ProofError {
    /// The bytes are of no known version.
    Version,
    /// The bytes are too few, too many, or no whole number of steps.
    Length,
    /// A field has a value that it cannot have.
    Field,
    /// The steps are not in order, from the leaf towards the root.
    Order,
    /// It proves something else than what was asked: another account's place, or a place beyond the
    /// slot's last transaction.
    WrongPlace,
    /// It leads to another root.
    WrongRoot,
    /// The account has other contents.
    WrongContents,
    /// The signature is not this identity's signature of this header.
    WrongSignature,
}

impl core::fmt::Display for ProofError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Version => "the proof is of an unknown version",
            Self::Length => "the proof has a wrong length",
            Self::Field => "a field of the proof has a value that it cannot have",
            Self::Order => "the steps of the proof are not in order",
            Self::WrongPlace => "the proof is of another place",
            Self::WrongRoot => "the proof leads to another root",
            Self::WrongContents => "the account has other contents",
            Self::WrongSignature => "the header was not signed by this identity",
        })
    }
}

impl core::error::Error for ProofError {}
