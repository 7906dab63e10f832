"""Which artifacts this process has verified, so that large files are read once and not more."""

from pathlib import Path

from w2s_platform.store.artifact import Artifact, Marks, take_marks


class VerifiedArtifacts:
    """Remembers, per store and key, the manifest's version and the marks of its files."""

    def __init__(self) -> None:
        self._marks: dict[tuple[str, str], tuple[str, Marks]] = {}

    def note(self, artifact: Artifact, version: str) -> None:
        """The artifact with this version of its manifest was just verified (or written)."""
        marks = _marks_of(artifact)
        if version and marks is not None:
            self._marks[artifact.backend.url, artifact.key] = (version, marks)

    def holds(self, artifact: Artifact, version: str) -> bool:
        """Whether it was verified, and no file has been touched since."""
        known = self._marks.get((artifact.backend.url, artifact.key))
        return known is not None and known == (version, _marks_of(artifact))

    def forget(self) -> None:
        """Verify everything again."""
        self._marks.clear()


VERIFIED = VerifiedArtifacts()
"""One per process: worker processes open the same store again for every stage."""


def _marks_of(artifact: Artifact) -> Marks | None:
    folder = artifact.path()
    return take_marks(artifact.manifest.files, lambda name: Path(folder, name))
