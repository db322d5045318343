"""`python -m engine.service --project DIR`: hold the project, open its database, serve; one line if that cannot be."""

import argparse
import asyncio
import dataclasses
import logging
import logging.handlers
import os
import signal
import sys

from engine import registry, text
from engine.service.commands import Commands
from engine.service.engine import Engine
from engine.service.executors.everywhere import Everywhere
from engine.service.project import EngineBusy, Project, ProjectError, ProjectLock
from engine.service.settings import EngineSettings
from engine.validation import SpecError, from_mapping
from store.errors import StoreError
from store.store import Store

LOST, REFUSED, WRONG_SETTING, BUSY = 1, 1, 2, 3
"""Exit codes besides 0; `BUSY`: another engine holds the project."""


def main() -> int:
    """Run one project's engine to its end."""
    project, settings = parse()
    # What is known of who was in a training set is for its owner alone, whatever the shell that we come from allows.
    os.umask(0o077)
    try:
        lock = ProjectLock(project)
    except EngineBusy as error:
        return complain(error, BUSY)
    except ProjectError as error:
        return complain(error, REFUSED)
    try:
        checked = from_mapping(EngineSettings, settings)
        start_log(project)
        for line in registry.left_out():
            logging.getLogger(__name__).warning(line)
        # The engine numbers GPUs as the driver's own tools do; CUDA must count them the same way, in every job.
        os.environ.setdefault("CUDA_DEVICE_ORDER", "PCI_BUS_ID")
        # Closing the terminal it was started from never ends an engine.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        saved = asyncio.run(serve(project, checked, lock))
    except SpecError as error:
        return complain(error, WRONG_SETTING)
    except (ProjectError, StoreError, OSError) as error:
        return complain(error, REFUSED)
    return 0 if saved else LOST


def parse() -> tuple[Project, dict[str, object]]:
    """The project and the settings as given on the command line."""
    parser = argparse.ArgumentParser(prog="python -m engine.service", description=__doc__, allow_abbrev=False)
    parser.add_argument("--project", required=True, help="the project's folder, made if need be")
    for field in dataclasses.fields(EngineSettings):
        text = f"{field.metadata['help']} (default {field.default})"
        parser.add_argument(f"--{field.name.replace('_', '-')}", type=field.type, default=field.default, help=text)
    settings = vars(parser.parse_args())
    return Project.at(settings.pop("project")), settings


def start_log(project: Project) -> None:
    """Everything this process logs goes to the project's own file, which starts anew at 5 MB, keeping the last one."""
    handler = logging.handlers.RotatingFileHandler(project.log, maxBytes=5_000_000, backupCount=1)
    handler.setFormatter(PrintableFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.INFO)


class PrintableFormatter(logging.Formatter):
    """Lines that a terminal can be shown as they are, whatever names and errors they quote."""

    def format(self, record: logging.LogRecord) -> str:
        """The record, and its traceback below it."""
        return text.page(super().format(record))


async def serve(project: Project, settings: EngineSettings, lock: ProjectLock) -> bool:
    """Open the database and run the engine on it; False if results were lost."""
    store = Store(project.database)
    engine = Engine(project, settings, Everywhere(project, settings), store, lock)
    return await engine.run(Commands(engine).handle, ready=lambda: keep_last_words(project))


def keep_last_words(project: Project) -> None:
    """From now on, standard output and error go to a file, unless somebody watches them."""
    if sys.stderr is not None and sys.stderr.isatty():
        return
    descriptor = os.open(project.last_words, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    for standard in (1, 2):
        os.dup2(descriptor, standard)
    os.close(descriptor)


def complain(error: Exception, code: int) -> int:
    """Say in one line why there is no engine, and return the exit code."""
    print(text.one_line(str(error)) or type(error).__name__, file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
