//! ONNX Runtime's profile of a run: a list of events, of which those of kernels say which provider ran a node.

use std::collections::HashMap;

use serde::Deserialize;

use crate::runtime::placement::{Operator, Placement, Share};

/// Operators that a file spends its time in, with those that ONNX Runtime makes of them.
const HEAVY: [&str; 20] = [
    "Attention",
    "Conv",
    "ConvInteger",
    "ConvTranspose",
    "Einsum",
    "FusedConv",
    "FusedGemm",
    "FusedMatMul",
    "GRU",
    "Gemm",
    "LSTM",
    "MatMul",
    "MatMulInteger",
    "MatMulNBits",
    "MultiHeadAttention",
    "NhwcFusedConv",
    "QLinearConv",
    "QLinearMatMul",
    "QGemm",
    "RNN",
];

/// Ends the name of an event that is the run of a node.
const KERNEL: &str = "_kernel_time";

#[derive(Deserialize)]
struct Event {
    #[serde(default)]
    cat: String,
    #[serde(default)]
    name: String,
    /// Microseconds.
    #[serde(default)]
    dur: f64,
    #[serde(default)]
    args: Arguments,
}

#[derive(Default, Deserialize)]
struct Arguments {
    #[serde(default)]
    op_name: String,
    #[serde(default)]
    provider: String,
}

/// Reads a profile. A node that ran several times counts once, with all of its time.
pub(super) fn placement(json: &[u8]) -> Result<Placement, serde_json::Error> {
    let events: Vec<Event> = serde_json::from_slice(json)?;
    let mut shares: Vec<Share> = Vec::new();
    let mut nodes: HashMap<&str, &str> = HashMap::new();
    let mut heavy = Vec::new();
    for event in &events {
        let Some(node) = event.name.strip_suffix(KERNEL).filter(|_| event.cat == "Node") else { continue };
        let provider = event.args.provider.as_str();
        let first = nodes.insert(node, provider).is_none();
        let share = match shares.iter_mut().find(|share| share.provider == provider) {
            Some(share) => share,
            None => shares.push_mut(Share { provider: provider.to_owned(), nodes: 0, seconds: 0.0 }),
        };
        share.seconds += event.dur / 1e6;
        if first {
            share.nodes += 1;
            if HEAVY.contains(&event.args.op_name.as_str()) {
                heavy.push((node.to_owned(), provider.to_owned()));
            }
        }
    }
    shares.sort_by(|a, b| b.seconds.total_cmp(&a.seconds));
    Ok(Placement { shares, heavy, operators: operators(&events) })
}

/// The time of each kind of node.
fn operators(events: &[Event]) -> Vec<Operator> {
    let mut fastest: HashMap<&str, (&str, f64)> = HashMap::new();
    for event in events.iter().filter(|event| event.cat == "Node") {
        let Some(node) = event.name.strip_suffix(KERNEL) else { continue };
        let (_, least) = fastest.entry(node).or_insert((&event.args.op_name, f64::INFINITY));
        *least = least.min(event.dur / 1e6);
    }
    let mut kinds: HashMap<&str, (usize, f64)> = HashMap::new();
    for (name, seconds) in fastest.into_values() {
        let (nodes, sum) = kinds.entry(name).or_default();
        *nodes += 1;
        *sum += seconds;
    }
    let operator = |(name, (nodes, seconds)): (&str, (usize, f64))| Operator { name: name.to_owned(), nodes, seconds };
    let mut operators: Vec<Operator> = kinds.into_iter().map(operator).collect();
    operators.sort_by(|a, b| b.seconds.total_cmp(&a.seconds).then_with(|| a.name.cmp(&b.name)));
    operators
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_and_time_are_summed_by_provider() {
        let event = |name: &str, op: &str, provider: &str, dur: u32| {
            format!(
                r#"{{"cat":"Node","pid":1,"tid":1,"dur":{dur},"ts":5,"ph":"X","name":"{name}_kernel_time",
                "args":{{"op_name":"{op}","provider":"{provider}","node_index":"0"}}}}"#
            )
        };
        let events = [
            r#"{"cat":"Session","pid":1,"tid":1,"dur":9000,"ts":1,"ph":"X","name":"model_loading_uri","args":{}}"#
                .to_owned(),
            event("conv1", "Conv", "CUDAExecutionProvider", 300),
            event("shape", "Shape", "CPUExecutionProvider", 100),
            event("fc", "Gemm", "CPUExecutionProvider", 100),
            event("conv1", "Conv", "CUDAExecutionProvider", 100),
        ];
        let placement = placement(format!("[{}]", events.join(",")).as_bytes()).unwrap();
        assert_eq!(placement.strays("CUDAExecutionProvider"), ["fc"]);
        assert!((placement.time_share("CUDAExecutionProvider") - 4.0 / 6.0).abs() < 1e-9);
        assert!((placement.node_share("CUDAExecutionProvider") - 1.0 / 3.0).abs() < 1e-9);
        assert_eq!(placement.shares[0].provider, "CUDAExecutionProvider");
        let operators: Vec<(&str, usize)> = placement.operators.iter().map(|it| (it.name.as_str(), it.nodes)).collect();
        assert_eq!(operators, [("Conv", 1), ("Gemm", 1), ("Shape", 1)]);
        assert!((placement.operators[0].seconds - 100e-6).abs() < 1e-12, "the faster of its two runs");
    }

    #[test]
    fn what_is_no_profile_is_an_error() {
        assert!(placement(b"{").is_err());
        assert_eq!(placement(b"[]").unwrap().shares, []);
    }
}
