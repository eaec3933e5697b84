"""The explorer's page as a widget of Jupyter, VS Code and Colab (anywidget)."""

from collections.abc import Sequence
from pathlib import Path

import anywidget
import numpy as np
import traitlets

from reparam.errors import ConfigError


class _Row(traitlets.TraitType):
    """A row of numbers, as a NumPy array; JSON has them as a list. An equal one is no change."""

    dtype: type = np.float64

    def validate(self, obj: object, value: object) -> np.ndarray:
        row = np.asarray(value)
        if row.ndim != 1 or (row.size and row.dtype.kind not in "biuf"):
            raise ConfigError(
                f"{self.name} must be a row of numbers, got {value!r:.80}. Fix: pass an array (N,)"
            )
        return row.astype(self.dtype)

    def set(self, obj: traitlets.HasTraits, value: object) -> None:
        row: np.ndarray = np.asarray(self._validate(obj, value))
        if not np.array_equal(row, np.asarray(self.get(obj))):
            super().set(obj, row)

    def default_value_repr(self) -> str:
        return "an empty row"

    def make_dynamic_default(self) -> np.ndarray:
        return np.zeros(0, self.dtype)


class _Whole(_Row):
    """A row of whole numbers; a mask becomes the places where it is true."""

    dtype = np.int64

    def validate(self, obj: object, value: object) -> np.ndarray:
        row = np.asarray(value)
        return super().validate(obj, np.flatnonzero(row) if row.dtype.kind == "b" else value)


def _as_list(value: np.ndarray, widget: object) -> list[float]:
    return value.tolist()


def _as_given(value: Sequence[float], widget: object) -> Sequence[float]:
    return value


class ExplorerWidget(anywidget.AnyWidget):
    """The page of one model and some images; `reparam.explore` makes it.

    ``selection`` (n,), int64: which images are selected, by their place among the images shown,
    from 0. The lasso, a class that is gathered and the page's filters set it, and so may Python
    (a mask is taken, too). ``z`` (d,): the latent that is decoded, which follows the pointer until
    a click pins it; empty until the page is shown. Both can be observed:
    ``widget.observe(call, "selection")``.
    """

    _esm = Path(__file__).with_name("widget.js")
    _page = traitlets.Bytes(b"").tag(sync=True)
    height = traitlets.Int(720, help="Of the page, in CSS pixels.").tag(sync=True)
    selection = _Whole().tag(sync=True, to_json=_as_list, from_json=_as_given)
    z = _Row().tag(sync=True, to_json=_as_list, from_json=_as_given)

    def __init__(self, page: bytes, *, images: int, latent_dim: int, height: int) -> None:
        """``page``: the single file of the explorer, which shows so many images."""
        self._images, self._latent_dim = images, latent_dim
        super().__init__(_page=page, height=height)

    @traitlets.validate("selection")
    def _check_selection(self, proposal: traitlets.Bunch) -> np.ndarray:
        row: np.ndarray = proposal["value"]
        if row.size and not (row.min() >= 0 and row.max() < self._images):
            raise ConfigError(
                f"selection must be from 0 to {self._images - 1}, got {row.min()} to {row.max()}. "
                "Fix: give places among the images shown"
            )
        return row

    @traitlets.validate("z")
    def _check_z(self, proposal: traitlets.Bunch) -> np.ndarray:
        row: np.ndarray = proposal["value"]
        if row.shape != (self._latent_dim,) or not np.isfinite(row).all():
            raise ConfigError(
                f"z must be {self._latent_dim} finite numbers, got {row.tolist()!r:.80}. Fix: give "
                "a latent, such as a row of transform(images)"
            )
        return row
