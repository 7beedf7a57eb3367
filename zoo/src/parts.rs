//! The cost of a network by its rows: stem, stages, head.

use std::fmt::Write as _;

use bossnas_model::cost::{Cost, NodeCost};
use serde::Serialize;

/// What one part of a network costs, at batch 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartCost {
    /// `stem`, `layer1` to `layer4`, `head`.
    pub name: String,
    /// Trained parameters.
    pub params: u64,
    /// Multiply-adds.
    pub madds: u64,
    /// The most memory that is live while it runs, in bytes.
    pub peak_activation_bytes: u64,
}

/// The parts in the order of the network. Nodes before the first stage are the stem, those after the last are the head.
pub fn parts(cost: &Cost) -> Vec<PartCost> {
    let mut parts: Vec<PartCost> = Vec::new();
    for node in &cost.nodes {
        let name = match node.name.split('.').next() {
            Some(layer) if layer.starts_with("layer") => layer,
            _ if parts.iter().any(|part| part.name.starts_with("layer")) => "head",
            _ => "stem",
        };
        if parts.last().is_none_or(|part| part.name != name) {
            parts.push(PartCost { name: name.to_owned(), params: 0, madds: 0, peak_activation_bytes: 0 });
        }
        if let Some(part) = parts.last_mut() {
            part.params += node.params;
            part.madds += node.multiply_adds;
            part.peak_activation_bytes = part.peak_activation_bytes.max(node.live_bytes);
        }
    }
    parts
}

/// Every node as a line of comma-separated values, with a line of titles.
pub fn csv(cost: &Cost) -> String {
    let mut text = "node,op,output_shape,params,multiply_adds,live_bytes\n".to_owned();
    for NodeCost { name, op, shape, multiply_adds, params, live_bytes } in &cost.nodes {
        let shape = shape.iter().map(ToString::to_string).collect::<Vec<_>>().join("x");
        let _ = writeln!(text, "{name},{op},{shape},{params},{multiply_adds},{live_bytes}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use bossnas_model::arch::BossNet;

    #[test]
    fn the_parts_add_up_to_the_network() {
        let cost = bossnas_model::cost::cost(&BossNet::t0().graph(), 224, 224).unwrap();
        let parts = parts(&cost);
        let names: Vec<&str> = parts.iter().map(|part| part.name.as_str()).collect();
        assert_eq!(names, ["stem", "layer1", "layer2", "layer3", "layer4", "head"]);
        assert_eq!(parts.iter().map(|part| part.params).sum::<u64>(), cost.params);
        assert_eq!(parts.iter().map(|part| part.madds).sum::<u64>(), cost.multiply_adds());
        let peak = parts.iter().map(|part| part.peak_activation_bytes).max();
        assert_eq!(peak, Some(cost.peak_activation_bytes));
        assert_eq!(csv(&cost).lines().count(), cost.nodes.len() + 1);
    }
}
