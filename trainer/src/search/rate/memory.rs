//! How much memory a rating takes, before it begins.

use bossnas_model::cost::cost;
use bossnas_model::graph::{Graph, Op};
use bossnas_model::shape;
use tch::Tensor;

use super::tree::Tree;
use super::{Job, RateError};
use crate::search::siamese::{Part, Side};
use crate::torch::TorchError;

/// Bytes of a float32.
const ELEMENT: u64 = 4;

/// Why a rating is not begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// Not even the smallest chunk fits.
    #[error("rating takes at least {} MB beside the weights, {} MB may be used", need / 1_000_000, limit / 1_000_000)]
    TooLittle {
        /// Bytes that are needed.
        need: u64,
        /// Bytes that may be used.
        limit: u64,
    },
}

/// What a rating holds at once beside the weights, in bytes. An image is one view of one picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// Of one image of the chunk, at each level of the tree: what a part puts out.
    pub levels: Vec<u64>,
    /// Of one image: what the largest part needs while it runs.
    pub part: u64,
    /// Of one image: what the largest part needs when maps are projected before they are pooled.
    pub whole_part: u64,
    /// Of one image: what the blocks before the stage need while they run.
    pub prefix: u64,
    /// Of one image: what is read by the tree's roots.
    pub input: u64,
    /// Of one image: the largest projection.
    pub projection: u64,
    /// Images that statistics are estimated from, all at once.
    pub bn_images: u64,
}

/// How a rating keeps within its limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Images of a chunk.
    pub(super) chunk: usize,
    /// For each level of the tree, whether what its parts put out is held for all their children, or computed again for
    /// each of them.
    pub(super) hold: Vec<bool>,
}

impl Need {
    /// The needs of a job, from the shapes of all that it computes.
    pub fn of(job: &Job<'_>) -> Result<Self, RateError> {
        Self::of_tree(job, &Tree::of(job.stage))
    }

    pub(super) fn of_tree(job: &Job<'_>, tree: &Tree) -> Result<Self, RateError> {
        let size = job.bn_images.size();
        let [bn, _, _, h, w] = size[..] else {
            return Err(RateError::Images(format!("the images for statistics are {size:?}")));
        };
        let image = [1, 3, h as usize, w as usize];
        let graph = |side: Side, part: Part| job.siamese.module(side, part).map(crate::torch::Module::graph);
        let (mut map, mut prefix) = (image, 0);
        for part in job.stage.prefix() {
            let peak = Peak::of(graph(Side::Target, part)?, map)?;
            (map, prefix) = (peak.output, prefix.max(peak.bytes));
        }
        let input = bytes(&map);
        let mut need = Self {
            levels: vec![0; tree.levels()],
            part: 0,
            whole_part: 0,
            prefix,
            input,
            projection: 0,
            bn_images: (bn * job.bn_views()?) as u64,
        };
        let mut reads = vec![map; tree.nodes.len()];
        for (index, node) in tree.nodes.iter().enumerate() {
            let peak = Peak::of(graph(Side::Online, node.part)?, reads[index])?;
            need.part = need.part.max(peak.bytes);
            need.levels[node.level] = need.levels[node.level].max(bytes(&peak.output));
            node.children.iter().for_each(|&child| reads[child] = peak.output);
            if let Some((_, project)) = node.leaf {
                let whole = Peak::of(graph(Side::Online, project)?, peak.output)?;
                need.whole_part = need.whole_part.max(whole.bytes);
                need.projection = need.projection.max(bytes(&whole.output));
            }
        }
        Ok(need)
    }

    /// What plain rating holds for a batch of `n` images: the largest part's needs, of one view and one side at a time.
    pub fn plain(&self, n: u64) -> u64 {
        (self.part.max(self.whole_part).max(self.prefix) + self.input) * n.max(self.bn_images)
    }

    /// A limit with which sharing stays near plain rating of batches of `n` pictures, the allocator's gaps included: half of
    /// what that needs, if that will do.
    pub fn default_limit(&self, n: u64) -> u64 {
        self.least().max(self.plain(n) / 2)
    }

    /// The least that sharing needs: one picture at a time, and the estimation batch.
    pub fn least(&self) -> u64 {
        self.shared(1, &vec![false; self.levels.len()])
    }

    /// What sharing needs for all pictures at once.
    pub fn most(&self, images: &[Tensor]) -> u64 {
        let pictures: i64 = images.iter().map(|batch| batch.size()[0]).sum();
        self.shared(pictures as u64, &vec![true; self.levels.len()])
    }

    /// What sharing holds with chunks of `chunk` images: the estimation batch or a chunk, whichever is more.
    fn shared(&self, chunk: u64, hold: &[bool]) -> u64 {
        let held: u64 = self.levels.iter().zip(hold).filter(|(_, hold)| **hold).map(|(bytes, _)| bytes).sum();
        let walk = self.input + held + self.part;
        let estimation = self.bn_images * walk.max(self.prefix);
        // Both views of each picture.
        let evaluation = 2 * chunk * (walk.max(self.prefix) + 4 * self.projection);
        estimation.max(evaluation)
    }

    /// The largest chunk and as much held as the limit allows, of `images` images at the most.
    pub(super) fn schedule(&self, images: usize, limit: u64) -> Result<Schedule, MemoryError> {
        let mut hold = vec![true; self.levels.len()];
        // What takes most is given up first.
        while self.shared(1, &hold) > limit {
            let largest = (0..hold.len()).filter(|&level| hold[level]).max_by_key(|&level| self.levels[level]);
            match largest {
                Some(level) => hold[level] = false,
                None => return Err(MemoryError::TooLittle { need: self.shared(1, &hold), limit }),
            }
        }
        let fits = |chunk: &usize| self.shared(*chunk as u64, &hold) <= limit;
        // As many chunks as must be, of equal sizes.
        let chunk = (1..=images.max(1)).map(|chunks| images.max(1).div_ceil(chunks)).find(fits).unwrap_or(1);
        Ok(Schedule { chunk, hold })
    }
}

/// What a graph needs for one image.
struct Peak {
    output: [usize; 4],
    bytes: u64,
}

impl Peak {
    fn of(graph: &Graph, input: [usize; 4]) -> Result<Self, TorchError> {
        let shapes = shape::infer(graph, &[input])?;
        let output = graph.outputs().first().and_then(|value| shapes.get(value.index())).cloned().unwrap_or_default();
        let extent = |index: usize| output.get(index).copied().unwrap_or(1);
        let output = std::array::from_fn(extent);
        let attention = graph.nodes().iter().enumerate().filter_map(|(index, node)| match node.op {
            Op::Attention { heads, .. } => {
                let pixels: u64 = shapes[graph.value_of(index).index()][2..].iter().map(|&e| e as u64).product();
                Some(2 * heads as u64 * pixels * pixels * ELEMENT)
            }
            _ => None,
        });
        let live = cost(graph, input[2], input[3])?;
        Ok(Self { output, bytes: live.peak_activation_bytes + attention.max().unwrap_or(0) })
    }
}

fn bytes(shape: &[usize; 4]) -> u64 {
    shape.iter().map(|&extent| extent as u64).product::<u64>() * ELEMENT
}

/// Bytes that the system can still give, where it says so.
pub fn available_memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn need() -> Need {
        Need {
            levels: vec![100, 50, 10],
            part: 200,
            whole_part: 250,
            prefix: 300,
            input: 20,
            projection: 5,
            bn_images: 2,
        }
    }

    #[test]
    fn all_is_held_where_there_is_room_and_chunks_are_as_large_as_fit() {
        // Two views, each 20 + 160 + 200, and 5 for each of what is made of a projection.
        let all = 64 * 2 * (380 + 4 * 5);
        assert_eq!(need().schedule(64, all).unwrap(), Schedule { chunk: 64, hold: vec![true; 3] });
        assert_eq!(need().schedule(64, all - 1).unwrap().chunk, 32);
        assert_eq!(need().schedule(64, all / 3).unwrap().chunk, 16);
    }

    #[test]
    fn what_takes_most_is_computed_again_before_rating_is_given_up() {
        // One picture: two views of 400 each with all held.
        let schedule = need().schedule(64, 799).unwrap();
        assert_eq!(schedule.hold, [false, true, true]);
        // The blocks before the stage, which nothing can be spared of.
        let error = need().schedule(64, 639).unwrap_err();
        assert_eq!(error, MemoryError::TooLittle { need: 640, limit: 639 });
    }
}
