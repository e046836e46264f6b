"""What an operator may choose: every setting, its default and its meaning, in one table.

Values come from the environment (`KINOSCRIBE_` and the name in capitals), else from the file named by
`KINOSCRIBE_CONFIG` or `kinoscribe.toml` in the working folder, else from here.
"""

import os
import warnings
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

MIB = 1024 * 1024

# The base class has had a method of this name since long ago; nothing here calls it.
warnings.filterwarnings("ignore", 'Field name "schema" in "Settings" shadows', UserWarning)

COLLECTORS = ("shots", "looks", "speech", "screen_text", "visual_tags")


def default_data_dir() -> Path:
    """The folder for data of this user, by the XDG rule."""
    home = os.environ.get("XDG_DATA_HOME") or "~/.local/share"
    return Path(home).expanduser() / "kinoscribe"


class Settings(BaseSettings):
    model_config = SettingsConfigDict(env_prefix="KINOSCRIBE_", extra="forbid", frozen=True)

    data_dir: Path = Field(
        default_factory=default_data_dir, description="Folder for the database, media, evidence and weights."
    )
    models_dir: Path | None = Field(
        None, description="Folder of the weights, when they are not under the data folder."
    )
    database_url: SecretStr | None = Field(
        None,
        description=(
            "Database in place of SQLite in the data folder: `postgresql+psycopg://user:password@host/name` "
            "(needs `pip install 'kinoscribe[postgres]'`)."
        ),
    )
    store_url: str | None = Field(
        None,
        description=(
            "Where videos and uploads lie: `file:///folder` or `s3://bucket/prefix`; the data folder unless set. "
            "Several machines need a bucket. Credentials come from `AWS_ACCESS_KEY_ID` and `AWS_SECRET_ACCESS_KEY` "
            "or the machine's role."
        ),
    )
    store_endpoint: str | None = Field(
        None,
        description="Address of a store that speaks S3 and is not Amazon's, such as `https://minio.example`.",
    )
    store_region: str | None = Field(None, description="Region of the bucket; else that of `AWS_REGION`.")
    store_host_style: bool = Field(
        False, description="Name the bucket in the store's host name, and not in the path."
    )
    store_allow_http: bool = Field(
        False, description="Speak to a store on another machine without TLS, for networks that are your own."
    )
    store_cache_bytes: int = Field(
        20 * 1024 * MIB,
        ge=0,
        description=(
            "Disk for copies of videos that lie in a bucket, in bytes; what was not used for longest goes first."
        ),
    )
    host: str = Field("127.0.0.1", description="Address the server listens on.")
    port: int = Field(8080, ge=0, le=65535, description="Port the server listens on; 0 takes a free one.")
    public_url: str | None = Field(
        None, description="Address clients reach the server by, when a proxy stands before it."
    )
    proxies: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Networks of proxies whose X-Forwarded-Proto, -Host and -Prefix are believed, separated by commas; "
            "with `public_url` none is needed."
        ),
    )
    api_key: SecretStr | None = Field(
        None, description="A key that is valid from the first start on, for the account `default`."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="How much is logged.")
    log_format: Literal["auto", "json", "text"] = Field(
        "auto", description="`auto` is text on a terminal, else JSON."
    )

    engine: Literal["embedded", "scripted", "openai"] = Field(
        "embedded", description="Who answers: `openai` is any model server that speaks the OpenAI protocol."
    )
    engine_url: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Model servers of the engine `openai`, separated by commas: `http://127.0.0.1:8000/v1`.",
    )
    engine_model: str = Field(
        "", description="The model's name at its server; may be left out where the server has only one."
    )
    engine_api_key: SecretStr | None = Field(None, description="The key that the model servers want.")
    engine_profile: Literal["auto", "vllm", "sglang", "llamacpp", "ollama", "generic"] = Field(
        "auto", description="The kind of model server; `auto` finds it out."
    )
    engine_context: int | None = Field(
        None, ge=1024, description="Tokens of question and answer together, where fewer than the server's."
    )
    engine_at_once: int | None = Field(
        None,
        ge=1,
        le=64,
        description="Parts of one long video a model server is asked about at once, where not as its kind takes best.",
    )
    engine_wait_seconds: float = Field(
        300.0,
        gt=0,
        description="Longest wait for the first token of a model server, before another one is asked.",
    )
    models_file: Path | None = Field(
        None, description="File that maps names of models to engines, as docs/engines.md describes it."
    )
    scripted_file: Path | None = Field(
        None,
        description="Prepared answers of the `scripted` engine; without it they are made from request and evidence.",
    )
    schema: Literal["strict", "wide"] = Field(  # type: ignore[assignment]
        "strict",
        description=(
            "JSON Schema words that are accepted: `strict` is the API's dialect; `wide` also honours "
            "additionalProperties, minItems, maxItems, minLength, maxLength, bounds of numbers and allOf."
        ),
    )
    default_model: Literal["auto", "pegasus1.2", "pegasus1.5", "pegasus1.6"] = Field(
        "auto", description="Rule set for requests without `model_name`; `auto` decides by the SDK's version."
    )
    sync_slots: int = Field(
        8, ge=1, le=1024, description="Synchronous analyses at once; one more is answered 503."
    )
    large_bodies: int = Field(
        8, ge=1, le=1024, description="JSON bodies above 1 MiB taken in at once; one more is answered 503."
    )
    worker_slots: int = Field(4, ge=1, le=256, description="Tasks that one worker process runs at once.")
    queue_most: int = Field(
        20_000, ge=1, description="Tasks that may wait or run in all; one more is answered 503."
    )
    queue_most_account: int = Field(
        10_000, ge=1, description="Tasks of one account that may wait or run; one more is answered 503."
    )
    task_attempts: int = Field(
        3, ge=1, le=100, description="Attempts at a task whose failure may pass, or whose worker dies."
    )
    retry_seconds: float = Field(
        5.0,
        gt=0,
        description="Wait before the second attempt at a task; each further wait is four times as long.",
    )
    lease_seconds: float = Field(
        30.0,
        ge=0.5,
        le=3600,
        description="After this long without a sign of its worker, a task goes to another.",
    )
    drain_seconds: float = Field(
        20.0,
        ge=0,
        description="How long running tasks may go on after SIGTERM before another worker gets them.",
    )
    composers: int = Field(
        1, ge=1, le=64, description="Processes of the embedded engine that compose answers."
    )
    collectors: Annotated[tuple[str, ...], NoDecode] | None = Field(
        None,
        description=(
            "Collectors of evidence, separated by commas: shots, looks, speech, screen_text, visual_tags. "
            "Unset: all, but shots and looks only for `scripted`."
        ),
    )
    evidence_processes: int = Field(1, ge=1, le=64, description="Videos whose evidence is collected at once.")
    evidence_on_upload: bool = Field(
        True, description="Collect evidence as soon as an asset is ready, before anybody asks."
    )
    accounts: Literal["apart", "trusting"] = Field(
        "apart",
        description=(
            "`apart`: an account that sends a video which another has sent before waits for its evidence as if it were "
            "the first; `trusting`: it has it at once, and may notice."
        ),
    )
    speech_model: Literal["base", "tiny.en"] = Field(
        "base",
        description="Speech recogniser: `base` hears many languages, `tiny.en` is faster and hears English.",
    )

    max_body_bytes: int = Field(64 * MIB, ge=MIB, description="Largest JSON body.")
    max_upload_bytes: int = Field(2048 * MIB, ge=1, description="Largest file by direct upload.")
    max_multipart_bytes: int = Field(10_000_000_000, ge=1, description="Largest file by an upload in chunks.")
    upload_chunk_bytes: int = Field(
        32 * MIB,
        ge=1024,
        description="Size of the chunks that uploads are cut into; very large files get larger ones.",
    )
    upload_seconds: float = Field(
        86_400.0, gt=0, description="How long an upload in chunks may take before it expires."
    )
    upload_url_seconds: float = Field(3600.0, gt=0, description="How long the URL of a chunk is good for.")
    uploads_open: int = Field(
        100, ge=1, description="Uploads in chunks that an account may have open; one more is answered 409."
    )
    uploads_open_bytes: int = Field(
        100_000_000_000,
        ge=1,
        description="Bytes that the open uploads of an account may come to; one upload more is answered 409.",
    )
    max_url_bytes: int = Field(4096 * MIB, ge=1, description="Largest file fetched from a URL.")
    fetch_seconds: float = Field(600.0, gt=0, description="Longest time a fetch from a URL may take in all.")
    glance_seconds: float = Field(
        3.0,
        ge=0,
        description="How long a new task's URL is tried for a reason to refuse it at once; 0: not at all.",
    )
    url_allow: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Networks beside the public ones that URLs may point at, separated by commas: "
            "`192.168.1.0/24,127.0.0.1`."
        ),
    )
    url_ports: Annotated[tuple[int, ...], NoDecode] = Field(
        (80, 443), description="Ports that URLs may name, separated by commas; 0 allows all."
    )
    rate_limits: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description=(
            "Limits of every account that has none of its own, separated by commas: "
            "`analyze:rpm=60,analyze:dph=600,upload:rpd=3000`. None unless set."
        ),
    )
    webhook_waits: Annotated[tuple[float, ...], NoDecode] = Field(
        (0, 10, 60, 300, 1800, 7200),
        description="Seconds before each attempt to deliver a webhook, separated by commas; as many attempts are made.",
    )
    webhook_seconds: float = Field(
        10.0, gt=0, le=120, description="How long a webhook's receiver may take to answer."
    )
    partial_segments: bool = Field(
        False,
        description=(
            "Let a segmentation that reaches a limit end `ready` with what was found and a `partial result:` "
            "warning, where it would fail."
        ),
    )
    allow_http_images: bool = Field(False, description="Also take reference pictures by plain http.")
    decode_seconds: float = Field(
        1800.0, gt=0, description="Longest time the decoding of one video may take."
    )
    decode_memory_bytes: int = Field(
        3072 * MIB, ge=256 * MIB, description="Address space of a process that decodes."
    )
    max_pixels: int = Field(
        64_000_000, ge=129_600, description="Largest coded picture that is decoded at all, in pixels."
    )
    frames_per_second: float = Field(
        2.0,
        ge=0.1,
        le=10.0,
        description="Most pictures a second of video that an engine that sees is shown.",
    )
    frame_side: int = Field(
        768, ge=64, le=4096, description="Longest side of a picture that an engine is shown, in pixels."
    )
    frame_numbers: bool = Field(
        False, description="Paint the number of each picture an engine is shown into its corner."
    )
    asset_bytes: int | None = Field(
        None,
        ge=1,
        description=(
            "Bytes that the assets of all accounts may come to, with what open uploads were begun for; one more is "
            "answered 403. Unset: no limit."
        ),
    )
    asset_bytes_account: int | None = Field(
        None, ge=1, description="The same for the assets of each account. Unset: no limit."
    )
    asset_days: float | None = Field(
        None,
        gt=0,
        description=(
            "Days after which an asset is deleted, unless a task or an index needs it; unset: it is kept for ever."
        ),
    )
    task_days: float | None = Field(
        None, gt=0, description="Days after its end at which a task is deleted; unset: it is kept for ever."
    )
    tasks_kept: int | None = Field(
        None,
        ge=0,
        description="Ended tasks that are kept of an account; the oldest go first. Unset: no limit.",
    )
    receipts_kept: int | None = Field(
        None,
        ge=0,
        description="Receipts that are kept of an account; the oldest go first. Unset: no limit.",
    )
    receipt_days: float | None = Field(90.0, gt=0, description="Days for which receipts of answers are kept.")
    evidence_days: float = Field(
        30.0,
        gt=0,
        description="Days without use after which evidence goes of a video that is nobody's asset, or not any more.",
    )
    evidence_bytes: int = Field(
        10 * 1024 * MIB,
        ge=0,
        description="Disk for evidence, in bytes; what was not used for longest goes first and is collected again.",
    )
    cache_days: float = Field(
        30.0, gt=0, description="Days without use after which a cached picture, caption or answer goes."
    )
    cache_bytes: int = Field(
        4096 * MIB,
        ge=0,
        description=(
            "Disk for pictures, captions and answers that are kept for later questions, in bytes; what was not "
            "used for longest goes first. 0 keeps none."
        ),
    )
    asset_wait_seconds: float = Field(
        30.0, ge=0, description="How long a synchronous request waits for an asset that is still processing."
    )
    heartbeat_seconds: float = Field(
        15.0, gt=0, description="Longest silence of a stream before an empty line is sent."
    )
    shortest_seconds: float | None = Field(
        None, ge=0.1, description="Shortest video and window, in place of the rule set's own."
    )

    @field_validator(
        "engine_url",
        "collectors",
        "proxies",
        "url_allow",
        "url_ports",
        "rate_limits",
        "webhook_waits",
        mode="before",
    )
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("collectors")
    @classmethod
    def _known_collectors(cls, value: tuple[str, ...] | None) -> tuple[str, ...] | None:
        for name in value or ():
            if name not in COLLECTORS:
                raise ValueError(f"{name!r} is no collector; there are {', '.join(COLLECTORS)}")
        return value

    @field_validator("proxies", "url_allow")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for network in value:
            ip_network(network, strict=False)
        return value

    @field_validator("url_ports")
    @classmethod
    def _port_numbers(cls, value: tuple[int, ...]) -> tuple[int, ...]:
        for port in value:
            if not 0 <= port <= 65535:
                raise ValueError(f"{port} is no port; there are 1 to 65535, and 0 for all")
        return value

    @field_validator("webhook_waits")
    @classmethod
    def _waits(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not value or not all(0 <= wait <= 30 * 86_400 for wait in value):
            raise ValueError("one wait at least is needed, each from 0 to 2592000 seconds")
        return value

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return (init_settings, env_settings, TomlConfigSettingsSource(settings_cls, config_file()))

    @property
    def weights_dir(self) -> Path:
        return self.models_dir or self.data_dir / "models"

    @property
    def active_collectors(self) -> tuple[str, ...]:
        if self.collectors is not None:
            return self.collectors
        return ("shots", "looks") if self.engine == "scripted" else COLLECTORS


def config_file() -> Path:
    """The settings file that is read; it need not exist."""
    return Path(os.environ.get("KINOSCRIBE_CONFIG") or "kinoscribe.toml")
