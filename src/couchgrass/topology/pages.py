"""Where an app's pages may be, and with which policy: what `couchgrass.toml` says of them.

Pure. Pages share their host with APIs and with what the platform serves itself: what begins as one of those
paths is never a page's. A Content-Security-Policy goes into a header as it is, so it has no line end.
"""

from __future__ import annotations

import re
from typing import Final

PATH_CHARS_MAX: Final = 200
PATH_PATTERN: Final = r"/(?!(?:api|oauth|_[^/]*|\.well-known)/)(?:(?!\.{1,2}/)[A-Za-z0-9._~-]+/)*"
CSP_CHARS_MAX: Final = 4096
CSP_PATTERN: Final = r"[ -~]*"

_TAKEN: Final = re.compile(r"/(?:api|oauth|_[^/]*|\.well-known)/")


def path_problem(path: str) -> str:
    """What is wrong with the path of pages, in words; "" when nothing is."""
    if not (path.startswith("/") and path.endswith("/")):
        return f"{path or 'an empty one'}: a path begins and ends with a slash, such as / or /todo/"
    if _TAKEN.match(path):
        return f"{path}: below {path[: path.index('/', 1) + 1]} is what the gateway itself serves"
    if len(path) > PATH_CHARS_MAX or not re.fullmatch(PATH_PATTERN, path):
        return f"{path}: between slashes are letters, digits and . _ ~ -, {PATH_CHARS_MAX} in all"
    return ""


def csp_problem(csp: str) -> str:
    """The same of a policy."""
    if len(csp) > CSP_CHARS_MAX or not re.fullmatch(CSP_PATTERN, csp):
        return f"a policy is one line of ASCII, {CSP_CHARS_MAX} characters at the most"
    return ""
