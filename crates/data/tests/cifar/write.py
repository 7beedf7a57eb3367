"""Writes the small batches beside this file, as today's and earlier versions of numpy pickle them.

    python write.py numpy2        with numpy 2
    python write.py numpy1        with numpy 1
"""

import pickle
import sys

import numpy as np

ROWS = 2
AT = np.arange(3072)
DATA = np.stack([(AT * 7 + row * 13 + AT // 1024 * 50) % 256 for row in range(ROWS)]).astype(np.uint8)

for protocol in (0, 2, 3, 4, 5):
    batch = {"data": DATA, "labels": [3, 9], "batch_label": "testing batch 1 of 1", "filenames": ["a.png", "b.png"]}
    with open(f"{sys.argv[1]}_protocol{protocol}.pickle", "wb") as file:
        pickle.dump(batch, file, protocol)
with open(f"{sys.argv[1]}_hundred.pickle", "wb") as file:
    pickle.dump({b"data": DATA, b"fine_labels": [3, 99], b"coarse_labels": [1, 19]}, file, 2)
with open(f"{sys.argv[1]}_fortran.pickle", "wb") as file:
    pickle.dump({"data": np.asfortranarray(DATA), "labels": [3, 9]}, file, 4)
