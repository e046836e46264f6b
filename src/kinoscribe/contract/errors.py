"""Every refusal and failure a client can meet: one class, one code, one status, one sentence (contract 1.5)."""

from typing import Any, ClassVar, Self

from kinoscribe.contract.shown import harmless


class ApiError(Exception):
    """The root of all errors that have a place on the wire.

    `message` is the sentence filled with the facts given; facts that are text are cut and made harmless, so that
    what a client sent may be among them. `retry_after` becomes the header of that name. `passes` says that the
    same request may succeed later by itself: a task is then tried again. `receipt` is the id of the one that tells
    what happened, where there is one.
    """

    code: ClassVar[str] = "internal_server_error"
    status: ClassVar[int] = 500
    sentence: ClassVar[str] = (
        "Something went wrong on this server. The log has the details under this request's id."
    )
    retry_after: int | None = None
    receipt: str | None = None
    passes: ClassVar[bool] = False

    def __init__(self, **facts: object) -> None:
        given = {name: harmless(fact) if isinstance(fact, str) else fact for name, fact in facts.items()}
        self.message = self.sentence.format(**given)
        super().__init__(self.message)

    @classmethod
    def told(cls, message: str) -> Self:
        """The error with a message that was filled before, in another process."""
        error = cls.__new__(cls)
        Exception.__init__(error, message)
        error.message = message
        return error


class ParameterInvalid(ApiError):
    """`p` names the parameter by its path, `reason` is one or two sentences: what was given, what is accepted."""

    code, status = "parameter_invalid", 400
    sentence = "The {p} parameter is invalid. {reason}"


class BodyInvalid(ParameterInvalid):
    """A body that is not JSON has no parameters to name."""

    sentence = "The request body is not a valid JSON object: {reason}."


class RequestUnreadable(ParameterInvalid):
    """Bytes of which no call can be made, or more than one."""

    sentence = "The request is not proper HTTP/1.1. {reason}."


class RequestHeadTooLarge(ParameterInvalid):
    status = 431
    sentence = "The request's line and headers are too large: at most {most} bytes are accepted."


class SourceUnreachable(ParameterInvalid):
    """The host of a URL is down, silent or overloaded: it may be better in a while."""

    passes = True


class AssetNotReady(ParameterInvalid):
    """An asset that is still processing. A task waits for it, and no attempt is lost."""

    passes = True


class ParameterNotProvided(ApiError):
    code, status = "parameter_not_provided", 400
    sentence = "The {p} parameter is required but was not provided."


class ParameterUnknown(ApiError):
    code, status = "parameter_unknown", 400
    sentence = "The {p} parameter is unknown."


class ResourceNotExist(ApiError):
    code, status = "resource_not_exist", 404
    sentence = "Resource with id {id} does not exist in {collection}."


class ApiKeyInvalid(ApiError):
    code, status = "api_key_invalid", 401
    sentence = (
        "API Key is either invalid or expired. Please check your API key or generate a new one "
        "with `kinoscribe keys create` and try again."
    )


class TokenLimitExceeded(ApiError):
    code, status = "token_limit_exceeded", 400
    sentence = (
        "Your request could not be processed due to exceeding maximum token limit. Please try with another "
        "request or another video with shorter duration."
    )


class SchemaInvalid(ParameterInvalid):
    """A place in a JSON schema that breaks a rule of contract 8; worded as upstream words it."""

    sentence = "{p}: {reason}"


class SchemaNotSupported(ParameterInvalid):
    """A JSON schema that uses a word outside the dialect (contract 8). No source names a code for this status."""

    status = 422
    sentence = "{reason}"


class VideoResolutionTooLow(ApiError):
    """`least` and `most` are sizes as text, `width` and `height` what the video has."""

    code, status = "video_resolution_too_low", 400
    sentence = (
        "The resolution of the video is too low. Please upload a video with resolution between {least} and "
        "{most}. Current resolution is {width}x{height}."
    )


class VideoResolutionTooHigh(ApiError):
    code, status = "video_resolution_too_high", 400
    sentence = (
        "The resolution of the video is too high. Please upload a video with resolution between {least} and "
        "{most}. Current resolution is {width}x{height}."
    )


class VideoAspectRatioInvalid(ApiError):
    code, status = "video_resolution_invalid_aspect_ratio", 400
    sentence = (
        "The aspect ratio of the video is invalid. Please upload a video with aspect ratio between 1:1 and "
        "{most}. Current resolution is {width}x{height}."
    )


class VideoTooShort(ApiError):
    """`least` and `seconds` are numbers of seconds, `most` a text such as `1 hour`."""

    code, status = "video_duration_too_short", 400
    sentence = (
        "Video is too short. Please use video with duration between {least} seconds and {most}. "
        "Current duration is {seconds} seconds."
    )


class VideoTooLong(ApiError):
    code, status = "video_duration_too_long", 400
    sentence = (
        "Video is too long. Please use video with duration between {least} seconds and {most}. "
        "Current duration is {seconds} seconds."
    )


class VideoFileBroken(ApiError):
    code, status = "video_file_broken", 400
    sentence = "Cannot read video file. Please check the video file is valid and try again. {reason}"


class ServiceUnavailable(ApiError):
    code, status = "service_unavailable", 503
    sentence = "{reason}"
    retry_after = 5
    passes = True


class QueueFull(ServiceUnavailable):
    """`whose` is `this server` or `this account`."""

    sentence = "The queue of {whose} is full: {most} tasks wait or run. Please try again later."
    retry_after = 30


class DatabaseUnavailable(ServiceUnavailable):
    sentence = "This server cannot use its database at the moment. Please try again later."


class StoreUnavailable(ServiceUnavailable):
    sentence = "This server cannot reach the store of its videos at the moment. Please try again later."


class ServerEnding(ServiceUnavailable):
    sentence = "This server is being shut down. Please try again later."


class EngineFailed(ApiError):
    """The engine broke off after the answer had begun, or could not begin it."""

    sentence = "The analysis engine failed: {reason}"
    passes = True


class EngineRefused(EngineFailed):
    """The engine will not answer this request, however often it is asked."""

    passes = False


class ContextTooLong(EngineRefused):
    """What an engine was given is more than it can read at once.

    `most` are the tokens it can read, `prompt` those it was given, each None where it did not say.
    """

    sentence = (
        "The analysis engine failed: the question and the evidence are more than its model can read at once."
    )

    def __init__(self, *, most: int | None = None, prompt: int | None = None) -> None:
        super().__init__()
        self.most = most
        self.prompt = prompt


class EngineBusy(ServiceUnavailable):
    """All model servers have too much to do; `seconds` is when to come back, if one of them said so."""

    sentence = "The model servers are busy at the moment. Please try again later."

    def __init__(self, *, seconds: int | None = None) -> None:
        super().__init__()
        self.retry_after = seconds or type(self).retry_after


class AnalysisFailed(ApiError):
    """A segmentation that reached a limit (contract 7.1): `reason` names which one and what to change."""

    code, status = "analysis_limit_reached", 500
    sentence = "analysis failed: {reason}"


class WorkerLost(ApiError):
    """The processes that worked on a task ended each time before it was done."""

    sentence = (
        "The task was given up after {attempts} attempts: each time the process that worked on it ended."
    )


class UserCanceled(ApiError):
    """Not an answer of its own: what a canceled task shows as its error."""

    code, status = "user_canceled", 409
    sentence = "The task was canceled by the user."


class VideoFilesizeTooLarge(ApiError):
    """`most` and `size` are texts with their unit."""

    code, status = "video_filesize_too_large", 400
    sentence = (
        "The video is too large. Please use a video with a size less than {most}. The current size is {size}."
    )


class UnsupportedFileType(ApiError):
    """`found` is the type of the file by its content, `accepted` what would be taken."""

    code, status = "unsupported_file_type", 400
    sentence = "The file type {found} is not supported. Please use {accepted}."


class AssetInUse(ApiError):
    code, status = "asset_in_use", 409
    sentence = "The asset {id} is in use. Delete what uses it first, or pass force=true."


class UploadUrlInvalid(ApiError):
    """A chunk was sent to a URL that this server has not signed in this form."""

    code, status = "upload_url_invalid", 403
    sentence = "This is not a URL that this server has given out for a chunk."


class UploadUrlExpired(UploadUrlInvalid):
    sentence = "The URL of this chunk expired at {expired}. Ask for a new one with presigned-urls."


class ChunkNotTaken(ApiError):
    """`reason` is a sentence: the chunk was reported before, or a newer request sends it."""

    code, status = "chunk_not_taken", 409
    sentence = "Chunk {number} was not taken. {reason}"


class TooManyUploads(ApiError):
    """`open` and `most` are texts: what the account has open, and what it may."""

    code, status = "too_many_uploads", 409
    sentence = "This account has {open} open; {most} are the most. Finish an upload, or delete its asset."


class StorageQuotaExceeded(ApiError):
    """`whose` is `this server` or `this account`; `size` and `most` are bytes."""

    code, status = "storage_quota_exceeded", 403
    sentence = (
        "There is no room for {size} bytes more: the assets of {whose} may come to {most} bytes, with what its open "
        "uploads were begun for. Delete assets or open uploads that are not needed, and try again."
    )


class TaskCannotBeDeleted(ApiError):
    code, status = "task_cannot_be_deleted", 409
    sentence = "The task {id} is {state} and cannot be deleted. Cancel it first, or wait for its end."


class IndexTaskCannotBeDeleted(TaskCannotBeDeleted):
    """A task that brings a video into an index and has not ended: that route answers with another status."""

    status = 400
    sentence = "The task {id} is {state} and cannot be deleted. Only ready and failed tasks can be."


class IndexNameAlreadyExists(ApiError):
    code, status = "index_name_already_exists", 400
    sentence = "Index name {name} already exists. Please use another unique name and try again."


class IndexNotSupportedForGenerate(ApiError):
    """A video of an index that has no model which answers questions."""

    code, status = "index_not_supported_for_generate", 400
    sentence = (
        "You can only summarize videos uploaded to an index with an engine from the Pegasus family enabled."
    )


class TaskCannotBeCanceled(ApiError):
    code, status = "task_cannot_be_canceled", 409
    sentence = "The task {id} is {state} and cannot be canceled any more."


class IdempotencyKeyReused(ApiError):
    code, status = "idempotency_key_reused", 422
    sentence = (
        "The Idempotency-Key {key} was used with another request body. Use a new key for a new request."
    )


class IdempotencyKeyInUse(ApiError):
    code, status = "idempotency_key_in_use", 409
    sentence = "A request with the Idempotency-Key {key} is being handled. Please try again later."


class TooManyRequests(ApiError):
    """`rate_limit` says what is allowed, `retry_after` when to come back; the header gets whole `seconds`."""

    code, status = "too_many_requests", 429
    sentence = "You have exceeded the rate limit ({rate_limit}). Please try again later after {retry_after}."

    def __init__(self, *, rate_limit: str, retry_after: str, seconds: int) -> None:
        super().__init__(rate_limit=rate_limit, retry_after=retry_after)
        self.retry_after = seconds


class RequestCanceled(ApiError):
    code, status = "request_canceled_or_timed_out", 504
    sentence = "Request canceled."


class EndpointNotSupported(ApiError):
    """A route of the API that this server leaves out (contract 16)."""

    code, status = "endpoint_not_supported", 404
    sentence = "This server does not offer {path}."


class RouteUnknown(ApiError):
    code, status = "route_not_found", 404
    sentence = "There is no route {path}."


class MethodNotAllowed(ApiError):
    code, status = "method_not_allowed", 405
    sentence = "The method {method} is not allowed on {path}."


class BodyTooLarge(ApiError):
    code, status = "body_too_large", 413
    sentence = "The request body is too large: at most {most} bytes are accepted."


class StorageFull(ApiError):
    code, status = "storage_full", 507
    sentence = "This server has no room left on its disk. Nothing was kept of this request."
    passes = True


def error_body(error: ApiError, *, nested: bool) -> dict[str, Any]:
    """The JSON body of an error. `nested` routes get both shapes at once, which satisfies every client."""
    flat = {"code": error.code, "message": error.message}
    return {**flat, "error": dict(flat)} if nested else flat


def all_errors() -> tuple[type[ApiError], ...]:
    """Every class of error, by status and code, for the tables in the docs."""
    found: list[type[ApiError]] = [ApiError]
    for kind in found:
        found.extend(kind.__subclasses__())
    return tuple(sorted(dict.fromkeys(found), key=lambda kind: (kind.status, kind.code, kind.__name__)))
