//! The tables of `info`: a line for each part of the network, and a line for each node.

use bossnas_model::arch::{Architecture, Block};
use bossnas_model::cost::Cost;
use bossnas_model::space::Space;
use bossnas_report::{Align, Table, units};
use bossnas_zoo::parts::{PartCost, stage_of};
use serde::Serialize;

/// A stage of the network.
#[derive(Serialize)]
pub(super) struct Stage {
    /// As its part is called.
    name: String,
    blocks: Vec<String>,
    /// The same in few words.
    #[serde(skip)]
    made_of: String,
    channels: usize,
    height: usize,
    width: usize,
}

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
    pub(super) fn new(part: PartCost, stages: &[Stage], cost: &Cost) -> Self {
        let stage = stages.iter().find(|stage| stage.name == part.name);
        let made_of = stage.map(|stage| stage.made_of.clone()).unwrap_or_default();
        let share = part.madds as f64 / cost.multiply_adds().max(1) as f64;
        let output = map(&part.name, cost).to_vec();
        Self { share, made_of, output, cost: part }
    }
}

/// Shape of what a part puts out.
pub(super) fn map<'c>(part: &str, cost: &'c Cost) -> &'c [usize] {
    let node = match part {
        "stem" => cost.nodes.iter().take_while(|node| stage_of(&node.name).is_none()).last(),
        "head" => cost.nodes.last(),
        _ => {
            let last = cost.nodes.iter().rposition(|node| stage_of(&node.name).as_deref() == Some(part));
            // The last value of a path is called after the output.
            let features = |at: &usize| cost.nodes.get(at + 1).is_some_and(|node| node.name == "features");
            last.map(|at| if features(&at) { at + 1 } else { at }).map(|at| &cost.nodes[at])
        }
    };
    node.map_or(&[], |node| &node.shape)
}

/// What a network's stages are made of, the numbers of its first stage as parts have it.
pub(super) fn stages(net: &Architecture, cost: &Cost) -> Vec<Stage> {
    let stages: Vec<(String, Vec<String>)> = match net {
        Architecture::BossNet(net) => {
            let blocks = |stage: &Vec<Block>| stage.iter().map(|block| block.name().to_owned()).collect();
            net.stages.iter().enumerate().map(|(index, stage)| (format!("layer{}", index + 1), blocks(stage))).collect()
        }
        Architecture::Search(net) => {
            let space = net.supernet().unwrap_or(Space::of(&net.path));
            let blocks = |ops: &Vec<u8>| ops.iter().map(|&op| space.operation(op)).collect();
            let stages = net.path.stages();
            stages.iter().enumerate().map(|(index, ops)| (format!("stage {index}"), blocks(ops))).collect()
        }
    };
    let stage = |(name, blocks): (String, Vec<String>)| {
        let map = map(&name, cost);
        let extent = |axis: usize| map.get(axis).copied().unwrap_or_default();
        let made_of = match net {
            _ if blocks.is_empty() => "3x3 convolution".to_owned(),
            Architecture::BossNet(_) => runs(&blocks, |count, block| format!("{count} {block}")),
            // Operations have numbers in their names.
            Architecture::Search(_) => runs(&blocks, |count, op| match count {
                1 => op.to_owned(),
                count => format!("{count} x {op}"),
            }),
        };
        Stage { channels: extent(1), height: extent(2), width: extent(3), name, blocks, made_of }
    };
    stages.into_iter().map(stage).collect()
}

/// `3 ResAtt, 1 ResConv, 5 ResAtt`.
fn runs(blocks: &[String], spell: impl Fn(usize, &str) -> String) -> String {
    let runs = blocks.chunk_by(|a, b| a == b).filter_map(|run| Some(spell(run.len(), run.first()?)));
    runs.collect::<Vec<_>>().join(", ")
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
    use bossnas_model::arch::BossNet;
    use bossnas_model::cost::cost;
    use bossnas_zoo::parts::parts;

    use super::*;

    fn parts_of(text: &str, side: usize) -> Vec<Part> {
        let net: Architecture = text.parse().unwrap();
        let cost = cost(&net.graph().unwrap(), side, side).unwrap();
        let stages = stages(&net, &cost);
        parts(&cost).into_iter().map(|part| Part::new(part, &stages, &cost)).collect()
    }

    #[test]
    fn the_parts_of_a_path_say_what_they_are_made_of_and_put_out() {
        let parts = parts_of("hytra:5433/3230/0010/0000+base=8", 224);
        let made_of: Vec<&str> = parts.iter().map(|part| part.made_of.as_str()).collect();
        assert_eq!(
            made_of,
            [
                "",
                "ResConv@56, ResConv@28, 2 x ResConv@14",
                "ResConv@14, ResAtt@14, ResConv@14, ResAtt@7",
                "2 x ResAtt@7, ResConv@7, ResAtt@7",
                "4 x ResAtt@7"
            ]
        );
        let outputs: Vec<String> = parts.iter().map(|part| extents(&part.output)).collect();
        assert_eq!(outputs, ["8 x 56 x 56", "128 x 14 x 14", "256 x 7 x 7", "256 x 7 x 7", "256 x 7 x 7"]);
        let parts = parts_of("nats-c10:64:40:40:40:48", 32);
        assert_eq!(parts[3].made_of, "48 wide");
        assert_eq!(parts[3].output, [1, 48, 8, 8]);
    }

    #[test]
    fn the_parts_of_t0_say_what_they_are_made_of_and_put_out() {
        let parts = parts_of(&BossNet::t0().to_string(), 224);
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
        let parts = parts_of("bossnet:-/1/0/-+base=16", 64);
        assert_eq!((parts[1].made_of.as_str(), parts[4].made_of.as_str()), ("3x3 convolution", "3x3 convolution"));
        assert_eq!(parts[1].output, [1, 64, 8, 8]);
    }
}
