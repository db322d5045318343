"""Tensors in a safetensors file: 8 bytes of header length, a JSON header, then the raw numbers.

The format is the public one, so any safetensors reader opens our weights; it is written here in a few lines because a
bare GPU node may have nothing but torch and numpy.
"""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from engine.ownfiles import replacing

_TYPES = {
    "F64": torch.float64,
    "F32": torch.float32,
    "F16": torch.float16,
    "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn,
    "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64,
    "I32": torch.int32,
    "I16": torch.int16,
    "I8": torch.int8,
    "U8": torch.uint8,
    "BOOL": torch.bool,
}
_NAMES = {dtype: name for name, dtype in _TYPES.items()}


def write(path: Path, tensors: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> None:
    """Write the tensors under a temporary name and rename, so that the file is whole or absent."""
    header: dict = {"__metadata__": dict(metadata or {})}
    blobs, offset, checksum = [], 0, 0
    for name, tensor in tensors.items():
        blob = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy()
        header[name] = {
            "dtype": _NAMES[tensor.dtype],
            "shape": list(tensor.shape),
            "data_offsets": [offset, offset + blob.nbytes],
        }
        blobs.append(blob)
        offset += blob.nbytes
        checksum = zlib.crc32(blob.data, checksum)
    header["__metadata__"]["crc32"] = str(checksum)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with replacing(path) as stream:
        stream.write(len(text).to_bytes(8, "little") + text)
        for blob in blobs:
            stream.write(blob.data)


def read(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """The tensors (on the CPU) and the metadata; ValueError if the file is damaged or cut short."""
    content = np.fromfile(path, dtype=np.uint8)
    try:
        length = int.from_bytes(content[:8].tobytes(), "little")
        header = json.loads(content[8 : 8 + length].tobytes())
        metadata = header.pop("__metadata__", {})
        body = content[8 + length :]
        if "crc32" in metadata and int(metadata["crc32"]) != zlib.crc32(body.data):
            raise ValueError("its checksum does not match")
        tensors = {}
        for name, entry in header.items():
            start, end = entry["data_offsets"]
            tensor = torch.empty(entry["shape"], dtype=_TYPES[entry["dtype"]])
            if tensor.nbytes != end - start:
                raise ValueError(f"{name} has the wrong length")
            if start < end:
                tensor.view(-1).view(torch.uint8).copy_(torch.from_numpy(body[start:end].copy()))
            tensors[name] = tensor
    except (ValueError, KeyError, TypeError, RuntimeError, AttributeError) as error:
        raise ValueError(f"{path.name} is damaged or cut short: {error}") from None
    return tensors, metadata
