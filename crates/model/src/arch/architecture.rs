//! Text of any architecture, and the way from a searched path to the network that is retrained.

use std::fmt;
use std::str::FromStr;

use super::text::{Cursor, ParseError, quote};
use super::{Architecture, BossNet, NatsData, SearchPath, bossnet, paths};
use crate::space::hytra;

impl Architecture {
    /// Name of the family or space, which is what the text form starts with.
    pub const fn space(&self) -> &'static str {
        match self {
            Self::BossNet(_) => "bossnet",
            Self::Search(path) => path.space(),
        }
    }

    /// The digits, one list a stage.
    pub fn stages(&self) -> Vec<Vec<u8>> {
        match self {
            Self::BossNet(net) => net.encoding().to_vec(),
            Self::Search(path) => path.stages(),
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

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BossNet(net) => net.fmt(f),
            Self::Search(path) => path.fmt(f),
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
        if !matches!(space.as_str(), "bossnet" | "hytra" | "mbconv" | "nats-c10" | "nats-c100") {
            return Err(cursor.error_at(at, quote(&space), SPACES));
        }
        if !cursor.eat(':') {
            return Err(cursor.error("`:`"));
        }
        match space.as_str() {
            "bossnet" => bossnet::bossnet(&mut cursor).map(Self::BossNet),
            "hytra" => paths::hytra(&mut cursor).map(Self::Search),
            "mbconv" => paths::mbconv(&mut cursor).map(Self::Search),
            "nats-c10" => paths::nats(&mut cursor, NatsData::Cifar10).map(Self::Search),
            _ => paths::nats(&mut cursor, NatsData::Cifar100).map(Self::Search),
        }
    }
}

impl From<BossNet> for Architecture {
    fn from(net: BossNet) -> Self {
        Self::BossNet(net)
    }
}

impl From<SearchPath> for Architecture {
    fn from(path: SearchPath) -> Self {
        Self::Search(path)
    }
}
