//! Graphs one after the other: a path through a supernet is the join of its layers.

use super::{Graph, GraphBuilder, ParamId, ValueId};

impl Graph {
    /// This graph and then `next`: the only input of `next` is what this graph puts out first.
    ///
    /// The result has the inputs of this graph and the outputs of `next`. Parameters keep their order, those of `next`
    /// after those of this graph; one that both have is there once, and both must use the same part of it.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        debug_assert!(next.inputs.len() == 1 && !self.outputs.is_empty(), "one output goes into one input");
        let joint = self.outputs.first().copied();
        let (first, inputs) = (self.value_count(), next.inputs.len());
        let value = |old: ValueId| match (old.0.checked_sub(inputs), joint) {
            (None, Some(joint)) => joint,
            (None, None) => old,
            (Some(node), _) => ValueId(first + node),
        };
        let mut builder = GraphBuilder::from(self);
        let params: Vec<ParamId> = next.params.into_iter().map(|param| builder.adopt(param)).collect();
        for node in next.nodes {
            let inputs: Vec<ValueId> = node.inputs.iter().map(|&input| value(input)).collect();
            builder.node(node.name, node.op.map_params(|id| params[id.index()]), &inputs);
        }
        let outputs: Vec<ValueId> = next.outputs.iter().map(|&output| value(output)).collect();
        builder.finish(&outputs)
    }

    /// The same graph with another name for the value that it puts out first. An input keeps its name.
    #[must_use]
    pub fn with_output_name(mut self, name: &str) -> Self {
        let index = self.outputs.first().and_then(|output| output.0.checked_sub(self.inputs.len()));
        if let Some(node) = index.and_then(|index| self.nodes.get_mut(index)) {
            name.clone_into(&mut node.name);
        }
        self
    }
}

impl From<Graph> for GraphBuilder {
    /// A builder that goes on where the graph ends.
    fn from(graph: Graph) -> Self {
        let names = graph.params.iter().enumerate();
        let by_name = names.map(|(index, param)| (param.name.clone(), ParamId(index))).collect();
        Self { graph, by_name }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Activation, Op, Role};
    use super::*;

    /// A convolution, an activation and a shortcut.
    fn part(name: &str, shared: bool) -> Graph {
        let mut graph = GraphBuilder::default();
        let map = graph.input("map", 2);
        let own = format!("{name}.weight");
        let weight = graph.param(if shared { "shared.weight" } else { &own }, &[2, 2, 1, 1], Role::ConvWeight);
        graph.param(format!("{name}.count"), &[], Role::BatchCount);
        let op = Op::Conv2d { weight, bias: None, stride: 1, padding: 0, groups: 1 };
        let conv = graph.node(name, op, &[map]);
        let act = graph.node(format!("{name}.act"), Op::Activation(Activation::Relu), &[conv]);
        let sum = graph.node(format!("{name}.add"), Op::Add, &[act, map]);
        graph.finish(&[sum])
    }

    #[test]
    fn the_second_graph_reads_what_the_first_puts_out() {
        let joined = part("a", false).then(part("b", false));
        assert_eq!(joined.inputs().len(), 1);
        let read = |name: &str| {
            let node = joined.nodes().iter().find(|node| node.name == name).unwrap();
            node.inputs.iter().map(|&value| joined.value_name(value)).collect::<Vec<_>>()
        };
        assert_eq!([read("a"), read("b")], [["map"], ["a.add"]]);
        assert_eq!(read("b.add"), ["b.act", "a.add"]);
        assert_eq!(joined.value_name(joined.outputs()[0]), "b.add");
        let names: Vec<&str> = joined.params().iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["a.weight", "a.count", "b.weight", "b.count"]);
    }

    #[test]
    fn joining_is_associative() {
        let [a, b, c] = ["a", "b", "c"].map(|name| part(name, name != "b"));
        let left = a.clone().then(b.clone()).then(c.clone());
        assert_eq!(left, a.then(b.then(c)));
    }

    #[test]
    fn a_parameter_of_both_is_there_once() {
        let joined = part("a", true).then(part("b", true));
        let names: Vec<&str> = joined.params().iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["shared.weight", "a.count", "b.count"]);
        let reads = |name: &str| joined.nodes().iter().find(|node| node.name == name).unwrap().op.params();
        assert_eq!(reads("a"), reads("b"));
    }

    #[test]
    fn a_graph_of_no_nodes_changes_nothing() {
        let mut empty = GraphBuilder::default();
        let map = empty.input("map", 2);
        let empty = empty.finish(&[map]);
        assert_eq!(part("a", false).then(empty.clone()), part("a", false));
        assert_eq!(empty.then(part("a", false)), part("a", false));
    }

    #[test]
    fn the_output_gets_another_name_and_keeps_its_place() {
        let graph = part("a", false).with_output_name("features");
        assert_eq!(graph.value_name(graph.outputs()[0]), "features");
        assert_eq!(graph.nodes().len(), 3);
    }
}
