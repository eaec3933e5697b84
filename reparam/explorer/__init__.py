"""The page in which one moves through a latent space: put together with a bundle, and served."""

from reparam.explorer.built import check_page
from reparam.explorer.server import ExplorerServer, is_loopback
from reparam.explorer.site import single_file, site_files

__all__ = ["ExplorerServer", "check_page", "is_loopback", "single_file", "site_files"]
