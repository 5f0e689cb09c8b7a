"""The walk of the sync client."""

from __future__ import annotations

from collections.abc import Generator

from ..exceptions import PagerError
from ..models.exceptions import InvalidPaginationTokenException
from .records import LifecycleRecord
from .steps import BaseWalk, WalkSteps


class LifecycleWalk(BaseWalk):
    """The records of a walk. Each iteration over it starts anew and shares nothing.

    Raises, while it is iterated over, the errors of the operations, and :class:`ParentGoneError`
    where an item that the starting token points into no longer exists. Their ``resume_token``
    resumes.
    """

    def __iter__(self) -> Generator[LifecycleRecord]:
        steps = WalkSteps(self._plan, iter)
        try:
            while steps.needed is not None:
                try:
                    page = next(steps.needed, None)
                except InvalidPaginationTokenException as error:
                    steps.refuse(error)
                else:
                    yield from self._records(steps, page)
        except PagerError as error:
            steps.attach_resume_token(error)
            raise
        finally:
            for pages in steps.open_pages():
                pages.close()

    def items(self) -> Generator[LifecycleRecord]:
        """Return an iterator over the records, as :class:`Checkpoint` asks for it."""
        return iter(self)
