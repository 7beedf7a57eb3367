//! Which samples are held out of a data set that comes in one part: every fifth, the fifth first.
//!
//! The rule looks at numbers alone, so that trainer and zoo agree without a list, and so that a held-out sample was never
//! trained on. Where the samples lie in the order of their classes, the parts have the same share of each class.

use super::Split;

/// One sample in so many is held out.
const EVERY: usize = 5;

/// Whether the sample of this number is held out for scores.
pub const fn is_held_out(number: usize) -> bool {
    number % EVERY == EVERY - 1
}

/// A part of so many samples; `None` for all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Part {
    pub(super) of: usize,
    pub(super) split: Option<Split>,
}

impl Part {
    /// Samples in it.
    pub(super) const fn len(self) -> usize {
        let held_out = self.of / EVERY;
        match self.split {
            None => self.of,
            Some(Split::Test) => held_out,
            Some(Split::Train) => self.of - held_out,
        }
    }

    /// The number that a sample of the part has among all.
    pub(super) fn number(self, index: usize) -> Option<usize> {
        let number = match self.split {
            None => index,
            Some(Split::Test) => index * EVERY + EVERY - 1,
            Some(Split::Train) => index + index / (EVERY - 1),
        };
        (index < self.len()).then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_all_samples_once_and_in_order() {
        for of in 0..40 {
            let numbers = |split| {
                let part = Part { of, split };
                assert_eq!(part.number(part.len()), None);
                (0..part.len()).map(|index| part.number(index).unwrap()).collect::<Vec<_>>()
            };
            let all = |wanted: fn(&usize) -> bool| (0..of).filter(wanted).collect::<Vec<_>>();
            assert_eq!(numbers(None), all(|_| true));
            assert_eq!(numbers(Some(Split::Test)), all(|&number| is_held_out(number)));
            assert_eq!(numbers(Some(Split::Train)), all(|&number| !is_held_out(number)));
        }
    }
}
