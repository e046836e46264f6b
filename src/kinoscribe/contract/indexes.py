"""Turns requests about indexes into checked values, and an index into its object (contract 14)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from kinoscribe.contract.errors import ParameterInvalid, ResourceNotExist
from kinoscribe.contract.fields import Fields, read_object
from kinoscribe.contract.limits import INDEX_ADDONS, INDEX_MODELS, INDEX_NAME, RULES
from kinoscribe.contract.shown import show
from kinoscribe.contract.times import read_rfc3339, rfc3339, seconds_number
from kinoscribe.ids import is_object_id

Family = Literal["marengo", "pegasus"]

MODEL_OPTIONS = ("visual", "audio")
FAMILIES: tuple[Family, ...] = ("marengo", "pegasus")
_ANSWERING = tuple(name for name, rules in RULES.items() if rules.video_id)


@dataclass(frozen=True, slots=True)
class IndexModel:
    """A model that an index is for. Those that search are kept and not acted on."""

    model_name: str
    model_options: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class NewIndex:
    name: str
    models: tuple[IndexModel, ...]
    addons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sorting:
    """How a list is ordered and which moments it shows: from `created_at` and `updated_at` on."""

    by: Literal["created_at", "updated_at"] = "created_at"
    ascending: bool = False
    created_at: datetime | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IndexQuery:
    """Which indexes a list shows; None and empty do not narrow it."""

    name: str | None = None
    family: Family | None = None
    options: tuple[str, ...] = ()
    sorting: Sorting = field(default_factory=Sorting)


def read_index(body: bytes) -> NewIndex:
    """The body of `POST /indexes`. Raises an `ApiError` for the first rule that it breaks."""
    fields = read_object(body)
    fields.refuse_unknown(("index_name", "models", "addons"))
    name = _read_name(fields)
    fields.required("models")
    given = fields.inners("models") or []
    if not 1 <= len(given) <= INDEX_MODELS:
        raise ParameterInvalid(
            p="models", reason=f"{len(given)} models were given; 1 to {INDEX_MODELS} are accepted."
        )
    addons = fields.texts("addons") or []
    if len(addons) > INDEX_ADDONS:
        raise ParameterInvalid(p="addons", reason=f"At most {INDEX_ADDONS} are accepted.")
    return NewIndex(name, tuple(map(_read_model, given)), tuple(addons))


def read_new_name(body: bytes) -> str:
    """The body of `PUT /indexes/{index_id}`."""
    fields = read_object(body)
    fields.refuse_unknown(("index_name",))
    return _read_name(fields)


def read_index_query(query: Mapping[str, str]) -> IndexQuery:
    """The filters of `GET /indexes`; an empty text does not narrow it. Raises `ParameterInvalid`."""
    fields = Fields({name: text or None for name, text in query.items()})
    family = fields.choice("model_family", FAMILIES)
    options = tuple(part.strip() for part in (fields.text("model_options") or "").split(",") if part.strip())
    for option in options:
        _check_option(option, "model_options")
    return IndexQuery(
        name=read_filter(fields, "index_name"),
        family=None if family is None else ("pegasus" if family == "pegasus" else "marengo"),
        options=options,
        sorting=read_sorting(fields),
    )


def read_sorting(fields: Fields) -> Sorting:
    """The order of a list of the classic flow. Raises `ParameterInvalid`."""
    by = fields.choice("sort_by", ("created_at", "updated_at"))
    ascending = fields.choice("sort_option", ("asc", "desc")) == "asc"
    return Sorting(
        "updated_at" if by == "updated_at" else "created_at",
        ascending,
        _read_moment(fields, "created_at"),
        _read_moment(fields, "updated_at"),
    )


def read_filter(fields: Fields, name: str) -> str | None:
    """A text to look for. Raises `ParameterInvalid` for one that no name can hold."""
    text = fields.text(name)
    if text is not None and ("\x00" in text or len(text) > INDEX_NAME):
        raise ParameterInvalid(
            p=name, reason=f"At most {INDEX_NAME} characters are accepted, none of them NUL."
        )
    return text


def check_resource_id(text: str, collection: str) -> str:
    """The id, when it has the form of one. Raises `ResourceNotExist`: a malformed id is nobody's."""
    if not is_object_id(text):
        raise ResourceNotExist(id=text, collection=collection)
    return text


def answers(models: Sequence[Mapping[str, Any]]) -> bool:
    """Whether one of an index's models answers questions about its videos."""
    return any(model["model_name"] in _ANSWERING for model in models)


def index_object(
    *,
    index_id: str,
    name: str,
    models: Sequence[Mapping[str, Any]],
    addons: Sequence[str],
    video_count: int,
    total_duration: float,
    created_at: datetime,
    updated_at: datetime,
) -> dict[str, Any]:
    """An index. It never expires."""
    return {
        "_id": index_id,
        "index_name": name,
        "models": [dict(model) for model in models],
        "addons": list(addons),
        "video_count": video_count,
        "total_duration": seconds_number(total_duration),
        "created_at": rfc3339(created_at),
        "updated_at": rfc3339(updated_at),
        "expires_at": None,
    }


def _read_name(fields: Fields) -> str:
    name = fields.needed_text("index_name")
    if len(name) > INDEX_NAME or "\x00" in name:
        reason = f"1 to {INDEX_NAME} characters are accepted, none of them NUL."
        raise ParameterInvalid(p="index_name", reason=reason)
    return name


def _read_model(given: Fields) -> IndexModel:
    name = given.needed_text("model_name")
    if name not in _ANSWERING and not name.startswith("marengo"):
        accepted = ", ".join((*_ANSWERING, "marengo..."))
        reason = f"{show(name)} was given. You should use one of the following values: {accepted}."
        raise ParameterInvalid(p=given.at("model_name"), reason=reason)
    if len(name) > INDEX_NAME or "\x00" in name:
        raise ParameterInvalid(p=given.at("model_name"), reason="It is no name of a model.")
    given.required("model_options")
    options = given.texts("model_options") or []
    if not options:
        raise ParameterInvalid(p=given.at("model_options"), reason=f"None were given. {_accepted_options()}")
    for option in options:
        _check_option(option, given.at("model_options"))
    return IndexModel(name, tuple(dict.fromkeys(options)))


def _check_option(option: str, path: str) -> None:
    if option not in MODEL_OPTIONS:
        raise ParameterInvalid(p=path, reason=f"{show(option)} was given. {_accepted_options()}")


def _accepted_options() -> str:
    return f"You should use one of the following values: {', '.join(MODEL_OPTIONS)}."


def _read_moment(fields: Fields, name: str) -> datetime | None:
    text = fields.text(name)
    if text is None:
        return None
    # A plus sign that was not encoded arrives as a space.
    moment = read_rfc3339(text.replace(" ", "+")) or read_rfc3339(text)
    if moment is None:
        reason = f"{show(text)} was given; a time such as 2024-08-16T16:53:59Z is accepted."
        raise ParameterInvalid(p=name, reason=reason)
    return moment
