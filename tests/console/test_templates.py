"""What no browser would tell: ids that nothing has, icons that do not exist, words that nobody can translate."""

import re
from importlib import import_module
from pathlib import Path
from zipfile import ZipFile

import lucide
import pytest
from django.conf import settings
from django.template.loader import get_template

from aim.console.fragments import FRAGMENTS, register_fragment
from aim.console.keyboard import Scope, register_key, registered_keys
from aim.runtime.environment import CHECKOUT

ROOMS = ("aim", "accounts", "agents", "mcp", "verification", "security", "compliance")
FOLDER = CHECKOUT / "templates"
# Programs that show mail know neither our style sheets nor a person's language.
TEMPLATES = {
    str(path.relative_to(FOLDER)): path.read_text()
    for path in sorted(FOLDER.rglob("*.html"))
    if path.parent.name != "mail"
}
# Names and addresses, which are the same in every language.
EXAMPLES = (
    "Agent Identity Management",
    "Claude Code Assistant",
    "Release Notes Writer",
    "/app/config/backup.json",
    "Ctrl",
    "Esc",
)
SOURCES = "\n".join(path.read_text() for room in ROOMS for path in (CHECKOUT / room).rglob("*.py"))


@pytest.mark.parametrize("name", TEMPLATES)
def test_every_template_compiles(name):
    get_template(name)


def test_every_target_is_a_registered_fragment():
    wrong = [
        f"{name}: {target}"
        for name, text in TEMPLATES.items()
        for target in re.findall(r'hx-target(?::inherited)?="([^"]+)"', text)
        if target != "this" and not re.fullmatch(r"#\{\{ (?:fragments\.\w+|fragment) \}\}", target)
    ]
    assert wrong == []


def test_every_fragment_that_is_named_exists_and_is_drawn():
    # Views name their fragments as they are read, which the addresses make sure of.
    import_module(settings.ROOT_URLCONF)
    named = {key for text in TEMPLATES.values() for key in re.findall(r"fragments\.(\w+)", text)}
    assert named <= set(FRAGMENTS)
    drawn = {
        key
        for text in TEMPLATES.values()
        for key in re.findall(r'(?:\bid|c-list fragment)="\{\{ fragments\.(\w+) \}\}"', text)
    }
    aimed = {
        key
        for text in TEMPLATES.values()
        for key in re.findall(r'hx-target(?::inherited)?="#\{\{ fragments\.(\w+)', text)
    }
    assert aimed <= drawn


def test_a_fragment_cannot_be_registered_twice():
    with pytest.raises(ValueError, match="exists already"):
        register_fragment("another", next(iter(FRAGMENTS.values())))


def test_every_icon_exists():
    with ZipFile(f"{lucide.__path__[0]}/lucide.zip") as file:
        known = {name.removesuffix(".svg") for name in file.namelist()}
    used = {
        icon
        for text in (*TEMPLATES.values(), SOURCES)
        for icon in re.findall(r'(?:\{% icon "|\bicon="|icon=")([a-z0-9-]+)"', text)
    }
    assert len(used) > 20
    assert used - known == set()


def test_every_key_on_an_element_is_on_the_sheet():
    known = {key.keys for _scope, _title, keys in registered_keys() for key in keys}
    used = {key for text in TEMPLATES.values() for key in re.findall(r'(?:data-key|<c-\S+[^>]*? key)="([^"{]+)"', text)}
    assert used
    assert used - known == set()


def test_a_key_cannot_be_registered_twice():
    with pytest.raises(ValueError, match="taken"):
        register_key(Scope.APPROVALS, "?", "Another sheet")


@pytest.mark.parametrize("name", TEMPLATES)
def test_nothing_is_inline(name):
    text = TEMPLATES[name]
    assert not re.search(
        r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=|hx-on|hx-vals=.js:|hx-trigger=\"[^\"]*\[", text
    )


@pytest.mark.parametrize(
    "name", sorted(set(TEMPLATES) - {"400.html", "500.html", "components/mark.html", "api/docs.html"})
)
def test_every_word_can_be_translated(name):
    text = re.sub(r"\{% comment %\}.*?\{% endcomment %\}", "", TEMPLATES[name], flags=re.DOTALL)
    text = re.sub(r"\{% block (page_class|body_attributes) %\}.*?\{% endblock", "", text, flags=re.DOTALL)
    text = re.sub(r"\{% blocktranslate.*?\{% endblocktranslate %\}", "", text, flags=re.DOTALL)
    text = re.sub(r"<(c-code|pre|svg|code)\b.*?</\1>", "", text, flags=re.DOTALL)
    text = re.sub(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", "", text, flags=re.DOTALL)
    text = re.sub(r"<[^>]*>", "", text, flags=re.DOTALL)
    for example in EXAMPLES:
        text = text.replace(example, "")
    assert re.findall(r"[A-Za-z][a-z]{2,}", text) == []


@pytest.mark.parametrize("name", ["base", "controls", "data", "noscript", "pages", "shell", "tokens"])
def test_every_block_of_a_stylesheet_is_closed_where_the_next_layer_begins(name):
    """A brace that is lost in a merge nests all the layers behind it, and silently takes their rank away."""
    depth = 0
    for line in Path(f"aim/static/aim/css/{name}.css").read_text().splitlines():
        assert depth == 0 or not line.startswith("@layer"), line
        depth += line.count("{") - line.count("}")
    assert depth == 0
