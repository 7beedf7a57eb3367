//! Where the nodes of a file ran.

use serde::{Deserialize, Serialize};

/// What one provider did in a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The provider as ONNX Runtime calls it.
    pub provider: String,
    /// Nodes that it ran. A provider that compiles a whole graph runs it as one node.
    pub nodes: usize,
    /// Time that they took.
    pub seconds: f64,
}

/// Where the nodes of a file ran, by the profile of the runtime itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Placement {
    /// Each provider that ran something, most time first.
    pub shares: Vec<Share>,
    /// Nodes that multiply matrices, convolve or attend, and the provider of each.
    pub heavy: Vec<(String, String)>,
    /// Each kind of node that ran, most time first.
    #[serde(default)]
    pub operators: Vec<Operator>,
}

/// What the nodes of one kind took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Operator {
    /// What they compute, in the runtime's name, which has its own for fused ones.
    pub name: String,
    /// How many there are.
    pub nodes: usize,
    /// Time of one run: the sum over the nodes of the fastest run of each that was recorded.
    pub seconds: f64,
}

impl Placement {
    /// Heavy nodes that ran elsewhere than on `provider`.
    pub fn strays(&self, provider: &str) -> Vec<&str> {
        self.heavy.iter().filter(|(_, ran_on)| ran_on != provider).map(|(node, _)| node.as_str()).collect()
    }

    /// Share of the time that was spent on `provider`, 0 to 1.
    pub fn time_share(&self, provider: &str) -> f64 {
        let all: f64 = self.shares.iter().map(|share| share.seconds).sum();
        let its: f64 = self.shares.iter().filter(|share| share.provider == provider).map(|share| share.seconds).sum();
        if all > 0.0 { its / all } else { 0.0 }
    }

    /// Share of the nodes that ran on `provider`, 0 to 1.
    pub fn node_share(&self, provider: &str) -> f64 {
        let all: usize = self.shares.iter().map(|share| share.nodes).sum();
        let its: usize = self.shares.iter().filter(|share| share.provider == provider).map(|share| share.nodes).sum();
        if all > 0 { its as f64 / all as f64 } else { 0.0 }
    }
}
