import hashlib
import sys

import pytest

from engine import registry
from engine.models.fingerprints import network_fingerprint, require_network
from engine.validation import SpecError


def refusal(call, name: str) -> str:
    with pytest.raises(SpecError) as caught:
        call(name)
    return str(caught.value)


def test_families_are_known_networks_and_have_no_fingerprint():
    for name in registry.NETWORKS:
        require_network(name)
        assert network_fingerprint(name) == ""


def test_unknown_networks_are_refused_with_the_known_ones():
    message = refusal(require_network, "yale-cn")
    assert "did you mean 'yale-cnn'" in message
    assert all(name in message for name in registry.NETWORKS)
    for name in (":", "module:", ":build", "mod ule:build", "a:b:c", "1a:b"):
        refusal(require_network, name)


def test_a_network_of_ones_own_is_known_by_its_source_without_importing_it(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    package = tmp_path / "own_nets"
    package.mkdir()
    (package / "__init__.py").write_text("raise SystemExit")
    (package / "deep.py").write_text("import torch")
    expected = hashlib.blake2b(b"import torch", digest_size=16).hexdigest()
    assert network_fingerprint("own_nets.deep:build") == expected
    (package / "deep.py").write_text("changed")
    assert network_fingerprint("own_nets.deep:build") != expected
    assert "own_nets" not in sys.modules


@pytest.mark.parametrize("name", ["no_such_module_here:build", "sys:exit", "json.nothing:load", "math.deep.er:sin"])
def test_a_module_without_source_is_refused(name):
    assert "no source file" in refusal(network_fingerprint, name)
