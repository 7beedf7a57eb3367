//! The tables of `info`: a line for each part of the network, and a line for each node.

use bossnas_model::arch::{Block, BossNet};
use bossnas_model::cost::Cost;
use bossnas_report::{Align, Table, units};
use bossnas_zoo::parts::PartCost;
use serde::Serialize;

/// A part of the network: the stem, a stage, the head.
#[derive(Serialize)]
pub(super) struct Part {
    #[serde(flatten)]
    cost: PartCost,
    /// Share of the multiply-adds, 0 to 1.
    share: f64,
    made_of: String,
    output: Vec<usize>,
}

impl Part {
    pub(super) fn new(part: PartCost, net: &BossNet, cost: &Cost) -> Self {
        let stage = part.name.strip_prefix("layer").and_then(|number| number.parse::<usize>().ok());
        let made_of = match stage.and_then(|number| net.stages.get(number.checked_sub(1)?)) {
            Some(blocks) if blocks.is_empty() => "3x3 convolution".to_owned(),
            Some(blocks) => runs(blocks),
            None => String::new(),
        };
        let share = part.madds as f64 / cost.multiply_adds().max(1) as f64;
        let output = map(&part.name, cost).to_vec();
        Self { share, made_of, output, cost: part }
    }
}

/// Shape of what a part puts out.
pub(super) fn map<'c>(part: &str, cost: &'c Cost) -> &'c [usize] {
    let layer = |name: &str| name.split('.').next().is_some_and(|layer| layer.starts_with("layer"));
    let node = match part {
        "stem" => cost.nodes.iter().take_while(|node| !layer(&node.name)).last(),
        "head" => cost.nodes.last(),
        _ => cost.nodes.iter().rfind(|node| node.name.split('.').next() == Some(part)),
    };
    node.map_or(&[], |node| &node.shape)
}

pub(super) const fn spell(block: Block) -> &'static str {
    match block {
        Block::ResAtt => "ResAtt",
        Block::ResConv => "ResConv",
    }
}

/// `3 ResAtt, 1 ResConv, 5 ResAtt`.
fn runs(blocks: &[Block]) -> String {
    let runs = blocks.chunk_by(|a, b| a == b).filter_map(|run| Some((run.len(), *run.first()?)));
    runs.map(|(count, block)| format!("{count} {}", spell(block))).collect::<Vec<_>>().join(", ")
}

fn extents(shape: &[usize]) -> String {
    // The batch is 1 everywhere.
    shape.iter().skip(1).map(usize::to_string).collect::<Vec<_>>().join(" x ")
}

pub(super) fn part_table(parts: &[Part]) -> Table {
    let mut table = Table::new([
        ("part", Align::Left),
        ("output", Align::Right),
        ("params", Align::Right),
        ("madds", Align::Right),
        ("share", Align::Right),
        ("peak", Align::Right),
        ("made of", Align::Left),
    ]);
    for Part { cost, share, made_of, output } in parts {
        table.row([
            cost.name.clone(),
            extents(output),
            units::count(cost.params),
            units::count(cost.madds),
            format!("{:.1} %", share * 100.0),
            units::bytes(cost.peak_activation_bytes),
            made_of.clone(),
        ]);
    }
    table
}

pub(super) fn node_table(cost: &Cost) -> Table {
    let mut table = Table::new([
        ("node", Align::Left),
        ("op", Align::Left),
        ("output", Align::Right),
        ("params", Align::Right),
        ("madds", Align::Right),
        ("live", Align::Right),
    ]);
    for node in &cost.nodes {
        table.row([
            node.name.clone(),
            node.op.to_owned(),
            extents(&node.shape),
            units::count(node.params),
            units::count(node.multiply_adds),
            units::bytes(node.live_bytes),
        ]);
    }
    table
}

#[cfg(test)]
mod tests {
    use bossnas_model::cost::cost;
    use bossnas_zoo::parts::parts;

    use super::*;

    #[test]
    fn the_parts_of_t0_say_what_they_are_made_of_and_put_out() {
        let net = BossNet::t0();
        let cost = cost(&net.graph(), 224, 224).unwrap();
        let parts: Vec<Part> = parts(&cost).into_iter().map(|part| Part::new(part, &net, &cost)).collect();
        let made_of: Vec<&str> = parts.iter().map(|part| part.made_of.as_str()).collect();
        let last = "3 ResAtt, 1 ResConv, 5 ResAtt";
        assert_eq!(made_of, ["", "1 ResConv", "1 ResConv", "3 ResConv, 1 ResAtt, 1 ResConv", last, ""]);
        let outputs: Vec<String> = parts.iter().map(|part| extents(&part.output)).collect();
        let maps = ["64 x 56 x 56", "256 x 56 x 56", "512 x 28 x 28", "1024 x 14 x 14", "2048 x 7 x 7", "1000"];
        assert_eq!(outputs, maps);
        assert!((parts.iter().map(|part| part.share).sum::<f64>() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn an_empty_stage_is_a_convolution() {
        let net: BossNet = "bossnet:-/1/0/-+base=16".parse().unwrap();
        let cost = cost(&net.graph(), 64, 64).unwrap();
        let parts: Vec<Part> = parts(&cost).into_iter().map(|part| Part::new(part, &net, &cost)).collect();
        assert_eq!((parts[1].made_of.as_str(), parts[4].made_of.as_str()), ("3x3 convolution", "3x3 convolution"));
        assert_eq!(parts[1].output, [1, 64, 8, 8]);
    }
}
