"""What to say where huggingface_hub fails: its errors and its client's have no common class."""

import errno
from json import JSONDecodeError
from types import ModuleType

from reparam.errors import reason_of

_LOGIN = "log in with `hf auth login`, or set HF_TOKEN"

_OF_DISK = {
    errno.EACCES,
    errno.EDQUOT,
    errno.EEXIST,
    errno.ENOSPC,
    errno.ENOTDIR,
    errno.EPERM,
    errno.EROFS,
}


def message_of(hub: ModuleType, error: Exception, doing: str, token: str | None) -> str:
    """What to say of an error of the library ``hub`` while ``doing`` ("read" or "write"), without
    the token.
    """
    errors, cause = hub.errors, _cause(hub, error)
    status = getattr(getattr(cause, "response", None), "status_code", None)
    if isinstance(cause, errors.RevisionNotFoundError):
        return "the Hub has no such revision. Fix: name a branch, a tag or a commit of it"
    if isinstance(cause, errors.GatedRepoError):
        return f"its owner must let you read it (gated). Fix: ask on its page, and {_LOGIN}"
    if isinstance(cause, errors.RepositoryNotFoundError) and doing == "read":
        return f"the Hub has no such model, or it is private. Fix: correct it, or {_LOGIN}"
    if status == 401 or isinstance(cause, errors.LocalTokenNotFoundError):
        return f"the Hub must know who you are, to {doing} it (401). Fix: {_LOGIN}"
    if status in (403, 404):
        return (
            f"your token must be allowed to {doing} it, the Hub says no ({status}). Fix: take a "
            "token with that right, or another name"
        )
    reason = getattr(cause, "server_message", None) or reason_of(cause)
    for secret in filter(None, (token, hub.get_token())):
        reason = reason.replace(secret, "…")
    if status == 400 or (isinstance(cause, ValueError) and not isinstance(cause, JSONDecodeError)):
        what = "card" if doing == "write" else "revision"
        return (
            f"the Hub must accept the name and the {what}, got: {' '.join(reason.split())}. Fix: "
            "correct what it names"
        )
    if status is not None:
        return f"the Hub answered with an error ({status}). Fix: try again later"
    if isinstance(cause, OSError) and cause.errno in _OF_DISK:
        return f"its cache must be writable ({reason}). Fix: make room, or set HF_HOME"
    return (
        f"the Hub could not be reached, or the connection broke ({reason}). Fix: check the "
        "network connection, and try again"
    )


def _cause(hub: ModuleType, error: BaseException) -> BaseException:
    """What the library wrapped: in RuntimeError where it uploads, in the next where it downloads,
    in ValueError where the Hub refused a card.
    """
    wrappers = RuntimeError, hub.errors.LocalEntryNotFoundError
    while isinstance(error, wrappers) and error.__cause__ is not None:
        error = error.__cause__
    refused = error.__context__
    if isinstance(error, ValueError) and isinstance(refused, hub.errors.BadRequestError):
        return refused
    return error
