"""Turns the body of `POST /analyze/tasks` into a checked request, and a task into its object (contract 6, 7)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kinoscribe.contract.analyze import AnalyzeRequest
from kinoscribe.contract.sources import VideoSource

Status = Literal["queued", "pending", "processing", "ready", "failed", "canceled"]

STATUSES: tuple[Status, ...] = ("queued", "pending", "processing", "ready", "failed", "canceled")
FINAL: tuple[Status, ...] = ("ready", "failed", "canceled")


@dataclass(frozen=True, slots=True)
class TaskRequest:
    """A request for a task. `body` is the object as it was sent, base64 texts included."""

    request: AnalyzeRequest
    custom_id: str | None
    body: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class InlineFile:
    """A file that came inside the body: `name` is `video`, `image:<name>` or `image:<definition>:<name>`.

    `text` is its base64, `path` the parameter and `most` the bytes to decode it with (`decode_base64`).
    """

    name: str
    text: str = field(repr=False)
    path: str
    most: int


@dataclass(frozen=True, slots=True)
class TaskResult:
    generation_id: str
    data: str
    finish_reason: str
    output_tokens: int
    input_tokens: int


@dataclass(frozen=True, slots=True)
class DeliveryView:
    """How the delivery of a webhook stands; `last_error` is shown until it is delivered."""

    url: str
    delivered: bool
    attempts: int
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class TaskView:
    """All that the object of a task is made of. `source` and `params` are what was kept when it was created.

    `stage`, `done` (0 to 1) and `attempt` tell of a task at work; `duration` is the video's length in seconds.
    """

    task_id: str
    status: Status
    created_at: datetime
    params: Mapping[str, Any]
    custom_id: str | None = None
    batch_id: str | None = None
    source: Mapping[str, Any] | None = None
    duration: float | None = None
    completed_at: datetime | None = None
    result: TaskResult | None = None
    error_code: str | None = None
    error_message: str | None = None
    stage: str | None = None
    done: float | None = None
    attempt: int = 0
    deliveries: tuple[DeliveryView, ...] = ()


@dataclass(frozen=True, slots=True)
class TaskQuery:
    """Which tasks a list shows; what is None does not narrow it."""

    status: Status | None = None
    video_url: str | None = None
    asset_id: str | None = None
    video_id: str | None = None
    analysis_mode: str | None = None


def read_task(
    body: bytes,
    *,
    default_model: str,
    count_tokens: Callable[[str], int],
    allow_http_images: bool = False,
) -> TaskRequest:
    """Reads the body. Raises the `ApiError` of the first rule that it breaks, in the order of the contract's table."""
    raise NotImplementedError


def inline_files(task: TaskRequest) -> tuple[InlineFile, ...]:
    """The files inside the body, the video first."""
    raise NotImplementedError


def stored_request(task: TaskRequest, contents: Mapping[str, str]) -> str:
    """JSON text to keep: the body with the model it fell to, each inline file's text replaced by its SHA-256.

    `contents` gives the SHA-256 by the names of `inline_files`.
    """
    raise NotImplementedError


def read_stored(text: str) -> TaskRequest:
    """The request of `stored_request` again; a `Base64Source` in it holds the SHA-256 of its content."""
    raise NotImplementedError


def request_params(task: TaskRequest) -> dict[str, Any]:
    """What the task shows of its request: effective values, nothing that was not set, no file (contract 7.1)."""
    raise NotImplementedError


def video_source(source: VideoSource, index_id: str | None = None) -> dict[str, Any]:
    """What the task shows of its source, to be kept with it. Data sent inside the body is never echoed."""
    raise NotImplementedError


def shown_source(source: Mapping[str, Any], duration: float | None) -> dict[str, Any]:
    """`video_source` with the length of the video, once that is known."""
    raise NotImplementedError


def task_object(view: TaskView, *, preview: bool = False) -> dict[str, Any]:
    """The object of section 7.1, or with `preview` the shorter one of a list (7.3). What has no place is absent."""
    raise NotImplementedError


def read_task_query(pairs: Iterable[tuple[str, str]]) -> TaskQuery:
    """The filters of the list. Raises `ParameterInvalid`."""
    raise NotImplementedError


def check_task_id(text: str, *, collection: str = "tasks") -> str:
    """The id, when it has the form of one. Raises `ResourceNotExist`: a malformed id is no task's."""
    raise NotImplementedError


def check_task_id_to_cancel(text: str) -> str:
    """The id, when it has the form of one. Raises `ParameterInvalid`: this route answers a malformed id with 400."""
    raise NotImplementedError
