"""Lets ONNX's own checker judge files: structure, operators against their schemas, and inferred against declared shapes.

usage: check.py FILE...
"""

import sys

import onnx

FORBIDDEN = {"Shape", "Gather", "Constant", "BatchNormalization"}


def check(path):
    onnx.checker.check_model(path, full_check=True)
    model = onnx.load(path)
    opsets = {entry.domain: entry.version for entry in model.opset_import}
    if set(opsets) != {""}:
        raise ValueError(f"imports operators of {sorted(opsets)}, the standard ones are enough")
    operators = {node.op_type for node in model.graph.node}
    if operators & FORBIDDEN and "-unfolded" not in path:
        raise ValueError(f"has {sorted(operators & FORBIDDEN)}")
    if any(a.name == "ceil_mode" and a.i for node in model.graph.node for a in node.attribute):
        raise ValueError("has a pooling with ceil_mode")
    return f"opset {opsets['']}, IR {model.ir_version}, {len(model.graph.node)} nodes"


def main():
    failed = 0
    for path in sys.argv[1:]:
        try:
            print(f"ok      {path}: {check(path)}")
        except Exception as problem:
            failed += 1
            print(f"FAILED  {path}: {problem}")
    print(f"onnx {onnx.__version__}: {len(sys.argv) - 1 - failed} passed, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
