from pathlib import Path

import pytest
from tests.docs import generate


@pytest.mark.parametrize("page", generate.PAGES, ids=lambda page: page.name)
def test_the_generated_parts_say_what_the_code_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert generate.regenerated(text) == text, "run `make docs`"


def test_every_generated_part_stands_on_a_page() -> None:
    used = {found[2] for page in generate.PAGES for found in generate.PART.finditer(page.read_text("utf-8"))}
    assert used == set(generate.PARTS)


def test_every_module_opens_with_a_sentence() -> None:
    silent = [
        str(file.relative_to(generate.SOURCE))
        for file in generate.SOURCE.rglob("*.py")
        if not generate.first_sentence(file).endswith((".", ":"))
    ]
    assert silent == []


def test_a_changed_table_is_noticed() -> None:
    text = "<!-- generated: exits -->\nold\n<!-- end -->\n"
    assert generate.regenerated(text) != text
    assert generate.regenerated(generate.regenerated(text)) == generate.regenerated(text)
