"""Pictures of a data set's images, by a process of its own: this one never imports what reads them."""

import asyncio
import json
import os
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from engine.service.launch import import_path
from explorer.project.submitting import data_folder
from explorer.results import run_folder
from explorer.results.picture import Picture
from store.rows import Run


async def read(run: Run, examples: Iterable[int]) -> Mapping[str, Picture | None]:
    """Images by the numbers that a run that draws its members gives them, `17-image`; none where they cannot be read.

    run: a row of the query `run`, which knows where its data lay; it takes some seconds.
    """
    root = run.place.get("data_root") or str(data_folder())
    paths = os.pathsep.join(filter(None, [import_path(), run.place.get("import_path")]))
    with suppress(OSError), TemporaryDirectory() as folder:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "engine.data.pictures", json.dumps(run.spec["data"]), root, folder),
            *map(str, examples),
            **dict.fromkeys(("stdin", "stdout", "stderr"), DEVNULL),
            env=os.environ | {"PYTHONPATH": paths},
        )
        try:
            await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        return await asyncio.to_thread(run_folder.read_pictures, Path(folder))
    return {}
