import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from engine.models import tensorfile

TYPES = [
    *(torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2),
    *(torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.bool),
]


def sample():
    torch.manual_seed(0)
    tensors = {f"t{index}": (torch.rand(3, index + 1) * 9).to(dtype) for index, dtype in enumerate(TYPES)}
    return tensors | {"scalar": torch.tensor(1.5), "empty": torch.zeros(0, 3), "turned": torch.rand(3, 4).T}


def same(left, right):
    return left.keys() == right.keys() and all(
        left[name].dtype == right[name].dtype and torch.equal(left[name], right[name]) for name in left
    )


def test_safetensors_reads_what_we_write_and_we_read_what_it_writes(tmp_path):
    tensorfile.write(tmp_path / "ours", sample(), {"step": "3"})
    assert same(load_file(tmp_path / "ours"), sample())
    save_file({name: value.contiguous() for name, value in sample().items()}, tmp_path / "theirs", {"step": "4"})
    tensors, metadata = tensorfile.read(tmp_path / "theirs")
    assert same(tensors, sample())
    assert metadata["step"] == "4"


def test_a_file_gives_back_tensors_and_metadata(tmp_path):
    tensorfile.write(tmp_path / "file", sample(), {"step": "3"})
    tensors, metadata = tensorfile.read(tmp_path / "file")
    assert same(tensors, sample())
    assert metadata["step"] == "3"
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


@given(st.data())
def test_any_cut_or_flipped_byte_is_noticed(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("damage") / "file"
    tensorfile.write(path, {"a": torch.arange(50.0), "b": torch.ones(3, dtype=torch.int64)})
    content = path.read_bytes()
    place = data.draw(st.integers(0, len(content) - 1))
    flipped = bytes([content[place] ^ data.draw(st.integers(1, 255))])
    damaged = data.draw(st.sampled_from([content[:place], content[:place] + flipped + content[place + 1 :]]))
    path.write_bytes(damaged)
    try:
        tensors, _ = tensorfile.read(path)
    except ValueError:
        return
    # Only a flip in the header's names and spaces can pass; the numbers never change unnoticed.
    assert sorted(tensor.sum().item() for tensor in tensors.values()) == [3, 1225]
