"""Models on the Hugging Face Hub, through huggingface_hub: the extra ``hub``.

A token comes from the caller, from HF_TOKEN or from `hf auth login`; it is in no file, message or
record of ours.
"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from reparam._version import __version__
from reparam.errors import ConfigError, HubError, ReparamError, reason_of
from reparam.evaluation import check_scorecard
from reparam.export.hub_errors import message_of
from reparam.export.model_card import LIBRARY
from reparam.export.place import check_folder_free, new_folder
from reparam.export.pretrained import CARD, PRETRAINED_FILES
from reparam.export.public_run import RUN_FILES, write_public_run
from reparam.extras import need
from reparam.model import Autoencoder, EncoderBound
from reparam.runs import CONFIG, RESULT, WEIGHTS, Run

_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*", re.A)


def is_hub_name(name: str) -> bool:
    """Whether this may be the name of a model on the Hub: user/name."""
    return _NAME.fullmatch(name) is not None


def check_hub(name: str) -> None:
    """Raises ConfigError for what is no name of a model, and where huggingface_hub is missing."""
    check_hub_name(name)
    need("a model on the Hub", "hub")
    from huggingface_hub.utils import HFValidationError, validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise ConfigError(
            f"a model on the Hub must have a name that the Hub takes, got {name!r} "
            f"({reason_of(error)}). Fix: correct it"
        ) from error


def check_hub_name(name: str) -> None:
    """Raises ConfigError for what is not USER/NAME. Of `check_hub`, what needs no package."""
    if not is_hub_name(name):
        raise ConfigError(f"a model on the Hub must be USER/NAME, got {name!r}. Fix: correct it")


def push(name: str, folder: Path, *, private: bool = False, token: str | None = None) -> str:
    """Puts a folder of `save_pretrained` on the Hub, in one commit: all of it, or nothing; its
    address.

    The model is made where there is none. Files of ours that the new version lacks are removed, all
    others stay. Raises HubError where the Hub refuses or cannot be reached, and where a ``private``
    model is asked for and a public one exists, or one of another library; and what `check_hub`
    raises.
    """
    check_hub(name)
    with _client(name, "write", token) as (hub, api):
        # Before anything is made: the Hub may not know the licence.
        hub.ModelCard((folder / CARD).read_text(encoding="utf-8")).validate()
        api.create_repo(name, private=private or None, exist_ok=True)
        info = api.model_info(name)
        if private and not info.private:
            raise HubError(
                f"{name}: must be a private model, got one that exists and is public. Fix: take "
                "another name, or make it private on the Hub first"
            )
        every = {sibling.rfilename for sibling in info.siblings or ()}
        there, foreign = every & set(PRETRAINED_FILES), every & set(RUN_FILES)
        if info.library_name is not None:  # its weights may have names of their own
            foreign |= every - set(PRETRAINED_FILES) - {".gitattributes"}
        if foreign and info.library_name != LIBRARY:
            found = "an unnamed library" if info.library_name is None else info.library_name
            raise HubError(
                f"{name}: must be a new model or one of {LIBRARY}, got one of {found} with "
                f"{', '.join(sorted(foreign)[:5])}. Fix: take another name"
            )
        new = {file.name: file for file in sorted(folder.iterdir())}
        changes = [hub.CommitOperationAdd(file, path) for file, path in new.items()]
        changes += [hub.CommitOperationDelete(file) for file in sorted(there - set(new))]
        # Not upload_folder: it may make several commits.
        api.create_commit(name, changes, commit_message=f"Model of reparam {__version__}")
        return f"{api.endpoint}/{name}"


def check_prior_is_public(part: nn.Module, name: str, option: str) -> None:
    """Raises ConfigError where a model, or its prior, holds images of its training."""
    if any(isinstance(each, EncoderBound) for each in part.modules()):
        raise ConfigError(
            f"{name} must hold no images of its training, which go out with its "
            f"weights, got a prior that is made of some. Fix: {option} if everybody may see them"
        )


def fetch(name: str, *, revision: str | None = None, token: str | None = None) -> Path:
    """The folder of a run on the Hub in the cache of huggingface_hub, where it is put first.

    Other files of the model are not taken. Raises HubError where the Hub has no such model,
    refuses, or cannot be reached, and for what is no usable run; and what `check_hub` raises.
    """
    run, _ = _fetched(name, revision, token)
    return run.path


def pull(name: str, out: Path, *, revision: str | None = None, token: str | None = None) -> None:
    """Brings a run from the Hub into the new folder ``out``: a whole and usable one, or none.

    Of each path in it the last name is left, as `push` does it: whoever made it must not choose
    which files and addresses our commands open. Raises what `fetch` raises, and ConfigError where
    something exists in ``out``.
    """
    check_folder_free(out, overwrite=False)
    run, model = _fetched(name, revision, token)
    with new_folder(out, overwrite=False) as folder:
        write_public_run(run, model, folder)


def _fetched(name: str, revision: str | None, token: str | None) -> tuple[Run, Autoencoder]:
    """A whole run in the cache, and its model."""
    check_hub(name)
    with _client(name, "read", token) as (_, api):
        found = api.snapshot_download(name, revision=revision, allow_patterns=[*RUN_FILES])
    folder = Path(found)
    missing = [file for file in (CONFIG, WEIGHTS, RESULT) if not (folder / file).exists()]
    if missing:
        raise HubError(
            f"{name}: must be a finished model of {LIBRARY}, got one without "
            f"{', '.join(missing)}. Fix: name another"
        )
    try:
        run = Run.open(folder)
        model = run.load_model()
        run.metrics()
        check_scorecard(run, model=model)
    except ReparamError as error:
        # The folder of all its revisions: that of one has only links.
        raise HubError(
            f"{name}: cannot be used ({error}). Fix: take another revision, or delete "
            f"{folder.parent.parent} and download it again"
        ) from error
    return run, model


@contextmanager
def _client(name: str, doing: str, token: str | None) -> Iterator[tuple[ModuleType, Any]]:
    """The library and its client, both quiet; what they raise becomes a HubError of one line."""
    import huggingface_hub as hub
    from huggingface_hub import constants

    constants.HF_HUB_DISABLE_TELEMETRY = True
    had_bars, level = not hub.utils.are_progress_bars_disabled(), hub.utils.logging.get_verbosity()
    hub.utils.disable_progress_bars()
    hub.utils.logging.set_verbosity_error()
    try:
        yield hub, hub.HfApi(token=token, library_name="reparam", library_version=__version__)
    except ReparamError:
        raise
    except Exception as error:  # the library's and its client's, which have no common class
        raise HubError(f"{name}: {message_of(hub, error, doing, token)}") from error
    finally:
        hub.utils.logging.set_verbosity(level)
        if had_bars:
            hub.utils.enable_progress_bars()
