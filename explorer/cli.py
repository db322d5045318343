"""The command line: `mia-explore COMMAND`. stdout is data, stderr is talk.

Exit codes: 0 ok, 1 a run failed, 2 usage, 3 engine unreachable, 130 interrupted.
"""

import os
import sys

import click

from engine.control.client import EngineRefused, EngineUnreachable
from engine.control.project import ProjectError
from engine.validation import SpecError
from explorer.commands import control, machine, results, running
from store.errors import StoreError

USAGE, UNREACHABLE, INTERRUPTED = 2, 3, 130


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="mia-explore", message="%(version)s")
def cli() -> None:
    r"""See what making a classifier robust costs in privacy.

    \b
    mia-explore demo                                  the whole story on small digits, in minutes
    mia-explore run yale --data-root ~/data           a preset of the paper, quick scale
    mia-explore run mine.toml --set capacity=[1,2,4]  a sweep of your own
    mia-explore ls                                    what has been run
    mia-explore export leakage --csv -                every number, complete
    mia-explore audit predictions.npz                 your own model's prediction file
    """


for command in (*running.COMMANDS, *results.COMMANDS, *control.COMMANDS, *machine.COMMANDS):
    cli.add_command(command)


def main() -> None:
    """Run the command line and exit with its code; whatever is the person's to mend is one line."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="replace")  # a terminal without UTF-8 shows `?` for lines and marks
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """The exit code of one call."""
    code = UNREACHABLE
    try:
        return cli.main(arguments, prog_name="mia-explore", standalone_mode=False) or 0
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
        click.echo(f"error: {error}", err=True)
    except (SpecError, StoreError, ProjectError, EngineRefused, OSError) as error:
        click.echo(f"error: {error}", err=True)
        code = USAGE
    return code
