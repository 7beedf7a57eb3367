//! `inspect` of ONNX files, ours and others'.

use std::collections::BTreeMap;
use std::path::Path;

use bossnas_converter::onnx::summary::{Port, Summary};
use bossnas_report::{Align, Table, units};
use serde::Serialize;
use serde_json::{Map, Value};

use super::cut;

use crate::cli::context::Context;

#[derive(Serialize)]
struct Document {
    file: String,
    kind: &'static str,
    bytes: u64,
    ir_version: i64,
    /// Domain (empty for the standard's own) and version.
    opsets: BTreeMap<String, i64>,
    producer: String,
    graph: String,
    inputs: Vec<PortDocument>,
    outputs: Vec<PortDocument>,
    nodes: usize,
    operators: BTreeMap<String, usize>,
    initializers: usize,
    initializer_bytes: u64,
    external_data: bool,
    metadata: Map<String, Value>,
}

#[derive(Serialize)]
struct PortDocument {
    name: String,
    dtype: String,
    /// Numbers, and texts where an extent is open.
    shape: Option<Vec<Value>>,
}

pub(super) fn run(path: &Path, json: bool, context: &Context) -> anyhow::Result<()> {
    let bytes = bossnas_files::SourceFile::open(path)?.len();
    let summary = Summary::of_file(path)?;
    let document = Document {
        file: path.display().to_string(),
        kind: "onnx",
        bytes,
        ir_version: summary.ir_version,
        opsets: summary.opsets.iter().cloned().collect(),
        producer: summary.producer.clone(),
        graph: summary.graph.clone(),
        inputs: summary.inputs.iter().map(PortDocument::new).collect(),
        outputs: summary.outputs.iter().map(PortDocument::new).collect(),
        nodes: summary.nodes(),
        operators: summary.operators.clone(),
        initializers: summary.initializers,
        initializer_bytes: summary.initializer_bytes,
        external_data: summary.external_data,
        // Where a key is there twice, ONNX Runtime shows the last one too.
        metadata: summary.metadata.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect(),
    };
    if json {
        return context.console.json("inspect", &document);
    }
    context.console.print(text(&document, &summary.metadata, context))
}

fn text(document: &Document, metadata: &[(String, String)], context: &Context) -> String {
    let opset = |(domain, version): (&String, &i64)| {
        if domain.is_empty() { version.to_string() } else { format!("{domain} {version}") }
    };
    let opsets: Vec<String> = document.opsets.iter().map(opset).collect();
    let initializers = format!("{}, {}", document.initializers, units::bytes(document.initializer_bytes));
    let external = if document.external_data { ", some of it in other files" } else { "" };
    let mut lines = vec![
        ("kind".to_owned(), "ONNX".to_owned()),
        ("size".to_owned(), units::bytes(document.bytes)),
        ("opset".to_owned(), format!("{} (IR version {})", opsets.join(", "), document.ir_version)),
        ("producer".to_owned(), document.producer.clone()),
        ("graph".to_owned(), document.graph.clone()),
    ];
    lines.extend(document.inputs.iter().map(|port| ("input".to_owned(), describe(port))));
    lines.extend(document.outputs.iter().map(|port| ("output".to_owned(), describe(port))));
    lines.push(("initializers".to_owned(), format!("{initializers}{external}")));
    lines.extend(metadata.iter().map(|(key, value)| (key.clone(), cut(value))));
    let mut operators: Vec<(&String, &usize)> = document.operators.iter().collect();
    operators.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
    let mut table = Table::new([("operator", Align::Left), ("nodes", Align::Right)]);
    for (name, count) in operators {
        table.row([name.clone(), count.to_string()]);
    }
    table.row(["all".to_owned(), document.nodes.to_string()]);
    let style = context.console.style();
    format!("{}\n{}", super::summary(&document.file, &lines, context), table.render(style))
}

impl PortDocument {
    fn new(port: &Port) -> Self {
        let extent = |extent: &String| extent.parse::<u64>().map_or_else(|_| extent.as_str().into(), Value::from);
        // The standard calls float32 and float64 by their names in C.
        let dtype = match port.kind.as_str() {
            "FLOAT" => "float32".to_owned(),
            "DOUBLE" => "float64".to_owned(),
            kind => kind.to_lowercase(),
        };
        let shape = port.shape.as_ref().map(|shape| shape.iter().map(extent).collect());
        Self { name: port.name.clone(), dtype, shape }
    }
}

fn describe(port: &PortDocument) -> String {
    let extent = |extent: &Value| extent.as_str().map_or_else(|| extent.to_string(), str::to_owned);
    let shape = |shape: &Vec<Value>| shape.iter().map(extent).collect::<Vec<_>>().join(" x ");
    let shape = port.shape.as_ref().map_or_else(|| "of any shape".to_owned(), shape);
    format!("{}, {} {shape}", port.name, port.dtype)
}
