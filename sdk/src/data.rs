//! The bytes of one account.

/// The bytes of an account: cheap to clone (shared, reference-counted), copied only where written.
///
/// Up to a page it is one allocation. A large account is a contiguous base plus an overlay of written
/// pages, so that writing 100 bytes of 10 MiB costs a page, and reading one that was not written costs
/// nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AccountData(());

impl AccountData {
    /// Number of bytes.
    pub fn len(&self) -> usize {
        todo!()
    }
    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// All bytes, contiguous. Free, unless pages were written since it was last contiguous: then they
    /// are joined once and the joined copy is kept for every later reader of this version.
    pub fn as_slice(&self) -> &[u8] {
        todo!()
    }
}

impl From<&[u8]> for AccountData {
    fn from(_bytes: &[u8]) -> Self {
        todo!()
    }
}

impl From<Vec<u8>> for AccountData {
    fn from(_bytes: Vec<u8>) -> Self {
        todo!()
    }
}
