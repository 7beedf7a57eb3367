//! The two supernets of a search.

/// One of the two supernets of a search (`REFERENCE.md` section 4).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Side {
    /// The one that is trained, with predictors.
    Online,
    /// The one that follows.
    Target,
}

impl Side {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Online, Self::Target];

    /// Its name in texts and files.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Target => "target",
        }
    }

    /// The one of that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.as_str() == name)
    }

    /// A parameter's name in the siamese state dict, given the one in [`Space::parameters`](super::Space::parameters):
    /// predictors have no side.
    pub fn name(self, relative: &str) -> String {
        if relative.starts_with("heads.") { relative.to_owned() } else { format!("{}_{relative}", self.as_str()) }
    }

    /// Whether a siamese name is of this side; predictors are the online one's.
    pub fn owns(self, name: &str) -> bool {
        name.starts_with("target_") == (self == Self::Target)
    }
}
