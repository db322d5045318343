"""Images of a data set as anybody can look at them, by the numbers that runs give them."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch

from engine.data import datasets, pictures
from engine.spec.experiment import Data

DRAWN = Data(name="digits", split="random", member_share=0.3, test_fraction=0.5)


@pytest.mark.parametrize(("channels", "ending"), [(1, "pgm"), (3, "ppm")])
def test_a_picture_holds_every_pixel_in_its_place(tmp_path, channels, ending):
    levels = np.random.default_rng(0).integers(0, 256, (channels, 5, 7), dtype=np.uint8)
    pictures.write(tmp_path, "p", torch.from_numpy(levels) / 255)
    magic, size, most, found = (tmp_path / f"p.{ending}").read_bytes().split(b"\n", 3)
    assert (magic, size, most) == (b"P5" if channels == 1 else b"P6", b"7 5", b"255")
    assert np.array_equal(np.frombuffer(found, np.uint8).reshape(5, 7, channels), levels.transpose(1, 2, 0))


@pytest.mark.parametrize("seed", [0, 1])
def test_images_have_the_numbers_that_they_have_in_every_run(tmp_path, seed):
    run = datasets.load(DRAWN, tmp_path, seed)
    wanted = {int(run.train.index[3]), int(run.test.index[5])}
    found, index = datasets.some(DRAWN, tmp_path, [*wanted, 99_999])
    assert set(index.tolist()) == wanted
    for image, example in zip(found, index, strict=True):
        split = run.train if example in run.train.index else run.test
        assert torch.equal(image, datasets.pixels(split.images[split.index == example][0]))


def test_a_process_writes_them_or_says_in_one_line_why_not(tmp_path):
    def told(name):
        settings = json.dumps({"name": name, "split": "random", "size": "4x4"})
        command = [sys.executable, "-m", "engine.data.pictures", settings, str(tmp_path), str(tmp_path), "7", "1700"]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert told("digits").returncode == 0
    assert {path.name for path in tmp_path.iterdir()} == {"7-image.pgm", "1700-image.pgm"}
    assert (tmp_path / "7-image.pgm").read_bytes().startswith(b"P5\n4 4\n255\n")
    refused = told("yale")
    assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
