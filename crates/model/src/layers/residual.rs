//! The two residual blocks of `REFERENCE.md` section 2 in the parts that BossNet and the HyTra supernet share. A block
//! is an entry, which may change map and width, the rest of the branch, and a shortcut.

use super::{Conv, Depthwise, Layers, Map};
use crate::graph::{Op, Orientation, Role};

/// The attention of a block.
pub(crate) struct Attend {
    pub(crate) heads: usize,
    pub(crate) head_width: usize,
    pub(crate) orientation: Orientation,
}

impl Layers {
    /// The entry of a ResConv, to `width` channels. `suffix` tells entries apart where a block has more than one.
    pub(crate) fn conv_entry(&mut self, block: &str, suffix: &str, input: Map, width: usize, stride: usize) -> Map {
        let map = self.conv(&format!("{block}.conv1{suffix}"), input, &Conv::pointwise(width));
        let map = self.position(&format!("{block}.peg{suffix}.conv"), map, stride);
        self.norm(&format!("{block}.bn1{suffix}"), map, Role::NormWeight)
    }

    /// The branch of a ResConv from its entry on, to `out` channels.
    pub(crate) fn conv_branch(&mut self, block: &str, entered: Map, out: usize) -> Map {
        let name = |part: &str| format!("{block}.{part}");
        let map = self.act(&name("act1"), entered);
        let map = self.conv(&name("conv2"), map, &Conv { out: entered.channels, kernel: 3, stride: 1 });
        let map = self.norm(&name("bn2"), map, Role::NormWeight);
        let map = self.act(&name("act2"), map);
        let map = self.conv(&name("conv3"), map, &Conv::pointwise(out));
        self.norm(&name("bn3"), map, Role::BranchEndNormWeight)
    }

    /// The entry of a ResAtt, to `width` channels.
    pub(crate) fn att_entry(&mut self, block: &str, suffix: &str, input: Map, width: usize, stride: usize) -> Map {
        let name = |part: &str| format!("{block}.proj{suffix}.{part}");
        let map = self.conv(&name("0"), input, &Conv::pointwise(width));
        let map = self.position(&name("1.conv"), map, stride);
        self.norm(&name("2"), map, Role::NormWeight)
    }

    /// The branch of a ResAtt from its entry on, to `out` channels.
    pub(crate) fn att_branch(&mut self, block: &str, entered: Map, attend: &Attend, out: usize) -> Map {
        let name = |part: &str| format!("{block}.net.{part}");
        let &Attend { heads, head_width, orientation } = attend;
        let channels = heads * head_width;
        let map = self.act(&name("0"), entered);
        let qkv = self.conv(&name("1.to_qkv"), map, &Conv::pointwise(3 * channels));
        let op = Op::Attention { heads, head_width, scale: (head_width as f64).powf(-0.5), orientation };
        let map = Map { value: self.graph.node(name("1"), op, &[qkv.value]), channels };
        let map = self.norm(&name("2"), map, Role::NormWeight);
        let map = self.act(&name("3"), map);
        let map = self.conv(&name("4"), map, &Conv::pointwise(out));
        self.norm(&name("5"), map, Role::BranchEndNormWeight)
    }

    /// The shortcut that is one convolution, 3x3 where it changes the map, with batch norm and activation.
    pub(crate) fn plain_shortcut(&mut self, name: &str, input: Map, out: usize, stride: usize) -> Map {
        let part = |index: usize| format!("{name}.{index}");
        let kernel = if stride > 1 { 3 } else { 1 };
        let map = self.conv(&part(0), input, &Conv { out, kernel, stride });
        let map = self.norm(&part(1), map, Role::NormWeight);
        self.act(&part(2), map)
    }

    /// The shortcut that is average pooling where it changes the map, then a 1x1 convolution and a batch norm.
    pub(crate) fn pooled_shortcut(&mut self, name: &str, input: Map, out: usize, stride: usize) -> Map {
        let part = |index: usize| format!("{name}.{index}");
        let map = if stride > 1 { self.avg_pool(&part(0), input, stride) } else { input };
        let map = self.conv(&part(1), map, &Conv::pointwise(out));
        self.norm(&part(2), map, Role::NormWeight)
    }

    /// Adds branch and shortcut; the activation of the sum is the block's output.
    pub(crate) fn join(&mut self, block: &str, branch: Map, shortcut: Map) -> Map {
        let sum = self.add(&format!("{block}.add"), branch, shortcut);
        self.act(block, sum)
    }

    /// The depth-wise 3x3 convolution with bias that tells attention where it is (PEG).
    fn position(&mut self, name: &str, input: Map, stride: usize) -> Map {
        self.depthwise(name, input, &Depthwise { bias: true, ..Depthwise::padded(3, stride) })
    }
}
