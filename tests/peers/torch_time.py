"""Times a BossNet in PyTorch on the processor: eager, with channels last, or compiled.

    python torch_time.py --model BossNet-T0 --threads 2 --cpus 0,1 [--channels-last] [--compile]

How to speak to it: `timing.py`.
"""

import os

import timing


def main():
    parser = timing.arguments(__doc__)
    parser.add_argument("--model", default="BossNet-T0", help="published name or architecture text")
    parser.add_argument("--channels-last", action="store_true", help="keep maps with the channels of a pixel together")
    parser.add_argument("--compile", action="store_true", help="through torch.compile, which needs a C++ compiler")
    options = parser.parse_args()
    cpus = timing.processors(options)
    # Read when OpenMP starts, which importing torch does.
    os.environ["OMP_NUM_THREADS"] = str(options.threads)
    if cpus:
        os.environ["GOMP_CPU_AFFINITY"] = " ".join(map(str, cpus))
    timing.bind(cpus)
    import torch

    import recipe
    from bossnet import build

    torch.set_num_threads(options.threads)
    net = build(options.model).eval()
    net.load_state_dict(recipe.state_dict(net, net.architecture.gain))
    shape = (options.batch, 3, options.size, options.size)
    image = torch.from_numpy(recipe.tensor("input", shape, "input"))
    if options.channels_last:
        net, image = net.to(memory_format=torch.channels_last), image.to(memory_format=torch.channels_last)
    run = torch.compile(net) if options.compile else net
    what = {
        "runtime": "torch",
        "version": torch.__version__,
        "memory_format": "channels_last" if options.channels_last else "contiguous",
        "compiled": options.compile,
    }
    with torch.inference_mode():
        timing.serve(lambda: run(image), what, options)


if __name__ == "__main__":
    main()
