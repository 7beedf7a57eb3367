//! The cost of a network by its rows: stem, stages, head.

use std::fmt::Write as _;

use bossnas_model::cost::{Cost, NodeCost};
use serde::Serialize;

/// What one part of a network costs, at batch 1.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartCost {
    /// `stem`, `layer1` to `layer4`, `head`; of a path through a supernet `stem`, `stage 0`, `stage 1`, ...
    pub name: String,
    /// Trained parameters.
    pub params: u64,
    /// Multiply-adds.
    pub madds: u64,
    /// The most memory that is live while it runs, in bytes.
    pub peak_activation_bytes: u64,
}

/// The stage that a node is of, as a part is called; `None` before the first and after the last.
pub fn stage_of(node: &str) -> Option<String> {
    if let Some(block) = node.strip_prefix("backbone._blocks.") {
        return block.split('.').next().map(|number| format!("stage {number}"));
    }
    let layer = node.split('.').next()?;
    layer.starts_with("layer").then(|| layer.to_owned())
}

/// The parts in the order of the network. Nodes before the first stage are the stem, those after the last are the head; the
/// last value of a path, its features, is of its last stage.
pub fn parts(cost: &Cost) -> Vec<PartCost> {
    let mut parts: Vec<PartCost> = Vec::new();
    for node in &cost.nodes {
        let last = parts.last().map_or("stem", |part| part.name.as_str());
        let name = match stage_of(&node.name) {
            Some(stage) => stage,
            None if node.name == "features" || last == "stem" => last.to_owned(),
            None => "head".to_owned(),
        };
        if parts.last().is_none_or(|part| part.name != name) {
            parts.push(PartCost { name, params: 0, madds: 0, peak_activation_bytes: 0 });
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
    fn the_parts_of_a_path_are_its_stem_and_its_stages() {
        for (text, stages) in [("hytra:5433/3230/0010/0000+base=8", 4), ("mbconv:11/0110/0111/1100/0110+base=8", 5)] {
            let net: bossnas_model::arch::Architecture = text.parse().unwrap();
            let cost = bossnas_model::cost::cost(&net.graph().unwrap(), 64, 64).unwrap();
            let parts = parts(&cost);
            let names: Vec<String> = parts.iter().map(|part| part.name.clone()).collect();
            let stages = (0..stages).map(|stage| format!("stage {stage}"));
            assert_eq!(names, std::iter::once("stem".to_owned()).chain(stages).collect::<Vec<_>>());
            assert_eq!(parts.iter().map(|part| part.params).sum::<u64>(), cost.params);
            assert_eq!(parts.iter().map(|part| part.madds).sum::<u64>(), cost.multiply_adds());
        }
    }

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
