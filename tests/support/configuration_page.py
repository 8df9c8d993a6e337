"""`docs/configuration.md`, from the settings and their docstrings.

`python -m support.configuration_page` prints it.
"""

from typing import Literal, get_args, get_origin

from pydantic import ByteSize
from pydantic.fields import FieldInfo

from cli.configuration import variable
from core.settings import Settings

HEAD = """\
# Configuration

`make schema` writes this page from `core/settings.py`.

Everything has a default. Lectern reads the environment first, then a file `.env` in the folder
where it is started; an empty value counts as unset. `lectern up` uses what is set and embeds what
is not, and `lectern doctor` checks every part and says how to mend what is wrong. Sizes are numbers
of bytes, or have a unit: `10MB` is 10,000,000, `256MiB` is 268,435,456.
"""
HEADINGS = {
    "database_url": "Servers and services",
    "host": "This server",
    "introspection": "Clients",
    "access_token_seconds": "Tokens",
    "max_upload_bytes": "What one user may have",
    "parser": "Reading documents",
    "embedder": "Embedding",
    "rerank_url": "Searching",
    "answerer": "Answers",
    "worker_concurrency": "Workers",
}
"""Each stands above the setting that it is named by."""


def page() -> str:
    """Raises `ValueError` that names a setting without a docstring."""
    lines = [HEAD]
    for name, field in Settings.model_fields.items():
        if name in HEADINGS:
            lines += [
                "",
                f"## {HEADINGS[name]}",
                "",
                "| variable | default | meaning |",
                "|---|---|---|",
            ]
        if field.description is None:
            raise ValueError(f"{name} has no docstring in core/settings.py")
        meaning = " ".join(field.description.split()) + _choices(field)
        lines.append(f"| `{variable(name)}` | {_default(field)} | {meaning} |")
    return "\n".join(lines).replace("\n\n\n", "\n\n") + "\n"


def _default(field: FieldInfo) -> str:
    match field.default:
        case None | ():
            return "unset"
        case ByteSize() as size:
            return f"`{size.human_readable(separator='')}`".replace(".0", "")
        case bool() as flag:
            return f"`{str(flag).lower()}`"
        case tuple() as values:
            return ", ".join(f"`{value}`" for value in values)
        case value:
            return f"`{value}`"


def _choices(field: FieldInfo) -> str:
    """The values of a `Literal`, also of an optional one."""
    types = [field.annotation, *get_args(field.annotation)]
    for literal in (type_ for type_ in types if get_origin(type_) is Literal):
        return f" One of {', '.join(f'`{value}`' for value in get_args(literal))}."
    return ""


def main() -> None:
    print(page(), end="")


if __name__ == "__main__":
    main()
