"""Every refusal and failure a client can meet: one class, one code, one status, one sentence (contract 1.5)."""

from typing import ClassVar


class ApiError(Exception):
    """The root of all errors that have a place on the wire.

    `message` is the sentence filled with the facts given. `retry_after` becomes the header of that name.
    """

    code: ClassVar[str] = "internal_server_error"
    status: ClassVar[int] = 500
    sentence: ClassVar[str] = "Something went wrong on this server. The log has the details under this request's id."
    retry_after: int | None = None

    def __init__(self, **facts: object) -> None:
        self.message = self.sentence.format(**facts)
        super().__init__(self.message)


class ParameterInvalid(ApiError):
    """`p` names the parameter by its path, `reason` is one or two sentences: what was given, what is accepted."""

    code, status = "parameter_invalid", 400
    sentence = "The {p} parameter is invalid. {reason}"


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


class VideoFileBroken(ApiError):
    code, status = "video_file_broken", 400
    sentence = "Cannot read video file. Please check the video file is valid and try again. {reason}"


class ServiceUnavailable(ApiError):
    code, status = "service_unavailable", 503
    sentence = "{reason}"
    retry_after = 5


class EngineFailed(ApiError):
    """The engine broke off after the answer had begun, or could not begin it."""

    sentence = "The analysis engine failed: {reason}"


class VideoFilesizeTooLarge(ApiError):
    """`most` and `size` are texts with their unit."""

    code, status = "video_filesize_too_large", 400
    sentence = "The video is too large. Please use a video with a size less than {most}. The current size is {size}."


class BodyTooLarge(ApiError):
    code, status = "body_too_large", 413
    sentence = "The request body is too large: at most {most} bytes are accepted."


class StorageFull(ApiError):
    code, status = "storage_full", 507
    sentence = "This server has no room left on its disk. Nothing was kept of this request."
