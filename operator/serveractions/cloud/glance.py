"""Glance, for ServerBackup.

A backup is an image that carries its type and its server in properties (nova/compute/api.py).
"""

from collections.abc import Sequence
from http import HTTPStatus

from serveractions.actions.observation import Image
from serveractions.cloud import records
from serveractions.cloud.login import Answer, Login
from serveractions.cloud.reading import expect, identifier, reading
from serveractions.core.errors import CloudUnavailable, NotFound

_PAGE = 100
_MAX_PAGES = 20
"""More backups of one server and type than this are nobody's intent."""


class Glance:
    """The images of one cloud, as one user."""

    def __init__(self, login: Login) -> None:
        self._login = login

    async def image(self, image_id: str) -> Image | None:
        """Return an image, None when there is none (any more)."""
        try:
            answer = await self._login.get("image", f"/images/{identifier(image_id)}")
            expect(answer, "image")
        except NotFound:
            return None
        with reading("image"):
            found = records.image(records.row({"image": answer.body}, "image"))
            records.same(image_id, found.id)
        return found

    async def images(self, image_ids: Sequence[str]) -> Sequence[Image]:
        """Return those of the images that there are, read by many in one request."""
        found: list[Image] = []
        for first in range(0, len(image_ids), _PAGE):
            wanted = [identifier(each) for each in image_ids[first : first + _PAGE]]
            params = {"id": f"in:{','.join(wanted)}", "limit": str(_PAGE)}
            answer = await self._login.get("image", "/images", params=params)
            if answer.status == HTTPStatus.NOT_FOUND:
                raise CloudUnavailable("Glance has no list of images (404): is it one?")
            expect(answer, "image")
            with reading("image"):
                page = [records.image(row) for row in records.rows(answer.body, "images")]
            found += [image for image in page if image.id in wanted]
        return found

    async def backups(self, server_id: str, backup_type: str | None = None) -> Sequence[Image]:
        """Return the backups of one server, of one type or of all, newest first."""
        wanted = {"image_type": "backup", "instance_uuid": identifier(server_id)}
        if backup_type is not None:
            wanted["backup_type"] = backup_type
        found: dict[str, Image] = {}
        marker: str | None = None
        for _ in range(_MAX_PAGES):
            params = {**wanted, "sort": "created_at:desc", "limit": str(_PAGE)}
            if marker:
                params["marker"] = marker
            answer = await self._login.get("image", "/images", params=params)
            if answer.status == HTTPStatus.NOT_FOUND:
                # It would be taken for a server that is gone.
                raise CloudUnavailable("Glance has no list of images (404): is it one?")
            expect(answer, "image")
            with reading("image"):
                page = [records.image(row) for row in records.rows(answer.body, "images")]
            # Compared again here: a Glance without the filter would show every image.
            found |= {
                image.id: image for image in page if wanted.items() <= image.properties.items()
            }
            if not page or "next" not in answer.body:
                return sorted(found.values(), key=lambda image: image.created, reverse=True)
            marker = page[-1].id
        raise CloudUnavailable("Glance gives more images than one server can have backups")

    async def delete(self, image_id: str) -> None:
        """Delete an image; one that is gone already is as good."""
        answer: Answer = await self._login.delete_image(identifier(image_id))
        if answer.status == HTTPStatus.CONFLICT:
            raise CloudUnavailable("Glance says that the image is in use (409)")
        try:
            expect(answer, "image")
        except NotFound:
            return
