"""Retrains a BossNet in PyTorch on the processor as the published recipe does, without what is random.

    python retrain.py --curve --steps 100 --threads 2 [--channels-last]
    python retrain.py --threads 2 --cpus 0,1 --images 8 --size 224

With `--curve` it prints the losses of the first steps: weights of the recipe, four batches in turn, smoothed labels,
AdamW. Else a run is one step, forward, backward, AdamW and the average, that is timed: how to speak to it is in
`timing.py`. PyTorch is eager, with its defaults: AdamW goes over lists of tensors where it can.
"""

import json
import os
import sys

import timing

MODEL = "BossNet-T0"
RATE, WEIGHT_DECAY, AVERAGE_DECAY, SMOOTHING = 1e-4, 0.05, 0.99996, 0.1
# What the published warm-up begins with.
FIRST_RATE = 1e-6
# What a step of training that is timed changes weights by: nothing to speak of, however many are timed.
TIMED_RATE = 1e-9
BATCHES = 4


class Retraining:
    """A network in training."""

    def __init__(self, rate, size, images, channels_last=False):
        import torch

        import recipe
        from bossnet import build

        self.torch = torch
        self.network = build(MODEL).train()
        self.network.load_state_dict(recipe.state_dict(self.network, self.network.architecture.gain))
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.network.to(memory_format=self.memory_format)
        self.average = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        # Without decay first, as the published code orders its groups.
        named = list(self.network.named_parameters())
        fixed = [(name, param) for name, param in named if param.ndim == 1 or name.endswith(".bias")]
        decaying = [(name, param) for name, param in named if not (param.ndim == 1 or name.endswith(".bias"))]
        groups = [
            {"params": [param for _, param in fixed], "weight_decay": 0.0},
            {"params": [param for _, param in decaying], "weight_decay": WEIGHT_DECAY},
        ]
        self.optimizer = torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.999), eps=1e-8)
        self.batches = [self.batch(recipe, number, size, images) for number in range(BATCHES)]

    def batch(self, recipe, number, size, images):
        """Images and smoothed targets."""
        torch, classes = self.torch, self.network.architecture.classes
        image = torch.from_numpy(recipe.tensor(f"retrain_img.{number}", (images, 3, size, size), "input"))
        labels = torch.tensor([(number * images + place) * 37 % classes for place in range(images)])
        off = SMOOTHING / classes
        targets = torch.full((images, classes), off)
        targets.scatter_(1, labels[:, None], 1.0 - SMOOTHING + off)
        return image.contiguous(memory_format=self.memory_format), targets

    def step(self, number):
        """A step on the batch whose turn it is; returns its loss."""
        torch = self.torch
        image, targets = self.batches[number % BATCHES]
        loss = torch.sum(-targets * torch.nn.functional.log_softmax(self.network(image), dim=-1), dim=-1).mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        with torch.no_grad():
            for name, tensor in self.network.state_dict().items():
                average = self.average[name]
                average.copy_(average * AVERAGE_DECAY + (1.0 - AVERAGE_DECAY) * tensor.detach())
        return loss


def main():
    parser = timing.arguments(__doc__)
    parser.add_argument("--curve", action="store_true", help="print losses instead of answering lines")
    parser.add_argument("--steps", type=int, default=100, help="how many losses")
    parser.add_argument("--channels-last", action="store_true", help="keep maps with the channels of a pixel together")
    options = parser.parse_args()
    cpus = timing.processors(options)
    # Read when OpenMP starts, which importing torch does.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if cpus:
        os.environ["GOMP_CPU_AFFINITY"] = " ".join(map(str, cpus))
    timing.bind(cpus)
    import torch

    torch.set_num_threads(options.threads)
    if options.curve:
        training = Retraining(RATE, 64, 8, options.channels_last)
        losses = [training.step(number).item() for number in range(options.steps)]
        json.dump({"version": torch.__version__, "losses": losses}, sys.stdout)
        return
    training = Retraining(TIMED_RATE, options.size, options.batch, options.channels_last)
    what = {"runtime": "torch", "version": torch.__version__, "model": MODEL, "size": options.size}
    timing.serve(lambda: training.step(0).item(), what, options, warm_up_runs=1)


if __name__ == "__main__":
    main()
