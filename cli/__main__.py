"""`python -m cli`, behind `./ioc`: each command is a module."""

import importlib.util

import typer

from cli import (
    backup,
    bench,
    channels,
    check,
    directory,
    documents,
    down,
    figures,
    graphql,
    logs,
    mail,
    push,
    restart,
    restore,
    rotate,
    sms,
    soc,
    status,
    test,
    totp,
    up,
    vault,
)
from cli.output import show_errors

app = typer.Typer(
    name="ioc",
    help="HaNoi IOC on this machine: start it, look at it, test it.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.command("up")(up.up)
app.command("down")(down.down)
app.command("restart")(restart.restart)
app.command("status")(status.status)
app.command("logs")(logs.logs)
app.add_typer(soc.app, name="soc")
app.command("totp")(totp.totp)
app.command("graphql")(graphql.graphql)
app.command("figures")(figures.figures)
app.add_typer(documents.app, name="documents")
app.add_typer(directory.app, name="directory")
app.add_typer(mail.app, name="mail")
app.add_typer(channels.app, name="channels")
app.add_typer(backup.app, name="backup")
app.command("restore")(restore.restore)
app.command("rotate")(rotate.rotate)
app.add_typer(push.app, name="push")
app.add_typer(sms.app, name="sms")
app.add_typer(vault.app, name="vault")
app.command("check")(check.check)
app.command("test", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(test.test)
app.command("bench")(bench.bench)
if importlib.util.find_spec("cli.demo"):
    # cli/demo.py has a function `demo`.
    app.command("demo")(importlib.import_module("cli.demo").demo)


def main() -> None:
    """Run a command; an expected failure is a panel and exit code 1, not a traceback."""
    with show_errors():
        app(prog_name="./ioc")


if __name__ == "__main__":
    main()
