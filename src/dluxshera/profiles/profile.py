"""`Profile`: the result of composing profile documents."""

from __future__ import annotations

from dataclasses import dataclass

from dluxshera.documents import Document
from dluxshera.profiles.setting import Setting


@dataclass(frozen=True)
class Profile:
    """The result of composing profiles: later documents win over earlier ones, and overrides over all.

    Parameters
    ----------
    name, kind : str
        Name and kind of the outermost document.
    system, spec : Setting or None
        The optical system and the name of its spec, if a document has them.
    config, parameters : dict of str to Setting
        Configuration fields and parameters, checked by their rules and bounds.
    documents : tuple of Document
        The documents, in the order of composition.
    """

    name: str
    kind: str
    system: Setting | None
    spec: Setting | None
    config: dict[str, Setting]
    parameters: dict[str, Setting]
    documents: tuple[Document, ...]
