//! Which subscriptions a key concerns.

use ahash::AHashMap;
use std::collections::BTreeSet;
use std::hash::Hash;

/// A subscription's number within the hub.
pub(super) type SubscriptionNumber = u64;

/// Subscriptions by key. A key without subscriptions takes no room.
pub(super) struct Index<K>(AHashMap<K, BTreeSet<SubscriptionNumber>>);

impl<K> Default for Index<K> {
    fn default() -> Self {
        Self(AHashMap::new())
    }
}

impl<K: Hash + Eq> Index<K> {
    pub(super) fn insert(&mut self, key: K, number: SubscriptionNumber) {
        self.0.entry(key).or_default().insert(number);
    }

    pub(super) fn remove(&mut self, key: &K, number: SubscriptionNumber) {
        if let Some(numbers) = self.0.get_mut(key) {
            numbers.remove(&number);
            if numbers.is_empty() {
                self.0.remove(key);
            }
        }
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.0.contains_key(key)
    }

    pub(super) fn get(&self, key: &K) -> impl Iterator<Item = SubscriptionNumber> + '_ {
        self.0.get(key).into_iter().flatten().copied()
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &K> {
        self.0.keys()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_gone_with_its_last_subscription() {
        let mut index = Index::default();
        index.insert("a", 1);
        index.insert("a", 2);
        index.remove(&"a", 1);
        index.remove(&"b", 1);
        assert_eq!(index.get(&"a").collect::<Vec<_>>(), [2]);
        index.remove(&"a", 2);
        assert!(index.is_empty() && !index.contains(&"a"));
    }
}
