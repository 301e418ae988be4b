"""Links between the pages lead somewhere; tables that name things of the code name all of them, and none that are not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from livekit.protocol.room import DESCRIPTOR as ROOM_FILE
from livekit.protocol.rtc import SignalRequest, SignalResponse

from roomful.core import errors
from roomful.core.events import LeaveReason

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LINK = re.compile(r"(?<!!)\[[^\]\n]*\]\(([^)\s]+)\)|!\[[^\]\n]*\]\(([^)\s]+)\)")


def anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken() -> Iterator[str]:
    for page in PAGES:
        text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
        for match in LINK.finditer(text):
            target, _, anchor = (match[1] or match[2]).partition("#")
            if "://" in target or target.startswith("mailto:"):
                continue
            path = (page.parent / target).resolve() if target else page
            if not path.exists() or (anchor and anchor not in anchors(path)):
                yield f"{page.relative_to(ROOT)}: {match[0]}"


def test_every_link_leads_somewhere() -> None:
    assert list(broken()) == []


def test_every_page_can_be_found_from_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = [page for page in PAGES if page.is_relative_to(ROOT / "docs") and page.name != "README.md"]
    assert [str(page) for page in pages if str(page.relative_to(ROOT / "docs")) not in index] == []


def test_livekits_messages_are_all_in_the_table() -> None:
    table = (ROOT / "docs" / "reference" / "livekit.md").read_text()
    names = [
        *(field.name for message in (SignalRequest, SignalResponse) for field in message.DESCRIPTOR.fields),
        *(method.name for method in ROOM_FILE.services_by_name["RoomService"].methods),
    ]
    assert [name for name in names if f"`{name}`" not in table] == []


def test_errors_and_reasons_are_all_in_the_table() -> None:
    page = (ROOT / "docs" / "reference" / "errors.md").read_text()
    classes = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.RoomfulError)]
    wanted = {one.code for one in classes if one is not errors.RoomfulError} | {str(one) for one in LeaveReason}
    assert sorted(code for code in wanted if f"`{code}`" not in page) == []
    sources = [path.read_text() for path in (ROOT / "src" / "roomful").rglob("*.py")]
    table = page[: page.index("In Python:")]
    codes = set(re.findall(r"`([a-z]+_[a-z_]+)`", table))
    assert (
        sorted(code for code in codes if not any(f'"{code}"' in text or f"`{code}`" in text for text in sources)) == []
    )
