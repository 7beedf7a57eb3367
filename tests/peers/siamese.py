"""A step of BossNAS' search under its published rules: ensemble of targets, online paths in turn, LARS, momentum.

Single process, so batches are not shuffled between workers, which changes nothing but rounding.
"""

import math
import re

import torch
from torch.nn import functional

TARGET_MOMENTUM = 0.99
# By these patterns the published configuration finds what is neither decayed nor scaled.
EXCLUDED = (re.compile(r"(bn|gn)(\d+)?.(weight|bias)"), re.compile("bias"))


def is_excluded(name):
    return any(pattern.search(name) for pattern in EXCLUDED)


class Lars(torch.optim.Optimizer):
    """Stochastic gradient descent with a rate for every tensor, by the norms of its weights and gradients."""

    def __init__(self, named_parameters, lr, momentum=0.9, weight_decay=1e-6, eta=1e-3):
        adapted, excluded = [], []
        for name, parameter in named_parameters:
            (excluded if is_excluded(name) else adapted).append(parameter)
        groups = [
            {"params": adapted, "excluded": False, "weight_decay": weight_decay},
            {"params": excluded, "excluded": True, "weight_decay": 0.0},
        ]
        super().__init__(groups, {"lr": lr, "momentum": momentum, "eta": eta})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            decay = group["weight_decay"]
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                rate = group["lr"]
                if not group["excluded"]:
                    weight, gradient = torch.norm(parameter).item(), torch.norm(parameter.grad).item()
                    rate *= group["eta"] * weight / (gradient + decay * weight)
                change = (parameter.grad if decay == 0.0 else parameter.grad.add(parameter, alpha=decay)).mul(rate)
                state = self.state[parameter]
                if "momentum_buffer" in state:
                    change = state["momentum_buffer"].mul_(group["momentum"]).add_(change)
                else:
                    state["momentum_buffer"] = change
                parameter.sub_(change)


def momentum_at(iteration, iterations):
    """How much of the target network stays, `iteration` counted from 0 within the stage."""
    return 1.0 - (1.0 - TARGET_MOMENTUM) * (math.cos(math.pi * iteration / iterations) + 1.0) / 2.0


def ensemble(siamese, image, best_paths, paths):
    """The targets `[batch, 256]` of both halves of the views: means over the paths of normalised projections."""
    halves = []
    with torch.no_grad():
        for half in range(2):
            total = 0.0
            for number, path in enumerate(paths):
                view = image[:, siamese.space.views(number)[half]].contiguous()
                total = total + functional.normalize(siamese.target(view, [*best_paths, path]), dim=1)
            halves.append(total / len(paths))
    return halves


def accumulate(siamese, image, best_paths, paths):
    """Adds the gradients of one batch of views `[batch, 2 * pairs, 3, size, size]`.

    Returns its targets, and for each path the losses of both halves.
    """
    first, second = ensemble(siamese, image, best_paths, paths)
    head, losses = siamese.heads[len(best_paths)], []
    for number, path in enumerate(paths):
        views = [image[:, view].contiguous() for view in siamese.space.views(number)]
        projections = [siamese.online(view, [*best_paths, path]) for view in views]
        # Each half is compared with the other half's target.
        both = [head(projections[0], second), head(projections[1], first)]
        ((both[0] + both[1]) / siamese.space.update_interval).backward()
        losses.append([loss.item() for loss in both])
    return (first, second), losses


def drop_zero_gradients(siamese):
    """Weights of which nothing came are neither decayed nor moved."""
    for parameter in siamese.parameters():
        if parameter.grad is not None and torch.sum(torch.abs(parameter.grad)) == 0.0:
            parameter.grad = None


def update_target(siamese, stage, momentum, in_place=False):
    """Moves the target network towards the online one: all of the backbone, and the neck of the stage.

    The published code makes new tensors; `in_place` writes to those there are.
    """
    pairs = (
        (siamese.online_backbone, siamese.target_backbone),
        (siamese.online_necks[stage], siamese.target_necks[stage]),
    )
    for online_module, target_module in pairs:
        for online, target in zip(online_module.parameters(), target_module.parameters(), strict=True):
            if in_place:
                target.data.mul_(momentum).add_(online.data, alpha=1.0 - momentum)
            else:
                target.data = target.data * momentum + online.data * (1.0 - momentum)


def step(siamese, optimizer, image, best_paths, paths, momentum):
    """One batch and one update."""
    targets, losses = accumulate(siamese, image, best_paths, paths)
    drop_zero_gradients(siamese)
    optimizer.step()
    optimizer.zero_grad()
    update_target(siamese, len(best_paths), momentum)
    return targets, losses
