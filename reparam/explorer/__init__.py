"""The page in which one moves through a latent space: put together with a bundle, and served."""

from typing import TYPE_CHECKING

from reparam.explorer.built import check_page
from reparam.explorer.kept import bundle_key, keep_bundle, kept_bundle
from reparam.explorer.server import ExplorerServer, is_loopback
from reparam.explorer.site import single_file, site_files
from reparam.late import late_names

if TYPE_CHECKING:
    from reparam.explorer.widget import ExplorerWidget

__all__ = [
    "ExplorerServer",
    "ExplorerWidget",
    "bundle_key",
    "check_page",
    "is_loopback",
    "keep_bundle",
    "kept_bundle",
    "single_file",
    "site_files",
]

__getattr__ = late_names(__name__)
