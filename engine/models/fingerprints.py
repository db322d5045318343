"""What a network that is not ours, and weights that come trained, are named by: a hash of the file that holds them.

Only the standard library, as in `engine.data.sources`.
"""

import hashlib
import importlib
import re
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

from engine import registry
from engine.validation import SpecError, refuse, require_known


def require_network(name: str) -> None:
    """Refuse a network that is neither a family nor of the form `module:callable`."""
    if ":" not in name:
        require_known("network", name, (*registry.NETWORKS, "module:callable"))
    elif not all(re.fullmatch(r"[^\W\d]\w*(\.[^\W\d]\w*)*", part) for part in name.split(":", 1)):
        refuse("network", name, "module:callable, such as my_networks:build")


def code_of(name: str) -> str:
    """The `module:callable` that makes a network: of its row, or the name itself."""
    return name if ":" in name else registry.NETWORKS[name].code


def weights_fingerprint(path: Path) -> str:
    """Hash of a file of weights that came trained; `SpecError` where there is none."""
    if path.exists() and not path.is_file():
        raise SpecError(f"recipe.weights: {path} is no file")
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise SpecError(f"recipe.weights: cannot read {path}: {error.strerror}") from None


def network_fingerprint(name: str) -> str:
    """'' for our families; else the hash (blake2b, hex) of the source file of its module, found on `sys.path`.

    Nothing is imported, and what the module itself imports is not hashed. Raises `SpecError`.
    """
    require_network(name)
    if registry.NETWORKS.is_own(name):
        return ""
    try:
        path = source_of(code_of(name).split(":", 1)[0])
    except SpecError as error:
        raise SpecError(f"network {name}: {error}") from None
    try:
        return hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
    except OSError as error:
        raise SpecError(f"network {name}: cannot read {path}: {error.strerror}") from None


def source_of(module: str) -> Path:
    """The source file of a module on `sys.path`; `SpecError` where there is none. Nothing is imported."""
    found = _find_module(module)
    if found is None or not found.origin or not found.origin.endswith(".py"):
        raise SpecError(f"no source file of the module {module} on Python's search path")
    return Path(found.origin)


def _find_module(module: str) -> ModuleSpec | None:
    """Find a dotted module; unlike `importlib.util.find_spec` without importing its parents, which may import torch."""
    importlib.invalidate_caches()
    found, path, parts = None, None, module.split(".")
    for depth in range(1, len(parts) + 1):
        name = ".".join(parts[:depth])
        found = next((spec for finder in sys.meta_path if (spec := finder.find_spec(name, path))), None)
        if found is None:
            return None
        path = found.submodule_search_locations or ()
    return found
