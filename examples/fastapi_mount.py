"""Roomful inside a FastAPI application with its own login: `uvicorn fastapi_mount:app --app-dir examples`.

`POST /login?user=ann&password=secret` answers with a token that any LiveKit SDK takes, at this very address.
"""

import hmac

from fastapi import FastAPI, HTTPException

from roomful import Roomful

USERS = {"ann": "secret", "ben": "hunter2"}

roomful = Roomful(dev=True)
app = FastAPI(lifespan=roomful.lifespan)


@app.post("/login")
def login(user: str, password: str, room: str = "lobby") -> dict[str, str]:
    if not hmac.compare_digest(USERS.get(user, "").encode(), password.encode()) or user not in USERS:
        raise HTTPException(401, "wrong user or password")
    return {"token": roomful.token(room=room, identity=user, name=user.title())}


@roomful.on_join
def only_users(request):
    return request.identity in USERS or request.identity.startswith("guest_")


# Last, because it takes every path that is left.
app.mount("/", roomful.asgi())
