"""Read and push features of a running Kindred by Feast's own Python client.

    python feast_client.py http://127.0.0.1:8471 KEY

A Feast repository is written into a temporary folder: its registry has the
entities user and item, and feature views named as Kindred's entities, with the
features of the preset "basic" (of item only price, since a push by Feast's client must give all that a view has); its online store is Feast's remote one.
The key goes as the token of Feast's OIDC client configuration, which sends it
as Authorization: Bearer. Events are posted by Kindred's API first, so that the
right values are known; then every way that Feast has to read, and its way to
push, are used. Prints a line for each; exits with 1 if a value is not right.
"""

import datetime as dt
import json
import pathlib
import sys
import tempfile
import urllib.request

import pandas as pd
from feast import Entity, FeatureService, FeatureStore, FeatureView, Field, FileSource, PushSource, ValueType
from feast.data_source import PushMode
from feast.types import Array, Float64, String

URL, KEY = sys.argv[1], sys.argv[2]
NOW = dt.datetime.now(dt.timezone.utc)


def post(path, body):
    request = urllib.request.Request(URL + path, json.dumps(body).encode(), {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def repository(folder):
    (folder / "feature_store.yaml").write_text(
        f"""
project: kindred
provider: local
registry: {folder}/registry.db
entity_key_serialization_version: 3
online_store:
    type: remote
    path: {URL}
auth:
    type: oidc
    token: {KEY}
"""
    )
    user = Entity(name="user", join_keys=["user_id"], value_type=ValueType.STRING)
    item = Entity(name="item", join_keys=["item_id"], value_type=ValueType.STRING)

    def source(name):
        return FileSource(name=name, path=str(folder / f"{name}.parquet"), timestamp_field="event_timestamp")

    for name, key, column in [("user_rows", "user_id", "views_1h"), ("pair_rows", "user_id", "views_30d"), ("item_rows", "item_id", "price")]:
        frame = pd.DataFrame({key: ["x"], "item_id": ["x"], "event_timestamp": [NOW], column: [1.0]})
        frame.to_parquet(folder / f"{name}.parquet")
    views = [
        FeatureView(
            name="user", entities=[user], source=source("user_rows"), ttl=dt.timedelta(0),
            schema=[Field(name="user_id", dtype=String), Field(name="views_1h", dtype=Float64), Field(name="last_items", dtype=Array(String))],
        ),
        FeatureView(
            name="item", entities=[item], source=PushSource(name="item", batch_source=source("item_rows")), ttl=dt.timedelta(0),
            schema=[Field(name="item_id", dtype=String), Field(name="price", dtype=Float64)],
        ),
        FeatureView(
            name="user_item", entities=[user, item], source=source("pair_rows"), ttl=dt.timedelta(0),
            schema=[Field(name="user_id", dtype=String), Field(name="item_id", dtype=String), Field(name="views_30d", dtype=Float64)],
        ),
    ]
    store = FeatureStore(repo_path=str(folder))
    service = FeatureService(name="basic", features=[views[0][["views_1h"]], views[1][["price"]]])
    registry = store.registry
    for thing in (user, item):
        registry.apply_entity(thing, "kindred")
    for view in views:
        registry.apply_feature_view(view, "kindred")
    registry.apply_feature_service(service, "kindred")
    registry.commit()
    return store


failed = False


def expect(what, got, want):
    global failed
    right = got == want
    failed = failed or not right
    print(("ok    " if right else "WRONG ") + f"{what}: {got}" + ("" if right else f", want {want}"))


def main():
    mark = NOW.strftime("%H%M%S%f")
    ann, ben, mug, cup = (name + mark for name in ("ann", "ben", "mug", "cup"))
    at = [(NOW - dt.timedelta(minutes=5 - i)).isoformat() for i in range(4)]
    post("/v1/events/batch", {"events": [
        {"user": ann, "item": mug, "kind": "view", "time": at[0]},
        {"user": ann, "item": cup, "kind": "view", "time": at[1]},
        {"user": ann, "item": mug, "kind": "view", "time": at[2]},
        {"user": ben, "item": mug, "kind": "view", "time": at[3]},
    ]})
    post("/materialize-incremental", {"end_ts": NOW.isoformat()})
    with tempfile.TemporaryDirectory() as name:
        store = repository(pathlib.Path(name))
        rows = [{"user_id": ann, "item_id": mug}, {"user_id": ben, "item_id": cup}, {"user_id": "nobody", "item_id": mug}]

        store.push("item", pd.DataFrame({"item_id": [mug, cup], "price": [12.5, 8.0], "event_timestamp": [NOW - dt.timedelta(hours=1)] * 2}), to=PushMode.ONLINE)
        expect("push", True, True)

        answer = store.get_online_features(features=["user:views_1h", "user:last_items"], entity_rows=[{"user_id": r["user_id"]} for r in rows]).to_dict()
        expect("get_online_features, of users", answer, {
            "user_id": [ann, ben, "nobody"], "views_1h": [3.0, 1.0, 0.0], "last_items": [[mug, cup, mug], [mug], None],
        })
        answer = store.get_online_features(features=["item:price", "user_item:views_30d"], entity_rows=rows, full_feature_names=True).to_dict()
        expect("get_online_features, of pairs, with full names", answer, {
            "user_id": [ann, ben, "nobody"], "item_id": [mug, cup, mug], "item__price": [12.5, 8.0, 12.5],
            "user_item__views_30d": [2.0, 0.0, 0.0],
        })
        response = store.get_online_features(features=store.get_feature_service("basic"), entity_rows=rows, full_feature_names=True)
        answer = response.to_dict()
        expect("get_online_features, of a feature service", [answer["user__views_1h"], answer["item__price"]], [[3.0, 1.0, 0.0], [12.5, 8.0, 12.5]])
        statuses = dict(zip(response.proto.metadata.feature_names.val, ([int(s) for s in r.statuses] for r in response.proto.results)))
        expect("statuses (1 is PRESENT, 3 NOT_FOUND)", statuses["user__views_1h"], [1, 1, 3])

        from feast.infra.key_encoding_utils import serialize_entity_key  # noqa: F401  (the client's own keys)
        from feast.protos.feast.types.EntityKey_pb2 import EntityKey
        from feast.protos.feast.types.Value_pb2 import Value

        view = store.get_feature_view("user")
        keys = [EntityKey(join_keys=["user_id"], entity_values=[Value(string_val=u)]) for u in (ann, "nobody")]
        read = store._get_provider().online_store.online_read(store.config, view, keys, ["views_1h"])
        expect("online_read", [r[1]["views_1h"].WhichOneof("val") and r[1]["views_1h"].double_val for r in read], [3.0, None])
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
