"""Times a step of BossNAS' search in PyTorch on the processor, eager, under the published rules.

    python siamese_time.py --space hytra --threads 2 --cpus 0,1 --images 8 [--stage 0] [--part step]

A run is one `part`: `step` is targets, gradients and the update; `gradients` is `step` without the update; `lars` is
the optimiser's step alone, on the gradients of one step; `momentum` is the target network's move towards the online
one, with all of its backbone, and `momentum-in-place` the same without new tensors. The published search adds up the
gradients of several batches before an update (`update_interval` in `supernets.py`); here every step has its update.
Images are numbers of the fixtures' recipe, `--images` of them, each with all of its views (8 by HyTra and MBConv, 2 by
NATS). Weights are PyTorch's initial ones, the same in both networks: no branch starts as nothing, so none is without
gradients.

The paths are the same in every step: for HyTra's first block those of the fixture `hytra/train_s0` (4201, 5432, 5554,
4430), for its others those in `PATHS`; for MBConv and NATS a fair draw, path j having candidate (j - layer) modulo
their number in each layer, counted through the blocks. Blocks before run with the paths of `BEFORE`, or with
candidate 0.

How to speak to it: `timing.py`.
"""

import os
import sys

import timing

PARTS = ("step", "gradients", "lars", "momentum", "momentum-in-place")
# HyTra's, of each block.
PATHS = (
    ((4, 2, 0, 1), (5, 4, 3, 2), (5, 5, 5, 4), (4, 4, 3, 0)),
    ((2, 0, 0, 1), (2, 3, 0, 1), (3, 3, 3, 2), (2, 2, 1, 0)),
    ((2, 0, 0, 1), (2, 3, 0, 1), (3, 3, 3, 2), (3, 2, 1, 0)),
    ((0, 0, 0, 1), (1, 1, 0, 1), (0, 1, 1, 0), (1, 0, 1, 0)),
)
BEFORE = ((5, 4, 4, 2), (2, 3, 3, 2), (2, 3, 1, 0))
# What the published warm-up starts from, so that no weight runs away however many steps are timed.
WARM_UP_RATIO = 1e-4
# One step of HyTra takes as long as hundreds of runs of a network.
WARM_UP_RUNS = 1


def draw(space, stage):
    """The paths of the blocks before, and those of the block."""
    if space.fair_candidates == 0:
        return [list(path) for path in BEFORE[:stage]], [list(path) for path in PATHS[stage]]
    before = [[0] * layers for layers in space.layers[:stage]]
    first = sum(space.layers[:stage])
    layers = range(first, first + space.layers[stage])
    candidates = range(space.fair_candidates)
    return before, [[(path - layer) % space.fair_candidates for layer in layers] for path in candidates]


def main():
    parser = timing.arguments(__doc__)
    parser.add_argument("--space", required=True, help="hytra, mbconv, nats-c10 or nats-c100")
    parser.add_argument("--stage", type=int, default=0, help="block that is trained, from 0")
    parser.add_argument("--part", choices=PARTS, default="step", help="what to time")
    parser.set_defaults(size=None)
    options = parser.parse_args()
    cpus = timing.processors(options)
    # Read when OpenMP starts, which importing torch does.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if cpus:
        os.environ["GOMP_CPU_AFFINITY"] = " ".join(map(str, cpus))
    timing.bind(cpus)
    import torch

    import recipe
    import siamese
    from supernets import SPACES, Siamese

    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    if options.space not in SPACES:
        sys.exit(f"error: {options.space!r} is no search space; there are {', '.join(SPACES)}")
    space = SPACES[options.space]
    if not 0 <= options.stage < len(space.layers):
        sys.exit(f"error: {options.space} has blocks 0 to {len(space.layers) - 1}, not {options.stage}")
    size = options.size or space.size
    network = Siamese(space)
    rate = space.learning_rate * WARM_UP_RATIO
    optimizer = siamese.Lars(network.named_parameters(), rate)
    before, paths = draw(space, options.stage)
    shape = (options.batch, 2 * space.pairs, 3, size, size)
    image = torch.from_numpy(recipe.tensor("train_img", shape, "input"))
    momentum = siamese.momentum_at(0, 1)
    if options.part == "lars":
        siamese.accumulate(network, image, before, paths)
        siamese.drop_zero_gradients(network)

    def gradients():
        siamese.accumulate(network, image, before, paths)
        optimizer.zero_grad()

    run = {
        "step": lambda: siamese.step(network, optimizer, image, before, paths, momentum),
        "gradients": gradients,
        "lars": optimizer.step,
        "momentum": lambda: siamese.update_target(network, options.stage, momentum),
        "momentum-in-place": lambda: siamese.update_target(network, options.stage, momentum, in_place=True),
    }[options.part]
    what = {
        "runtime": "torch",
        "version": torch.__version__,
        "space": options.space,
        "stage": options.stage,
        "part": options.part,
        "size": size,
        "paths": paths,
    }
    timing.serve(run, what, options, WARM_UP_RUNS)


if __name__ == "__main__":
    main()
