"""The command line: `mia-explore` opens the app, `mia-explore COMMAND` does one thing. stdout is data, stderr is talk.

Exit codes: 0 ok, 1 a run failed, 2 usage, 3 engine unreachable, 70 a bug in the app, 130 interrupted.
"""

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.printing import PrintableStream
from engine.registry import left_out
from engine.service.client import EngineRefused, EngineUnreachable
from engine.service.project import Project, ProjectError
from engine.text import one_line, said_of_file, shown
from engine.validation import SpecError, did_you_mean
from explorer.cli import options
from explorer.results.ascii_text import speak_plainly
from store.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Sequence

COMPLETING = "_MIA_EXPLORE_COMPLETE"
"""A shell sets it to ask what could stand behind what was typed."""
USAGE, UNREACHABLE, INTERRUPTED = 2, 3, 130
MODULES = {
    "running": ("demo", "run", "presets"),
    "certifying": ("certify",),
    "attacking": ("attack",),
    "reproducing": ("reproduce",),
    "drawing": ("figure", "page", "screenshot"),
    "results": ("ls", "show", "scores", "export"),
    "auditing": ("audit", "answers"),
    "control": ("engine", "cancel", "retry", "import"),
    "machine": ("check", "locate"),
}
"""CommandGroup by the module of `explorer.cli` they live in; a module is imported when one of its commands is."""


class CommandGroup(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All names, in the order of the help."""
        return [name for names in MODULES.values() for name in names]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command, None if there is none of that name."""
        for module, names in MODULES.items():
            if cmd_name in names:
                there = vars(import_module(f"explorer.cli.{module}")).values()
                return next(own for own in there if isinstance(own, click.Command) and own.name == cmd_name)
        return None

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """The command that the first word names; `SpecError` suggests the nearest where there is none."""
        known = self.list_commands(ctx)
        if args[0] not in known and not args[0].startswith("-") and not ctx.resilient_parsing:
            hint = did_you_mean(args[0], known)
            raise SpecError(f"no such command: {shown(args[0])}{hint}; `mia-explore --help` lists them")
        return super().resolve_command(ctx, args)


@click.group(
    cls=CommandGroup,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(package_name="mia-explore", message="%(version)s")
@options.project
@options.data_root
@click.option("--read-only", is_flag=True, help="Look without changing anything; no engine is started.")
@click.option("--ascii", is_flag=True, help="Plain characters instead of lines and marks.")
@click.option("--theme", type=click.Choice(("dark", "light", "mono")), help="Colours; default: config.toml, or dark.")
@click.pass_context
def cli(
    context: click.Context, project: Project, data_root: Path, read_only: bool, ascii: bool, theme: str | None
) -> int:
    """See what making a classifier robust costs in privacy.

    \b
    mia-explore                                       the terminal app on this folder's project
    mia-explore demo                                  the whole story on small digits, in minutes
    mia-explore run yale --data-root ~/data           a preset of the paper, quick scale
    mia-explore run mine.toml --set capacity=[1,2,4]  a sweep of your own
    mia-explore ls                                    what has been run
    mia-explore export leakage --csv -                every number, complete
    mia-explore audit predictions.npz                 your own model's prediction file
    eval "$(_MIA_EXPLORE_COMPLETE=bash_source mia-explore)"  completes presets and runs; or zsh_source
    """  # noqa: D301
    if context.invoked_subcommand is not None:
        for line in left_out():  # before what is meant for such a row goes to ours of that name, or nowhere
            click.echo(f"warning: {line}", err=True)
        _refuse_before(context, "project", "data_root")
        return 0
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        click.echo(context.get_help())
        return 0
    from explorer.app.launch import Launch, open_app
    from explorer.project.submitting import data_folder

    os.environ["MIA_DATA"] = str(data_folder(data_root))  # where the app's forms and checks look
    return open_app(Launch(project=project, read_only=read_only, ascii=ascii, theme=theme or ""))


def _refuse_before(context: click.Context, *names: str) -> None:
    """Refuse options of the app before a command, which would not see them."""
    for name in names:
        if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE:
            option, command = f"--{name.replace('_', '-')}", context.invoked_subcommand
            raise SpecError(f"{option} goes behind the command: mia-explore {command} {option} …")


def main() -> None:
    """Run the command line and exit with its code; whatever is the person's to mend is one line."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        speak_plainly(stream)
        if COMPLETING not in os.environ:  # click writes bytes to the shell that asks
            setattr(sys, name, PrintableStream(stream))
    sys.exit(run(sys.argv[1:]))


def run(arguments: "Sequence[str]") -> int:
    """The exit code of one call."""
    code = UNREACHABLE
    try:
        return cli.main(list(arguments), prog_name="mia-explore", standalone_mode=False) or 0
    except click.exceptions.Exit as end:
        return end.exit_code
    except (click.Abort, KeyboardInterrupt):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader of our output has left; Python would complain once more while it flushes on its way out.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except EngineUnreachable as error:
        click.echo(f"error: {one_line(str(error))}", err=True)
    except OSError as error:
        click.echo(f"error: {said_of_file(error)}", err=True)
        code = USAGE
    except (SpecError, StoreError, ProjectError, EngineRefused) as error:
        click.echo(f"error: {one_line(str(error))}", err=True)
        code = USAGE
    return code
