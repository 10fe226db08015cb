//! Places that are shared out: nobody holds so many that none is left for others.

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
    /// At most `each` for one.
    pub(super) fn new(each: usize) -> Self {
        Self { each, held: Arc::default() }
    }

    /// One more for `key`, unless it holds its share.
    pub(super) fn take(&self, key: K) -> Option<Share<K>> {
        let mut held = self.held.lock();
        let count = held.entry(key.clone()).or_default();
        if *count >= self.each {
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
        let (first, second) = (shares.take("kim"), shares.take("kim"));
        assert!(first.is_some() && second.is_some() && shares.take("kim").is_none());
        let other = shares.take("lee");
        assert!(other.is_some(), "somebody else has their own");
        drop(first);
        let again = shares.take("kim");
        assert!(again.is_some() && shares.take("kim").is_none());
        drop((second, other, again));
        assert!(shares.held.lock().is_empty());
    }
}
