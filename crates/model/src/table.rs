//! A table from 64-bit fingerprints to numbers: what a search of many millions of states looks up
//! all the time.
//!
//! Open addressing with linear probing, at most two thirds full; a place takes 8 bytes and what the
//! meaning of a key takes (nothing, where it only matters that it is there). Keys are never removed and the table is
//! never iterated, so no order can leak into a result.
//!
//! Not here: telling apart two things with the same fingerprint. At fifty million fingerprints of 64
//! bits the chance that any two collide is one in ten thousand.

/// Fingerprints and what they stand for.
#[derive(Debug, Clone)]
pub(crate) struct Table<V = u32> {
    /// 0 marks a free place.
    keys: Vec<u64>,
    values: Vec<V>,
    len: usize,
}

impl<V: Copy + Default> Table<V> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self { keys: vec![0; 1 << 10], values: vec![V::default(); 1 << 10], len: 0 }
    }

    /// How many keys there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// How many bytes it took at most: while it grows, the old one is there, too.
    pub(crate) fn bytes(&self) -> usize {
        self.keys.len() * (8 + size_of::<V>()) * 3 / 2
    }

    /// What the key stands for.
    pub(crate) fn get(&self, key: u64) -> Option<V> {
        let place = self.place(nonzero(key));
        (self.keys[place] != 0).then(|| self.values[place])
    }

    /// Gives a key a meaning, unless it has one; says whether it is new.
    pub(crate) fn insert(&mut self, key: u64, value: V) -> bool {
        if self.len * 3 >= self.keys.len() * 2 {
            self.grow();
        }
        let key = nonzero(key);
        let place = self.place(key);
        if self.keys[place] != 0 {
            return false;
        }
        (self.keys[place], self.values[place]) = (key, value);
        self.len += 1;
        true
    }

    /// Where the key is, or would be.
    fn place(&self, key: u64) -> usize {
        let mask = self.keys.len() - 1;
        // Keys need not be hashes; the upper bits of this product depend on all of the key's.
        let mut place = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 20) as usize & mask;
        while self.keys[place] != 0 && self.keys[place] != key {
            place = (place + 1) & mask;
        }
        place
    }

    fn grow(&mut self) {
        let size = self.keys.len() * 2;
        let keys = std::mem::replace(&mut self.keys, vec![0; size]);
        let values = std::mem::replace(&mut self.values, vec![V::default(); size]);
        for (key, value) in keys.into_iter().zip(values) {
            if key != 0 {
                let place = self.place(key);
                (self.keys[place], self.values[place]) = (key, value);
            }
        }
    }
}

/// 0 marks a free place, so that one key borrows another.
const fn nonzero(key: u64) -> u64 {
    if key == 0 { u64::MAX } else { key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_keeps_its_first_meaning_while_the_table_grows() {
        let mut table: Table = Table::new();
        for n in 0..100_000_u32 {
            assert!(table.insert(u64::from(n) << 32, n));
        }
        assert!(!table.insert(7 << 32, 8));
        assert_eq!(table.len(), 100_000);
        assert!((0..100_000_u32).all(|n| table.get(u64::from(n) << 32) == Some(n)));
        assert_eq!(table.get(1), None);
    }
}
