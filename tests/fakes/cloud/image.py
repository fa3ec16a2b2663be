"""Glance: the images that backups become."""

from collections.abc import Mapping
from urllib.parse import urlencode

from aiohttp import web

from fakes.cloud import views
from fakes.cloud.records import Image, User
from fakes.cloud.state import Cloud

MAX_LIMIT = 1000
_NOT_FILTERS = frozenset({"limit", "marker", "sort", "sort_key", "sort_dir"})
_OF_MANY = frozenset({"id", "name", "status", "container_format", "disk_format"})
"""Fields that may be asked for as `in:one,other` (glance/api/v2/images.py)."""


class Images:
    """The images of one cloud, each for its own project and for administrators."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def versions(self, request: web.Request) -> web.Response:
        """GET /image/."""
        links = [{"rel": "self", "href": f"{request.url.origin()}/image/v2/"}]
        one = {"id": "v2.17", "status": "CURRENT", "links": links}
        return web.json_response({"versions": [one]}, status=300)

    async def index(self, request: web.Request, user: User) -> web.Response:
        """GET /image/v2/images: filtered by fields and properties, newest first."""
        found = [
            one
            for one in reversed(self._cloud.images.values())
            if self._visible(one, user) and _fits(one, request.query)
        ]
        marker = request.query.get("marker")
        if marker is not None:
            places = [place for place, one in enumerate(found) if one.id == marker]
            if not places:
                return _plain(400, f"Image {marker} could not be found.")
            found = found[places[0] + 1 :]
        limit = min(int(request.query.get("limit", 25)), MAX_LIMIT)
        shown = found[:limit]
        body = {
            "images": [views.image(one) for one in shown],
            "first": f"/v2/images?{urlencode(request.query)}",
            "schema": "/v2/schemas/images",
        }
        if shown and len(shown) == limit:  # as Glance does: the next page may be empty
            query = {**request.query, "marker": shown[-1].id}
            body["next"] = f"/v2/images?{urlencode(query)}"
        return web.json_response(body)

    async def show(self, request: web.Request, user: User) -> web.Response:
        """GET /image/v2/images/{id}."""
        found = self._find(request, user)
        return _missing(request) if found is None else web.json_response(views.image(found))

    async def delete(self, request: web.Request, user: User) -> web.Response:
        """DELETE /image/v2/images/{id}."""
        found = self._find(request, user)
        if found is None:
            lost = request.match_info["image"]
            return _plain(404, f"Failed to find image {lost} to delete")
        del self._cloud.images[found.id]
        return web.Response(status=204)

    def _find(self, request: web.Request, user: User) -> Image | None:
        found = self._cloud.images.get(request.match_info["image"])
        return found if found is not None and self._visible(found, user) else None

    def _visible(self, one: Image, user: User) -> bool:
        own = user.role == "admin" or one.owner == user.project_id
        return own and not self._cloud.hidden("images", one.created)


def _fits(one: Image, query: Mapping[str, str]) -> bool:
    seen = views.image(one)
    return all(
        seen.get(key) in query[key].removeprefix("in:").split(",")
        if key in _OF_MANY and query[key].startswith("in:")
        else seen.get(key) == query[key]
        for key in query
        if key not in _NOT_FILTERS
    )


def no_token(request: web.Request) -> web.Response:
    """Return Glance's 401."""
    answer = _plain(
        401,
        "This server could not verify that you are authorized to access the document you"
        " requested. Either you supplied the wrong credentials (e.g., bad password), or your"
        " browser does not understand how to supply the credentials required.",
    )
    answer.headers["WWW-Authenticate"] = f'Keystone uri="{request.url.origin()}/identity/v3"'
    return answer


def _missing(request: web.Request) -> web.Response:
    return _plain(404, f"No image found with ID {request.match_info['image']}")


def _plain(status: int, text: str) -> web.Response:
    """Return an error in Glance's form, which is a page."""
    title = {400: "400 Bad Request", 401: "401 Unauthorized", 404: "404 Not Found"}[status]
    page = (
        f"<html>\n <head>\n  <title>{title}</title>\n </head>\n <body>\n  <h1>{title}</h1>\n"
        f"  {text}<br /><br />\n\n\n\n </body>\n</html>"
    )
    return web.Response(status=status, text=page, content_type="text/html")
