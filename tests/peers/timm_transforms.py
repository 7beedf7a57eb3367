"""timm's transforms of images, without the rest of timm: its models would need packages that nothing here uses."""

import importlib.util
import os
import sys
import types

(root,) = importlib.util.find_spec("timm").submodule_search_locations
# Packages that are there already are not executed.
for name, folder in (("timm", root), ("timm.data", os.path.join(root, "data"))):
    sys.modules[name] = types.ModuleType(name)
    sys.modules[name].__path__ = [folder]

from timm.data.transforms_factory import create_transform  # noqa: E402, F401
