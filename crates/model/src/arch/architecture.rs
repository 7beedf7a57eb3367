//! Text of any architecture, and the way from a searched path to the network that is retrained.

use std::fmt;
use std::str::FromStr;

use super::text::{Cursor, ParseError, quote};
use super::{Architecture, BossNet, SearchNet, SearchPath, bossnet, paths};
use crate::graph::Graph;
use crate::space::{Space, SpaceError, hytra};

impl Architecture {
    /// Name of the family or space, which is what the text form starts with.
    pub const fn space(&self) -> &'static str {
        match self {
            Self::BossNet(_) => "bossnet",
            Self::Search(net) => net.path.space(),
        }
    }

    /// The digits, one list a stage.
    pub fn stages(&self) -> Vec<Vec<u8>> {
        match self {
            Self::BossNet(net) => net.encoding().to_vec(),
            Self::Search(net) => net.path.stages(),
        }
    }
}

impl Architecture {
    /// The network as a graph: input `image` of 3 channels; output `logits` of a BossNet, `features` of a path. Fails for a
    /// path of a base width that its supernet cannot have.
    pub fn graph(&self) -> Result<Graph, SpaceError> {
        match self {
            Self::BossNet(net) => Ok(net.graph()),
            Self::Search(net) => Ok(net.supernet()?.features(&net.path)),
        }
    }
}

impl Architecture {
    /// How many input pixels one pixel of the last map stands for, in each direction.
    pub fn total_stride(&self) -> usize {
        match self {
            Self::BossNet(net) => net.total_stride(),
            Self::Search(net) => Space::of(&net.path).total_stride(&net.path),
        }
    }
}

impl SearchPath {
    /// The network to retrain after a HyTra search: the operations grouped by scale, 0 for ResAtt and 1 for ResConv,
    /// with the options of [`BossNet::new`]. `None` for the other spaces, which have no such network.
    ///
    /// A scale that the path never uses becomes an empty stage. That is one convolution of stride 2 in a BossNet, even
    /// for the largest scale: the maps of all stages after it are then half of what they were in the search.
    pub fn to_bossnet(&self) -> Option<BossNet> {
        let Self::Hytra(path) = self else { return None };
        let mut net = BossNet::new(std::array::from_fn(|_| Vec::new()));
        for &op in path.iter().flatten() {
            // The first stage of the network has the largest map, which is the last scale.
            net.stages[hytra::STAGES - 1 - hytra::scale(op)].push(hytra::block(op));
        }
        Some(net)
    }
}

impl SearchNet {
    /// The supernet. Fails for a base width that it cannot have.
    pub fn supernet(&self) -> Result<Space, SpaceError> {
        Ok(Space::of(&self.path).with_base(self.base)?.with_orientation(self.attention))
    }

    /// [`SearchPath::to_bossnet`], of the same base width. Its attention is the right way round whatever that of the search
    /// was.
    pub fn to_bossnet(&self) -> Option<BossNet> {
        Some(BossNet { base: self.base, ..self.path.to_bossnet()? })
    }
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BossNet(net) => net.fmt(f),
            Self::Search(net) => net.fmt(f),
        }
    }
}

impl FromStr for Architecture {
    type Err = ParseError;

    /// Reads `space:...`, or upstream's list of lists for a BossNet (`[[1],[1],[1,1,1,0,1],[0,0,0,1,0,0,0,0,0]]`, which
    /// may be followed by options).
    fn from_str(text: &str) -> Result<Self, ParseError> {
        const SPACES: &str = "`bossnet:`, `hytra:`, `mbconv:`, `nats-c10:` or `nats-c100:`";
        let mut cursor = Cursor::new(text)?;
        if cursor.peek() == Some('[') {
            return bossnet::bossnet(&mut cursor).map(Self::BossNet);
        }
        let at = cursor.at();
        let space = cursor.word();
        if space.is_empty() {
            return Err(cursor.error(SPACES));
        }
        let supernet: Option<Space> = space.parse().ok();
        if supernet.is_none() && space != "bossnet" {
            return Err(cursor.error_at(at, quote(&space), SPACES));
        }
        if !cursor.eat(':') {
            return Err(cursor.error("`:`"));
        }
        match supernet {
            None => bossnet::bossnet(&mut cursor).map(Self::BossNet),
            Some(space) => paths::net(&mut cursor, space).map(Self::Search),
        }
    }
}

impl From<BossNet> for Architecture {
    fn from(net: BossNet) -> Self {
        Self::BossNet(net)
    }
}

impl From<SearchNet> for Architecture {
    fn from(net: SearchNet) -> Self {
        Self::Search(net)
    }
}

impl From<SearchPath> for Architecture {
    fn from(path: SearchPath) -> Self {
        Self::Search(path.into())
    }
}
