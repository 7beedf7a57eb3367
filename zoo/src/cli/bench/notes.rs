//! What the numbers mean, told at the foot of every report.

/// A term and its meaning.
pub(super) const NOTES: [(&str, &str); 12] = [
    (
        "median",
        "half of the runs were faster. Its 95 % interval is drawn over blocks of runs (block bootstrap), since runs that follow each other are not independent.",
    ),
    ("MAD", "median absolute deviation: half of the runs were closer to the median than this."),
    ("mean", "the sum over the number of runs, with its interval; a few slow runs move it, and the median hardly."),
    (
        "p90, p95, p99",
        "so many percent of the runs were as fast or faster. Told only where at least ten runs were slower: from 100, 200 and 1000 runs on.",
    ),
    ("CV", "coefficient of variation: standard deviation over mean."),
    (
        "images/s",
        "images in a run over the mean time of a run; in the scenario `throughput` what all runs at once finished, in `server` what was asked for and served.",
    ),
    (
        "ratio",
        "the median in units of that of the first variant with the same batch, threads and load; below 1 is faster. Both were measured in the same rounds, so a drift of the machine cancels.",
    ),
    (
        "MAC/s",
        "multiply-adds of the network (those of convolutions, matrix products and attention) over the median; of all runs at once in `throughput`.",
    ),
    (
        "of peak",
        "MAC/s in units of what a float32 product of two 1024 x 1024 matrices reached on the same threads, in the same rounds, in the fastest runtime here. A narrower type can exceed it.",
    ),
    ("first run", "the first after loading, with everything that is set up then; neither it nor the warm-up counts."),
    (
        "error",
        "how far the outputs are from the reference's, in units of the largest element; checked before anything was timed.",
    ),
    (
        "time",
        "from inputs in memory to outputs in memory, in the process of the runtime. Starting it, loading the file and decoding images are not in it.",
    ),
];
