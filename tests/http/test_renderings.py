"""Renderings of a warning beside page, text and JSON; who may frame it; and text that stays text in all of them."""

from __future__ import annotations

import pytest

from experiments import desk
from tests.http.conftest import ORIGIN

PATH = "/v1/warnings/search-uk"


# ------------------------------------------------------------------------------- a chat server's refusal


def refusal(service, query: str = "", **headers: str):
    return service.get(f"{PATH}?as=matrix-error{query}", key="server", headers=headers)


def test_a_refusal_has_the_shape_of_msc4228(service):
    answer = refusal(service, "&locale=de")
    assert (answer.status_code, answer.content_type) == (403, "application/json")
    assert answer.json.keys() == {"errcode", "error", "messages"}
    assert answer.json["errcode"] == "M_FORBIDDEN"
    assert answer.json["messages"].keys() == {"en", "de"}
    assert answer.json["error"] == answer.json["messages"]["de"]
    assert answer.headers["Content-Language"] == "de"


def test_each_language_has_the_whole_warning_of_one_and_the_same_variant(service):
    texts = refusal(service).json["messages"]
    (variant,) = {text.split()[0] for text in texts.values()}
    assert variant in ("present", "law", "harm")
    for tag, text in texts.items():
        young = {"en": "Are you under 18?", "de": "Bist du unter 18?"}[tag]
        by_call = {"en": "helpline by call", "de": "helpline per call"}[tag]
        order = [text.index(part) for part in (f"{variant} {tag}", f"{tag} one", f"{tag} two", by_call, young)]
        assert order == sorted(order)
        assert text.count("/v1/go/") == 5
        assert f"?locale={tag}" in text


def test_it_counts_one_exposure_and_its_links_count_the_click(service):
    text = refusal(service).json["error"]
    assert (service.total("a"), service.total("e")) == (1, 1)
    link = next(line.strip() for line in text.splitlines() if "/helpline/click" in line)
    assert service.get(link.removeprefix("http://localhost")).status_code == 302
    assert service.total("d0") == 1


def test_a_session_of_the_chat_server_is_counted_once(service):
    for _ in range(2):
        refusal(service, **{"Signpost-Session": "visit"})
    assert service.total("e") == 1


def test_the_fallback_and_a_forced_variant_have_all_languages_too(service):
    assert refusal(service, "&locale=fr").json["messages"].keys() == {"en", "de"}
    assert "Fallback UK en" in refusal(service, "&locale=fr").json["error"]
    forced = refusal(service, "&override=harm").json["messages"]
    assert {tag: text.partition("\n")[0] for tag, text in forced.items()} == {"en": "harm en", "de": "harm de"}
    assert service.total("a") == 0


def test_what_goes_wrong_is_a_refusal_with_the_fallback(service):
    answer = service.get(f"{PATH}?as=matrix-error")
    assert answer.status_code == 401
    assert answer.json["errcode"] == "M_FORBIDDEN"
    assert "Fallback UK de" in answer.json["messages"]["de"]
    assert "WWW-Authenticate" in answer.headers


def test_a_prefetch_and_a_look_at_the_headers_count_nothing(service):
    assert refusal(service, **{"Sec-Purpose": "prefetch"}).status_code == 503
    assert service.call("HEAD", f"{PATH}?as=matrix-error", key="server").status_code == 403
    assert service.total("a") == 0


# ------------------------------------------------------------------------------------- asking for a kind


@pytest.mark.parametrize(
    ("name", "kind"), [("page", "text/html"), ("text", "text/plain"), ("json", "application/json")]
)
def test_a_rendering_by_its_name_goes_before_accept(service, name, kind):
    for accept in ("text/html", "text/plain", "application/json"):
        answer = service.get(f"{PATH}?as={name}", key="server", headers={"Accept": accept})
        assert (answer.status_code, answer.mimetype) == (200, kind)


def test_an_unknown_rendering_is_told_with_a_warning(service):
    answer = service.get(f"{PATH}?as=pdf", key="server", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json["pointer"]) == (422, "/as")
    assert answer.json["message"]["title"] == "Fallback UK en"
    assert service.total("a") == 0


def test_only_a_server_forces_a_variant(service):
    answer = service.get(f"{service.browser_path(PATH)}&override=law&as=json", headers={"Origin": ORIGIN})
    assert (answer.status_code, answer.json["pointer"]) == (422, "/override")


@pytest.mark.parametrize("kind", ["page", "text", "json", "matrix-error"])
def test_a_forced_variant_is_shown_in_every_kind_and_counted_nowhere(service, kind):
    before = service.hashes()
    answer = service.get(f"{PATH}?as={kind}&override=law", key="server")
    assert "law en" in answer.text
    assert "/v1/go/" in answer.text
    assert service.hashes() == before


# ------------------------------------------------------------------------------------------------ frames


def frames(service, path: str, **options) -> str:
    policy = service.get(path, **options).headers["Content-Security-Policy"]
    return policy.partition("frame-ancestors ")[2]


def test_the_sites_of_a_browser_key_may_frame_the_page(service):
    sites = ("https://www.example.org", "http://example.onion:8080", "null", "https://x; script-src *", "*")
    service.key("many", kind="browser", origins=sites)
    path = f"{PATH}?key={service.keys['many']}"
    assert frames(service, path) == "https://www.example.org http://example.onion:8080"
    assert "script-src *" not in service.get(path).headers["Content-Security-Policy"]


def test_nobody_frames_what_a_server_asks_for_or_who_has_no_key(service):
    assert frames(service, PATH, key="server") == "'none'"
    assert frames(service, PATH) == "'none'"
    assert frames(service, f"{PATH}?key=pk_nobody") == "'none'"
    assert frames(service, f"{PATH}?key=pk_{service.keys['server-id']}") == "'none'"


def test_a_revoked_key_still_shows_the_fallback_in_its_frame(service):
    desk.revoke_key(service.runtime, service.keys["browser-id"], int(service.clock()))
    service.runtime.refresh(service.clock())
    answer = service.get(service.browser_path(PATH))
    assert (answer.status_code, "Fallback UK en" in answer.text) == (401, True)
    assert frames(service, service.browser_path(PATH)) == ORIGIN
