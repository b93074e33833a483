//! A list that is mostly short: two elements lie in it, more of them in memory of their own.

/// Elements in the order in which they came.
pub(crate) struct Few<T> {
    first: [Option<T>; 2],
    more: Vec<T>,
}

impl<T> Default for Few<T> {
    fn default() -> Few<T> {
        Few { first: [None, None], more: Vec::new() }
    }
}

impl<T> Few<T> {
    /// Adds one at the end.
    pub(crate) fn push(&mut self, element: T) {
        match self.first.iter_mut().find(|place| place.is_none()) {
            Some(place) if self.more.is_empty() => *place = Some(element),
            _ => self.more.push(element),
        }
    }

    /// All of them, where they lie.
    pub(crate) fn each(&self) -> impl Iterator<Item = &T> {
        self.first.iter().flatten().chain(&self.more)
    }
}

impl<T: Copy> Few<T> {
    /// All of them.
    pub(crate) fn iter(&self) -> impl Iterator<Item = T> {
        self.each().copied()
    }

    /// The first that is wanted.
    pub(crate) fn find(&self, is_wanted: impl Fn(&T) -> bool) -> Option<T> {
        self.iter().find(is_wanted)
    }

    /// Keeps those that are wanted.
    pub(crate) fn retain(&mut self, mut is_wanted: impl FnMut(&T) -> bool) {
        for place in &mut self.first {
            if place.as_ref().is_some_and(|one| !is_wanted(one)) {
                *place = None;
            }
        }
        if self.first[0].is_none() {
            self.first.swap(0, 1);
        }
        self.more.retain(is_wanted);
    }
}

impl<T> IntoIterator for Few<T> {
    type Item = T;
    type IntoIter = std::iter::Chain<
        std::iter::Flatten<std::array::IntoIter<Option<T>, 2>>,
        std::vec::IntoIter<T>,
    >;

    fn into_iter(self) -> Self::IntoIter {
        self.first.into_iter().flatten().chain(self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_keep_their_order_and_places_are_used_again() {
        let mut list = Few::default();
        (1..=4).for_each(|n| list.push(n));
        assert_eq!(list.iter().collect::<Vec<_>>(), [1, 2, 3, 4]);
        assert_eq!(list.find(|n| n % 2 == 0), Some(2));
        list.retain(|n| n % 2 == 0);
        assert_eq!(list.iter().collect::<Vec<_>>(), [2, 4]);
        list.push(6);
        assert_eq!(list.iter().collect::<Vec<_>>(), [2, 4, 6], "behind what is there");
        list.retain(|n| *n == 4);
        assert_eq!(list.iter().collect::<Vec<_>>(), [4]);
        list.retain(|_| false);
        (7..=8).for_each(|n| list.push(n));
        list.retain(|n| *n == 8);
        list.push(9);
        assert_eq!(list.into_iter().collect::<Vec<_>>(), [8, 9]);
    }
}
