//! Compute units of what programs ask of the machine: those of Agave's `SVMTransactionExecutionCost`.

/// Base of most syscalls.
pub(crate) const SYSCALL_BASE: u64 = 100;
/// `sol_log_64_`.
pub(crate) const LOG_64: u64 = 100;
/// `sol_log_pubkey`.
pub(crate) const LOG_PUBKEY: u64 = 100;
/// A program address, each time one is tried.
pub(crate) const CREATE_PROGRAM_ADDRESS: u64 = 1_500;
/// A cross-program invocation (SIMD-0339).
pub(crate) const INVOKE: u64 = 946;
/// Bytes that are copied for a compute unit.
pub(crate) const BYTES_PER_UNIT: u64 = 250;
/// An operation on memory, at least.
pub(crate) const MEMORY_OP: u64 = 10;
/// A sysvar, beside its bytes.
pub(crate) const SYSVAR_BASE: u64 = 100;
/// A hash.
pub(crate) const HASH_BASE: u64 = 85;
/// Each byte of what is hashed; halved.
pub(crate) const HASH_BYTE: u64 = 1;
/// Slices that are hashed at once, at most.
pub(crate) const HASH_SLICES_MAX: u64 = 20_000;
/// Each 32 KiB of heap beyond the first.
pub(crate) const HEAP_PAGE: u64 = 8;
/// A public key that is recovered from a signature on secp256k1.
pub(crate) const SECP256K1_RECOVER: u64 = 25_000;
/// Big numbers to the power of big numbers: the base, and by what the work is divided (SIMD-0529).
pub(crate) const BIG_MOD_EXP_BASE: u64 = 422;
pub(crate) const BIG_MOD_EXP_DIVISOR: u64 = 189;

/// Units of operations on the points of a group.
pub(crate) struct GroupUnits {
    pub(crate) validate: u64,
    pub(crate) add: u64,
    pub(crate) subtract: u64,
    pub(crate) multiply: u64,
}

/// Curve25519 as Edwards has it.
pub(crate) const EDWARDS: GroupUnits = GroupUnits {
    validate: 159,
    add: 473,
    subtract: 475,
    multiply: 2_177,
};
/// Ristretto.
pub(crate) const RISTRETTO: GroupUnits = GroupUnits {
    validate: 169,
    add: 521,
    subtract: 519,
    multiply: 2_208,
};
/// The groups of BLS12-381.
pub(crate) const BLS_G1: GroupUnits = GroupUnits {
    validate: 1_565,
    add: 128,
    subtract: 129,
    multiply: 4_627,
};
pub(crate) const BLS_G2: GroupUnits = GroupUnits {
    validate: 1_968,
    add: 203,
    subtract: 204,
    multiply: 8_255,
};
pub(crate) const BLS_G1_DECOMPRESS: u64 = 2_100;
pub(crate) const BLS_G2_DECOMPRESS: u64 = 3_050;

/// Work on many points: the first, and each that follows.
pub(crate) struct SeriesUnits {
    pub(crate) first: u64,
    pub(crate) other: u64,
}

impl SeriesUnits {
    /// What `count` cost; none cost what one does.
    pub(crate) fn of(&self, count: u64) -> u64 {
        let others = self.other.saturating_mul(count.saturating_sub(1));
        self.first.saturating_add(others)
    }
}

/// Sums of points of curve25519, each times a number.
pub(crate) const EDWARDS_SUM: SeriesUnits = SeriesUnits {
    first: 2_273,
    other: 758,
};
pub(crate) const RISTRETTO_SUM: SeriesUnits = SeriesUnits {
    first: 2_303,
    other: 788,
};
/// Pairings.
pub(crate) const BLS_PAIRING: SeriesUnits = SeriesUnits {
    first: 25_445,
    other: 13_023,
};
pub(crate) const ALT_BN128_PAIRING: SeriesUnits = SeriesUnits {
    first: 36_364,
    other: 12_121,
};

/// The groups of alt_bn128.
pub(crate) const ALT_BN128_G1_ADD: u64 = 334;
pub(crate) const ALT_BN128_G2_ADD: u64 = 535;
pub(crate) const ALT_BN128_G1_MULTIPLY: u64 = 3_840;
pub(crate) const ALT_BN128_G2_MULTIPLY: u64 = 15_670;
pub(crate) const ALT_BN128_G1_COMPRESS: u64 = SYSCALL_BASE + 30;
pub(crate) const ALT_BN128_G1_DECOMPRESS: u64 = SYSCALL_BASE + 398;
pub(crate) const ALT_BN128_G2_COMPRESS: u64 = SYSCALL_BASE + 86;
pub(crate) const ALT_BN128_G2_DECOMPRESS: u64 = SYSCALL_BASE + 13_610;

/// Poseidon's hash of `count` values, of which there are at most 12.
pub(crate) fn poseidon(count: u64) -> u64 {
    61 * count * count + 542
}
