"""The sign-in page: one form, no script, nothing from another host.

Pure: text in, HTML out; everything that comes from outside is escaped.
"""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Final
from urllib.parse import urlsplit

STYLE: Final = """
:root{color-scheme:light dark;--ink:#16211b;--paper:#f4f6f3;--card:#fff;
--line:#c5cec7;--green:#1d6b43;--red:#a3271d}
@media(prefers-color-scheme:dark){:root{--ink:#e6ece8;--paper:#101613;--card:#18211c;
--line:#3a4740;--green:#63c08d;--red:#ff8a7d}}
*{box-sizing:border-box}
body{margin:0;min-height:100vh;display:grid;place-items:center;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,sans-serif}
main{width:min(24rem,100vw - 2rem);padding:2rem;background:var(--card);
border:1px solid var(--line);border-radius:12px}
h1{margin:0 0 1.25rem;font-size:1.35rem;line-height:1.25;overflow-wrap:anywhere}
label{display:block;margin:1rem 0 .3rem;font-weight:600;font-size:.92rem}
input{width:100%;padding:.6rem .7rem;font:inherit;color:inherit;background:var(--paper);
border:1px solid var(--line);border-radius:8px}
:focus-visible{outline:2px solid var(--green);outline-offset:2px}
button{width:100%;margin-top:1.25rem;padding:.65rem;font:inherit;font-weight:600;border-radius:8px;
border:1px solid var(--green);background:var(--green);color:var(--card);cursor:pointer}
button+button{margin-top:.6rem;background:transparent;color:var(--green)}
.wrong{margin:0 0 .5rem;color:var(--red)}
.note{margin:1.25rem 0 0;font-size:.85rem;opacity:.75}
"""

_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()


def policy(redirect_uri: str = "") -> str:
    """The Content-Security-Policy of a page. A browser follows a form's redirect only to where it allows.

    A policy has no words for an IPv6 address: its whole scheme is allowed then, as is an app's own scheme."""
    allowed = "'self'"
    if redirect_uri:
        parts = urlsplit(redirect_uri)
        named = parts.scheme in ("http", "https") and "[" not in parts.netloc
        allowed += f" {parts.scheme}://{parts.netloc}" if named else f" {parts.scheme}:"
    return (
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action {allowed}; "
        "frame-ancestors 'none'; base-uri 'none'"
    )


def _whole(title: str, inner: str) -> bytes:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head>"
        f"<body><main><h1>{escape(title)}</h1>{inner}</main></body></html>"
    ).encode()


def sign_in(
    app: str, *, action: str, token: str, email: str = "", wrong: str = "", may_sign_up: bool = False
) -> bytes:
    """The form. `action`: where it is sent, with its query; `token`: shows that it came from here."""
    title = f"Sign in to {app}" if app else "Sign in"
    told = f'<p class="wrong" role="alert">{escape(wrong)}</p>' if wrong else ""
    focus = ("", " autofocus") if email else (" autofocus", "")
    more = '<button name="new" value="1">Create an account</button>' if may_sign_up else ""
    return _whole(
        title,
        f'{told}<form method="post" action="{escape(action)}">'
        f'<input type="hidden" name="form_token" value="{escape(token)}">'
        '<label for="email">E-mail</label><input id="email" name="username" type="email" required '
        f'autocomplete="username" maxlength="254" value="{escape(email)}"{focus[0]}>'
        '<label for="password">Password</label><input id="password" name="password" type="password" required '
        f'autocomplete="current-password" maxlength="256"{focus[1]}>'
        f"<button>Sign in</button>{more}</form>",
    )


def refused(reason: str) -> bytes:
    """What a person sees whose request can't be sent back to the app."""
    return _whole(
        "This sign-in link does not work",
        f'<p class="wrong">{escape(reason)}.</p><p class="note">Go back to the app and try again. '
        "If it happens again, its owner has to register the client or its redirect URI.</p>",
    )
