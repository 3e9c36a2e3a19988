"""The actions of ``/whisk.system/samples``: something to try. Each function is one action."""

from __future__ import annotations

import urllib.error
import urllib.request
from typing import Any

Args = dict[str, Any]

CURL_S = 10
CURL_BYTES_MAX = 512 * 1024


def greeting(args: Args) -> Args:
    """Greets somebody from somewhere."""
    print("params:", args)
    name = args.get("name") or args.get("payload") or "stranger"
    return {"payload": f"Hello, {name} from {args.get('place') or 'somewhere'}!"}


def helloWorld(args: Args) -> Args:
    """Says hello in its log."""
    print(f"hello {args.get('payload')}!")
    return {}


def wordCount(args: Args) -> Args:
    """How many words a text has."""
    text = args.get("payload")
    if not isinstance(text, str):
        return {"error": "Expected an argument 'payload' of type 'string'."}
    count = len(text.split(" "))
    print(f"The message '{text}' has {count} words")
    return {"count": count}


def curl(args: Args) -> Args:
    """What is found at a URL, or what went wrong."""
    url = str(args.get("payload") or "")
    url = url if "://" in url else f"http://{url}"
    if not url.startswith(("http://", "https://")):
        return {"msg": "only http and https are asked"}
    try:
        with urllib.request.urlopen(url, timeout=CURL_S) as answer:  # noqa: S310
            return {"msg": answer.read(CURL_BYTES_MAX).decode("utf-8", "replace")}
    except (OSError, ValueError) as failed:
        return {"msg": str(failed)}
