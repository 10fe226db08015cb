//! Places that are shared out: when few are left, they are for those who hold few. An office behind one address, or
//! screens under one name, may hold many while there is room.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

use parking_lot::Mutex;

/// Who holds how many. How many there are altogether is for whoever shares them out to bound.
pub(super) struct Shares<K> {
    each: usize,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

/// One of them, held until it is dropped.
pub(super) struct Share<K: Eq + Hash> {
    key: K,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// At most `each` for one, where few are left.
    pub(super) fn new(each: usize) -> Self {
        Self { each, held: Arc::default() }
    }

    /// One more for `key`, unless few are left and it holds its share.
    pub(super) fn take(&self, key: K, few_left: bool) -> Option<Share<K>> {
        let mut held = self.held.lock();
        let count = held.entry(key.clone()).or_default();
        if few_left && *count >= self.each {
            return None;
        }
        *count += 1;
        Some(Share { key, held: self.held.clone() })
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.held.lock();
        if let Some(count) = held.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                held.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_holds_so_many_and_leaves_nothing_behind() {
        let shares = Shares::new(2);
        let (first, second) = (shares.take("kim", true), shares.take("kim", true));
        assert!(first.is_some() && second.is_some() && shares.take("kim", true).is_none());
        let other = shares.take("lee", true);
        assert!(other.is_some(), "somebody else has their own");
        let third = shares.take("kim", false);
        assert!(third.is_some(), "there is room");
        drop(first);
        assert!(shares.take("kim", true).is_none());
        drop(third);
        let again = shares.take("kim", true);
        assert!(again.is_some() && shares.take("kim", true).is_none());
        drop((second, other, again));
        assert!(shares.held.lock().is_empty());
    }
}
