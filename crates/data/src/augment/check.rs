//! Judging a recipe: everything that is wrong with it is said at once, each with the name of the value.

use std::fmt::Display;

/// The largest side of an input, in pixels.
const MAX_SIZE: usize = 4096;

/// Everything that a recipe asks for and that cannot be, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the images cannot be prepared like that: {}", problems.join("; "))]
pub struct RecipeError {
    /// What is wrong, each with the name of the value.
    pub problems: Vec<String>,
}

/// Collects what is wrong, under the names that the values have in their file.
#[derive(Debug, Default)]
pub(crate) struct Judge {
    problems: Vec<String>,
    /// What stands before the names.
    prefix: String,
}

impl Judge {
    /// Says that `value` is not what is `wanted`, unless it is `fine`.
    pub(crate) fn demand(&mut self, fine: bool, name: &str, value: impl Display, wanted: &str) {
        if !fine {
            self.problems.push(format!("{}{name} {value} is not {wanted}", self.prefix));
        }
    }

    /// Says what is wrong in words of its own, unless it is `fine`.
    pub(crate) fn insist(&mut self, fine: bool, problem: &str) {
        if !fine {
            self.problems.push(format!("{}{problem}", self.prefix));
        }
    }

    /// A number from 0 to 1.
    pub(crate) fn probability(&mut self, name: &str, value: f64) {
        self.demand(within(value, [0.0, 1.0]), name, value, "from 0 to 1");
    }

    /// A number within bounds.
    pub(crate) fn number(&mut self, name: &str, value: f64, bounds: [f64; 2]) {
        self.demand(within(value, bounds), name, value, &format!("from {} to {}", bounds[0], bounds[1]));
    }

    /// Two numbers within bounds, the first not above the second.
    pub(crate) fn range(&mut self, name: &str, range: [f64; 2], bounds: [f64; 2]) {
        self.demand(
            ordered(range, bounds),
            name,
            Shown(range),
            &format!("a range within {} to {}", bounds[0], bounds[1]),
        );
    }

    /// Parts of a whole, none of which is nothing.
    pub(crate) fn shares(&mut self, name: &str, range: [f64; 2]) {
        let fine = ordered(range, [0.0, 1.0]) && range[0] > 0.0;
        self.demand(fine, name, Shown(range), "a range above 0 and up to 1");
    }

    /// The side of an input, and the numbers it is normalised with.
    pub(crate) fn input(&mut self, size: usize, mean: &[f64; 3], std: &[f64; 3]) {
        self.demand((1..=MAX_SIZE).contains(&size), "size", size, &format!("from 1 to {MAX_SIZE}"));
        self.demand(mean.iter().all(|mean| mean.is_finite()), "mean", format!("{mean:?}"), "finite");
        let divides = |std: &f64| std.is_finite() && *std as f32 > 0.0;
        self.demand(std.iter().all(divides), "std", format!("{std:?}"), "finite and positive");
    }

    /// Judges a part of the recipe, whose names begin with `part`.
    pub(crate) fn within(&mut self, part: &str, judge: impl FnOnce(&mut Self)) {
        let before = self.prefix.len();
        self.prefix.push_str(part);
        self.prefix.push('.');
        judge(self);
        self.prefix.truncate(before);
    }

    /// All that was found.
    pub(crate) fn verdict(self) -> Result<(), RecipeError> {
        if self.problems.is_empty() { Ok(()) } else { Err(RecipeError { problems: self.problems }) }
    }
}

fn within(value: f64, [from, to]: [f64; 2]) -> bool {
    (from..=to).contains(&value)
}

fn ordered(range: [f64; 2], bounds: [f64; 2]) -> bool {
    range[0] <= range[1] && range.iter().all(|&end| within(end, bounds))
}

/// A range as it is written in a file.
struct Shown([f64; 2]);

impl Display for Shown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
