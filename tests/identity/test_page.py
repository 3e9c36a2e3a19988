"""The page escapes what comes from outside, and allows a browser nothing but itself."""

from __future__ import annotations

from html.parser import HTMLParser

from hypothesis import given
from hypothesis import strategies as st

from couchgrass.identity import page

HOSTILE = '"><script>alert(1)</script>'


class Tags(HTMLParser):
    """The tags of a page, and its title."""

    def __init__(self, text: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.fields: dict[str, str | None] = {}
        self.feed(text.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        found = dict(attrs)
        if tag == "input":
            self.fields[str(found["name"])] = found.get("value")


@given(st.text(max_size=30) | st.just(HOSTILE))
def test_nothing_from_outside_becomes_markup(text: str) -> None:
    plain = Tags(page.sign_in("App", action="?a", token="t", email="e", wrong="w"))
    found = Tags(page.sign_in(text or "x", action=text, token=text, email=text or "x", wrong=text or "x"))
    assert found.tags == plain.tags
    assert Tags(page.refused(text)).tags == Tags(page.refused("x")).tags


def test_the_form_has_its_fields_and_a_way_in_for_new_users_only_where_there_is_one() -> None:
    found = Tags(page.sign_in("Todo", action="?a=1", token="secret", may_sign_up=True))
    assert (
        set(found.fields) == {"form_token", "username", "password"} and found.fields["form_token"] == "secret"
    )
    assert found.tags.count("button") == 2
    assert Tags(page.sign_in("Todo", action="", token="")).tags.count("button") == 1


def test_the_policy_lets_the_form_lead_to_the_app_and_nothing_else() -> None:
    found = page.policy("https://a.example:8443/cb?x")
    assert "form-action 'self' https://a.example:8443;" in found
    assert found.startswith("default-src 'none'") and "frame-ancestors 'none'" in found
    assert "form-action 'self' com.example.app:;" in page.policy("com.example.app://cb")
    assert "form-action 'self' http:;" in page.policy("http://[::1]:3000/cb")
