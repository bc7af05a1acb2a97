//! Slots: what is named by a number that counts up and is never used again.
//!
//! Guarantees: found, put and taken in constant time; gone through in the order of the numbers, so a
//! run stays one run.
//!
//! Not here: giving the numbers out. A slot that was left is not used again: eight bytes of it stay.

/// Things by their numbers.
#[derive(Debug)]
pub struct Slots<T> {
    slots: Vec<Option<Box<T>>>,
}

impl<T> Default for Slots<T> {
    fn default() -> Self {
        Self { slots: Vec::new() }
    }
}

impl<T> Slots<T> {
    /// What has that number.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&T> {
        self.slots.get(place(number))?.as_deref()
    }

    /// What has that number.
    pub fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        self.slots.get_mut(place(number))?.as_deref_mut()
    }

    /// Puts something.
    pub fn insert(&mut self, number: u64, thing: T) {
        let place = place(number);
        if self.slots.len() <= place {
            self.slots.resize_with(place + 1, || None);
        }
        self.slots[place] = Some(Box::new(thing));
    }

    /// Takes it away.
    pub fn remove(&mut self, number: u64) -> Option<T> {
        self.slots.get_mut(place(number))?.take().map(|thing| *thing)
    }

    /// Everything, by number.
    pub fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().filter_map(Option::as_deref)
    }

    /// Everything, with its number.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (u64, &mut T)> {
        let numbered = (0..).zip(&mut self.slots);
        numbered.filter_map(|(number, slot)| Some((number, slot.as_deref_mut()?)))
    }
}

fn place(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_found_until_it_is_taken() {
        let mut slots = Slots::default();
        slots.insert(7, 'a');
        slots.insert(3, 'b');
        assert_eq!((slots.get(7), slots.get(5), slots.get(99)), (Some(&'a'), None, None));
        assert_eq!(slots.iter().collect::<String>(), "ba");
        assert_eq!((slots.remove(3), slots.remove(3)), (Some('b'), None));
        assert_eq!(slots.iter_mut().collect::<Vec<_>>(), [(7, &mut 'a')]);
    }
}
