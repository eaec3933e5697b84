"""Black and white images from grey ones, for a Bernoulli likelihood."""

from reparam.errors import ConfigError
from reparam.model import Noise, uniform
from reparam.types import Images


def binarise(x: Images, kind: str, generator: Noise = None) -> Images:
    """``x`` with pixels that are 0 or 1.

    dynamic: each is drawn from Bernoulli(its grey value), anew at every call (Burda et al. 2016,
    section 5, after Salakhutdinov & Murray 2008); threshold: 1 from 0.5 on; none: ``x`` itself.
    Raises ConfigError for an unknown kind.
    """
    if kind == "none":
        return x
    if kind == "dynamic":
        return (uniform(x.shape, generator, x) < x).to(x.dtype)
    if kind == "threshold":
        return (x >= 0.5).to(x.dtype)
    raise ConfigError(f"binarise must be none, dynamic or threshold, got {kind!r}. Fix: choose one")
