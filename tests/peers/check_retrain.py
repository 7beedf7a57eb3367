"""Compares the first steps of our retraining with PyTorch's.

    python check_retrain.py FOLDER

FOLDER holds `losses.json`, the losses of the first steps at `retrain.FIRST_RATE`, and `first.safetensors`: all parameters
and buffers after one step at `retrain.RATE` under their names, and AdamW's means of the gradients and of their squares
behind `mean.` and `square.`. Prints what was compared; exits with 1 where something differs.

At higher rates losses cannot be compared for long: with channels last PyTorch's own are 1.9e-4 away after ten steps at
the published rate for 8 images, 7.8e-6, and 1.2e-5 at the first rate. A gradient through batch norms over few values is rounded to some thousandths (`GRADIENT_LIMIT`, in units of the largest
of a tensor; fixtures' README). AdamW's first step is the learning rate times the sign of the gradient, so where a
gradient is not far from its rounding, weights may differ by twice the rate; elsewhere they agree.
"""

import json
import sys
from pathlib import Path

import numpy as np

import safetensors_file

GRADIENT_LIMIT = 2e-3
STATISTICS_LIMIT = 1e-4
LOSS_LIMIT = 1e-4
# Of the rate: what of a weight's step may differ where the gradient's sign is sure.
STEP_LIMIT = 0.01
# Gradients of biases in front of a batch norm are 0 and rounding.
NOISE = 1e-3


def share(ours, theirs):
    """The largest difference in units of the largest of `theirs`."""
    largest = np.abs(theirs).max()
    return float(np.abs(ours.astype(np.float64) - theirs).max() / largest) if largest > 0 else float(np.abs(ours).max())


def main():
    folder = Path(sys.argv[1])
    import torch

    import retrain

    torch.set_num_threads(1)
    losses = json.loads((folder / "losses.json").read_text())
    ours = safetensors_file.read(folder / "first.safetensors")
    training = retrain.Retraining(retrain.RATE, 64, 8)
    problems, compared, sure_steps, all_steps = [], 0, 0, 0
    training.step(0)
    parameters = dict(training.network.named_parameters())
    for name, parameter in parameters.items():
        state = training.optimizer.state[parameter]
        mean, square = state["exp_avg"].numpy(), state["exp_avg_sq"].numpy()
        gradient = mean / 0.1
        is_noise = name.endswith("peg.conv.bias") or name.endswith("proj.1.conv.bias")
        largest = float(np.abs(gradient).max())
        if is_noise:
            if np.abs(ours[f"mean.{name}"] / 0.1 - gradient).max() > NOISE:
                problems.append(f"{name}: more than noise")
        else:
            for what, expected, limit in (("mean", mean, GRADIENT_LIMIT), ("square", square, 2 * GRADIENT_LIMIT)):
                off = share(ours[f"{what}.{name}"], expected)
                if off > limit:
                    problems.append(f"{what} of {name}: off by {off:.1e} of the largest")
        moved = np.abs(ours[name].astype(np.float64) - parameter.detach().numpy())
        sure = np.abs(gradient) > max(GRADIENT_LIMIT * largest, 1e-5)
        if is_noise:
            sure[...] = False
        sure_steps, all_steps = sure_steps + int(sure.sum()), all_steps + sure.size
        # A weight of size 1 is rounded to 1e-7 itself.
        if sure.any() and moved[sure].max() > STEP_LIMIT * retrain.RATE + 1e-7:
            problems.append(f"{name}: a step is off by {moved[sure].max() / retrain.RATE:.2f} of the rate")
        if moved.max() > 2.01 * retrain.RATE + 1e-6:
            problems.append(f"{name}: a step is off by {moved.max() / retrain.RATE:.2f} of the rate")
        compared += 1
    for name, tensor in training.network.named_buffers():
        expected = tensor.numpy().astype(np.float64)
        if share(ours[name], expected) > STATISTICS_LIMIT:
            problems.append(f"{name}: off by {share(ours[name], expected):.1e} of the largest")
        compared += 1
    training = retrain.Retraining(retrain.FIRST_RATE, 64, 8)
    theirs = [training.step(number).item() for number in range(len(losses))]
    for number, (own, their) in enumerate(zip(losses, theirs), start=1):
        if abs(own - their) > LOSS_LIMIT * abs(their):
            problems.append(f"the loss of step {number} is {own}, not {their}")
    print(f"{compared} tensors, {sure_steps} of {all_steps} steps whose sign is sure, losses of {len(losses)} steps")
    worst = max(abs(own - their) / abs(their) for own, their in zip(losses, theirs))
    print(f"largest difference of a loss: {worst:.1e}")
    for problem in problems[:20]:
        print(problem)
    if problems:
        sys.exit(1)


if __name__ == "__main__":
    main()
