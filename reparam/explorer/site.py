"""The page with a bundle: as files of a site, or as one file."""

import base64
import json
from collections.abc import Mapping

from reparam.errors import PageError
from reparam.explorer.built import page_files, single_page

PLACEHOLDER = b"<!--BUNDLE-->"
"""Is in the single page once, where the bundle goes."""


def site_files(bundle: Mapping[str, bytes]) -> Mapping[str, bytes]:
    """Page and bundle, by name below the site. Raises PageError where the page was not built."""
    return {**page_files(), **bundle}


def single_file(bundle: Mapping[str, bytes]) -> bytes:
    """One HTML file that needs no server. Raises PageError where the page was not built."""
    before, found, after = single_page().partition(PLACEHOLDER)
    if not found or PLACEHOLDER in after:
        raise PageError(
            f"the explorer's single page must hold {PLACEHOLDER.decode()} once, got "
            f"{1 + after.count(PLACEHOLDER) if found else 'none'}. Fix: build the page again by "
            "`make page`"
        )
    return b"".join([before, _inlined(bundle), after])


def _inlined(bundle: Mapping[str, bytes]) -> bytes:
    """A script element of data: {"data/manifest.json": "BASE64", ...}.

    In a script only < can begin what ends it (</script, <!--), and JSON can write it otherwise.
    """
    coded = {name: base64.b64encode(data).decode() for name, data in bundle.items()}
    text = json.dumps(coded, ensure_ascii=True, separators=(",", ":")).replace("<", "\\u003c")
    return f'<script type="application/json" id="bundle">{text}</script>'.encode()
