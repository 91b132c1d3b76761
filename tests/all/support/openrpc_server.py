"""A service that others wrote the protocol of: PyPI's openrpc behind starlette, run by uvicorn on a Unix socket."""

from typing import Optional

from openrpc import RPCServer
from pydantic import BaseModel
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

rpc = RPCServer(title="Books", version="1.0.0")


class Book(BaseModel):
    id: int
    title: str
    author: Optional[str] = None


books = {1: Book(id=1, title="Vom Nutzen der Ämter", author="Ada 😀")}


@rpc.method("book.get")
async def get(id: int) -> Book:
    """Get one book."""
    return books[id]


@rpc.method("book.add")
async def add(title: str, author: Optional[str] = None) -> Book:
    """Add a book."""
    book = Book(id=len(books) + 1, title=title, author=author)
    books[book.id] = book
    return book


@rpc.method("book.count")
async def count() -> int:
    """Count the books."""
    return len(books)


async def answer(request: Request) -> Response:
    reply = await rpc.process_request_async(await request.body())
    return Response(reply, media_type="application/json")


app = Starlette(routes=[Route("/rpc", answer, methods=["POST"])])
