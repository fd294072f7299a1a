"""Documents of offices: zip archives of XML whose parts refer to each other."""

import posixpath
from typing import Any, BinaryIO

from lxml import etree

from docs_store.extraction.archive import checked
from docs_store.extraction.errors import DAMAGED, FileProblem, damaged

_RELATIONSHIP = "{http://schemas.openxmlformats.org/package/2006/relationships}Relationship"


def local(element: Any) -> str:
    """The name of an element, without the namespace: there are two for each document."""
    tag = element.tag
    return tag.rpartition("}")[2] if isinstance(tag, str) else ""


class Package:
    """The parts of such a document, and how they refer to each other."""

    def __init__(self, content: BinaryIO) -> None:
        self._archive = checked(content)
        self._names = set(self._archive.namelist())

    def xml(self, name: str) -> Any:
        """The root of a part. Entities are neither resolved nor allowed."""
        parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
        try:
            raw = self._archive.read(name)
            root = etree.fromstring(raw, parser)
        except MemoryError:
            raise
        except Exception as error:  # of the archive, of its methods of compression, of the XML
            raise damaged("The document", error) from error
        if root.getroottree().docinfo.internalDTD is not None:
            raise FileProblem(DAMAGED, "The document declares entities, which no office does")
        return root

    def related(self, name: str, kind: str) -> dict[str, str]:
        """The parts of a kind that a part (`""`: the whole) refers to: by the names it uses for them."""
        folder, base = posixpath.split(name)
        rels = posixpath.join(folder, "_rels", f"{base}.rels")
        if rels not in self._names:
            return {}
        found: dict[str, str] = {}
        for one in self.xml(rels).iter(_RELATIONSHIP):
            if one.get("TargetMode") != "External" and one.get("Type", "").rpartition("/")[2] == kind:
                target = posixpath.normpath(posixpath.join("/", folder, one.get("Target", ""))).lstrip("/")
                found[one.get("Id", "")] = target
        return found

    @property
    def main(self) -> str:
        """The part that everything begins with."""
        for name in self.related("", "officeDocument").values():
            return name
        raise FileProblem(DAMAGED, "The document has no main part")
