"""A reader of the package's prose: docstrings, comments and messages, and the names of variables."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

# Phrase -> what to write instead. The same list holds for pages.
PHRASES = {
    r"\banew\b": "again, or a verb with re-: recomputed",
    r"\bof old\b": "the version or the name",
    r"\b(whoever|nobody|whatever)\b": "name the actor",
    r"\bcomes? back\b|\bcame back\b": "returns",
    r"\brefuse[sd]?\b|\brefusing\b": "raises, rejects, or the error's name",
    r"\b(is|are|was|were) said\b|\bsays? so\b|\bsaid so\b": "states, describes, or the verb of the domain",
    r", for (it|its|the|a|an|they|there|this|that|these|no|only|in|one|each|all)\b": "because",
    r"\bwhat (comes|came|is said|has been said|it has|is there)\b": "a noun",
    r"\bstands? (twice|alone|there|here|beside|in)\b": "is, appears, is repeated",
    r"\b(to|of|for|with) what (it|the|a|an|is|has|comes)\b": "a noun",
    r"\bgoes? on (to|with)\b": "continues",
    r"\bmercy\b|\bno matter\b": "the literal fact",
    r"\bthereof\b|\bhereby\b|\btherein\b|\bthenceforth\b": "plain words",
}
FIRST_WORDS = {"what", "which", "how", "where", "who", "when", "from", "of", "as", "whether", "to"}
# A parameter's description begins with its noun.
NO_SUBJECT = FIRST_WORDS | {"in", "by", "with", "that", "for", "on", "at", "is", "are", "has", "they", "it"}
NAMES = {
    *("said", "found", "made", "given", "known", "wanted", "brought", "gone", "meant", "asked", "told", "had", "held"),
}


def prose_faults(path: Path) -> list[str]:
    """Return a line for each fault in the prose of a Python file."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    faults = [*_phrases(source), *_names(tree), *_docstrings(tree)]
    return [f"{path.name}:{line}: {text}" for line, text in sorted(faults)]


def _phrases(source: str) -> Iterator[tuple[int, str]]:
    kinds = {tokenize.STRING, tokenize.COMMENT, getattr(tokenize, "FSTRING_MIDDLE", tokenize.STRING)}
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type in kinds:
            for text, line in phrase_faults(token.string):
                yield token.start[0] + line, text


def phrase_faults(text: str) -> Iterator[tuple[str, int]]:
    """Return the fault and the line, from 0, of each phrase of the list in a text; line breaks count as blanks."""
    for pattern, instead in PHRASES.items():
        for match in re.finditer(pattern.replace(" ", r"\s+"), text, re.IGNORECASE):
            yield f"{match[0]!r}: write {instead}", text[: match.start()].count("\n")


def _names(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        name = node.arg if isinstance(node, ast.arg) else node.id if isinstance(node, ast.Name) else ""
        if name in NAMES and (isinstance(node, ast.arg) or isinstance(node.ctx, ast.Store)):
            yield node.lineno, f"the name {name!r}: write a noun of the domain"


def _docstrings(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        text = ast.get_docstring(node)
        if not text:
            continue
        first = node.body[0].lineno
        if text.split(maxsplit=1)[0].strip("`*:,.").lower() in FIRST_WORDS:
            yield first, f"a docstring that begins with {text.split(maxsplit=1)[0]!r}: a noun phrase or an imperative"
        for line, words in _descriptions(text):
            if words.split(maxsplit=1)[0].strip("`*:,.").lower() in NO_SUBJECT:
                yield first + line, f"a parameter without a subject: {words[:40]!r}"


def _descriptions(docstring: str) -> Iterator[tuple[int, str]]:
    """Return the first line of each parameter's description in a NumPy docstring, with its line from 0."""
    lines = docstring.splitlines()
    section = ""
    for i, line in enumerate(lines):
        if i + 1 < len(lines) and re.fullmatch(r"-{3,}", lines[i + 1]):
            section = line.strip()
        previous = lines[i - 1] if i else ""
        if section == "Parameters" and line.startswith("    ") and re.match(r"[\w*`]", previous):
            yield i, line.strip()
