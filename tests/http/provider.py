"""An OpenID provider of its own process, for tests: discovery, keys, authorization code with PKCE, ID tokens.

It signs in whom the last call of /next names, and says in its ID token what that call asks for: so tests make it err.
Run as `python provider.py PORT`. It prints a line when it listens.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import sys
import time
from urllib.parse import urlencode

from flask import Flask, jsonify, redirect, request
from joserfc import jwt
from joserfc.jwk import RSAKey

CLIENT, SECRET = "signpost-tests", "a secret of both"
PORT = int(sys.argv[1]) if len(sys.argv) > 1 else 0
ISSUER = f"http://127.0.0.1:{PORT}"
app = Flask(__name__)
own, foreign = (RSAKey.generate_key(2048, {"kid": kid, "use": "sig"}) for kid in ("own", "own"))
codes: dict[str, dict[str, str]] = {}
seen: list[dict[str, str]] = []
order: dict[str, object] = {}


@app.post("/next")
def prepare():
    """Who is signed in next, and what is to be wrong."""
    order.clear()
    order.update(request.get_json())
    seen.clear()
    return jsonify(ok=True)


@app.get("/seen")
def what_was_asked():
    return jsonify(seen)


@app.get("/.well-known/openid-configuration")
def discovery():
    return jsonify(
        issuer=order.get("discovered_issuer", ISSUER), authorization_endpoint=f"{ISSUER}/authorize",
        token_endpoint=f"{ISSUER}/token", jwks_uri=f"{ISSUER}/jwks", response_types_supported=["code"],
        subject_types_supported=["public"], id_token_signing_alg_values_supported=["RS256"],
        code_challenge_methods_supported=["S256"], token_endpoint_auth_methods_supported=["client_secret_basic"],
    )  # fmt: skip


@app.get("/jwks")
def keys():
    return jsonify(keys=[own.as_dict(private=False)])


@app.get("/authorize")
def authorize():
    """The person is known already, so they are sent back at once."""
    asked = request.args.to_dict()
    seen.append(asked)
    wanted = {"client_id": CLIENT, "response_type": "code", "code_challenge_method": "S256"}
    if {name: asked.get(name) for name in wanted} != wanted or not asked.get("code_challenge"):
        return "what is asked for is not what Signpost promises to ask for", 400
    code = secrets.token_urlsafe(16)
    codes[code] = asked
    if order.get("denied"):
        return redirect(f"{asked['redirect_uri']}?{urlencode({'error': 'access_denied', 'state': asked['state']})}")
    return redirect(f"{asked['redirect_uri']}?{urlencode({'code': code, 'state': asked['state']})}")


@app.post("/token")
def token():
    """A code is good once, with the verifier that its challenge was made of, and the client's secret."""
    asked = codes.pop(request.form.get("code", ""), None)
    made = hashlib.sha256(request.form.get("code_verifier", "").encode()).digest()
    challenge = base64.urlsafe_b64encode(made).rstrip(b"=").decode()
    by = request.authorization
    is_client = by is not None and (by.username, by.password) == (CLIENT, SECRET)
    if asked is None or challenge != asked["code_challenge"] or not is_client:
        return jsonify(error="invalid_grant"), 400
    if asked["redirect_uri"] != request.form.get("redirect_uri"):
        return jsonify(error="invalid_grant"), 400
    now = int(time.time())
    claims = {
        "iss": ISSUER, "aud": CLIENT, "sub": "sub-1", "iat": now, "exp": now + 300, "nonce": asked["nonce"],
        **order.get("claims", {}),
    }  # fmt: skip
    claims = {name: value for name, value in claims.items() if value is not None}
    text = jwt.encode({"alg": "RS256", "kid": "own"}, claims, foreign if order.get("foreign_key") else own)
    if order.get("unsigned"):
        parts = text.split(".")
        head = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode()
        text = f"{head}.{parts[1]}."
    reply = {"access_token": secrets.token_urlsafe(8), "token_type": "Bearer", "id_token": text}
    if order.get("no_id_token"):
        del reply["id_token"]
    return jsonify(reply)


if __name__ == "__main__":
    sys.stdout.write("listening\n")
    sys.stdout.flush()
    app.run("127.0.0.1", PORT)
