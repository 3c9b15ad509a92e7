//! Memory of freed versions on its way back to the banking threads.
//!
//! The publisher frees versions, banking threads make them: through the allocator each would pay for
//! blocks that change threads. Here they go back in bundles, at most `SPARES_MAX` of them; what is more
//! goes to the allocator.

use crate::memory::Spare;
use crate::sync::{Mutex, lock};

/// Versions in a bundle.
#[cfg(not(feature = "shuttle"))]
const BUNDLE: usize = 256;
/// Versions kept at most: 6 MiB.
#[cfg(not(feature = "shuttle"))]
const SPARES_MAX: usize = 1 << 16;

/// A bundle of freed versions. Boxed each, because each becomes a version again by itself.
pub(crate) type Bundle = Vec<Spare>;

/// Bundles that wait for a banking thread.
#[derive(Default)]
pub(crate) struct Spares(Mutex<Vec<Bundle>>);

impl Spares {
    /// A bundle, if one waits.
    pub(crate) fn take(&self) -> Bundle {
        lock(&self.0).pop().unwrap_or_default()
    }

    /// Gives freed versions back; `filling` gathers them until there are enough for a bundle.
    #[cfg(not(feature = "shuttle"))]
    pub(crate) fn give(&self, filling: &mut Bundle, spare: Spare) {
        filling.push(spare);
        if filling.len() >= BUNDLE {
            let full = std::mem::replace(filling, Vec::with_capacity(BUNDLE));
            let mut waiting = lock(&self.0);
            if waiting.len() < SPARES_MAX / BUNDLE {
                waiting.push(full);
            }
        }
    }
}
