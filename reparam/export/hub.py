"""Models on the Hugging Face Hub, through huggingface_hub: the extra ``hub``.

A token comes from the caller, from HF_TOKEN or from `hf auth login`; it is in no file, message or
record of ours. HF_ENDPOINT names another Hub.
"""

import os
import re
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from reparam._version import __version__
from reparam.errors import ConfigError, HubError, ReparamError, reason_of
from reparam.export.place import check_folder_free, new_folder
from reparam.export.pretrained import PRETRAINED_FILES, PRETRAINED_FOLDER
from reparam.export.public_run import CONFIG, RUN_FILES, WEIGHTS
from reparam.runs import Run

MOST_TEXT = 1 << 26
"""Bytes of a JSON file that is taken from others: it is read as a whole."""

_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.A)


def is_hub_name(name: str) -> bool:
    """Whether this may be the name of a model on the Hub: user/name."""
    return _NAME.fullmatch(name) is not None


def check_hub(name: str) -> None:
    """Raises ConfigError for what is no name of a model, and where huggingface_hub is missing."""
    if not is_hub_name(name):
        raise ConfigError(f"a model on the Hub must be USER/NAME, got {name!r}. Fix: correct it")
    _library()


def push(
    name: str,
    files: Mapping[str, bytes],
    *,
    private: bool = False,
    message: str = "Upload a model of reparam",
    token: str | None = None,
) -> str:
    """Puts the files of a model on the Hub, in one commit: all of them, or none; its address.

    The model is made where there is none. Files of ours that the new version lacks are removed, all
    others stay. Raises HubError where the Hub refuses or cannot be reached, and where a ``private``
    model is asked for and a public one exists; and what `check_hub` raises.
    """
    check_hub(name)
    hub = _library()
    with _talking(name, "write", token) as api:
        api.create_repo(name, private=private or None, exist_ok=True)
        info = api.model_info(name)
        if private and not info.private:
            raise HubError(
                f"{name}: must be a private model, got one that exists and is public. Fix: take "
                "another name, or make it private on the Hub first"
            )
        there = {sibling.rfilename for sibling in info.siblings or ()}
        gone = sorted((there & set(PRETRAINED_FILES)) - set(files))
        changes = [hub.CommitOperationAdd(file, data) for file, data in files.items()]
        changes += [hub.CommitOperationDelete(file) for file in gone]
        api.create_commit(name, changes, commit_message=message)
        return f"{api.endpoint}/{name}"


def pull(name: str, out: Path, *, revision: str | None = None, token: str | None = None) -> None:
    """Brings a model's run from the Hub into the new folder ``out``: a whole and usable one, or
    none.

    Raises HubError where the Hub has no such model, refuses, or cannot be reached, and for what is
    no usable run of ours; and what `check_hub` and `check_folder_free` raise.
    """
    check_hub(name)
    check_folder_free(out, overwrite=False, own=PRETRAINED_FOLDER)
    with new_folder(out, overwrite=False, own=PRETRAINED_FOLDER) as folder:
        fetch(name, folder, revision=revision, token=token)
        # What huggingface_hub notes of its downloads.
        shutil.rmtree(folder / ".cache", ignore_errors=True)
        check_foreign_run(name, folder)


def fetch(
    name: str, folder: Path | None, *, revision: str | None = None, token: str | None = None
) -> Path:
    """Takes the files of a run from the Hub, into ``folder`` or, without one, into the cache of
    huggingface_hub; the folder. Other files of the model are not taken. Raises HubError.
    """
    check_hub(name)
    with _talking(name, "read", token) as api:
        info = api.model_info(name, revision=revision, files_metadata=True)
        sizes = {each.rfilename: each.size or 0 for each in info.siblings or ()}
        taken = [file for file in RUN_FILES if file in sizes]
        _check_sizes(name, {file: sizes[file] for file in taken})
        paths = [
            api.hf_hub_download(name, file, revision=info.sha, local_dir=folder) for file in taken
        ]
        return Path(paths[0]).parent


def check_foreign_run(name: str, folder: Path) -> None:
    """Raises HubError for a folder of the Hub that holds no usable run."""
    try:
        run = Run.open(folder)
        run.finished("a model on the Hub must be a finished run")
        run.load_model()
    except ReparamError as error:
        raise HubError(f"{name}: {str(error).replace(f'{folder}{os.sep}', '')}") from error


def _check_sizes(name: str, sizes: Mapping[str, int]) -> None:
    """Raises HubError for files that are no run, or larger than one reads."""
    for file in (CONFIG, WEIGHTS):
        if file not in sizes:
            raise HubError(
                f"{name}: must be a model of reparam, got one without {file}. Fix: name another"
            )
    for file, size in sizes.items():
        if not file.endswith(".safetensors") and size > MOST_TEXT:
            raise HubError(
                f"{name}: {file} must be of at most {MOST_TEXT:,} bytes, got {size:,}. Fix: name "
                "another model"
            )


def _library() -> ModuleType:
    """Raises ConfigError where it is not installed."""
    os.environ.setdefault("HF_HUB_DISABLE_TELEMETRY", "1")
    try:
        import huggingface_hub
        import huggingface_hub.constants
        import huggingface_hub.errors
        import huggingface_hub.utils
    except ImportError as error:
        raise ConfigError(
            "the Hub must be reached through the package huggingface_hub, got none. Fix: "
            "pip install 'reparam[hub]'"
        ) from error
    huggingface_hub.constants.HF_HUB_DISABLE_TELEMETRY = True  # also where it was imported before
    return huggingface_hub


@contextmanager
def _talking(name: str, doing: str, token: str | None) -> Iterator[Any]:
    """The library's client, quiet; what they raise becomes a HubError of one line."""
    hub = _library()
    had_bars, level = not hub.utils.are_progress_bars_disabled(), hub.utils.logging.get_verbosity()
    hub.utils.disable_progress_bars()
    hub.utils.logging.set_verbosity_error()
    try:
        yield hub.HfApi(
            endpoint=os.environ.get("HF_ENDPOINT"),
            token=token,
            library_name="reparam",
            library_version=__version__,
        )
    except ReparamError:
        raise
    except Exception as error:  # the library's and its client's, which have no common class
        raise HubError(_said(hub, error, name, doing, token)) from error
    finally:
        hub.utils.logging.set_verbosity(level)
        if had_bars:
            hub.utils.enable_progress_bars()


def _said(hub: ModuleType, error: Exception, name: str, doing: str, token: str | None) -> str:
    """What to say of a failure, without the token."""
    errors = hub.errors
    cause: BaseException = error
    wrapped = RuntimeError, errors.LocalEntryNotFoundError  # of an upload; of a download
    while isinstance(cause, wrapped) and cause.__cause__ is not None:
        cause = cause.__cause__
    status = getattr(getattr(cause, "response", None), "status_code", None)
    login = "log in with `hf auth login`, or set HF_TOKEN"
    if isinstance(cause, errors.RevisionNotFoundError):
        return f"{name}: the Hub has no such revision. Fix: name a branch, a tag or a commit of it"
    if isinstance(cause, errors.GatedRepoError):
        return f"{name}: its owner must let you read it (gated). Fix: ask on its page, and {login}"
    if isinstance(cause, errors.RepositoryNotFoundError) and doing == "read":
        return f"{name}: the Hub has no such model, or it is private. Fix: correct it, or {login}"
    if status == 401 or isinstance(cause, errors.LocalTokenNotFoundError):
        return f"{name}: the Hub must know who you are, to {doing} it (401). Fix: {login}"
    if status in (403, 404):
        return (
            f"{name}: your token must be allowed to {doing} it, the Hub says no ({status}). Fix: "
            "take a token with that right, or another name"
        )
    if status is not None:
        return f"{name}: the Hub answered with an error ({status}). Fix: try again later"
    reason = reason_of(cause)
    for secret in filter(None, (token, hub.get_token())):
        reason = reason.replace(secret, "…")
    return (
        f"{name}: the Hub could not be reached, or the connection broke ({reason}). Fix: look at "
        "the network, and try again"
    )
