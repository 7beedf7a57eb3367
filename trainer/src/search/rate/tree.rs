//! Paths that share their beginnings.

use crate::search::siamese::{Part, StagePaths};

/// A tree over the layers of a stage: a candidate is a way from the root to a leaf.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
    /// Those that read what the blocks before the stage give.
    pub(super) roots: Vec<usize>,
}

/// A part that runs once for all candidates behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub(super) part: Part,
    /// Parts before it within the stage.
    pub(super) level: usize,
    pub(super) children: Vec<usize>,
    /// The candidate whose last layer this is, and what projects its map.
    pub(super) leaf: Option<(usize, Part)>,
}

impl Tree {
    /// The tree of a stage's candidates. A node's number is larger than its parent's.
    pub(super) fn of(stage: &StagePaths) -> Self {
        let mut tree = Self { nodes: Vec::new(), roots: Vec::new() };
        for (candidate, path) in stage.candidates().iter().enumerate() {
            let mut at = None;
            for (level, part) in stage.body(path).into_iter().enumerate() {
                at = Some(tree.child(at, part, level));
            }
            if let Some(last) = at {
                tree.nodes[last].leaf = Some((candidate, stage.projection(path)));
            }
        }
        tree
    }

    fn child(&mut self, parent: Option<usize>, part: Part, level: usize) -> usize {
        let siblings = parent.map_or(&self.roots, |parent| &self.nodes[parent].children);
        if let Some(&found) = siblings.iter().find(|&&node| self.nodes[node].part == part) {
            return found;
        }
        let new = self.nodes.len();
        self.nodes.push(Node { part, level, children: Vec::new(), leaf: None });
        match parent {
            Some(parent) => self.nodes[parent].children.push(new),
            None => self.roots.push(new),
        }
        new
    }

    /// Levels: the longest way.
    pub(super) fn levels(&self) -> usize {
        self.nodes.iter().map(|node| node.level + 1).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use bossnas_model::arch::NatsData;
    use bossnas_model::space::Space;

    use super::*;

    fn levels(space: &Space, best: Vec<Vec<u8>>) -> Vec<usize> {
        let tree = Tree::of(&StagePaths::new(space, best).unwrap());
        (0..tree.levels()).map(|level| tree.nodes.iter().filter(|node| node.level == level).count()).collect()
    }

    #[test]
    fn a_part_is_there_once_for_all_paths_that_begin_with_it() {
        assert_eq!(levels(&Space::mbconv(), vec![vec![0, 0]]), [4, 16, 64, 256]);
        // Stems of NATS-Bench are as wide as the first layer.
        assert_eq!(levels(&Space::nats(NatsData::Cifar10), Vec::new()), [8, 8, 64]);
        assert_eq!(levels(&Space::mbconv(), Vec::new()), [1, 4, 16]);
        let hytra = levels(&Space::hytra(), Vec::new());
        assert_eq!((hytra[0], hytra[1], hytra[4]), (1, 2, 51));
    }

    #[test]
    fn each_candidate_is_a_leaf_and_parents_come_first() {
        let stage = StagePaths::new(&Space::hytra(), Vec::new()).unwrap();
        let tree = Tree::of(&stage);
        let mut leaves: Vec<usize> = tree.nodes.iter().filter_map(|node| Some(node.leaf?.0)).collect();
        leaves.sort_unstable();
        assert_eq!(leaves, (0..stage.candidates().len()).collect::<Vec<_>>());
        for (index, node) in tree.nodes.iter().enumerate() {
            assert!(node.children.iter().all(|&child| child > index && tree.nodes[child].level == node.level + 1));
        }
    }
}
