"""Policies as text, for repositories and reviews: one file with policies, their tests and the data classes they name.

What is written is read back as the same documents, and written again as the same bytes.
"""

from collections.abc import Hashable, Sequence
from typing import Any

import yaml
from django.utils.translation import gettext, ngettext
from msgspec import Struct

from aim.errors import InvalidInputError, Problem
from verification.policies.cases import test_problems
from verification.policies.document import Document, document_value, read_document
from verification.policies.reading import Reader, Texts
from verification.policies.terms import data_class_problems, pattern_problems

MOST_POLICIES = 500
LONGEST_FILE = 2_000_000


class DataClassText(Struct, frozen=True):
    name: str
    patterns: Texts
    description: str = ""


class PolicyFile(Struct, frozen=True):
    policies: tuple[Document, ...]
    data_classes: tuple[DataClassText, ...] = ()


class _StrictLoader(yaml.SafeLoader):
    """YAML without what surprises people: no key twice, no aliases that multiply, no dates or octal numbers."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.constructor.ConstructorError(None, None, gettext("aliases are not taken"), mark)
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:  # noqa: FBT001, FBT002 - the library's signature
        names = set()
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if not isinstance(name, str):
                raise yaml.constructor.ConstructorError(
                    None, None, gettext("%(name)r must be text") % {"name": name}, key.start_mark
                )
            if name in names:
                raise yaml.constructor.ConstructorError(
                    None, None, gettext("%(name)s is given twice") % {"name": name}, key.start_mark
                )
            names.add(name)
        return super().construct_mapping(node, deep)


# Dates stay the text they are. `no`, `off` and `1:30` as anything but text are the errors of YAML 1.1.
_StrictLoader.yaml_implicit_resolvers = {
    letter: [
        (tag, expression)
        for tag, expression in resolvers
        if tag not in {"tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:merge", "tag:yaml.org,2002:value"}
    ]
    for letter, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def load_yaml(text: str) -> Any:
    """Raises `InvalidInputError` naming the place."""
    if len(text) > LONGEST_FILE:
        sentence = ngettext(
            "The file is longer than %(most)s character.", "The file is longer than %(most)s characters.", LONGEST_FILE
        )
        raise InvalidInputError((Problem("", "too_large", sentence % {"most": LONGEST_FILE}),))
    try:
        return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader that takes less
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise InvalidInputError(
            (Problem("", "syntax", gettext("Not valid YAML: %(reason)s") % {"reason": _sentence(error)}),)
        ) from None


def _sentence(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        words = {"problem": error.problem or gettext("an error"), "line": mark.line + 1, "column": mark.column + 1}
        return gettext("%(problem)s at line %(line)s, column %(column)s.") % words
    return gettext("it is nested too deeply.") if isinstance(error, RecursionError) else f"{error}."


def read_file(text: str) -> PolicyFile:
    """Raises `InvalidInputError` with every problem of every policy."""
    reader = Reader()
    body = reader.mapping(load_yaml(text), "", known=("policies", "data_classes"))
    policies = [
        document
        for index, value in enumerate(reader.items(body.get("policies", ()), "policies", most=MOST_POLICIES))
        if (document := _read_policy(reader, value, f"policies[{index}]")) is not None
    ]
    classes = [
        _data_class(reader, value, f"data_classes[{index}]")
        for index, value in enumerate(reader.items(body.get("data_classes", ()), "data_classes"))
    ]
    for what, names in (("policies", [p.name for p in policies]), ("data_classes", [c.name for c in classes])):
        for name in {name for name in names if [other.casefold() for other in names].count(name.casefold()) > 1}:
            reader.add(what, gettext("Given twice: %(name)s") % {"name": name}, "duplicate")
    if reader.problems:
        raise InvalidInputError(tuple(reader.problems))
    return PolicyFile(tuple(policies), tuple(classes))


def _read_policy(reader: Reader, value: Any, path: str) -> Document | None:
    try:
        document = read_document(value)
        problems: Sequence[Problem] = test_problems(document)
    except InvalidInputError as error:
        document, problems = None, error.problems
    for problem in problems:
        reader.add(f"{path}.{problem.field}" if problem.field else path, problem.message, problem.code)
    return document


def _data_class(reader: Reader, value: Any, path: str) -> DataClassText:
    body = reader.mapping(value, path, known=DataClassText.__struct_fields__)
    name = reader.line(body.get("name"), f"{path}.name", longest=50)
    for problem in data_class_problems(name) if name else ():
        reader.add(f"{path}.name", problem)
    return DataClassText(
        name=name,
        patterns=reader.texts(body.get("patterns", ()), f"{path}.patterns", pattern_problems),
        description=reader.text(body.get("description", ""), f"{path}.description", longest=4000),
    )


def write_file(file: PolicyFile) -> str:
    value: dict[str, Any] = {}
    if file.data_classes:
        value["data_classes"] = [
            {"name": one.name, "patterns": list(one.patterns)}
            | ({"description": one.description} if one.description else {})
            for one in file.data_classes
        ]
    value["policies"] = [document_value(document) for document in file.policies]
    return write_yaml(value)


def write_yaml(value: Any) -> str:
    text: str = yaml.dump(
        value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110, default_flow_style=False
    )
    return text


class _Dumper(yaml.SafeDumper):
    """Lists indented below their name, and no anchors."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002 - the library's signature
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - the library's signature
        return True
