"""A form of a JSON Schema: what each field is, and the configuration that its texts make. Pure; as the web console's."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping
from typing import Any, Literal

Shape = Mapping[str, Any]
Kind = Literal["text", "number", "choice", "flag", "words", "pairs", "group", "json"]
# What was typed, by JSON Pointer of the field; what is left out is empty.
Texts = Mapping[str, str]


def kind_of(shape: Shape) -> Kind:
    of = shape.get("type")
    any_of = shape.get("anyOf", ())
    if "enum" in shape:
        return "choice"
    if of == "boolean":
        return "flag"
    if _is_number(shape) or (any_of and all(map(_is_number, any_of))):
        return "number"
    if group_of(shape) is not None:
        return "group"
    if of == "object":
        return "pairs"
    if of == "array":
        return "words" if _is_word(shape.get("items", {})) else "json"
    return "text" if of == "string" else "json"


def group_of(shape: Shape) -> Shape | None:
    """The object with fields of its own that a shape is, or may be."""
    if "properties" in shape:
        return shape
    return next((one for one in shape.get("anyOf", ()) if "properties" in one), None)


def config_of(shape: Shape, pointer: str, texts: Texts) -> Any:
    """The value that the texts make; None where nothing was typed. What is no number is left for the daemon to refuse."""
    kind, text = kind_of(shape), texts.get(pointer, "")
    if kind == "group":
        fields = {
            name: config_of(inner, f"{pointer}/{name}", texts)
            for name, inner in (group_of(shape) or {}).get("properties", {}).items()
        }
        return {name: value for name, value in fields.items() if value is not None} or None
    if text.strip() == "":
        return None
    if kind == "number":
        return _number(text)
    if kind == "flag":
        return True if text == "on" else None
    if kind == "words":
        numbers = any(map(_is_number, shape.get("items", {}).get("anyOf", ())))
        return [int(word) if numbers and word.isdigit() else word for word in words_of(text)]
    if kind == "pairs":
        return _pairs(text)
    if kind == "json":
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text.strip()


def texts_of(shape: Shape, pointer: str, value: Any) -> dict[str, str]:
    """The texts of a configuration that is there: the way back."""
    if value is None:
        return {}
    kind = kind_of(shape)
    if kind == "group" and isinstance(value, Mapping):
        found: dict[str, str] = {}
        for name, inner in (group_of(shape) or {}).get("properties", {}).items():
            found.update(texts_of(inner, f"{pointer}/{name}", value.get(name)))
        return found
    if kind == "group" and isinstance(value, list):
        # Several rules where the form has room for one: the first.
        return texts_of(shape, pointer, value[0]) if value else {}
    if kind == "flag":
        return {pointer: "on"} if value is True else {}
    if kind == "words" and isinstance(value, list):
        return {pointer: shlex.join(_text(word) for word in value)}
    if kind == "pairs" and isinstance(value, Mapping):
        return {pointer: "\n".join(f"{name}={text}" for name, text in value.items())}
    return {pointer: json.dumps(value) if kind == "json" else _text(value)}


def words_of(line: str) -> list[str]:
    """Words as a shell would take them; nothing is expanded. An open quote ends with the line: most are, while one types."""
    joined = line.replace("\\\n", " ")
    for text in (joined, f"{joined}\\", f"{joined}'", f'{joined}"'):
        try:
            return shlex.split(text)
        except ValueError:
            continue
    return joined.split()


def _number(text: str) -> Any:
    try:
        value = float(text)
    except ValueError:
        return text.strip()
    if value != value or value in (float("inf"), float("-inf")):
        return text.strip()
    return int(value) if re.fullmatch(r"\s*[+-]?\d+\s*", text) else value


def _pairs(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if line.strip()]
    split = [line.partition("=") for line in lines]
    return {name.strip(): value for name, _, value in split}


def _text(value: Any) -> str:
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _is_number(shape: Shape) -> bool:
    return shape.get("type") in ("integer", "number")


def _is_word(shape: Shape) -> bool:
    any_of = shape.get("anyOf", ())
    return (
        shape.get("type") == "string"
        or "enum" in shape
        or bool(any_of and all(_is_word(one) or _is_number(one) for one in any_of))
    )
