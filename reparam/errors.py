"""The errors that reparam raises on purpose.

Each message gives the rule, the value found and the mend, in one line. The command prints it
without a traceback and ends with status 2.
"""


class ReparamError(Exception):
    """Anything that the person at the keyboard can mend."""


class ConfigError(ReparamError, ValueError):
    """An option, a name or a combination of options that cannot be."""


class DataError(ReparamError, ValueError):
    """Images, labels or latents that cannot be read or used."""


class DataRangeError(DataError):
    """Pixel values outside of the range that the data's type promises."""


class ShapeError(ReparamError, ValueError):
    """Sizes that do not fit together: images, latents, strides."""


class RunError(ReparamError, RuntimeError):
    """A run folder that is missing, incomplete, foreign, or in use."""
