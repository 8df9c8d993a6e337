"""The `lectern` command line. What a command needs is imported when it runs."""

import argparse
import asyncio
import shutil
import signal
import socket
import sys
import textwrap
from importlib.metadata import version
from pathlib import Path

from cli.configuration import UsageError, load_settings, require
from core.settings import Settings


def main() -> None:
    parser = _parser()
    arguments = parser.parse_args()
    if arguments.command is None:
        parser.print_help()
        return
    try:
        sys.exit(_run(arguments, load_settings()))
    except UsageError as error:
        sys.exit(_at_words(f"lectern: {error}"))
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _at_words(message: str) -> str:
    """One line, but broken between words where a person would see it broken within one."""
    if not sys.stderr.isatty():
        return message
    width = shutil.get_terminal_size().columns
    return textwrap.fill(message, width, break_long_words=False, break_on_hyphens=False)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="lectern", description="Upload documents and chat about them, every answer cited."
    )
    parser.add_argument("--version", action="version", version=f"Lectern {version('lectern')}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    up = commands.add_parser("up", help="run everything on this machine, embedding what is not set")
    up.add_argument("--quiet", action="store_true", help="print only what goes wrong")
    serve = commands.add_parser("serve", help="run the API")
    serve.add_argument("--fd", type=int, help="serve on this inherited listening socket")
    commands.add_parser("worker", help="run the ingestion worker")
    commands.add_parser("migrate", help="bring the database up to date")
    commands.add_parser("prepare", help="make the local embedding model ready")
    reembed = commands.add_parser("reembed", help="move all passages to the configured model")
    reembed.add_argument(
        "--prune", action="store_true", help="then delete the vectors of other models"
    )
    commands.add_parser("doctor", help="check every part and say how to mend it")
    commands.add_parser("export-schema", help="print the GraphQL schema")
    demo = commands.add_parser("demo", help="upload a document and ask about it")
    demo.add_argument("--file", type=Path, help="the document (default: a sample)")
    demo.add_argument("--question", help="what to ask about it (default: what you type)")
    return parser


def _run(arguments: argparse.Namespace, settings: Settings) -> int:
    match arguments.command:
        case "up":
            from cli.up import up

            up(settings, arguments.quiet)
        case "serve":
            _serve(settings, arguments.fd)
        case "worker":
            require(settings, "database_url", "redis_url")
            from core.telemetry import configure_logging
            from workers.main import run

            configure_logging(settings.log_level, settings.log_format)
            run(settings)
        case "migrate":
            require(settings, "database_owner_url", "database_url")
            from cli.probes import ask_database
            from db.migrate import MigrationRefused, upgrade

            asyncio.run(ask_database(settings, "database_owner_url"))
            try:
                asyncio.run(upgrade(str(settings.database_owner_url), str(settings.database_url)))
            except MigrationRefused as error:
                raise UsageError(f"PostgreSQL refused, and nothing has changed: {error}") from error
        case "prepare":
            if settings.embedding_model is None:
                from providers.embedding.bundle import bundled_model

                bundled_model(settings.data_dir / "models")
        case "reembed":
            from cli.reembed import reembed

            asyncio.run(reembed(settings, arguments.prune))
        case "doctor":
            from cli.doctor import doctor

            return asyncio.run(doctor(settings))
        case "export-schema":
            from resolvers.schema import build_schema

            print(build_schema([]).as_str())
        case "demo":
            from cli.demo import demo

            return demo(settings, arguments.file, arguments.question)
    return 0


def _serve(settings: Settings, fd: int | None) -> None:
    require(settings, "database_url", "redis_url", "secret_key")
    from core.telemetry import configure_logging
    from server.app import create_app
    from server.asgi import uvicorn_config
    from server.serving import Server

    configure_logging(settings.log_level, settings.log_format)
    app = create_app(settings)
    server = Server(uvicorn_config(app, settings), app.state.drain)
    server.run(sockets=None if fd is None else [socket.socket(fileno=fd)])


if __name__ == "__main__":
    main()
