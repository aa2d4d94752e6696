"""/sign-in/oidc: single sign-on by OpenID Connect (code flow with PKCE, state and nonce), by Authlib.

The provider says who somebody is. What they may do is said by their account here.
"""

from __future__ import annotations

import logging
from typing import Any

from authlib.common.errors import AuthlibBaseError
from authlib.integrations.flask_client import OAuth
from flask import Blueprint, Flask, Response, current_app, make_response, render_template, request, session
from joserfc.errors import JoseError
from requests import RequestException

from app.context import context
from app.staff.people import anyone
from app.staff.sign_in import enter, limit_attempts, own_path
from experiments import signing_in
from experiments.errors import AccessError, NotFound
from experiments.signing_in import Identity

log = logging.getLogger("signpost")

blueprint = Blueprint("single_sign_on", __name__)
NAME, NEXT = "provider", "next"
SECONDS = 10  # for each request to the provider
WELL_KNOWN = "/.well-known/openid-configuration"


def register(app: Flask) -> None:
    """Add the routes; without a provider they lead nowhere."""
    settings = app.extensions["signpost"].settings
    app.register_blueprint(blueprint)
    oauth = OAuth()
    if settings.oidc_issuer is not None:
        oauth.register(
            NAME, client_id=settings.oidc_client_id, client_secret=settings.oidc_client_secret,
            server_metadata_url=settings.oidc_issuer.rstrip("/") + WELL_KNOWN,
            client_kwargs={"scope": "openid email", "code_challenge_method": "S256", "default_timeout": SECONDS},
        )  # fmt: skip
    app.extensions["signpost-oauth"] = oauth
    oauth.init_app(app)


@blueprint.get("/sign-in/oidc")
@anyone
def begin() -> Response:
    """Send the person to their provider."""
    limit_attempts()
    provider = _provider()
    session[NEXT] = own_path(request.args.get("next"))
    try:
        _require_issuer(provider)
        return make_response(provider.authorize_redirect(f"{context().base_url}/sign-in/oidc/return"))
    except (AuthlibBaseError, RequestException, ValueError, RuntimeError) as error:
        return _failed(error)


@blueprint.get("/sign-in/oidc/return")
@anyone
def end() -> Response:
    """Take what the provider says of them."""
    limit_attempts()
    at, provider = context(), _provider()
    try:
        account = signing_in.by_identity(at.runtime.store, _identity(provider), at.now)
    except AccessError as error:
        return _page(error.detail, 403)
    except (AuthlibBaseError, JoseError, RequestException, ValueError, RuntimeError, KeyError) as error:
        return _failed(error)
    return enter(account, "single sign-on", session.pop(NEXT, None))


def _provider() -> Any:
    oauth: OAuth = current_app.extensions["signpost-oauth"]
    provider = oauth.create_client(NAME)
    if provider is None:
        raise NotFound("single sign-on is not set up here")
    return provider


def _require_issuer(provider: Any) -> None:
    """The provider's own description must be of the issuer that was configured (OpenID Connect Discovery, 4.3)."""
    if provider.load_server_metadata().get("issuer") != context().settings.oidc_issuer:
        raise ValueError("the provider describes another issuer")


def _identity(provider: Any) -> Identity:
    """Who has signed in there. Raises one of the library's errors for a token that is not for us, here and now."""
    issuer, client = context().settings.oidc_issuer, context().settings.oidc_client_id
    own = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client}}
    token = provider.authorize_access_token(claims_options=own, leeway=60)
    claims = token.get("userinfo")
    if claims is None:
        raise ValueError("the provider gave no ID token")
    is_verified = claims.get("email_verified") is True and isinstance(claims.get("email"), str)
    return Identity(str(issuer), str(claims["sub"]), claims["email"] if is_verified else None)


def _failed(error: Exception) -> Response:
    log.warning("single sign-on failed: %s", type(error).__name__)  # its text may quote what the provider said
    return _page(None, 502 if isinstance(error, RequestException) else 403)


def _page(refused: str | None, status: int) -> Response:
    return make_response(render_template("staff/sign_in_failed.html", refused=refused), status)
