"""One typed settings object: environment first, then `.env`."""

import re
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    SecretStr,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

MEBIBYTE = 1024 * 1024


def _written(pattern: str, example: str) -> AfterValidator:
    """Refuses what does not match from its start, with an example in place of the pattern."""

    def check(value: str) -> str:
        if not re.match(pattern, value):
            raise ValueError(f"write it as {example}")
        return value

    return AfterValidator(check)


PostgresUrl = Annotated[
    str,
    _written(r"postgres(ql)?(\+asyncpg)?://", "postgresql://USER:PASSWORD@HOST/DATABASE"),
]
RedisUrl = Annotated[str, _written(r"(rediss?|unix)://", "redis://HOST, rediss:// or unix://")]
StorageUrl = Annotated[
    str, _written(r"(s3|gs|az)://[^/]|file:///", "s3://BUCKET, gs://, az:// or file:///FOLDER")
]
HttpUrl = Annotated[str, _written(r"https?://", "http://HOST or https://HOST")]
Rate = Annotated[
    str, _written(r"[1-9]\d*/[1-9]?\d*(second|minute|hour|day)\Z", "30/minute or 100/12hour")
]
Origin = Annotated[
    str,
    _written(r"(\*|[a-z][a-z0-9+.-]*://[^/\s]+)\Z", "https://HOST, without a slash at its end"),
]

LogFormat = Literal["console", "json", "brief"]


def _whole_size(value: object) -> object:
    """Raises `ValueError` in plainer words than pydantic's."""
    if isinstance(value, str) and not re.fullmatch(r"\s*[\d.]+\s*([kmgtp]?i?b?)\s*", value.lower()):
        raise ValueError("write a number of bytes, or a size such as 10MB or 256MiB")
    return value


Bytes = Annotated[ByteSize, BeforeValidator(_whole_size), Field(gt=0)]
"""A number of bytes, also written as 10MB (10,000,000) or 256MiB (268,435,456)."""


class Settings(BaseSettings):
    """Every setting of the product. Unset production parts are embedded by `lectern up`."""

    model_config = SettingsConfigDict(
        env_prefix="LECTERN_",
        env_file=".env",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        use_attribute_docstrings=True,
    )

    database_url: PostgresUrl | None = Field(None, validation_alias="DATABASE_URL")
    """PostgreSQL 15+ with pgvector, as the application's role, which owns nothing. Unset:
    `lectern up` embeds one."""
    database_owner_url: PostgresUrl | None = None
    """The same database as the role that owns the tables; only `lectern migrate` uses it."""
    redis_url: RedisUrl | None = Field(None, validation_alias="REDIS_URL")
    """Redis for wake-ups and live streams; losing it costs latency, never data. Unset: `lectern up`
    embeds one."""
    database_pool_size: Annotated[int, Field(gt=0)] = 10
    """Connections of one process to PostgreSQL."""
    storage_url: StorageUrl | None = Field(None, validation_alias="STORAGE_URL")
    """`s3://`, `gs://`, `az://` or `file:///` for the uploaded files. Unset: a folder in
    `LECTERN_DATA_DIR`."""
    openai_api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    """With it answers come from OpenAI, or from the server at the next address."""
    openai_base_url: HttpUrl | None = Field(None, validation_alias="OPENAI_BASE_URL")
    """Any compatible server: vLLM, Ollama, llama.cpp, TEI, ... Unset: OpenAI's."""
    llama_cloud_api_key: SecretStr | None = Field(None, validation_alias="LLAMA_CLOUD_API_KEY")
    """With it documents are read by LlamaParse."""
    llama_cloud_base_url: HttpUrl | None = Field(None, validation_alias="LLAMA_CLOUD_BASE_URL")
    """Another region of LlamaCloud, or a server of your own."""

    host: str = "127.0.0.1"
    """Address to serve on; `0.0.0.0` is every one of this machine."""
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    """Port to serve on; 0 takes a free one."""
    public_url: HttpUrl | None = None
    """Where clients reach this server; download addresses begin with it. Unset: `http://HOST:PORT`."""
    data_dir: Path = Path(".lectern")
    """Folder for everything that is not kept elsewhere."""
    secret_key: Annotated[SecretStr, Field(min_length=32)] | None = None
    """Signs access tokens (HS256); at least 32 characters, the same on every replica. `lectern up`
    makes and keeps one."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least important lines that are written."""
    log_format: LogFormat = "console"
    """`console` and `json` have a line for each operation; `brief` has warnings, and a short line
    for each document: `lectern up` uses it when neither level nor format is set."""

    introspection: bool = True
    """Whether clients may read the schema; GraphiQL needs it."""
    cors_origins: Annotated[tuple[Origin, ...], NoDecode] = ()
    """Origins whose pages may call the API, with commas between them; `:*` stands for any port."""
    cors_headers: Annotated[tuple[str, ...], NoDecode] = (
        "apollographql-client-name",
        "apollographql-client-version",
        "traceparent",
        "tracestate",
        "baggage",
        "sentry-trace",
    )
    """What such pages may send beside our own headers, with commas between them."""
    max_connections: Annotated[int, Field(gt=0)] = 2_000
    """Connections of everybody to one process, idle ones too."""
    max_address_connections: Annotated[int, Field(gt=0)] = 200
    """Connections of one address, trusted proxies excepted; and its websockets that have not
    initialised yet."""
    header_seconds: Annotated[float, Field(gt=0)] = 10
    """How long the headers of a request may take."""
    max_user_connections: Annotated[int, Field(gt=0)] = 20
    """Open websockets and event streams of one user, or of one address when anonymous."""
    max_response_bytes: Bytes = ByteSize(4 * MEBIBYTE)
    """Size of one answer; what does not fit is refused, field by field."""
    max_user_unread_bytes: Bytes = ByteSize(16 * MEBIBYTE)
    """Size of the answers that one user (or address) has asked for and not read yet."""
    max_unread_bytes: Bytes = ByteSize(48 * MEBIBYTE)
    """Size of everybody's answers that are not read yet, in one process."""
    max_connection_operations: Annotated[int, Field(gt=0)] = 50
    """Operations running at the same time on one websocket."""
    connection_init_seconds: Annotated[float, Field(gt=0)] = 10
    """How long a websocket may stay silent at first."""
    drain_seconds: Annotated[float, Field(ge=0)] = 10
    """How long, after a signal to stop, the API serves on while others take over; 0 in `up`."""
    shutdown_seconds: Annotated[float, Field(ge=0)] = 120
    """How long after that the answers that are being written may take to their end; 0 in `up`."""

    access_token_seconds: Annotated[int, Field(gt=0)] = 15 * 60
    """Life of an access token."""
    refresh_token_seconds: Annotated[int, Field(gt=0)] = 30 * 24 * 3600
    """Life of a refresh token."""
    max_address_logins: Annotated[int, Field(gt=0)] = 100
    """Tries to log in from one client's address in five minutes, whatever the account."""

    overload_lag_seconds: Annotated[float, Field(gt=0)] = 0.5
    """When the event loop keeps coming round so late, questions are refused; at twice of it,
    searches."""
    rate_register: Rate = "100/hour"
    """Accounts that may be made from one address."""
    rate_register_in_all: Rate = "3000/hour"
    """Accounts that may be made from everywhere."""
    rate_refresh: Rate = "300/5minute"
    """Sessions that may be renewed from one address."""
    rate_search: Rate = "240/minute"
    """Searches of one user."""
    rate_upload: Rate = "1200/minute"
    """Uploads of one user: each prepared, completed or sent with its mutation counts."""
    rate_question: Rate = "60/minute"
    """Questions of one user."""
    rate_write: Rate = "600/minute"
    """Other changes of one user."""
    rate_address_factor: Annotated[int, Field(gt=0)] = 20
    """From one address may come what so many users may do."""

    max_upload_bytes: Bytes = ByteSize(256 * MEBIBYTE)
    """Size of a file; larger ones are refused."""
    max_user_documents: Annotated[int, Field(gt=0)] = 10_000
    """Documents of one user."""
    max_user_conversations: Annotated[int, Field(gt=0)] = 10_000
    """Conversations of one user."""
    max_user_api_keys: Annotated[int, Field(gt=0)] = 100
    """API keys of one user; those that have ended give way to new ones."""
    max_user_prepared_uploads: Annotated[int, Field(gt=0)] = 1_000
    """Announced files of one user whose bytes are still awaited."""
    max_user_bytes: Bytes = ByteSize(10 * 1024 * MEBIBYTE)
    """Size of all files of one user, kept versions included."""
    max_versions: Annotated[int, Field(gt=0)] = 10
    """Versions of a document that are kept, the newest included; older ones stay as long as an
    answer rests on them."""
    max_user_daily_answers: Annotated[int, Field(gt=0)] | None = None
    """Answers of one user a day (UTC); further questions are refused. Unset: no limit."""
    max_user_monthly_tokens: Annotated[int, Field(ge=0)] = 5_000_000
    """Tokens of one user a calendar month (UTC), read and written; then answers are extractive.
    0: no limit."""

    parser: Literal["local", "llamaparse"] | None = None
    """What reads documents. Unset: LlamaParse when its key is there, else local."""
    parse_timeout_seconds: Annotated[float, Field(gt=0)] = 600
    """How long one document may be parsed."""
    parse_memory_bytes: Bytes = ByteSize(2048 * MEBIBYTE)
    """Address space of one parser process."""
    max_pages: Annotated[int, Field(gt=0)] = 5_000
    """Pages of a document; longer ones are refused."""
    tessdata: Path | None = Field(None, validation_alias="TESSDATA_PREFIX")
    """Folder with Tesseract's `*.traineddata`, for scans in alphabets other than Latin, Chinese and
    Japanese, which are read without it."""

    embedder: Literal["local", "openai"] = "local"
    """What turns passages into vectors; `local` is multilingual-e5-small."""
    embedding_model: str | None = None
    """Local: a folder with `model.onnx` and `tokenizer.json`; unset, the one built in. OpenAI: the
    model's name."""
    embedding_dimensions: Annotated[int, Field(gt=0, le=4000)] | None = None
    """Length of the vectors. Unset: the model's own."""
    embedding_threads: Annotated[int, Field(gt=0)] = 2
    """Threads of the local embedder."""

    rerank_url: HttpUrl | None = None
    """A server with `/rerank`, which reads the best passages again: text-embeddings-inference, or
    as Jina does. Unset: none is asked."""
    rerank_model: str | None = None
    """Its model. Unset: it is asked as text-embeddings-inference, which has one."""
    rerank_api_key: SecretStr | None = None
    """Its key."""
    rerank_seconds: Annotated[float, Field(gt=0)] = 2
    """How long a search waits for it; without an answer it goes on as it is."""
    graph_chunks: Annotated[int, Field(gt=0)] = 50_000
    """Libraries of so many passages are searched through an HNSW graph, smaller ones exactly."""

    answerer: Literal["extractive", "openai"] | None = None
    """What writes answers; `extractive` quotes the documents and needs no model. Unset: OpenAI when
    a key or base URL is there, else extractive."""
    openai_model: str = "gpt-5-mini"
    """The model that answers."""
    prompt_price: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    """Price of a million tokens that the model reads, in your currency."""
    completion_price: Annotated[Decimal, Field(ge=0)] = Decimal(0)
    """Price of a million tokens that the model writes."""

    worker_concurrency: Annotated[int, Field(gt=0)] = 2
    """Documents that one worker processes at the same time."""
    lease_seconds: Annotated[float, Field(gt=1)] = 15
    """After how long without a sign of life a job goes to another worker."""
    max_attempts: Annotated[int, Field(gt=0)] = 5
    """Tries before a document is FAILED."""

    @field_validator("cors_origins", "cors_headers", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return [part.strip() for part in value.split(",")] if isinstance(value, str) else value

    @model_validator(mode="after")
    def _choices_have_their_keys(self) -> Self:
        if self.parser == "llamaparse" and self.llama_cloud_api_key is None:
            raise ValueError("LECTERN_PARSER=llamaparse needs LLAMA_CLOUD_API_KEY")
        if self.openai_api_key is None and self.openai_base_url is None:
            for name, choice in (("EMBEDDER", self.embedder), ("ANSWERER", self.answerer)):
                if choice == "openai":
                    raise ValueError(
                        f"LECTERN_{name}=openai needs OPENAI_API_KEY or OPENAI_BASE_URL"
                    )
        return self

    @property
    def uses_openai(self) -> bool:
        """Whether answers come from an OpenAI-compatible server."""
        if self.answerer is not None:
            return self.answerer == "openai"
        return self.openai_api_key is not None or self.openai_base_url is not None

    @property
    def uses_llamaparse(self) -> bool:
        if self.parser is not None:
            return self.parser == "llamaparse"
        return self.llama_cloud_api_key is not None
