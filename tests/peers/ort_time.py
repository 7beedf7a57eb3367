"""Times an ONNX file in ONNX Runtime on the processor, in a plain Python loop.

    python ort_time.py FILE.onnx --threads 2 --cpus 0,1 --batch 8

Every optimisation, spinning threads as by default, a symbolic batch fixed when the file is loaded. How to speak to it:
`timing.py`.
"""

import sys

import numpy as np
import onnxruntime

import recipe
import timing


def session(file, threads, cpus, batch, optimised=None, profile=None):
    """The file, loaded. `optimised` and `profile` name files to write the optimised graph and a profile to."""
    told = onnxruntime.SessionOptions()
    told.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_ALL
    told.intra_op_num_threads = threads
    told.inter_op_num_threads = 1
    # Of no effect in a file whose batch is fixed.
    told.add_free_dimension_override_by_name("batch", batch)
    if len(cpus) > 1:
        # The caller computes too and is bound by itself. Processors count from 1 here.
        told.add_session_config_entry("session.intra_op_thread_affinities", ";".join(str(cpu + 1) for cpu in cpus[1:]))
    if optimised:
        told.optimized_model_filepath = optimised
    if profile:
        told.enable_profiling, told.profile_file_prefix = True, profile
    return onnxruntime.InferenceSession(file, told, providers=["CPUExecutionProvider"])


def main():
    parser = timing.arguments(__doc__)
    parser.add_argument("file", help="ONNX file with one image input")
    parser.add_argument("--optimised", metavar="FILE", help="write the optimised graph to this file")
    parser.add_argument("--profile", metavar="PREFIX", help="write a profile of every run to PREFIX_<time>.json")
    options = parser.parse_args()
    cpus = timing.processors(options)
    timing.bind(cpus[:1])
    loaded = session(options.file, options.threads, cpus, options.batch, options.optimised, options.profile)
    name, fixed = loaded.get_inputs()[0].name, loaded.get_inputs()[0].shape[0]
    if fixed != options.batch:
        sys.exit(f"error: {options.file} takes {fixed} images at a time, not {options.batch}")
    image = recipe.tensor("input", (options.batch, 3, options.size, options.size), "input")
    # Bound once: no copies in or out are timed.
    binding = loaded.io_binding()
    binding.bind_ortvalue_input(name, onnxruntime.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(image)))
    for output in loaded.get_outputs():
        binding.bind_output(output.name)
    what = {"runtime": "onnxruntime", "version": onnxruntime.__version__, "file": options.file}
    timing.serve(lambda: loaded.run_with_iobinding(binding), what, options)
    if options.profile:
        loaded.end_profiling()


if __name__ == "__main__":
    main()
