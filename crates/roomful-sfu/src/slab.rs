//! Things under small numbers that are used again: keys are cheap to copy and to look up on the packet path.

/// A key into a [`Slab`].
pub type Key = usize;

/// A vector with holes.
#[derive(Debug)]
pub struct Slab<T> {
    entries: Vec<Option<T>>,
    free: Vec<Key>,
}

impl<T> Default for Slab<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl<T> Slab<T> {
    /// Puts a value in and tells its key.
    pub fn insert(&mut self, value: T) -> Key {
        if let Some(key) = self.free.pop() {
            if let Some(slot) = self.entries.get_mut(key) {
                *slot = Some(value);
                return key;
            }
        }
        self.entries.push(Some(value));
        self.entries.len() - 1
    }

    /// Takes a value out.
    pub fn remove(&mut self, key: Key) -> Option<T> {
        let value = self.entries.get_mut(key)?.take();
        if value.is_some() {
            self.free.push(key);
        }
        value
    }

    #[inline]
    pub fn get(&self, key: Key) -> Option<&T> {
        self.entries.get(key)?.as_ref()
    }

    #[inline]
    pub fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        self.entries.get_mut(key)?.as_mut()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Key, &T)> {
        self.entries
            .iter()
            .enumerate()
            .filter_map(|(key, slot)| Some((key, slot.as_ref()?)))
    }

    pub fn keys(&self) -> Vec<Key> {
        self.iter().map(|(key, _)| key).collect()
    }
}
