"""Settings from the environment, and mistakes in them as one line for the terminal."""

from pydantic import ValidationError

from core.settings import Settings


class UsageError(Exception):
    """The command cannot be carried out as asked; the message is one line for the terminal."""


def load_settings() -> Settings:
    """Raises `UsageError` that names the environment variable."""
    try:
        return Settings()
    except ValidationError as error:
        mistakes = [
            f"{variable(str(part['loc'][0]))}: {part['msg']}" if part["loc"] else part["msg"]
            for part in error.errors()
        ]
        text = "; ".join(mistakes).replace("Value error, ", "")
        raise UsageError(text.replace(" items after validation", " characters")) from None


def variable(name: str) -> str:
    """The environment variable of a setting, given its name or alias."""
    field = Settings.model_fields.get(name)
    return name if field is None else str(field.validation_alias or f"LECTERN_{name.upper()}")


def require(settings: Settings, *names: str) -> None:
    """Raises `UsageError` unless these settings are there."""
    missing = [variable(name) for name in names if getattr(settings, name) is None]
    if missing:
        raise UsageError(
            f"{' and '.join(missing)} must be set; `lectern up` sets all of it by itself"
        )
