//! The handwritten digits that are part of the program, in two parts: every fifth is held out, and nothing is trained on it.

use bossnas_data::dataset::{DataSet, Split};

/// Which digit of five in a row is held out.
const HELD_OUT: usize = 4;

/// The digits, and the numbers of those that belong to the part.
pub fn digits(split: Split) -> (DataSet, Vec<usize>) {
    let set = DataSet::digits();
    let belongs = |number: &usize| (number % 5 == HELD_OUT) == (split == Split::Test);
    let numbers = (0..set.len()).filter(belongs).collect();
    (set, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fifth_digit_is_held_out_and_the_others_are_for_training() {
        let (set, test) = digits(Split::Test);
        let (_, train) = digits(Split::Train);
        assert_eq!((set.len(), test.len(), train.len()), (1797, 359, 1438));
        assert_eq!((test[0], test[1], train[4]), (4, 9, 5));
        assert!(test.iter().all(|number| !train.contains(number)));
    }
}
