"""Multipart answers taken apart by the standard library, for the tests of what we send."""

from __future__ import annotations

import email.parser
import email.policy
from email.message import EmailMessage

from couchgrass.testing.call import Reply


def parts_of(reply: Reply) -> list[EmailMessage]:
    """The parts of a multipart answer."""
    parser = email.parser.BytesParser(policy=email.policy.HTTP)
    head = f"Content-Type: {reply.headers['content-type']}\r\n\r\n".encode()
    message = parser.parsebytes(head + reply.body)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return [part for part in message.iter_parts() if isinstance(part, EmailMessage)]


def content(part: EmailMessage) -> bytes:
    """The bytes of a part."""
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)
    return data
