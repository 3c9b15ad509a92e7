//! The bytes of answers that are being built: bounded for one and for all together, as they grow.

use super::errors;
use jsonrpsee::types::ErrorObjectOwned;
use solana_account_decoder_client_types::{UiAccount, UiAccountData};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of an account as JSON beside its data; no account takes less.
const ACCOUNT_BYTES: usize = 200;

/// What all answers that are being built may take together.
pub(crate) struct AnswersBytes {
    used: AtomicUsize,
    max: usize,
    answer_max: usize,
}

impl AnswersBytes {
    /// `max` bytes for all, `answer_max` of them for one.
    pub(crate) fn new(max: usize, answer_max: usize) -> Self {
        Self {
            used: AtomicUsize::new(0),
            max,
            answer_max,
        }
    }

    /// Begins an answer, which has taken nothing.
    pub(super) fn begin(&self) -> AnswerBytes<'_> {
        AnswerBytes { all: self, used: 0 }
    }
}

/// What one answer has taken; dropped, it gives that back.
pub(super) struct AnswerBytes<'a> {
    all: &'a AnswersBytes,
    used: usize,
}

impl AnswerBytes<'_> {
    /// Counts one more account of the answer. `Err`: the answer, or all together, are too large.
    pub(super) fn add(&mut self, account: &UiAccount) -> Result<(), ErrorObjectOwned> {
        let data = match &account.data {
            UiAccountData::LegacyBinary(text) | UiAccountData::Binary(text, _) => text.len(),
            // About what they have; parsed they take more, of a token account by some half.
            UiAccountData::Json(parsed) => {
                4 * usize::try_from(parsed.space).unwrap_or(usize::MAX / 8)
            }
        };
        self.take(ACCOUNT_BYTES + data)
    }

    /// Counts so many bytes more. `Err`: the answer, or all together, are too large.
    pub(super) fn take(&mut self, bytes: usize) -> Result<(), ErrorObjectOwned> {
        if self.used + bytes > self.all.answer_max {
            return Err(errors::response_too_large(self.all.answer_max));
        }
        // Relaxed: only the sum matters.
        let before = self.all.used.fetch_add(bytes, Ordering::Relaxed);
        self.used += bytes;
        if before + bytes > self.all.max {
            return Err(errors::responses_too_large());
        }
        Ok(())
    }

    /// `Err`: so many accounts, however small, are too many for an answer.
    pub(super) fn check_count(&self, accounts: usize) -> Result<(), ErrorObjectOwned> {
        if accounts.saturating_mul(ACCOUNT_BYTES) > self.all.answer_max {
            return Err(errors::response_too_large(self.all.answer_max));
        }
        Ok(())
    }
}

impl Drop for AnswerBytes<'_> {
    fn drop(&mut self) {
        self.all.used.fetch_sub(self.used, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rpc::account_json::encode_account_always;
    use crate::rpc::mints::Mints;
    use sealane_sdk::{AccountState, Pubkey};
    use solana_account_decoder_client_types::UiAccountEncoding;

    #[test]
    fn one_answer_and_all_together_are_bounded_and_give_back_what_they_took() {
        let state = AccountState {
            data: vec![0; 300].into(),
            ..AccountState::default()
        };
        // 400 bytes in base64, so 600 in all.
        let (key, encoding) = (Pubkey::default(), UiAccountEncoding::Base64);
        let account = encode_account_always(&key, &state, encoding, None, &Mints::default());
        let all = AnswersBytes::new(1_500, 1_000);
        let (mut first, mut second) = (all.begin(), all.begin());
        first.add(&account).unwrap();
        assert_eq!(first.add(&account).unwrap_err().code(), -32008);
        second.add(&account).unwrap();
        let mut third = all.begin();
        assert_eq!(third.add(&account).unwrap_err().code(), -32005);
        drop((first, third));
        all.begin().add(&account).unwrap();
        drop(second);
        assert_eq!(all.used.load(Ordering::Relaxed), 0);
        assert!(all.begin().check_count(6).is_err());
        assert!(all.begin().check_count(5).is_ok());
    }
}
