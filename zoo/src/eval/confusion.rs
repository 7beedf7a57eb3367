//! Which classes are taken for which.

use bossnas_report::{Align, Table};
use serde::Serialize;

use super::Prediction;
use crate::predict::label;

/// For each class, how often its images were said to be of each class.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Confusion {
    /// `counts[class][said]`.
    counts: Vec<Vec<u64>>,
}

impl Confusion {
    /// Counts predictions among `classes` classes; those of other classes are left out.
    pub fn of(predictions: &[Prediction], classes: usize) -> Self {
        let mut counts = vec![vec![0; classes]; classes];
        for prediction in predictions {
            let row = counts.get_mut(prediction.label as usize);
            if let Some(count) = row.and_then(|row| row.get_mut(prediction.class as usize)) {
                *count += 1;
            }
        }
        Self { counts }
    }

    /// How often images of `class` were said to be of `said`.
    pub fn count(&self, class: usize, said: usize) -> u64 {
        self.counts.get(class).and_then(|row| row.get(said)).copied().unwrap_or_default()
    }

    /// A row for each class, a column for each that was said, and how many of each row were right. What never happened is a dot.
    pub fn table<L: AsRef<str>>(&self, labels: &[L]) -> Table {
        let classes = self.counts.len();
        let said = (0..classes).map(|class| (label(class, labels), Align::Right));
        let first = ("is \\ said".to_owned(), Align::Right);
        let mut table = Table::new([first].into_iter().chain(said).chain([("right".to_owned(), Align::Right)]));
        for (class, row) in self.counts.iter().enumerate() {
            let count = |&count: &u64| if count == 0 { ".".to_owned() } else { count.to_string() };
            let right = format!("{} of {}", self.count(class, class), row.iter().sum::<u64>());
            table.row([label(class, labels)].into_iter().chain(row.iter().map(count)).chain([right]));
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bossnas_report::Style;

    #[test]
    fn classes_are_rows_and_what_was_said_are_columns() {
        let said = |label, class| Prediction { index: 0, label, class, probability: 1.0, rank: 0 };
        let predictions = [said(0, 0), said(0, 0), said(0, 2), said(1, 1), said(2, 0), said(7, 0), said(0, 7)];
        let confusion = Confusion::of(&predictions, 3);
        assert_eq!(
            [confusion.count(0, 0), confusion.count(0, 2), confusion.count(2, 0), confusion.count(9, 0)],
            [2, 1, 1, 0]
        );
        let expected = "is \\ said  a  bb  class 2   right\n        a  2   .        1  2 of 3\n       bb  .   1        .  1 of 1\n  \
                        class 2  1   .        .  0 of 1\n";
        assert_eq!(confusion.table(&["a", "bb"]).render(Style::default()), expected);
    }
}
