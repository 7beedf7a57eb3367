//! The search spaces whose paths are rated.

use std::fmt;
use std::str::FromStr;

use bossnas_model::arch::{NatsData, ParseError, SearchPath};
use bossnas_model::space::hytra;

/// A search space.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Space {
    /// Four stages of four layers.
    Hytra,
    /// Five stages of 2, 4, 4, 4 and 4 layers.
    Mbconv,
    /// NATS-Bench's sizes for CIFAR-10: three stages of 2, 2 and 1 layers.
    NatsC10,
    /// NATS-Bench's sizes for CIFAR-100: three stages of 2, 1 and 2 layers.
    NatsC100,
}

impl Space {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Hytra, Self::Mbconv, Self::NatsC10, Self::NatsC100];

    /// The name, which the text form of a path begins with.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hytra => "hytra",
            Self::Mbconv => "mbconv",
            Self::NatsC10 => "nats-c10",
            Self::NatsC100 => "nats-c100",
        }
    }

    /// The space of a path.
    pub const fn of(path: &SearchPath) -> Self {
        match path {
            SearchPath::Hytra(_) => Self::Hytra,
            SearchPath::Mbconv(_) => Self::Mbconv,
            SearchPath::Nats(NatsData::Cifar10, _) => Self::NatsC10,
            SearchPath::Nats(NatsData::Cifar100, _) => Self::NatsC100,
        }
    }

    /// Layers of each stage.
    pub fn layers(self) -> Vec<usize> {
        match self {
            Self::Hytra => vec![hytra::LAYERS; hytra::STAGES],
            Self::Mbconv => vec![2, 4, 4, 4, 4],
            Self::NatsC10 => NatsData::Cifar10.layers().to_vec(),
            Self::NatsC100 => NatsData::Cifar100.layers().to_vec(),
        }
    }

    /// Whether any path of a stage may follow any of the stage before.
    pub const fn stages_are_independent(self) -> bool {
        !matches!(self, Self::Hytra)
    }

    /// The path that a text means, with the space's name before it or without.
    pub fn path(self, text: &str) -> Result<SearchPath, ParseError> {
        if Self::named(text).is_some() {
            return text.parse();
        }
        format!("{}:{}", self.name(), text.trim_start()).parse()
    }

    /// The space that a text names, as in `mbconv:11/...`.
    pub(super) fn named(text: &str) -> Option<Self> {
        text.trim_start().split_once(':').and_then(|(name, _)| name.parse().ok())
    }
}

impl fmt::Display for Space {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No space has this name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownSpace;

impl FromStr for Space {
    type Err = UnknownSpace;

    fn from_str(name: &str) -> Result<Self, UnknownSpace> {
        Self::ALL.into_iter().find(|space| space.name() == name).ok_or(UnknownSpace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_know_the_stages_of_their_paths() {
        for (space, text) in [
            (Space::Hytra, "5433/3230/0010/0000"),
            (Space::Mbconv, "11/1111/1101/1011/1101"),
            (Space::NatsC10, "64:40:56:40:48"),
            (Space::NatsC100, "74/6/45"),
        ] {
            let path = space.path(text).unwrap();
            assert_eq!(Space::of(&path), space);
            assert_eq!(path.stages().iter().map(Vec::len).collect::<Vec<_>>(), space.layers());
            assert_eq!(space.path(&path.to_string()).unwrap(), path);
            assert_eq!(space.name().parse(), Ok(space));
        }
    }
}
