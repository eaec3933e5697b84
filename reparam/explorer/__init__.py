"""The page in which one moves through a latent space: put together with a bundle, and served."""

from reparam.explorer.built import check_page
from reparam.explorer.kept import bundle_key, keep_bundle, kept_bundle
from reparam.explorer.server import ExplorerServer, is_loopback
from reparam.explorer.site import single_file, site_files

__all__ = [
    "ExplorerServer",
    "bundle_key",
    "check_page",
    "is_loopback",
    "keep_bundle",
    "kept_bundle",
    "single_file",
    "site_files",
]
