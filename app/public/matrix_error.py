"""The warning as a chat server's refusal, in the shape of Matrix MSC4228: 403, `M_FORBIDDEN`, a text per language.

A server that will not answer a search hands this on to the person, whose client shows `error`, or of `messages`
(MSC4176) what is in their language. All of it is plain text, help with its addresses included.
"""

from __future__ import annotations

from typing import Any, Literal

from flask import render_template
from pydantic import BaseModel, Field

from app.context import Context
from app.public.presenting import warning_in
from experiments.recording import Assignment
from experiments.translations import in_every_locale


class MatrixError(BaseModel):
    """A refusal that carries the warning, in the shape of Matrix MSC4228; asked for with as=matrix-error."""

    errcode: Literal["M_FORBIDDEN"]
    error: str = Field(description="message, help and the line for young people as plain text")
    messages: dict[str, str] = Field(description="the same in every language it has, by BCP 47 tag")


def document(found: Assignment, surface: str | None, context: Context) -> dict[str, Any]:
    """The body of `MatrixError`."""
    shown = in_every_locale(context.runtime, found, surface)
    texts = {
        locale: render_template("public/warning.txt", **content).strip()
        for locale, content in warning_in(shown, found, context).items()
    }
    return {"errcode": "M_FORBIDDEN", "error": texts[found.shown.locale], "messages": texts}
