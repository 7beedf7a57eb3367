//! `info`: what a network is and what it costs.

mod described;
mod tables;

use std::fmt::Write as _;
use std::path::PathBuf;

use bossnas_files::write_file;
use bossnas_model::cost::cost;
use bossnas_model::draw;
use bossnas_report::units;
use bossnas_zoo::parts::parts;
use serde::Serialize;

use self::described::Described;
use self::tables::{Part, Stage, node_table, part_table, stages};
use super::context::Context;
use super::model;
use super::size::Size;

/// Show what a network is and what it costs
///
/// Multiply-adds are those of convolutions, linear layers and both products of attention; the peak of activations is the
/// largest sum of values that are live at once, in float32, nothing computed in place. Both are for one image. With -v
/// every node has its line.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  bossnas-zoo info BossNet-T0\n  bossnas-zoo info T1 --size 256 --json\n  \
                        bossnas-zoo info bossnet:1/1/11101/000100000+silu+se --svg t0.svg\n  \
                        bossnas-zoo info checkpoint.pth\n  bossnas-zoo info hytra:5433/3230/0010/0000 --svg path.svg\n  bossnas-zoo info model.onnx -v")]
pub(crate) struct Args {
    /// A name from `bossnas-zoo list`, an architecture, an arch.json, a checkpoint, an ONNX file of ours, or the run folder of a
    /// search that is through
    #[arg(value_name = "MODEL")]
    model: String,
    /// Size of the image; without it the model's own, or 224
    #[arg(long, value_name = "N|HxW")]
    size: Option<Size>,
    /// Draw the network into this file
    #[arg(long, value_name = "FILE")]
    svg: Option<PathBuf>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Document<'a> {
    name: &'a str,
    arch: String,
    params: u64,
    madds: u64,
    stages: Vec<Stage>,
    input: Port,
    outputs: Vec<Port>,
    buffers: u64,
    madds_of: Madds,
    peak_activation_bytes: u64,
    parts: Vec<Part>,
    #[serde(flatten)]
    described: &'a Described,
}

#[derive(Serialize)]
struct Port {
    name: String,
    dtype: &'static str,
    shape: Vec<usize>,
}

#[derive(Serialize)]
struct Madds {
    conv: u64,
    linear: u64,
    attention: u64,
}

pub(crate) fn run(args: &Args, context: &Context) -> anyhow::Result<()> {
    let registry = context.registry()?;
    let described = Described::find(&args.model, &registry, context.console)?;
    let size = args.size.unwrap_or(described.size);
    let net = &described.net;
    model::check_size(net, &described.name, size)?;
    let graph = net.graph()?;
    let cost = cost(&graph, size.height, size.width)?;
    if let Some(path) = &args.svg {
        let svg = draw::svg(net, size.into(), &described.name, Some(&cost))?;
        write_file(path, svg.as_bytes())?;
        context.console.note(format_args!("drew `{}`", path.display()));
    }
    let stages = stages(net, &cost);
    let document = Document {
        name: &described.name,
        arch: net.to_string(),
        params: cost.params,
        madds: cost.multiply_adds(),
        parts: parts(&cost).into_iter().map(|part| Part::new(part, &stages, &cost)).collect(),
        stages,
        input: Port {
            name: graph.inputs().first().map(|input| input.name.clone()).unwrap_or_default(),
            dtype: "float32",
            shape: vec![1, graph.inputs().first().map_or(0, |input| input.channels), size.height, size.width],
        },
        outputs: cost
            .nodes
            .last()
            .map(|node| Port { name: node.name.clone(), dtype: "float32", shape: node.shape.clone() })
            .into_iter()
            .collect(),
        buffers: cost.buffers,
        madds_of: Madds { conv: cost.conv, linear: cost.linear, attention: cost.attention },
        peak_activation_bytes: cost.peak_activation_bytes,
        described: &described,
    };
    if args.json {
        return context.console.json("info", &document);
    }
    let style = context.console.style();
    let mut text = format!("{}\n", style.bold(bossnas_report::escape(&described.name)));
    // Writing to a string cannot fail.
    for (title, value) in summary(&document) {
        let _ = writeln!(text, "  {title:<13}{}", bossnas_report::escape(&value));
    }
    text = text + "\n" + &part_table(&document.parts).render(style);
    if context.console.is_verbose() {
        text = text + "\n" + &node_table(&cost).render(style);
    }
    context.console.print(text)
}

fn summary(document: &Document<'_>) -> Vec<(&'static str, String)> {
    let shape = |shape: &[usize]| shape.iter().map(usize::to_string).collect::<Vec<_>>().join(" x ");
    let port = |port: &Port| format!("{}, {} {}", port.name, port.dtype, shape(&port.shape));
    let both = |n: u64| format!("{} ({})", units::count(n), units::grouped(n));
    let Madds { conv, linear, attention } = document.madds_of;
    let split = [("convolutions", conv), ("linear", linear), ("attention", attention)];
    let split: Vec<String> = split.iter().map(|(what, n)| format!("{what} {}", units::count(*n))).collect();
    let mut lines = vec![
        ("arch", document.arch.clone()),
        ("input", port(&document.input)),
        ("output", document.outputs.iter().map(port).collect::<Vec<_>>().join("; ")),
        ("params", both(document.params)),
        ("madds", format!("{}: {}", both(document.madds), split.join(", "))),
        ("activations", format!("{} at the peak", units::bytes(document.peak_activation_bytes))),
    ];
    lines.extend(document.described.lines());
    lines
}
